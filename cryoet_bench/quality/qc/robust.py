"""Medians, and spreads that a few damaged values cannot upset; what is not finite is left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAD_TO_SIGMA = 1.482602218505602
"""Standard deviation of a normal distribution over its MAD: 1 / norm.ppf(3 / 4)."""

_REACH = 4
"""Values on either side that one is held against."""


def median(values: Array) -> float:
    """Return the median of what is finite, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


def medians(values: Array) -> Array:
    """Return the median of what is finite in each row, NaN where nothing is.

    `numpy.nanmedian` takes a hundred times as long for rows of a few hundred values.
    """
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=1)
    rows, known = np.arange(len(ordered)), np.isfinite(ordered).sum(axis=1)
    # What is not known goes last.
    return np.asarray((ordered[rows, (known - 1) // 2] + ordered[rows, known // 2]) / 2)


def mean(values: Array) -> float:
    """Return the mean of what is finite, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.mean(known)) if known.size else math.nan


def noise(values: Array) -> float:
    """Return the standard deviation that the MAD suggests, infinity where nothing is known."""
    known = values[np.isfinite(values)]
    if not known.size:
        return math.inf
    return MAD_TO_SIGMA * float(np.median(np.abs(known - np.median(known))))


def tail_sd(values: Array) -> float:
    """Return the standard deviation around zero that the tails suggest, 0 for fewer than 50 values.

    It is the largest of what 68.27, 90 and 97 % of the values, within 1, 1.645 and 2.170 sd of a
    normal distribution, suggest.
    """
    finite = np.isfinite(values)
    known = np.abs(values if finite.all() else values[finite]).ravel()
    if known.size < 50:
        return 0.0
    suggested, last, passed = [], known.size - 1, 0
    for share, width in ((0.6827, 1), (0.9, 1.645), (0.97, 2.170)):
        # What lies beyond one rank holds the next: that is all that is left to divide.
        rank = int(share * last)
        known.partition(rank - passed)
        known, passed = known[rank - passed :], rank
        suggested.append(float(known[0]) / width)
    return max(suggested)


def around(values: Array) -> Array:
    """Return the median of the four values on either side of each."""
    if values.size <= _REACH:
        return np.full(values.size, median(values))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(values, _REACH, mode="reflect"), 2 * _REACH + 1
    )
    return np.nan_to_num(medians(np.delete(windows, _REACH, axis=1)), nan=0.0)
