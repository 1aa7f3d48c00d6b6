"""Everything that was measured: one query over the journals of all machines and tomograms.

The journals of a machine lie in a folder of its name, by tomogram and revision. The project brings
the record of its reference machine, packed; what is measured here lies apart and stands beside it.

Importing this module needs the standard library alone; the query returns pandas data frames.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.errors import InputError
from cryoet_bench.files import write_text
from cryoet_bench.record.benchmark import Benchmark, words
from cryoet_bench.record.journal import PACKED, Journal, Outcome

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.timeline.revisions import Revision

OWN = Path("results")
"""Where this machine's journals lie, below the checkout."""

REFERENCE = Path("record")
"""Where the recorded history of the reference machine lies, below the checkout."""

CONFIRMATIONS = "confirmations.jsonl"
"""The verdicts of paired measurements, a file among the journals of a machine and tomogram."""

SUITE, TOMOGRAMS = "suite.json", "tomograms.json"
"""What the machines of a folder share: which suites measured, and on what."""

MACHINE = "machine.json"
"""The facts of a machine, in its folder."""

_JOURNAL = ".jsonl"
_OF_BENCHMARK = {"name", "params", "type", "version"}


@dataclass(frozen=True, order=True)
class Series:
    """What a journal is about.

    Attributes
    ----------
    machine, tomogram, revision : str
        Their names; a revision is named as in the timeline's repository.
    """

    machine: str
    tomogram: str
    revision: str


