"""One table of many examined volumes: Parquet that PixelPatrol's viewer opens, CSV, and HTML.

PixelPatrol reads any Parquet that has an ``obs_level`` column: 0 is a row for a whole image, 1 a
row for a slice of it; ``thumbnail`` holds 64 x 64 RGBA bytes and ``histogram_counts`` 256 bins.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench import __version__
from cryoet_bench.files import Kind, Output, output
from cryoet_bench.quality.report.writers import render

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
THUMBNAIL_EDGE = 64
HISTOGRAM_BINS = 256
_PROBLEMS = "problems"
_NO_TEXT = {"obs_level", "dim_z", "dim_order", "thumbnail", "histogram_counts", _PROBLEMS}
_FIRST = ("use", "to_do", "name", "path", "verdict", "findings", "message", "rule")
_ANSWERS = ("no", "after fixing", "yes")

_MARK = "cryoet-bench qc table"
PARQUET = Kind("table of qc", _MARK.encode(), binary=True)
# The last column of the header.
CSV = Kind("CSV table of qc", b",cryoet_bench_version")
PAGE = Kind("page of many tomograms", f'<meta name="generator" content="{_MARK}">'.encode())

DESCRIPTIONS = {
    "obs_level": "0 is a whole tomogram, 1 one of its slices along z",
    "dim_z": "Index of the slice, null for a whole tomogram",
    "path": "The source as it was given",
    "name": "Name of the tomogram",
    "use": "May it be used: yes, after fixing, no",
    "to_do": "What to fix first",
    "verdict": "The gravest verdict of all checks: pass, warn, fail; error if it was unreadable",
    "findings": "Names of the defects that were recognised",
    "message": "What the gravest check says, or why the tomogram could not be examined",
    "rule": "The limit that the gravest check was held against",
    "report": "Its report, a path from the page of all tomograms",
}  # fmt: skip


def write_parquet(rows: Sequence[Row], target: Path | Output) -> None:
    """Write rows as Parquet; columns are those of the first row that has them, in order.

    Raises
    ------
    InputError
        The file cannot be written, or is no earlier table.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    names = [name for name in _names(rows) if name != _PROBLEMS]
    columns = {name: _column(name, [row.get(name) for row in rows]) for name in names}
    fields = [
        pa.field(
            name,
            column.type,
            metadata={"description": DESCRIPTIONS[name]} if name in DESCRIPTIONS else None,
        )
        for name, column in columns.items()
    ]
    metadata = {
        "pp_project_name": "cryoet-bench QC",
        "pp_description": "Quality of tomograms, one row each, and one a slice along z",
        "pp_version": __version__,
        "cryoet_bench_version": __version__,
        "cryoet_bench_output": _MARK,
    }
    table = pa.Table.from_arrays(
        list(columns.values()), schema=pa.schema(fields, metadata=metadata)
    )
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd", row_group_size=2048)
    _checked(target, PARQUET).write(stream.getvalue())


def write_csv(rows: Sequence[Row], target: Path | Output) -> None:
    """Write the rows of whole tomograms as CSV, with a header; pictures are left out.

    Raises
    ------
    InputError
        The file cannot be written, or is no earlier table.
    """
    whole = of_tomograms(rows)
    names = [*_FIRST, *(name for name in _names(whole) if name not in {*_FIRST, *_NO_TEXT})]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow([*names, "cryoet_bench_version"])
    for row in whole:
        writer.writerow([*(_cell(row.get(name)) for name in names), __version__])
    _checked(target, CSV).write(stream.getvalue())


def write_table_html(rows: Sequence[Row], target: Path | Output) -> None:
    """Write the rows of whole tomograms as one page, those that must not be used first.

    It needs nothing but itself; the reports that it links to lie beside it.

    Raises
    ------
    InputError
        The file cannot be written, or is no earlier page.
    """
    whole = sorted(of_tomograms(rows), key=lambda row: _ANSWERS.index(row["use"]))
    counted = Counter(row["use"] for row in whole)
    counts = {answer: counted[answer] for answer in reversed(_ANSWERS) if counted[answer]}
    page = render("table.html.j2", rows=whole, counts=counts, mark=_MARK)
    _checked(target, PAGE).write(page)


def of_tomograms(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of whole tomograms, without those of their slices."""
    return [row for row in rows if row["obs_level"] == 0]


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value: Any) -> Any:
    # A spreadsheet would run a name that begins like a formula.
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _checked(target: Path | Output, kind: Kind) -> Output:
    return target if isinstance(target, Output) else output(target, kind)


def _column(name: str, values: list[Any]) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415

    types = {
        "obs_level": pa.int8(),
        "dim_z": pa.int32(),
        "histogram_counts": pa.list_(pa.int64(), HISTOGRAM_BINS),
        "thumbnail": pa.large_binary(),
    }
    if name in types:
        return pa.array(values, types[name])
    known = [value for value in values if value is not None]
    if all(isinstance(value, str) for value in known):
        return pa.array(values, pa.large_string())
    if all(isinstance(value, int) for value in known):
        return pa.array(values, pa.int64())
    return pa.array([None if value is None else float(value) for value in values], pa.float64())
