"""Figures that others published, beside those of a study."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cryoet_bench.study.subject import Subject
    from cryoet_bench.study.tables import Results

COLUMNS = ("ratio", "read_MB_per_s", "write_MB_per_s")


@dataclass(frozen=True)
class Beside:
    """One configuration, measured by others and here.

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


def beside(found: Results, subject: Subject) -> list[Beside]:
    """Return what others published of a matrix's configurations, with our figures.

    Their volumes, machines and threads are others, so only what is relative can be compared: which
    codec is smaller or faster than which.
    """
    if found.matrix.published is None:
        return []
    rows = found.of(subject)
    megabytes = math.prod(subject.box_shape) * np.dtype(subject.dtype).itemsize / 1e6
    listed = []
    for name, values in found.matrix.published.values.items():
        row: Any = rows.loc[name] if name in rows.index else {"status": "not measured"}
        if row["status"] != "passed":
            continue
        times = [row.get(f"{what}_s", math.nan) for what in ("read", "write")]
        speeds = [megabytes / time if time > 0 else None for time in times]
        ours = (float(row["ratio"]), *speeds)
        listed.append(Beside(name, tuple(values.get(column) for column in COLUMNS), ours))
    return listed
