"""What a commit contributes to the record, judged by the checkout that it is to be merged into.

A commit can change the suites that are accepted, the pins of the timeline and the code that checks.
So none of these is taken from it: its files of machines alone are laid beside the others, as data.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.record.form import OF_JOURNAL, DiscardedLine
from cryoet_bench.record.journal import DAMAGE, PACKED
from cryoet_bench.record.record import REFERENCE, SUITE, TOMOGRAMS
from cryoet_bench.record.validation import Rules, Seen, faults, in_one_line, read, whole_lines
from cryoet_bench.timeline import repository

_SHARED = frozenset({f"{REFERENCE}/{SUITE}", f"{REFERENCE}/{TOMOGRAMS}"})
_OF_MACHINE = re.compile(
    rf"(?!({'|'.join(map(re.escape, sorted(_SHARED)))})/)"
    rf"{REFERENCE}/(?P<machine>[A-Za-z0-9][\w.-]*)(/[A-Za-z0-9][\w.+-]*)+",
    re.ASCII,
)
_FILES = frozenset({"100644", "100755"})
_REMOVED = "000000"
_SHOWN = 3


@dataclass(frozen=True)
class ChangedFile:
    """A file that a commit changes.

    Attributes
    ----------
    path : str
        Below the checkout.
    mode : str
        What git keeps it as, such as ``100644``; ``000000`` where it is removed.
    blob : str
        git's name of its content.
    """

    path: str
    mode: str
    blob: str

    @property
    def machine(self) -> str | None:
        """Whose record it belongs to; None for a link, and for all else that is no data."""
        found = _OF_MACHINE.fullmatch(self.path)
        return found["machine"] if found and self.mode in _FILES | {_REMOVED} else None

    @property
    def is_of_record(self) -> bool:
        """Whether it lies where the machines' records do."""
        return self.path.startswith(f"{REFERENCE}/") and self.path not in _SHARED


def changed_files(root: Path, commit: str) -> list[ChangedFile]:
    """Return what a commit changes since it left the history of a checkout.

    Raises
    ------
    InputError
        There is no such commit, or the histories have nothing in common.
    """
    head = repository.head(root, commit)
    raw = repository.git_bytes(
        root, "diff", "--raw", "-z", "--no-abbrev", "--no-renames", f"HEAD...{head}"
    )
    fields = raw.decode("utf-8", "backslashreplace").split("\0")
    found = []
    for facts, path in zip(fields[::2], fields[1::2], strict=False):  # the last one ends the last
        _, mode, _, blob, _ = facts.split()
        found.append(ChangedFile(path, mode, blob))
    return found


def refusals(root: Path, commit: str, rules: Rules) -> dict[str, list[str]]:
    """Return why what a commit contributes cannot be merged, a sentence each.

    Parameters
    ----------
    root : pathlib.Path
        The checkout that it is to be merged into.
    commit : str
        Any name of it.
    rules : Rules
        Those of the checkout.

    Returns
    -------
    dict of str to list of str
        By the folder of each machine that it changes, and by the commit where it changes more
        than that. Empty where it leaves all machines as they are.

    Raises
    ------
    InputError
        As `changed_files`.
    """
    changed = changed_files(root, commit)
    machines = sorted({one.machine for one in changed if one.machine})
    others = [one.path for one in changed if not one.machine]
    if not any(one.is_of_record for one in changed):
        return {}
    found = {commit: [_of_others(commit, others)]} if others else {}
    with tempfile.TemporaryDirectory() as temporary:
        laid = Path(temporary) / REFERENCE
        _lay(root, changed, laid)
        seen = Seen()
        for folder in sorted(laid.iterdir()):
            if folder.is_dir() and folder.name not in machines:
                faults(folder, rules, seen)
        for name in machines:
            lost = list(_lost(root / REFERENCE / name, laid / name))
            found[f"{REFERENCE}/{name}"] = [
                *([_of_lost(name, lost)] if lost else []),
                *faults(laid / name, rules, seen),
            ]
    return found


def _lay(root: Path, changed: Iterable[ChangedFile], folder: Path) -> None:
    """Put the record of a checkout into a folder, with what is new of its machines."""
    if (root / REFERENCE).is_dir():
        shutil.copytree(root / REFERENCE, folder, symlinks=True)
    folder.mkdir(exist_ok=True)
    # What is removed first: a folder may take the place of a file.
    for file in sorted(changed, key=lambda one: one.mode != _REMOVED):
        if not file.machine:
            continue
        path = folder.parent / file.path
        if file.mode == _REMOVED:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            # git's own checkout would obey the attributes that the commit brings.
            path.write_bytes(repository.git_bytes(root, "cat-file", "blob", file.blob))


def _lost(before: Path, after: Path) -> Iterator[str]:
    """Yield the files of a machine in which not all stands that stood there."""
    for path in sorted(path for path in before.rglob("*") if path.is_file()):
        name = path.relative_to(before)
        if not (after / name).is_file() or not _goes_on(path, after / name):
            yield name.as_posix()


def _goes_on(before: Path, after: Path) -> bool:
    """Tell whether a packed file begins with all lines of an earlier one; others stay the same."""
    if before.read_bytes() == after.read_bytes():
        return True
    if before.suffix != PACKED:
        return False
    try:
        known, now = whole_lines(before), whole_lines(after)
    except DAMAGE:
        return False
    return now[: len(known)] == known and not _discards(after, len(known))


def _discards(path: Path, known: int) -> bool:
    """Tell whether a journal discards anything after its first lines."""
    entries = read(path, OF_JOURNAL)
    return not isinstance(entries, str) and any(
        isinstance(one, DiscardedLine) for one in entries[known:]
    )


def _of_lost(machine: str, names: Sequence[str]) -> str:
    return in_one_line(
        f"{machine}: what was recorded before is lost, changed or discarded in {_some(names)}: "
        "update the branch and run 'cryoet-bench record submit'; another machine needs another "
        "name; what is meant to be discarded is merged by a maintainer"
    )


def _of_others(commit: str, paths: Sequence[str]) -> str:
    return in_one_line(
        f"{commit} changes {_some(paths)} too, which was not taken from it: send that first, in a "
        "pull request of its own"
    )


def _some(names: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    shown, more = ", ".join(names[:_SHOWN]), len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
