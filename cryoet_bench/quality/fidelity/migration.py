"""Many copies in one call: a list of pairs, and a table that an interrupted run resumes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cryoet_bench import extras
from cryoet_bench.conclusion import sentence
from cryoet_bench.errors import InputError
from cryoet_bench.files import Kind, Output
from cryoet_bench.quality.fidelity.profiles import profile_named
from cryoet_bench.quality.fidelity.verification import Verification, verify_sources
from cryoet_bench.quality.fingerprint import fingerprint
from cryoet_bench.quality.workers import results
from cryoet_bench.volume.opening import REMOTE

Row = dict[str, Any]

MEASURES = (
    "bit_exact", "n_differing", "nonfinite_moved", "max_error_sd", "nrmse", "psnr", "gain",
    "bias_sd", "fsc_minimum", "ssim", "worst_block", "worst_slice", "picking_agreement",
)  # fmt: skip
"""Columns of the table beside the verdicts, named as in `Comparison.measures`."""

_COLUMNS = (
    "reference", "copy", "profile", "verdict", "voxels", "metadata", "findings", "message",
    *MEASURES, "state",
)  # fmt: skip
CSV = Kind("table of verify", ",".join(_COLUMNS[:6]).encode())
PARQUET = Kind("table of verify", b"cryoet-bench verify table", binary=True)


@dataclass(frozen=True)
class Pair:
    """One line of a list.

    Parameters
    ----------
    reference, copy : str
        As the list has them.
    profile : str
        What the copy is for.
    folder : str
        What relative paths are relative to.
    """

    reference: str
    copy: str
    profile: str
    folder: str

    @property
    def sources(self) -> tuple[str, str]:
        """Both as `open_volume` takes them."""
        return self._found(self.reference), self._found(self.copy)

    def _found(self, source: str) -> str:
        if source.startswith((*REMOTE, "portal:")):
            return source
        path = Path(self.folder) / Path(source).expanduser()
        # What is neither there nor written as a path is a tomogram's name.
        return str(path) if path.exists() or "/" in source or Path(source).suffix else source


def read_pairs(path: Path, profile: str) -> list[Pair]:
    """Read a list of pairs: CSV with the columns reference, copy and, if wanted, profile.

    Parameters
    ----------
    path : pathlib.Path
        The list; its relative paths are relative to its folder.
    profile : str
        Where a line names none.

    Raises
    ------
    InputError
        It is no such list.
    """
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig")), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the list {path} cannot be read as CSV: {error}") from error
    missing = [name for name in ("reference", "copy") if lines and name not in lines[0]]
    if missing or not lines:
        lack = f"has no column {missing[0]!r}" if missing else "names no pair"
        raise InputError(
            f"the list {path} {lack}: its first line must be reference,copy or "
            "reference,copy,profile, and each further line a pair"
        )
    pairs = []
    for number, line in enumerate(lines, 2):
        reference, copy = ((line.get(column) or "").strip() for column in ("reference", "copy"))
        if not reference or not copy:
            raise InputError(f"line {number} of {path} lacks the reference or the copy")
        wanted = (line.get("profile") or "").strip() or profile
        try:
            profile_named(wanted)
        except InputError as error:
            raise InputError(f"line {number} of {path}: {error}") from error
        pairs.append(Pair(reference, copy, wanted, str(path.absolute().parent)))
    return list(dict.fromkeys(pairs))


def kind_of_table(path: Path) -> Kind:
    """Return the form that a table's name asks for: Parquet or CSV.

    Raises
    ------
    InputError
        The name ends as that of another format.
    """
    if path.suffix.lower() not in {"", ".csv", ".parquet"}:
        raise InputError(f"the table {path} would be CSV or Parquet: name it .csv or .parquet")
    if path.suffix.lower() == ".parquet":
        extras.require("pyarrow")
        return PARQUET
    return CSV


def verify_all(
    pairs: Sequence[Pair],
    table: Output,
    *,
    voxel_spacing: float | None = None,
    scheduler: str | None = None,
    done: Callable[[Row], None] = lambda _row: None,
) -> list[Row]:
    """Verify many copies into one table, which is whole after every pair.

    A pair that the table holds already is not verified again, unless one of its files or this
    software has changed since, or it could not be read.

    Parameters
    ----------
    pairs : sequence of Pair
        What to verify.
    table : Output
        CSV or Parquet.
    voxel_spacing : float, optional
        In angstrom, of volumes that state none.
    scheduler : str, optional
        Address of a Dask scheduler whose workers see the same files.
    done : callable
        Receives each row as it is finished.

    Returns
    -------
    list of dict
        The table's rows, in the order of the pairs.

    Raises
    ------
    InputError
        The table cannot be written, or the scheduler not be reached.
    """
    earlier = {_key(row): row for row in _read(table)}
    rows: dict[Pair, Row] = {}
    for pair in pairs:
        row = earlier.get((pair.reference, pair.copy, pair.profile))
        if row and row["verdict"] != "error" and row["state"] == _state(pair, voxel_spacing):
            rows[pair] = row
            done(row)
    waiting = [pair for pair in pairs if pair not in rows]
    table.check()
    verified = partial(_verified, spacing=voxel_spacing)
    lost = partial(_failed, spacing=voxel_spacing)
    for pair, row in results(verified, waiting, scheduler, lost):
        rows[pair] = row
        _write([rows[known] for known in pairs if known in rows], table)
        done(row)
    finished = [rows[pair] for pair in pairs]
    _write(finished, table)
    return finished


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["reference"], row["copy"], row["profile"]


def _verified(pair: Pair, spacing: float | None) -> Row:
    """Return the row of one pair; one that cannot be compared gives a row that says why."""
    try:
        verified = verify_sources(*pair.sources, profile_named(pair.profile), voxel_spacing=spacing)
    except Exception as error:  # noqa: BLE001 - one pair must not end a migration of thousands
        return _failed(pair, sentence(error), spacing)
    return _row(pair, spacing) | _found(verified)


def _failed(pair: Pair, why: str, spacing: float | None) -> Row:
    return _row(pair, spacing) | {"verdict": "error", "findings": "", "message": why}


def _row(pair: Pair, spacing: float | None) -> Row:
    row: Row = dict.fromkeys(_COLUMNS)
    row |= {"reference": pair.reference, "copy": pair.copy, "profile": pair.profile}
    return row | {"state": _state(pair, spacing)}


def _found(verified: Verification) -> Row:
    measures = verified.comparison.measures()
    told = verified.consequential
    return {
        "verdict": verified.verdict,
        "voxels": verified.voxels_verdict,
        "metadata": verified.metadata_verdict,
        "findings": ", ".join(dict.fromkeys(check.finding or check.key for check in told)),
        "message": told[0].sentence if told else "",
        **{name: measures.get(name) for name in MEASURES},
    }


def _state(pair: Pair, spacing: float | None) -> str:
    return fingerprint(pair.sources, spacing)


def _read(table: Output) -> list[Row]:
    """Return the rows of an earlier table of this kind, none where there is none."""
    if table.is_printed or not table.path.is_file():
        return []
    table.check()
    if table.kind is PARQUET:
        import pyarrow.parquet as pq  # noqa: PLC0415

        rows: list[Row] = pq.read_table(table.path).to_pylist()
        return rows
    with table.path.open(encoding="utf-8", newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def _write(rows: Sequence[Row], table: Output) -> None:
    if table.kind is PARQUET:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        data = pa.Table.from_pylist([{name: row[name] for name in _COLUMNS} for row in rows])
        data = data.replace_schema_metadata({"cryoet_bench_output": PARQUET.mark.decode()})
        binary = io.BytesIO()
        pq.write_table(data, binary, compression="zstd")
        table.write(binary.getvalue())
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    table.write(text.getvalue())
