"""Where padding ends, as the sums of a sweep show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc import padding as pad
from cryoet_bench.quality.qc.frame import spread
from cryoet_bench.quality.qc.padding import Padding
from cryoet_bench.quality.qc.sums import Sums
from cryoet_bench.quality.qc.sweep import Sweeper
from cryoet_bench.volume.boxes import Box, Voxels, read_box

Array = npt.NDArray[Any]

# A border that repeats a slice is at most so many slices wide; more are lost slices.
_BORDER = 16
# With fewer slices than this, none is taken for padding.
_LEAST = 8


def padding(sweeper: Sweeper, sums: Sums) -> Padding:
    """Return the padding that the sums of a sweep show, beyond what is known."""
    known = sweeper.padding
    if (
        not sums.count
        or min(sweeper.shape) < _LEAST
        or sums.slice_low.min() == sums.slice_high.max()
    ):
        return known
    ranges, repeated = [], set(known.repeated)
    of_slices = (sums.z, sums.y, sums.x)
    for axis, (powers, span) in enumerate(zip(of_slices, known.box, strict=True)):
        constant = _constant(sums, axis)
        left = pad.inside(constant, (span.start, span.stop))
        inner = _without_repeats(sweeper.array, axis, powers, left)
        if inner != left:
            repeated.add("zyx"[axis])
        ranges.append(inner)
    fill = known.fill
    if fill is None:
        fill = pad.filled_corners(sums.corners.values())
    if min(s.stop - s.start for s in ranges) < _LEAST:
        return known
    z, y, x = ranges
    return Padding((z, y, x), fill, tuple(sorted(repeated, key="zyx".index)))


def _constant(sums: Sums, axis: int) -> list[int]:
    """Return the slices along an axis that hold one single value, or none."""
    count, first, second = (sums.z, sums.y, sums.x)[axis]
    if axis == 0:
        return np.flatnonzero((count == 0) | (sums.slice_low >= sums.slice_high)).tolist()
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = first / count
        variance = second / count - mean**2
    # Sums of squares leave rounding noise of about this size.
    level = mean**2 + spread(sums) ** 2
    return np.flatnonzero((count == 0) | (variance < 1e-12 * level)).tolist()


def _without_repeats(array: Voxels, axis: int, sums: Array, span: slice) -> slice:
    """Take off slices at either end that are the same as the next one inwards."""
    start, stop = span.start, span.stop
    same = (sums[:, 1:] == sums[:, :-1]).all(axis=0)

    def equal(first: int) -> bool:
        if not same[first]:
            return False
        one, other = (read_box(array, _across(array.shape, axis, i)) for i in (first, first + 1))
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))

    while start + 1 < stop and start - span.start < _BORDER and equal(start):
        start += 1
    while stop - 2 >= start and span.stop - stop < _BORDER and equal(stop - 2):
        stop -= 1
    # A longer run is no border.
    if start - span.start == _BORDER or span.stop - stop == _BORDER:
        return span
    return slice(start, stop)


def _across(shape: Sequence[int], axis: int, index: int) -> Box:
    """Return the box of one slice across an axis."""
    z, y, x = (
        slice(index, index + 1) if axis == other else slice(0, n) for other, n in enumerate(shape)
    )
    return z, y, x
