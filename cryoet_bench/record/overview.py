"""The values of one revision that a user who stores tomograms asks for first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Overview:
    """A table of one revision.

    Attributes
    ----------
    title : str
        What the ways of storing have in common.
    names : str
        What the name of a row consists of.
    headings : list of str
        Of the columns.
    rows : mapping of str to list of str
        By the name of a way of storing, the best ratio first: its values with their units.
    """

    title: str
    names: str
    headings: list[str]
    rows: Mapping[str, list[str]]


@dataclass(frozen=True)
class _Column:
    """A column of an overview: a benchmark, and which of its cases belong to a row.

    Attributes
    ----------
    heading, unit : str
        The unit stands with each value where the heading does not name it.
    benchmark : str
        asv's name.
    before : str
        How the case begins before the row's own words.
    """

    heading: str
    unit: str
    benchmark: str
    before: str = ""


_CODECS = (
    _Column("bytes/voxel", "", "size.Codecs.track_bytes_per_voxel"),
    _Column("write", "seconds", "write.Codecs.time_volume"),
    _Column("read", "seconds", "read.Codecs.time_volume"),
)
_LAYOUTS = (
    _Column("bytes/voxel", "", "size.Layouts.track_bytes_per_voxel"),
    _Column("files", "", "size.Layouts.track_objects"),
    _Column("write", "seconds", "write.Layouts.time_volume"),
    _Column("read", "seconds", "read.Layouts.time_volume"),
)
_ACCESS = tuple(
    _Column(pattern, "seconds", "read.Patterns.time_read", f"{pattern}, ")
    for pattern in ("slice-xy", "slice-xz", "slice-yz", "boxes-64")
)
_OVERVIEWS = {
    ("By codec, in 64-cubes", "codec, format"): _CODECS,
    ("By layout, with blosc-zstd-5", "layout, format"): _LAYOUTS,
    ("By access pattern, with blosc-lz4-5", "layout and format"): _ACCESS,
}


def overviews(cases: pd.DataFrame, facts: Mapping[str, Any]) -> Iterator[Overview]:
    """Yield the tables of one revision: codecs, layouts and access patterns by size and time.

    Parameters
    ----------
    cases : pandas.DataFrame
        The passed cases of one revision, from `Record.cases`.
    facts : mapping
        Of the tomogram; the compression ratio is derived from the stored bytes.
    """
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    itemsize = np.dtype(facts["dtype"]).itemsize
    for (title, names), columns in _OVERVIEWS.items():
        found = {}
        for column in columns:
            own = cases[
                (cases["benchmark"] == column.benchmark)
                & cases["case"].str.startswith(column.before)
            ]
            index = own["case"].str.removeprefix(column.before)
            found[column.heading] = pd.Series(own["value"].to_numpy(), index=index)
        values = pd.DataFrame(found).dropna(how="all").dropna(axis=1, how="all")
        if values.empty:
            continue
        if "bytes/voxel" in values:
            values.insert(0, "ratio", (itemsize / values["bytes/voxel"]).round(4))
            values = values.sort_values("ratio", ascending=False)
        units = {column.heading: column.unit for column in columns}
        rows = {
            str(name): [value_in_words(row[h], units.get(h, "")) for h in values.columns]
            for name, row in values.iterrows()
        }
        yield Overview(title, names, list(values.columns), rows)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def value_in_words(value: float | None, unit: str) -> str:
    """Return a value with its unit, to three digits."""
    if value is None or value != value:  # noqa: PLR0124  (NaN is the one that differs from itself)
        return "-"
    if unit == "seconds":
        steps = ((1, "s"), (1e-3, "ms"))
        scale, name = next(((s, n) for s, n in steps if value >= 0.9995 * s), (1e-6, "µs"))
        return f"{_in_three_digits(value / scale)} {name}"
    if unit == "bytes" and value >= 1024:
        scale, name = (2**20, "MiB") if value >= 2**20 else (2**10, "KiB")
        return f"{_in_three_digits(value / scale)} {name}"
    if unit == "x":
        return f"{_in_three_digits(value)}x"
    if unit == "1 - FSC":  # a formula, which the caption shows
        unit = ""
    if value == 1:
        unit = unit.removesuffix("s")
    if 0 < abs(value) < 1e-4:
        digits, _, exponent = f"{value:.2e}".partition("e")
        return f"{digits}·10{str(int(exponent)).translate(_RAISED)} {unit}".strip()
    shown = f"{value:,.0f}" if value == round(value) else f"{value:.4g}"
    return f"{shown} {unit}".strip()


def _in_three_digits(value: float) -> str:
    """Return a number to three digits, and one of four or more in whole."""
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"
