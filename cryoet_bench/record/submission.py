"""The committed record: journals packed, and what is known of each machine.

A journal is packed by LZMA of the standard library, because asv's own interpreter reads it too; it
becomes about twenty times smaller, and the same lines always give the same bytes.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.files import staged
from cryoet_bench.record.journal import DAMAGE, PACKED, lines
from cryoet_bench.record.record import CONFIRMATIONS, Record, Series, packed_path

_SIDES = ("before", "after")


@dataclass(frozen=True)
class Submission:
    """What was packed.

    Attributes
    ----------
    series : tuple of Series
        Each has a file of its own.
    left : tuple of Series
        What was measured on the machine too and does not belong into a record: candidates, and
        other tomograms.
    size : int
        Of the machine's folder, in bytes.
    is_new_suite : bool
        Whether the record did not know the suite before.
    """

    series: tuple[Series, ...]
    left: tuple[Series, ...]
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
        Nothing was measured there, it was another machine of that name, a journal is damaged, or
        the record cannot be written.
    """
    folder, names = record.others[0], set(releases)
    mine = [one for one in record.series() if one.machine == machine]
    known = [one for one in mine if record.journal(one).rounds or packed_path(folder, one).exists()]
    chosen = [one for one in known if one.revision in names and one.tomogram == tomogram]
    if not chosen:
        raise InputError(
            f"no release was measured on {tomogram} on {machine}: run 'cryoet-bench record' first"
        )
    facts = record.machine(machine)
    verdicts = _verdicts(record.confirmation_paths(machine, tomogram), names)
    try:
        for series in chosen:
            _write(packed_path(folder, series), _merged(record.journal_paths(series)))
        if verdicts:
            _write(folder / machine / tomogram / (CONFIRMATIONS + PACKED), verdicts)
    except OSError as error:
        raise InputError(
            f"cannot write the record {folder}: {error.strerror}; make it writable, free some "
            "space, and rerun"
        ) from error
    committed = Record(folder)
    committed.describe_machine(machine, facts)
    if measured_on := record.tomograms().get(tomogram):
        committed.describe_tomogram(measured_on)
    # The suite as it described itself, once: another one's words would be a wrong label.
    new = {} if committed.suite(digest) else record.suite(digest)
    if new:
        committed.describe_suite(new, digest)
    size = sum(path.stat().st_size for path in (folder / machine).rglob("*") if path.is_file())
    left = tuple(one for one in known if one not in chosen)
    return Submission(tuple(chosen), left, size, bool(new))


def _verdicts(paths: list[Path], names: set[str]) -> list[bytes]:
    """Return the lines of some files of confirmations that are on releases.

    Raises
    ------
    InputError
        A file is damaged.
    """
    try:
        return _of_releases(_merged(paths), names)
    except (*DAMAGE, AttributeError, TypeError) as error:
        raise InputError(
            f"{' or '.join(map(str, paths))} is damaged ({error}): restore it, or remove it and "
            "confirm again"
        ) from error


def _merged(paths: Iterable[Path]) -> list[bytes]:
    """Return the lines of some files in their order, each once."""
    return list(dict.fromkeys(line for path in paths for line in lines(path)))


def _of_releases(text: list[bytes], names: set[str]) -> list[bytes]:
    """Return the lines of confirmations without those on candidates, and without their visits."""
    entries = [json.loads(line) for line in text]
    pairs = [entry.get("pair", entry) for entry in entries]
    ours = [{pair[side] for side in _SIDES if side in pair} <= names for pair in pairs]
    visits: dict[bool, set[str]] = {True: set(), False: set()}
    for entry, kept in zip(entries, ours, strict=True):
        visits[kept].update(entry.get("visits", ()))
    left = visits[False] - visits[True]
    return [
        line for line, entry, kept in zip(text, entries, ours, strict=True)
        if kept and entry.get("id") not in left
    ]  # fmt: skip


def _write(path: Path, text: list[bytes]) -> None:
    """Write a packed file, whole or not at all; one that holds the lines already stays as it is."""
    if path.exists() and lines(path) == text:  # another release of LZMA would write other bytes
        return
    content = b"".join(line + b"\n" for line in text)
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path) as staging:
        staging.write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
