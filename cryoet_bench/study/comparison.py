"""Figures that others published, alongside those of a study."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryoet_bench.study.results import Results
    from cryoet_bench.study.subject import Subject

COLUMNS = {
    "ratio": "ratio",
    "read_MB_per_s": "read, MB/s",
    "write_MB_per_s": "write, MB/s",
}
"""What is compared, by its name in a matrix's published values, and as it is printed."""

HEADINGS = (
    "configuration",
    *(f"{title}, {whose}" for title in COLUMNS.values() for whose in ("theirs", "ours")),
)


@dataclass(frozen=True)
class Comparison:
    """One configuration, as published and as measured here.

    Parameters
    ----------
    configuration : str
        Its name.
    published, ours : tuple of float or None
        Ratio, and megabytes of voxels a second that are read and written.
    """

    configuration: str
    published: tuple[float | None, ...]
    ours: tuple[float | None, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """The figures as they are printed, pair by pair."""
        pairs = zip(self.published, self.ours, strict=True)
        return tuple("" if value is None else f"{value:.4g}" for pair in pairs for value in pair)


def compared(found: Results, subject: Subject) -> list[Comparison]:
    """Return what others published of a matrix's configurations, with our figures.

    They measured another volume on another machine with other threads, so only ranks can be
    compared: which codec is smaller or faster than which.
    """
    if found.matrix.published is None:
        return []
    rows = found.of(subject)
    megabytes = subject.box_bytes / 1e6
    listed = []
    for name, values in found.matrix.published.values.items():
        row: Any = rows.loc[name] if name in rows.index else {"status": "not measured"}
        if row["status"] != "passed":
            continue
        times = [row.get(f"{what}_s", math.nan) for what in ("read", "write")]
        speeds = [megabytes / time if time > 0 else None for time in times]
        ours = (float(row["ratio"]), *speeds)
        published = tuple(values.get(column) for column in COLUMNS)
        listed.append(Comparison(name, published, ours))
    return listed
