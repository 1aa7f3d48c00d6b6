"""The ledger of a study: what was measured, a line each, on the disk as soon as it is known.

A study that is killed resumes from it: a line that was not finished is cut off, and what has a line
is not measured again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from cryoet_bench.errors import InputError
from cryoet_bench.files import append, locked

FORMAT = "cryoet-bench-study"
NAME = "ledger.jsonl"
_START = f'{{"format": "{FORMAT}"'.encode()

Kind = Literal["exact", "timed"]
Key = tuple[Kind, str, str, int]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One trial of a configuration on a subject.

    Parameters
    ----------
    kind : {"exact", "timed"}
        What was asked for.
    subject, configuration : str
        Their names.
    round : int
        Of times, from 1; 0 for exact values.
    status : {"passed", "n/a", "failed", "broken"}
        Broken is a configuration that did not keep its promise.
    reason : str
        Why it did not pass.
    values : mapping of str to float
        Exact values, with their units in the names.
    samples : mapping of str to list of float
        Times in seconds.
    words : mapping of str to str
        Promise and verdicts.
    curves : mapping of str to list of float
        Of the error: by frequency.
    """

    kind: Kind
    subject: str
    configuration: str
    round: int = 0
    status: str = "passed"
    reason: str = ""
    values: Mapping[str, float | None] = field(default_factory=dict)
    samples: Mapping[str, list[float]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, list[float | None]] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What no other entry has."""
        return self.kind, self.subject, self.configuration, self.round

    @property
    def repeatable(self) -> dict[str, Any]:
        """What another run finds to the last digit: not times, nor memory that Python holds."""
        values = {name: value for name, value in self.values.items() if "_peak_" not in name}
        return {"status": self.status, **values, **self.words, "curves": dict(self.curves)}


class Ledger:
    """The entries of a study, and its plan.

    Parameters
    ----------
    path : pathlib.Path
        Its file; `opened` makes and locks it.
    plan : mapping
        What is measured, and with which software.
    entries : dict of tuple to Entry
        What is known.
    """

    def __init__(self, path: Path, plan: Mapping[str, Any], entries: dict[Key, Entry]) -> None:
        self.path = path
        self.plan = plan
        self.entries = entries

    def add(self, entry: Entry) -> None:
        """Put an entry on the disk.

        Raises
        ------
        InputError
            It cannot be written; what was there before still is.
        """
        if entry.key in self.entries:
            raise ValueError(f"{entry.key} is known already")
        _append(self.path, asdict(entry))
        self.entries[entry.key] = entry


@contextlib.contextmanager
def opened(folder: Path, plan: Mapping[str, Any]) -> Iterator[Ledger]:
    """Yield the ledger in a folder for a plan: a new one, or that of a study to resume.

    Raises
    ------
    InputError
        Another process has it, it belongs to another plan, or the folder cannot be written.
    """
    path = folder / NAME
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(path, wait=False))
        except BlockingIOError:
            raise InputError(
                f"another study is writing to {folder}: wait for it, or stop it"
            ) from None
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from error
        if not is_ledger(path):
            raise InputError(
                f"{path} is no ledger of a study and stays as it is: choose another folder with "
                "--out"
            )
        if _cut(path) == 0:
            _append(path, {"format": FORMAT, "plan": plan})
        ledger = read(folder)
        require_same(folder, ledger.plan, plan)
        yield ledger


def is_ledger(path: Path) -> bool:
    """Tell whether a file is a ledger, or as much of one as a study that was killed wrote."""
    try:
        with path.open("rb") as file:
            return _START.startswith(file.read(len(_START)))
    except OSError:
        return False


def require_same(folder: Path, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise InputError where a folder's study has another plan; more repeats make no other study.

    Parameters
    ----------
    folder : pathlib.Path
        For the message.
    known, wanted : mapping
        The plan of the folder's study, and those parts of one that matter.
    """
    asked = json.loads(json.dumps(wanted))  # tuples have become lists in the ledger
    different = [part for part in asked if part != "repeats" and known.get(part) != asked[part]]
    if different:
        raise another_study(folder, ", ".join(different))


def another_study(folder: Path, different: str) -> InputError:
    """Return what is raised where a folder holds a study that differs in something."""
    return InputError(
        f"{folder} holds another study (different {different}): choose another folder with --out, "
        "or remove that one"
    )


def begun(folder: Path) -> Mapping[str, Any] | None:
    """Return the plan of the study that a folder holds; None where it holds none."""
    try:
        with (folder / NAME).open("rb") as file:
            head = json.loads(file.readline())
        return dict(head["plan"]) if head["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read(folder: Path) -> Ledger:
    """Return the ledger of a study, finished or not.

    Raises
    ------
    InputError
        There is none, or it is damaged.
    """
    plan = begun(folder)
    if plan is None:
        raise InputError(
            f"{folder} holds no study: 'cryoet-bench study SOURCE --out DIR' makes one"
        )
    path = folder / NAME
    entries = {}
    # After the last line break nothing is finished.
    for number, line in enumerate(path.read_bytes().split(b"\n")[1:-1], 2):
        try:
            entry = Entry(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise InputError(
                f"line {number} of {path} is no trial of a study: remove the line, and a rerun of "
                "the study measures it again"
            ) from error
        entries[entry.key] = entry
    return Ledger(path, plan, entries)


def _cut(path: Path) -> int:
    """Cut off a line that was not finished, and return how many bytes are left."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return whole


def _append(path: Path, content: Mapping[str, Any]) -> None:
    line = json.dumps(content).encode() + b"\n"
    size = path.stat().st_size
    try:
        append(path, line, whole=size)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.truncate(path, size)
        what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise InputError(f"cannot write {path}: {what}; what was measured is kept") from error
