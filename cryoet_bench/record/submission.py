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
from cryoet_bench.record.journal import PACKED, lines
from cryoet_bench.record.record import CONFIRMATIONS, Record, Series, packed_path


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
    """

    series: tuple[Series, ...]
    left: tuple[Series, ...]
    size: int


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
        Nothing was measured there, a journal is damaged, or the record cannot be written.
    """
    folder, names = record.others[0], set(releases)
    known = [one for one in record.series() if one.machine == machine]
    chosen = [one for one in known if one.revision in names and one.tomogram == tomogram]
    if not chosen:
        raise InputError(
            f"no release was measured on {tomogram} on {machine}: run 'cryoet-bench record' first"
        )
    committed = Record(folder)
    try:
        for series in chosen:
            record.journal(series)  # which says what is damaged
            text = _merged(record.journal_paths(series))
            _write(packed_path(folder, series), text)
        verdicts = record.confirmation_paths(machine, tomogram)
        if verdicts:
            path = folder / machine / tomogram / (CONFIRMATIONS + PACKED)
            _write(path, _of_releases(_merged(verdicts), names))
    except OSError as error:
        raise InputError(
            f"cannot write the record {folder}: {error.strerror}; make it writable, free some "
            "space, and rerun"
        ) from error
    committed.describe_machine(machine, record.machine(machine))
    committed.describe_tomogram(record.tomograms()[tomogram])
    committed.describe_suite(record.suite(digest) or record.suite(), digest)
    size = sum(path.stat().st_size for path in (folder / machine).rglob("*") if path.is_file())
    return Submission(tuple(chosen), tuple(one for one in known if one not in chosen), size)


def _merged(paths: Iterable[Path]) -> bytes:
    """Return the lines of some files in their order, each once."""
    content = dict.fromkeys(line for path in paths for line in lines(path))
    return b"".join(line + b"\n" for line in content)


def _of_releases(text: bytes, names: set[str]) -> bytes:
    """Return the lines of confirmations without those on candidates."""
    kept = []
    for line in text.splitlines(keepends=True):
        content = json.loads(line)
        pair = content.get("pair", content)
        if {pair[side] for side in ("before", "after") if side in pair} <= names:
            kept.append(line)
    return b"".join(kept)


def _write(path: Path, text: bytes) -> None:
    """Write a packed file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path) as staging:
        staging.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
