"""Single slices of a volume, and those that occur twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc.survey import ArrayLike, Survey
from cryoet_bench.volume.boxes import read_box

Array = npt.NDArray[Any]
# Each costs two slices to read; a few are enough to say that there are some.
_CANDIDATES = 4


def duplicates(survey: Survey, array: ArrayLike) -> list[tuple[str, int, int]]:
    """Return pairs of equal slices as (axis, first, second); constant slices do not count.

    Equal slices have equal sums, so only those that do are read and compared.
    """
    found = []
    for axis, (name, moments) in enumerate(zip("zyx", survey.slices, strict=True)):
        pairs = _equal_sums(moments.count, moments.mean, moments.sd)
        for first, second in pairs[:_CANDIDATES]:
            one, other = (read_slice(array, axis, index) for index in (first, second))
            if one.size > 1 and np.array_equal(one, other) and one.min() != one.max():
                found.append((name, first, second))
    return found


def _equal_sums(*sums: Array) -> list[tuple[int, int]]:
    order = np.lexsort(sums)
    same = np.all([values[order][1:] == values[order][:-1] for values in sums], axis=0)
    return [tuple(sorted((int(order[i]), int(order[i + 1])))) for i in np.flatnonzero(same)]  # type: ignore[misc]


def read_slice(array: ArrayLike, axis: int, index: int) -> Array:
    """Read one slice across an axis."""
    box = tuple(
        slice(index, index + 1) if axis == other else slice(0, n)
        for other, n in enumerate(array.shape)
    )
    return np.squeeze(read_box(array, (box[0], box[1], box[2])), axis)
