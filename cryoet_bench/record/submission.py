"""The committed record: journals packed, and what is known of each machine.

A journal is packed by LZMA of the standard library, because asv's own interpreter reads it too; it
becomes about twenty times smaller, and the same lines always give the same bytes. What is recorded
stays; what was measured since is added, without what the record does not accept.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryoet_bench.errors import InputError
from cryoet_bench.files import staged
from cryoet_bench.record.journal import DAMAGE, PACKED, lines
from cryoet_bench.record.record import CONFIRMATIONS, Record, Series, packed_path

_Pair = tuple[str, str, str]
"""Two releases, and a case."""


@dataclass(frozen=True)
class Submission:
    """What was packed.

    Attributes
    ----------
    series : tuple of Series
        Each has a file of its own; none where only side-by-side measurements were made.
    verdicts : int
        How many verdicts of side-by-side measurements were packed.
    left : tuple of Series
        What was measured on the machine too and does not belong into a record: candidates, and
        other tomograms.
    refused : frozenset of str
        The visits that were left out, as another suite or a changed checkout measured.
    size : int
        Of the machine's folder, in bytes.
    is_new_suite : bool
        Whether the record did not know the suite before.
    """

    series: tuple[Series, ...]
    verdicts: int
    left: tuple[Series, ...]
    refused: frozenset[str]
    size: int
    is_new_suite: bool


def pack(
    record: Record, machine: str, tomogram: str, releases: Iterable[str], digest: str
) -> Submission:
    """Write all that is known of a machine into the committed record.

    Parameters
    ----------
    record : Record
        Of the checkout; its first other folder is the committed record.
    machine, tomogram : str
        Whose series.
    releases : iterable of str
        Names of the timeline's releases.
    digest : str
        Of the suite as it is now.

    Raises
    ------
    InputError
        Nothing was measured there that the record accepts, it was another machine of that name, a
        file is damaged, or the record cannot be written.
    """
    folder, names = record.others[0], frozenset(releases)
    committed, facts = Record(folder), record.machine(machine)
    accepted = frozenset({*committed.digests(), digest})
    known = [one for one in record.series() if one.machine == machine]
    chosen = [one for one in known if one.revision in names and one.tomogram == tomogram]
    for series in chosen:
        record.journal(series)  # which says what is damaged
    journals = {one: _merged(record.journal_paths(one), accepted) for one in chosen}
    packed = {one: kept for one, journal in journals.items() if (kept := journal.rounds())}
    rulings = _merged(record.confirmation_paths(machine, tomogram), accepted)
    verdicts = rulings.verdicts(names)
    refused = rulings.refused.union(*(journal.refused for journal in journals.values()))
    if not (packed or verdicts):
        raise _nothing_to_pack(f"{tomogram} on {machine}", len(refused))
    try:
        for series, kept in packed.items():
            _write(packed_path(folder, series), kept)
        if verdicts:
            _write(folder / machine / tomogram / (CONFIRMATIONS + PACKED), verdicts)
    except OSError as error:
        raise InputError(
            f"cannot write the record {folder}: {error.strerror}; make it writable, free some "
            "space, and rerun"
        ) from error
    committed.describe_machine(machine, facts)
    if measured_on := record.tomograms().get(tomogram):
        committed.describe_tomogram(measured_on)
    # The suite as it described itself, once: another one's words would be a wrong label.
    new = {} if committed.suite(digest) else record.suite(digest)
    if new:
        committed.describe_suite(new, digest)
    return Submission(
        series=tuple(packed),
        verdicts=sum(rulings.entries[one].get("kind") == "confirmation" for one in verdicts),
        left=tuple(one for one in known if one not in chosen),
        refused=refused,
        size=sum(path.stat().st_size for path in (folder / machine).rglob("*") if path.is_file()),
        is_new_suite=bool(new),
    )


def _nothing_to_pack(where: str, refused: int) -> InputError:
    """Return the error that says why there is nothing to pack, and what to do."""
    if not refused:
        return InputError(
            f"no release was measured on {where} by the suite as it is now: run "
            "'cryoet-bench record', or 'cryoet-bench confirm', first"
        )
    # What the present suite measured in a changed checkout counts as done, so it must go first.
    return InputError(
        f"nothing that was measured on {where} can be packed, as another suite or a changed "
        f"checkout measured it ({refused} visit{'s' * (refused > 1)} left out): commit or undo the "
        "changes, discard what the changed checkout measured with 'cryoet-bench record discard "
        "RELEASE', and run 'cryoet-bench record' to measure it again"
    )


@dataclass(frozen=True)
class _Merged:
    """What the lines of some files say, in their order, each once.

    Attributes
    ----------
    entries : mapping of bytes to mapping
        By the line.
    recorded : frozenset of bytes
        The lines that the committed record holds; they stay.
    refused : frozenset of str
        The visits that it does not hold and would not accept.
    """

    entries: Mapping[bytes, Mapping[str, Any]]
    recorded: frozenset[bytes]
    refused: frozenset[str]

    def rounds(self) -> list[bytes]:
        """Return the lines of a journal to pack; none where no round is left."""
        kept = {
            line: entry.get("kind") for line, entry in self.entries.items()
            if entry.get("visit", entry.get("id")) not in self.refused
        }  # fmt: skip
        return list(kept) if "round" in kept.values() else []

    def verdicts(self, releases: frozenset[str]) -> list[bytes]:
        """Return the lines of confirmations on releases to pack, with the visits they rest on."""
        pairs = {
            line: _pair(one) for line, one in self.entries.items() if one.get("kind") != "visit"
        }
        dropped = {
            pair for line, pair in pairs.items()
            if line not in self.recorded and not self._fits(line, pair, releases)
        }  # fmt: skip
        kept = self.recorded | {line for line, pair in pairs.items() if pair not in dropped}
        visits = {one for line in kept for one in self.entries[line].get("visits", ())}
        return [
            line for line, entry in self.entries.items()
            if line in kept or (line not in pairs and entry.get("id") in visits)
        ]  # fmt: skip

    def _fits(self, line: bytes, pair: _Pair, releases: frozenset[str]) -> bool:
        """Tell whether a line on a pair is on releases, and rests on no refused visit."""
        visits = self.entries[line].get("visits", ())
        return releases.issuperset(pair[:2]) and self.refused.isdisjoint(visits)


def _merged(paths: Iterable[Path], accepted: frozenset[str]) -> _Merged:
    """Return what some files say; `accepted` are the checksums of suites.

    Raises
    ------
    InputError
        A file is damaged.
    """
    entries: dict[bytes, Mapping[str, Any]] = {}
    recorded: set[bytes] = set()
    for path in paths:
        found = _entries(path)
        entries |= {line: entry for line, entry in found.items() if line not in entries}
        if path.suffix == PACKED:
            recorded.update(found)
    new = [entry for line, entry in entries.items() if line not in recorded]
    visits = [entry for entry in new if entry.get("kind") == "visit"]
    refused = frozenset(str(one.get("id")) for one in visits if not _is_accepted(one, accepted))
    return _Merged(entries, frozenset(recorded), refused)


def _entries(path: Path) -> dict[bytes, Mapping[str, Any]]:
    """Return what the lines of a file say.

    Raises
    ------
    InputError
        It is damaged.
    """
    try:
        found = {line: json.loads(line) for line in lines(path)}
        if not all(isinstance(entry, dict) for entry in found.values()):
            raise ValueError("a line is no entry")
    except DAMAGE as error:
        raise InputError(
            f"{path} is damaged ({error}): restore it, or remove it and measure again"
        ) from error
    return found


def _is_accepted(visit: Mapping[str, Any], digests: frozenset[str]) -> bool:
    project = visit.get("project", {})
    return project.get("clean") is not False and project.get("suite") in digests


def _pair(entry: Mapping[str, Any]) -> _Pair:
    """Return what a block or a verdict is on."""
    pair = entry.get("pair", entry)
    case = json.dumps([pair.get(name) for name in ("benchmark", "version", "case")])
    return str(pair.get("before")), str(pair.get("after")), case


def _write(path: Path, text: list[bytes]) -> None:
    """Write a packed file, whole or not at all; one that holds the lines already stays as it is."""
    if path.exists() and lines(path) == text:  # another release of LZMA would write other bytes
        return
    content = b"".join(line + b"\n" for line in text)
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path) as staging:
        staging.write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
