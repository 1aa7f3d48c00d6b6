"""Middle and ends of a distribution: exact median, MAD and outliers, from a second sweep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc.frame import Histogram
from cryoet_bench.quality.qc.robust import MAD_TO_SIGMA
from cryoet_bench.quality.qc.sums import Sums
from cryoet_bench.quality.qc.sweep import HOT_ROOM, Collected, Sweeper, merged
from cryoet_bench.quality.thresholds import OUTLIER_SIGMA

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Outliers:
    """Voxels further than `OUTLIER_SIGMA` robust standard deviations from the median.

    Parameters
    ----------
    low, high : int
        How many lie below and above the bulk.
    hot : int
        How many stand alone: no neighbour (of 26) is half as far out on the same side.
    places : int64, shape (k, 3)
        z, y, x of the first `HOT_ROOM` of these.
    blocks : int64, shape (z, y, x)
        How many lie in each block of 16 voxels a side.
    """

    low: int
    high: int
    hot: int
    places: npt.NDArray[np.int64]
    blocks: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Centre:
    """What is exact about the middle and the ends of the distribution, and all else collected."""

    median: float
    mad: float
    minimum: float
    maximum: float
    at_minimum: int
    at_maximum: int
    outliers: Outliers
    collected: Collected


def find(
    sweeper: Sweeper, sums: Sums, histogram: Histogram, sd: float, unit: tuple[float, float]
) -> Centre:
    """Run the second sweep for what the sums of the first leave open.

    Parameters
    ----------
    sweeper : Sweeper
        Of the volume.
    sums, histogram, sd
        What the first sweep found.
    unit : tuple of float
        Centre and scale of tiles.
    """
    if not sums.count:
        found = sweeper.collect(_NOTHING, (0, 0), (0, 0, 0), unit)
        unknown = math.nan, math.nan, math.nan, math.nan
        return Centre(*unknown, 0, 0, _outliers(found, 0, 0), found)
    if histogram.discrete:
        return _discrete(sweeper, histogram, sd, unit)
    return _exact(sweeper, sums, histogram, sd, unit)


# No value lies in such a window.
_NOTHING = np.array([[np.inf, -np.inf]])


def _outliers(found: Collected, low: int, high: int) -> Outliers:
    """Return the outliers, their exact number being known."""
    places = np.array(found.places, np.int64).reshape(-1, 3)[:HOT_ROOM]
    return Outliers(low, high, found.hot, places, found.blocks)


def _discrete(
    sweeper: Sweeper, histogram: Histogram, sd: float, unit: tuple[float, float]
) -> Centre:
    """Read median and MAD off a histogram whose bins are single values."""
    held = np.flatnonzero(histogram.counts)
    values, counts = histogram.start + held, histogram.counts[held]
    total = int(counts.sum())
    median = _middle(values, counts, total, 0)
    mad = _middle(*merged(np.abs(values - median), counts), total, 0)
    reach = OUTLIER_SIGMA * (MAD_TO_SIGMA * mad or sd)
    low, high = counts[values < median - reach].sum(), counts[values > median + reach].sum()
    limits = (median, median - reach, median + reach)
    least, most = float(values[0]), float(values[-1])
    found = sweeper.collect(_NOTHING, (least, most), limits, unit)
    outliers = _outliers(found, int(low), int(high))
    return Centre(median, mad, least, most, int(counts[0]), int(counts[-1]), outliers, found)


def _exact(
    sweeper: Sweeper, sums: Sums, histogram: Histogram, sd: float, unit: tuple[float, float]
) -> Centre:
    """Make median, MAD and the number of outliers exact from the voxels that can decide them."""
    total = sums.count
    ends = float(sums.slice_low.min()), float(sums.slice_high.max())
    windows, limits = _windows(histogram, total, ends, sd)
    # Voxels are compared in their own type, so the windows are numbers of that type, too: both
    # sweeps must agree on which voxels lie in them.
    windows = np.nextafter(
        windows.astype(sweeper.dtype), np.array([-np.inf, np.inf], sweeper.dtype)
    ).astype(np.float64)
    found = sweeper.collect(windows, ends, limits, unit)
    below = found.below - int(sums.special[2])
    values, counts = found.values

    within = _between(values, windows[0])
    median = _middle(values[within], counts[within], total, int(below[0]))

    ring, inner = _between(values, windows[1]) | _between(values, windows[2]), 0
    if windows[1, 1] < windows[2, 0]:
        inner = int(below[2] - below[1] - counts[_between(values, windows[1])].sum())
    mad = _middle(*merged(np.abs(values[ring] - median), counts[ring]), total, inner)

    reach = OUTLIER_SIGMA * (MAD_TO_SIGMA * mad or sd)
    low, high = _between(values, windows[3]), _between(values, windows[4])
    beyond = values > median + reach
    too_low = below[3] + counts[low & (values < median - reach)].sum()
    too_high = total - below[4] - counts[high].sum() + counts[high & beyond].sum()
    return Centre(
        median,
        mad,
        *ends,
        int(found.at_extremes[0]),
        int(found.at_extremes[1]),
        _outliers(found, int(too_low), int(too_high)),
        found,
    )


def _windows(
    histogram: Histogram, total: int, ends: tuple[float, float], sd: float
) -> tuple[Array, tuple[float, float, float]]:
    """Return between which values voxels can decide, and about the middle and limits of outliers.

    The median lies in [m1, m2], the bins of the two middle ranks. Each bin then bounds
    |v - median| from both sides; the medians of those bounds, [r1, r2], hold the MAD, and only
    voxels in [m1 - r2, m2 - r1] and [m1 + r1, m2 + r2] can be at that distance. The limits of
    outliers are bounded likewise.
    """
    edges = histogram.edges
    edges[0], edges[-1] = min(edges[0], ends[0]), max(edges[-1], ends[1])
    ranks = ((total - 1) // 2, total // 2)
    first, last = np.searchsorted(np.cumsum(histogram.counts), ranks, side="right")
    # Rounding may put a voxel at an edge into either bin.
    slack = histogram.width / 16
    m1, m2 = edges[first] - slack, edges[last + 1] + slack
    held = np.flatnonzero(histogram.counts)
    left, right = edges[held] - slack, edges[held + 1] + slack
    near = np.maximum(np.maximum(left - m2, m1 - right), 0.0)
    far = np.maximum(right - m1, m2 - left)
    r1 = _ranked(*merged(near, histogram.counts[held]), ranks[0])
    r2 = _ranked(*merged(far, histogram.counts[held]), ranks[1])
    reach = OUTLIER_SIGMA * MAD_TO_SIGMA
    o1, o2 = (reach * r1, reach * r2) if r1 > 0 else (OUTLIER_SIGMA * sd,) * 2
    # The two middle ones of few voxels may lie so far apart that r1 bounds nothing.
    w1, w2 = (0.0, max(o2, reach * r2)) if r1 == 0 and first < last else (o1, o2)
    windows = np.array(
        [
            [m1, m2],
            [m1 - r2, m2 - r1],
            [m1 + r1, m2 + r2],
            [m1 - w2, m2 - w1],
            [m1 + w1, m2 + w2],
        ]
    )
    return windows, ((m1 + m2) / 2, m2 - o1, m1 + o1)


def _between(values: Array, window: Array) -> Array:
    return np.asarray((values >= window[0]) & (values <= window[1]))


def _ranked(values: Array, counts: Array, rank: int) -> float:
    """Return the value of a rank among sorted values that occur `counts` times."""
    return float(values[np.searchsorted(np.cumsum(counts), rank, side="right")])


def _middle(values: Array, counts: Array, total: int, below: int) -> float:
    """Return the median of `total` values of which `below` lie before these sorted ones."""
    lower = _ranked(values, counts, (total - 1) // 2 - below)
    return (lower + _ranked(values, counts, total // 2 - below)) / 2