@dataclass(frozen=True)
class Record:
    """The journals below some folders.

    Parameters
    ----------
    own : pathlib.Path
        Where this machine writes.
    others : tuple of pathlib.Path
        Further folders, which are only read.
    """

    own: Path
    others: tuple[Path, ...] = ()

    @classmethod
    def of(cls, root: Path) -> Record:
        """Return the record of a checkout: this machine's and the reference machine's."""
        return cls(root / OWN, (root / REFERENCE,))

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders, this machine's first."""
        return (self.own, *self.others)

    def journal(self, series: Series) -> Journal:
        """Return all that is known of a series; what is added to it is this machine's."""
        own = _path(self.own, series)
        return Journal(own, [path for path in self.journal_paths(series) if path != own])

    def journal_paths(self, series: Series) -> list[Path]:
        """Return the files of a series, the committed ones first."""
        paths = [
            path
            for folder in reversed(self.folders)
            for path in (packed_path(folder, series), _path(folder, series))
        ]
        return [path for path in paths if path.exists()]

    def confirmation_paths(self, machine: str, tomogram: str) -> list[Path]:
        """Return the files of verdicts of a machine and a tomogram, the committed ones first."""
        paths = [
            folder / machine / tomogram / name
            for folder in reversed(self.folders)
            for name in (CONFIRMATIONS + PACKED, CONFIRMATIONS)
        ]
        return [path for path in paths if path.exists()]

    def series(self) -> list[Series]:
        """Return all series that have a journal, in order."""
        places = (
            path.relative_to(folder)
            for folder in self.folders
            for path in folder.glob("*/*/**/*.jsonl*")
        )
        found = {_stem(place).parts for place in places if _is_journal(place)}
        return sorted(
            Series(machine, tomogram, "/".join(revision)) for machine, tomogram, *revision in found
        )

    def suite(self, digest: str | None = None) -> dict[str, Benchmark]:
        """Return the benchmarks by name, as the suite last described itself; none if it never did.

        Of several folders it is the description that no other one calls an earlier suite: the one
        that `git pull` brings may be newer than this machine's own.

        Parameters
        ----------
        digest : str, optional
            Only if the suite had this checksum then.

        Raises
        ------
        InputError
            A file that holds them is damaged.
        """
        known = [found for folder in self.folders if (found := _suite(folder))]
        if digest is None:
            earlier = {one for found in known for one in found.get("earlier", ())}
            # Where each calls the other one earlier, as after a revert, this machine's own counts.
            known = [found for found in known if found["digest"] not in earlier] or known
        else:
            known = [found for found in known if found["digest"] == digest]
        return {it["name"]: Benchmark(it) for it in known[0]["benchmarks"]} if known else {}

    def describe_suite(self, benchmarks: Mapping[str, Benchmark], digest: str) -> None:
        """Keep the description of the suite and its checksum; of earlier ones the checksum."""
        descriptions = [dict(benchmark.description) for benchmark in benchmarks.values()]
        earlier = sorted(set().union(*map(_digests, self.folders)) - {digest})
        content = {"digest": digest, "earlier": earlier, "benchmarks": descriptions}
        _write(self.own / SUITE, content)

    def digest(self) -> str:
        """Return the checksum of the suite that last described itself here; empty if none did."""
        return str(_suite(self.own).get("digest", ""))

    def digests(self) -> set[str]:
        """Return the checksums of all suites that described themselves here."""
        return _digests(self.own)

    def machine(self, name: str) -> dict[str, Any]:
        """Return the facts of a machine, none if it is not known.

        Raises
        ------
        InputError
            A file is damaged, or two folders call different machines by this name.
        """
        places = [folder / name for folder in self.folders]
        known = [(place, facts) for place in places if (facts := _read(place / MACHINE))]
        others = [place for place, facts in known if facts != known[0][1]]
        if others:
            raise InputError(
                f"{known[0][0]} and {others[0]} are of different machines, which are never mixed: "
                f"rename the folder {known[0][0]}, to {name}-2 for instance"
            )
        return known[0][1] if known else {}

    def machines(self) -> list[str]:
        """Return the names of all machines that are described, in order."""
        paths = (path for folder in self.folders for path in folder.glob(f"*/{MACHINE}"))
        return sorted({path.parent.name for path in paths})

    def describe_machine(self, name: str, facts: Mapping[str, Any]) -> None:
        """Keep the facts of a machine."""
        _write(self.own / name / MACHINE, dict(facts))

    def tomograms(self) -> dict[str, dict[str, Any]]:
        """Return what is known of each measured tomogram, by name."""
        known: dict[str, dict[str, Any]] = {}
        for folder in reversed(self.folders):
            known.update(_read(folder / TOMOGRAMS))
        return known

    def describe_tomogram(self, facts: Mapping[str, Any]) -> None:
        """Keep the facts of a tomogram."""
        known = _read(self.own / TOMOGRAMS)
        if known.get(facts["name"]) != facts:
            _write(self.own / TOMOGRAMS, {**known, facts["name"]: dict(facts)})

    def cases(
        self,
        revisions: Sequence[Revision],
        *,
        machine: str | None = None,
        tomogram: str | None = None,
    ) -> pd.DataFrame:
        """Return what is known of every case: one row a revision and case.

        Parameters
        ----------
        revisions : sequence of Revision
            Which, in the order of the result.
        machine, tomogram : str, optional
            Only these.

        Returns
        -------
        pandas.DataFrame
            Columns: machine, tomogram, revision, label, line, date, benchmark, title, question,
            case, unit, timed, control, core, status, value, rounds, spread (standard deviation of
            the rounds' logarithms), grade, reason. ``value`` is NaN unless the case passed.

        Raises
        ------
        InputError
            A journal is damaged.
        """
        import pandas as pd  # noqa: PLC0415

        rows = list(self._rows(revisions, machine, tomogram))
        return pd.DataFrame(rows, columns=_COLUMNS).astype({"value": float, "spread": float})

    def _rows(
        self, revisions: Sequence[Revision], machine: str | None, tomogram: str | None
    ) -> Iterator[tuple[Any, ...]]:
        suite = self.suite()
        known = self.series()
        for revision in revisions:
            for series in known:
                if (
                    series.revision != revision.name
                    or machine not in {None, series.machine}
                    or tomogram not in {None, series.tomogram}
                ):
                    continue
                journal = self.journal(series)
                for benchmark in suite.values():
                    outcomes = journal.outcomes(benchmark)
                    core = set(benchmark.cases_of("core"))
                    for case in benchmark.cases:
                        if case in outcomes:
                            yield (
                                series.machine, series.tomogram, revision.name, revision.label,
                                revision.line, revision.date, benchmark.name, benchmark.title,
                                benchmark.question, words(case), benchmark.unit,
                                benchmark.is_timed, benchmark.is_control, case in core,
                                *_known(outcomes[case]),
                            )  # fmt: skip


