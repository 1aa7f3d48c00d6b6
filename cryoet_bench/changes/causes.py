"""Why a package changed what it did, from its own changelog: text and link, known by release."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.changes.finding import Cause, Finding
from cryoet_bench.errors import InputError

DATA = Path(__file__).with_name("causes.toml")


@dataclass(frozen=True)
class _Known:
    """A cause, and which findings it explains: a release, questions, kinds, and cases."""

    release: str
    benchmarks: re.Pattern[str]
    kinds: frozenset[str]
    cases: re.Pattern[str]
    cause: Cause

    def explains(self, finding: Finding) -> bool:
        return (
            finding.revision == self.release
            and (not self.kinds or finding.kind in self.kinds)
            and bool(self.benchmarks.search(finding.benchmark))
            and all(self.cases.search(case.case) for case in finding.cases)
        )


@dataclass(frozen=True)
class Causes:
    """All known causes."""

    known: tuple[_Known, ...]

    @classmethod
    def load(cls, path: Path = DATA) -> Causes:
        """Read the file.

        Raises
        ------
        InputError
            It is missing or damaged.
        """
        try:
            entries = tomllib.loads(path.read_text("utf-8"))["cause"]
            return cls(tuple(map(_known, entries)))
        except (OSError, ValueError, KeyError, TypeError, re.error) as error:
            raise InputError(f"{path} is damaged ({error}): restore it with git") from error

    def of(self, finding: Finding) -> Cause | None:
        """Return why a finding came about, None where that is not known."""
        return next((one.cause for one in self.known if one.explains(finding)), None)


def _known(entry: dict[str, object]) -> _Known:
    kinds, link = entry.get("kinds", []), entry.get("link")
    if not isinstance(kinds, list) or not isinstance(link, str | None):
        raise TypeError(f"the cause at {entry['release']}")
    if link is not None and not link.startswith("https://github.com/"):
        raise ValueError(f"{link} is no address of a pull request")
    cause = Cause(text=str(entry["text"]), link=link)
    benchmarks, cases = (re.compile(str(entry.get(key, ""))) for key in ("benchmarks", "cases"))
    return _Known(str(entry["release"]), benchmarks, frozenset(map(str, kinds)), cases, cause)
