"""Padding: voxels that were filled in, not measured, around the specimen.

Tomograms are padded to a size, masked, shifted and turned; what comes in from outside is zero, a
mean, or the last slice again. It says nothing of the specimen, so it is left out of every
statistic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.compiled import compiled
from cryoet_bench.volume.boxes import Box

Array = npt.NDArray[Any]

# So many equal voxels in a row are no measurement; fewer may be, in a volume of few grey values.
_RUN = 8
CORNER = 4


@dataclass(frozen=True)
class Padding:
    """Where the specimen lies, and what was filled in around it.

    Parameters
    ----------
    box : tuple of slices
        Along z, y, x; outside is padding.
    fill : float or None
        Value of further padding inside the box: a mask, corners that were turned in.
    repeated : tuple of str
        Axes along which the border repeats a slice, instead of holding one value.
    """

    box: Box
    fill: float | None = None
    repeated: tuple[str, ...] = ()

    def applies(self, box: Box) -> bool:
        """Tell whether a box of the volume may hold padding."""
        return self.fill is not None or any(
            part.start < whole.start or part.stop > whole.stop
            for part, whole in zip(box, self.box, strict=True)
        )

    def blank(self, data: Array, box: Box) -> int:
        """Set padding in a box of voxels to NaN, in place; return how many voxels that were."""
        before = int(np.count_nonzero(np.isfinite(data)))
        for axis, (part, whole) in enumerate(zip(box, self.box, strict=True)):
            head = max(0, min(whole.start, part.stop) - part.start)
            tail = max(0, part.stop - max(whole.stop, part.start))
            if head:
                data[(slice(None),) * axis + (slice(0, head),)] = np.nan
            if tail:
                data[(slice(None),) * axis + (slice(data.shape[axis] - tail, None),)] = np.nan
        if self.fill is not None:
            _blank_runs(data, self.fill)
        return before - int(np.count_nonzero(np.isfinite(data)))


@compiled
def _blank_runs(data: Array, fill: float) -> None:
    """Set runs of one value to NaN that are long, or touch the end of a row (of the specimen)."""
    depth, height, width = data.shape
    value = data.dtype.type(fill)
    for z in range(depth):
        for y in range(height):
            row = data[z, y]
            start = -1
            for x in range(width + 1):
                if x < width and row[x] == value:
                    if start < 0:
                        start = x
                elif start >= 0:
                    at_end = (
                        start == 0
                        or x == width
                        or np.isnan(row[start - 1])
                        or (x < width and np.isnan(row[x]))
                    )
                    if x - start >= _RUN or at_end:
                        for k in range(start, x):
                            row[k] = np.nan
                    start = -1


def filled_corners(corners: Iterable[Array]) -> float | None:
    """Return the value that fills several corners of a volume, None where none does.

    One corner alone is a missing chunk rather than a mask.
    """
    values = []
    for corner in corners:
        if corner.size < 8 or not np.isfinite(corner).all():
            continue
        # A small turn brings little in: two voxels a side are enough where values never repeat.
        small = corner[_inner(corner, 2)]
        if corner.min() == corner.max() or (
            small.min() == small.max() and np.unique(corner).size > corner.size // 2
        ):
            values.append(float(small.flat[0]))
    distinct, counts = np.unique(values, return_counts=True)
    if not distinct.size or counts.max() < 2:
        return None
    return float(distinct[np.argmax(counts)])


def _inner(corner: Array, edge: int) -> Box:
    """Return the part of a corner block that is at the corner; blocks are cut corner first."""
    z, y, x = (slice(0, min(n, edge)) for n in corner.shape)
    return z, y, x


def corner_of(data: Array, box: Box, specimen: Box) -> dict[tuple[bool, bool, bool], Array]:
    """Return the corners of the specimen that lie in a box of voxels, each corner first."""
    found = {}
    for which in np.ndindex(2, 2, 2):
        cut = []
        for far, part, whole in zip(which, box, specimen, strict=True):
            size = min(CORNER, whole.stop - whole.start)
            start = whole.stop - size if far else whole.start
            if start < part.start or start + size > part.stop:
                break
            inside = slice(start - part.start, start - part.start + size)
            cut.append(inside)
        else:
            block = data[tuple(cut)]
            flips = tuple(slice(None, None, -1 if far else 1) for far in which)
            found[bool(which[0]), bool(which[1]), bool(which[2])] = block[flips].copy()
    return found


def inside(constant: Sequence[int], slices: Sequence[int]) -> slice:
    """Return the range that remains when constant slices are taken off either end.

    Parameters
    ----------
    constant : sequence of int
        Indices of the constant slices, sorted.
    slices : sequence of int
        First slice and one past the last.
    """
    start, stop = slices
    known = set(constant)
    while start in known:
        start += 1
    while stop - 1 in known and stop > start:
        stop -= 1
    return slice(start, stop)


def size(box: Sequence[slice]) -> int:
    """Return how many voxels a box holds."""
    return math.prod(part.stop - part.start for part in box)