_COLUMNS = [
    "machine", "tomogram", "revision", "label", "line", "date", "benchmark", "title", "question",
    "case", "unit", "timed", "control", "core", "status", "value", "rounds", "spread", "grade",
    "reason",
]  # fmt: skip


def _known(outcome: Outcome) -> tuple[Any, ...]:
    import math  # noqa: PLC0415

    logs = [math.log(level) for level in outcome.levels if level > 0]
    spread = statistics.stdev(logs) if len(logs) > 1 else math.nan
    value = outcome.value
    return (
        outcome.status, math.nan if value is None else value, len(outcome.rounds), spread,
        outcome.grade, outcome.reason,
    )  # fmt: skip


def packed_path(folder: Path, series: Series) -> Path:
    """Return the file of a series in a committed record."""
    path = _path(folder, series)
    return path.with_name(path.name + PACKED)


def _path(folder: Path, series: Series) -> Path:
    path = folder / series.machine / series.tomogram / series.revision
    return path.with_name(path.name + _JOURNAL)


def _is_journal(path: Path) -> bool:
    """Tell whether a file below a folder of the record holds the rounds of a revision."""
    name = path.name.removesuffix(PACKED)
    # A file that was being written when the process was killed lies in a hidden folder.
    hidden = any(part.startswith(".") for part in path.parts)
    return name.endswith(_JOURNAL) and name != CONFIRMATIONS and not hidden


def _stem(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(PACKED).removesuffix(_JOURNAL))


def coverage(cases: pd.DataFrame) -> pd.DataFrame:
    """Return how many cases passed, are not available and failed.

    Parameters
    ----------
    cases : pandas.DataFrame
        From `Record.cases`.

    Returns
    -------
    pandas.DataFrame
        Index machine, tomogram, revision; columns passed, n/a, failed.
    """
    keys = ["machine", "tomogram", "revision"]
    table = cases.pivot_table(
        index=keys, columns="status", values="case", aggfunc="size", fill_value=0, sort=False
    )
    return table.reindex(columns=["passed", "n/a", "failed"], fill_value=0)


def failures(cases: pd.DataFrame) -> pd.DataFrame:
    """Return why cases failed: machine, tomogram, revision, reason, and how many."""
    failed = cases[cases["status"] == "failed"]
    keys = ["machine", "tomogram", "revision", "reason"]
    return failed.groupby(keys, sort=False).size().rename("count").reset_index()


def history(cases: pd.DataFrame, benchmark: str, case: str = "") -> pd.DataFrame:
    """Return the rows of one case that have a value, in the order of the revisions.

    Raises
    ------
    InputError
        There is no value at all.
    """
    chosen = cases[(cases["benchmark"] == benchmark) & (cases["case"] == case)]
    found = chosen[chosen["status"] == "passed"]
    if found.empty:
        raise InputError(
            f"no release has a value of {benchmark}({case}): measure some with scripts/bench"
        )
    return found


def _suite(folder: Path) -> dict[str, Any]:
    """Return what is known of the suite in a folder; nothing where it never described itself."""
    path = folder / SUITE
    known = _read(path)
    try:
        whole = not known or (
            all(it.keys() >= _OF_BENCHMARK for it in known["benchmarks"])
            and all(isinstance(it, str) for it in (known["digest"], *known.get("earlier", ())))
        )
    except (AttributeError, KeyError, TypeError):
        whole = False
    if not whole:
        raise InputError(f"{path} is damaged (it describes no suite): restore it or remove it")
    return known


def _digests(folder: Path) -> set[str]:
    """Return the checksums of all suites that described themselves in a folder."""
    known = _suite(folder)
    return {known["digest"], *known.get("earlier", ())} if known else set()


def _read(path: Path) -> dict[str, Any]:
    """Return the facts in a file, none where there is no file."""
    try:
        known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): restore it or remove it") from error
    if not isinstance(known, dict):
        raise InputError(f"{path} is damaged (it holds no facts): restore it or remove it")
    return known


def _write(path: Path, content: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror}; make the checkout writable and free some space"
        ) from error
