"""Medians, and spreads that a few damaged values cannot upset; what is not finite is left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAD_TO_SIGMA = 1.482602218505602
"""Standard deviation of a normal distribution over its MAD: 1 / norm.ppf(3 / 4)."""


def median(values: Array) -> float:
    """Return the median of what is finite, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


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
    known = np.sort(np.abs(values[np.isfinite(values)]))
    if known.size < 50:
        return 0.0
    at = known[(np.array((0.6827, 0.9, 0.97)) * (known.size - 1)).astype(int)]
    return float((at / (1, 1.645, 2.170)).max())


def around(values: Array, reach: int = 4) -> Array:
    """Return the median of the values around each, itself left out."""
    if values.size <= reach:
        return np.full(values.size, median(values))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(values, reach, mode="reflect"), 2 * reach + 1
    )
    windows = np.delete(windows, reach, axis=1)
    filled = np.where(np.isfinite(windows).any(axis=1, keepdims=True), windows, 0.0)
    return np.asarray(np.nanmedian(filled, axis=1))
