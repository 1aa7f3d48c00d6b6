"""Slices that occur twice or stand in the wrong place."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc.survey import ArrayLike, Survey
from cryoet_bench.volume.boxes import read_box

Array = npt.NDArray[Any]
_WINDOW = 9
_SUSPECTS = 8
# Each costs two slices to read; a few are enough to say that there are some.
_CANDIDATES = 4


@dataclass(frozen=True)
class Disorder:
    """Where slices along z do not continue each other.

    Parameters
    ----------
    dip : float
        The deepest fall of the correlation of two neighbours below that of the pairs around.
    pairs : list of int
        First slices of the pairs that fall too deep.
    swapped : tuple of int or None
        Two slices that repair it when they are exchanged.
    """

    dip: float
    pairs: list[int]
    swapped: tuple[int, int] | None


def duplicates(survey: Survey, array: ArrayLike) -> list[tuple[str, int, int]]:
    """Return pairs of equal slices as (axis, first, second); constant slices do not count.

    Equal slices have equal sums, so only those that do are read and compared.
    """
    found = []
    for axis, (name, profile) in enumerate(zip("zyx", survey.profiles, strict=True)):
        pairs = _equal_sums(profile.count, profile.mean, profile.sd)
        for first, second in pairs[:_CANDIDATES]:
            one, other = (read_slice(array, axis, index) for index in (first, second))
            if one.size > 1 and np.array_equal(one, other) and one.min() != one.max():
                found.append((name, first, second))
    return found


def _equal_sums(*sums: Array) -> list[tuple[int, int]]:
    order = np.lexsort(sums)
    same = np.all([values[order][1:] == values[order][:-1] for values in sums], axis=0)
    return [tuple(sorted((int(order[i]), int(order[i + 1])))) for i in np.flatnonzero(same)]  # type: ignore[misc]


def disorder(survey: Survey, array: ArrayLike, tolerance: float) -> Disorder:
    """Find pairs of neighbouring slices that are less alike than the pairs around them.

    Parameters
    ----------
    survey : Survey
        Of the volume.
    array : array of axes z, y, x
        The volume; the slices beside a break are read.
    tolerance : float
        A smaller fall of the correlation is natural.
    """
    likeness = survey.neighbours
    known = np.flatnonzero(np.isfinite(likeness))
    if known.size < 5:
        return Disorder(0.0, [], None)
    fall = _around(likeness[known]) - likeness[known]
    noise = 1.4826 * float(np.median(np.abs(fall - np.median(fall))))
    deep = known[fall > max(tolerance, 8 * noise)]
    pairs = [int(pair) for pair in deep]
    # To repair is to win back at least half of what was lost.
    lost = float(fall[fall > max(tolerance, 8 * noise)].sum())
    swapped = _swap_that_mends(array, pairs, survey.shape[0], lost / 2) if pairs else None
    return Disorder(float(fall.max()), pairs, swapped)


def _around(likeness: Array) -> Array:
    """Return the median of the pairs around each, itself left out."""
    padded = np.pad(likeness, _WINDOW // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
    return np.asarray(np.median(np.delete(windows, _WINDOW // 2, axis=1), axis=1))


def _swap_that_mends(
    array: ArrayLike, pairs: list[int], depth: int, enough: float
) -> tuple[int, int] | None:
    suspects = sorted({index for pair in pairs for index in (pair, pair + 1)})[:_SUSPECTS]
    near = {i for index in suspects for i in (index - 1, index, index + 1) if 0 <= i < depth}
    planes = {index: _normalised(read_slice(array, 0, index)) for index in sorted(near)}

    def gain(first: int, second: int) -> float:
        """Return by how much the correlations beside two slices rise when they are exchanged."""
        exchanged = {**planes, first: planes[second], second: planes[first]}
        beside = {i for index in (first, second) for i in (index - 1, index)}
        return sum(
            float(np.vdot(exchanged[i], exchanged[i + 1]))
            - float(np.vdot(planes[i], planes[i + 1]))
            for i in beside
            if i in planes and i + 1 in planes
        )

    gains = {pair: gain(*pair) for pair in itertools.combinations(suspects, 2)}
    best = max(gains, key=lambda pair: gains[pair])
    return best if gains[best] > enough else None


def _normalised(plane: Array) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        centred = plane.astype(np.float64) - plane.mean(dtype=np.float64)
        length = float(np.linalg.norm(centred))
    return centred / length if length > 0 else centred


def read_slice(array: ArrayLike, axis: int, index: int) -> Array:
    """Read one slice across an axis."""
    box = tuple(
        slice(index, index + 1) if axis == other else slice(0, n)
        for other, n in enumerate(array.shape)
    )
    return np.squeeze(read_box(array, (box[0], box[1], box[2])), axis)
