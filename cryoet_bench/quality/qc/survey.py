"""Everything that the checks of one volume need, from two sweeps over it in bounded memory.

The first sweep sums, bins and finds extremes; the second makes median and MAD exact and collects
the outliers. A volume is swept box by box along its chunks, so one larger than memory costs no
more memory than a small one, and chunked equals whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.quality.compiled import THREADS
from cryoet_bench.quality.qc import padding as pad
from cryoet_bench.quality.qc.copies import Copy
from cryoet_bench.quality.qc.kernels import (
    BINS,
    BLOCK,
)
from cryoet_bench.quality.qc.padding import Padding
from cryoet_bench.quality.qc.robust import MAD_TO_SIGMA
from cryoet_bench.quality.qc.sweep import (
    HOT_ROOM,
    Collected,
    Frame,
    Progress,
    Sums,
    Sweeper,
    merged,
    working_dtype,
)
from cryoet_bench.quality.qc.tiles import Tiles
from cryoet_bench.quality.thresholds import OUTLIER_SIGMA
from cryoet_bench.volume.boxes import (
    Box,
    Voxels,
    read_box,
)
from cryoet_bench.volume.region import middle

Array = npt.NDArray[Any]
ArrayLike = Voxels

PILOT_EDGE = 64
SAMPLE = 2**16
BINS_PER_SIGMA = 2048
# A border that repeats a slice is at most so many slices wide; more are lost slices.
_BORDER = 16
_MAX_ROUNDS = 3
# Of fewer slices than this, none is told to be padding.
_LEAST = 8
# Neighbours that are equal as often as this are labels, not densities.
UNIFORM = 0.8


@dataclass(frozen=True)
class Profile:
    """Slices along one axis: finite voxels, mean and standard deviation of each."""

    count: npt.NDArray[np.int64]
    mean: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """Counts of finite voxels in bins of equal width; the outermost hold what lies beyond.

    Parameters
    ----------
    counts : int64, shape (bins,)
        Voxels in each bin.
    start, width : float
        Bin i covers start + i * width up to start + (i + 1) * width.
    discrete : bool
        Each bin holds exactly one value, its left edge.
    """

    counts: npt.NDArray[np.int64]
    start: float
    width: float
    discrete: bool

    @property
    def edges(self) -> Array:
        """Edges of the bins, one more than there are bins."""
        return self.start + self.width * np.arange(self.counts.size + 1)

    def quantile(self, fraction: float) -> float:
        """Return a quantile, exact to one bin (1/2048 of the robust sd for floats)."""
        total = np.cumsum(self.counts)
        index = int(np.searchsorted(total, fraction * total[-1]))
        return self.start + self.width * (index + (0.0 if self.discrete else 0.5))


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
class Survey:
    """What the two sweeps found in a volume.

    Moments are population moments (divided by n); `kurtosis` is excess kurtosis. `neighbours` is
    the correlation of each slice along z with the next, NaN where a slice is constant or holds
    non-finite voxels. `block_low` and `block_high` are the extremes of the finite voxels in
    blocks of 16 voxels a side, inf and -inf where there are none. `mantissa_bits` counts the bits
    of the significand that are in use; None for integers.

    `padding` says where the specimen lies; `padded` voxels outside are in no other figure.
    `beside_largest` counts the neighbours of voxels at the upper end of the range that lie at its
    lower end, and those on its lower side.
    `uniform` is the share of neighbours along x that are equal.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    finite: int
    nan: int
    plus_infinity: int
    minus_infinity: int
    minimum: float
    maximum: float
    at_minimum: int
    at_maximum: int
    mean: float
    sd: float
    skewness: float
    kurtosis: float
    median: float
    mad: float
    histogram: Histogram
    profiles: tuple[Profile, Profile, Profile]
    slice_low: npt.NDArray[np.float64]
    slice_high: npt.NDArray[np.float64]
    neighbours: npt.NDArray[np.float64]
    block_low: npt.NDArray[np.float64]
    block_high: npt.NDArray[np.float64]
    outliers: Outliers
    mantissa_bits: int | None
    pilot: Array
    padding: Padding
    padded: int
    tiles: Tiles
    copies: list[Copy]
    beside_largest: tuple[int, int]
    uniform: float

    @property
    def size(self) -> int:
        """Voxels in the volume."""
        return math.prod(self.shape)

    @property
    def sigma(self) -> float:
        """Robust standard deviation, 1.4826 MAD; the plain one where most voxels are equal."""
        return MAD_TO_SIGMA * self.mad or self.sd

    @cached_property
    def values(self) -> Array:
        """A sample of the finite voxels of the central box, sorted."""
        return np.sort(_sample(self.pilot))


def survey(
    array: ArrayLike, *, workers: int | None = None, progress: Progress | None = None
) -> Survey:
    """Sweep a volume twice and return everything that the checks need.

    Parameters
    ----------
    array : array of axes z, y, x
        numpy, memory-mapped, Zarr or Dask; any real dtype.
    workers : int or None
        Threads; as many as the machine has for this process where None.
    progress : callable or None
        Called with the fraction done.

    Raises
    ------
    InputError
        The array is not a volume of real numbers.
    """
    _require_volume(array)
    sweeper = Sweeper(array, workers or THREADS, progress)
    while True:
        pilot = sweeper.read(within(sweeper.padding.box, PILOT_EDGE))
        frame = _frame(pilot, sweeper.array.dtype)
        sums = sweeper.sum(frame)
        if _misframed(sums, frame):
            frame = _frame_from(sums, frame)
            sums = sweeper.sum(frame)
        found = _padding(sweeper, sums)
        # What lies behind padding may be padding of another kind.
        if found == sweeper.padding or sweeper.rounds == _MAX_ROUNDS:
            return _finish(sweeper, sums, frame, pilot)
        sweeper.padding = found
        sweeper.rounds += 1


def within(box: Box, edge: int) -> Box:
    """Return the box of at most `edge` voxels a side in the middle of a box."""
    z, y, x = (
        slice(s.start + part.start, s.start + part.stop)
        for s, part in zip(box, middle(tuple(s.stop - s.start for s in box), edge), strict=True)
    )
    return z, y, x


def _require_volume(array: ArrayLike) -> None:
    if len(array.shape) != 3:
        raise InputError(
            f"a tomogram has three axes (z, y, x), this array has {len(array.shape)}: "
            "choose one volume of it"
        )
    if 0 in array.shape:
        raise InputError(f"there are no voxels in an array of shape {tuple(array.shape)}")
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"voxels of type {array.dtype} cannot be judged: a tomogram holds real numbers"
        )


def _sample(pilot: Array) -> Array:
    flat = pilot.ravel()
    flat = flat[:: max(1, flat.size // SAMPLE)].astype(working_dtype(pilot.dtype))
    return flat[np.isfinite(flat)]


def _frame(pilot: Array, dtype: np.dtype[Any]) -> Frame:
    values = _sample(pilot).astype(np.float64)
    pivot = float(np.median(values)) if values.size else 0.0
    if dtype.kind in "biu" and dtype.itemsize <= 2:
        first = 0 if dtype.kind == "b" else np.iinfo(dtype).min
        pivot = math.floor(pivot)
        return Frame(pivot, 1.0, 1.0, pivot - first, discrete=True)
    spread = MAD_TO_SIGMA * float(np.median(np.abs(values - pivot))) if values.size else 0.0
    return _scaled(pivot, spread or (float(values.std()) if values.size else 0.0), dtype)


def _scaled(pivot: float, spread: float, dtype: np.dtype[Any]) -> Frame:
    least = float(np.finfo(np.float64).tiny) * 1e20
    exact = float(working_dtype(dtype).type(pivot))
    return Frame(
        exact,
        1.0 / max(spread or abs(pivot) or 1.0, least),
        BINS_PER_SIGMA,
        BINS / 2,
        discrete=False,
    )


def _misframed(sums: Sums, frame: Frame) -> bool:
    """Tell whether the middle half of the voxels is not resolved, so the pilot misled."""
    if frame.discrete or not sums.count:
        return False
    low, high = _quartile_bins(sums)
    return low == 0 or high == BINS - 1 or (high - low < 16 and _spread(sums) > 0)


def _frame_from(sums: Sums, frame: Frame) -> Frame:
    low, high = _quartile_bins(sums)
    if low > 0 and high < BINS - 1:
        middle = frame.start + frame.width * (low + high + 1) / 2
        return _scaled(middle, frame.width * (high - low + 1), sums.dtype)
    mean = sums.z[1].sum() / sums.count
    return _scaled(frame.pivot + mean / frame.scale, _spread(sums) / frame.scale, sums.dtype)


def _quartile_bins(sums: Sums) -> tuple[int, int]:
    total = np.cumsum(sums.histogram)
    low, high = np.searchsorted(total, (total[-1] * 0.25, total[-1] * 0.75))
    return int(low), int(high)


def _spread(sums: Sums) -> float:
    first, second = sums.z[1].sum() / sums.count, sums.z[2].sum() / sums.count
    return math.sqrt(max(0.0, second - first**2))


def _padding(sweeper: Sweeper, sums: Sums) -> Padding:
    """Return the padding that the sums of a sweep show, beyond what is known."""
    known = sweeper.padding
    if (
        not sums.count
        or min(sweeper.shape) < _LEAST
        or sums.slice_low.min() == sums.slice_high.max()
    ):
        return known
    ranges, repeated = [], set(known.repeated)
    profiles = (sums.z, sums.y, sums.x)
    for axis, (profile, span) in enumerate(zip(profiles, known.box, strict=True)):
        constant = _constant(sums, axis)
        left = pad.inside(constant, (span.start, span.stop))
        inner = _without_repeats(sweeper.array, axis, profile, left)
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


def _uniform(sums: Sums) -> float:
    return float(sums.compared[0] / max(sums.compared[1], 1))


def _constant(sums: Sums, axis: int) -> list[int]:
    """Return the slices along an axis that hold one single value, or none."""
    count, first, second = (sums.z, sums.y, sums.x)[axis]
    if axis == 0:
        return np.flatnonzero((count == 0) | (sums.slice_low >= sums.slice_high)).tolist()
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = first / count
        variance = second / count - mean**2
    # Sums of squares leave rounding noise of about this size.
    level = mean**2 + _spread(sums) ** 2
    return np.flatnonzero((count == 0) | (variance < 1e-12 * level)).tolist()


def _without_repeats(array: ArrayLike, axis: int, sums: Array, span: slice) -> slice:
    """Take off slices at either end that are the same as the next one inwards."""
    start, stop = span.start, span.stop
    same = (sums[:, 1:] == sums[:, :-1]).all(axis=0)

    def equal(first: int) -> bool:
        if not same[first]:
            return False
        one, other = (read_box(array, across(array.shape, axis, i)) for i in (first, first + 1))
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))

    while start + 1 < stop and start - span.start < _BORDER and equal(start):
        start += 1
    while stop - 2 >= start and span.stop - stop < _BORDER and equal(stop - 2):
        stop -= 1
    # A longer run is no border.
    if start - span.start == _BORDER or span.stop - stop == _BORDER:
        return span
    return slice(start, stop)


def across(shape: Sequence[int], axis: int, index: int) -> Box:
    """Return the box of one slice across an axis."""
    z, y, x = (
        slice(index, index + 1) if axis == other else slice(0, n) for other, n in enumerate(shape)
    )
    return z, y, x


def _finish(sweeper: Sweeper, sums: Sums, frame: Frame, pilot: Array) -> Survey:
    histogram = Histogram(sums.histogram, frame.start, frame.width, frame.discrete)
    moments = _moments(sums, frame)
    unit = _unit(histogram, moments)
    minimum, maximum = float(sums.slice_low.min()), float(sums.slice_high.max())
    if not sums.count:
        minimum = maximum = math.nan
        nothing = np.array([[np.inf, -np.inf]])
        collected = sweeper.collect(nothing, (0, 0), (0, 0, 0), unit)
        centre = _Centre(math.nan, math.nan, 0, 0, _no_outliers(sweeper), collected)
    elif frame.discrete:
        centre = _discrete_centre(sweeper, histogram, moments[1], unit)
    else:
        centre = _exact_centre(sweeper, sums, histogram, (minimum, maximum), moments[1], unit)
    return Survey(
        shape=sweeper.shape,
        dtype=np.dtype(sweeper.array.dtype),
        finite=sums.count,
        nan=int(sums.special[0]) - sums.padded,
        plus_infinity=int(sums.special[1]),
        minus_infinity=int(sums.special[2]),
        minimum=minimum,
        maximum=maximum,
        at_minimum=centre.at_minimum,
        at_maximum=centre.at_maximum,
        mean=moments[0],
        sd=moments[1],
        skewness=moments[2],
        kurtosis=moments[3],
        median=centre.median,
        mad=centre.mad,
        histogram=histogram,
        profiles=(_profile(sums.z, frame), _profile(sums.y, frame), _profile(sums.x, frame)),
        slice_low=sums.slice_low,
        slice_high=sums.slice_high,
        neighbours=_neighbours(sums),
        block_low=sums.low,
        block_high=sums.high,
        outliers=centre.outliers,
        mantissa_bits=_mantissa_bits(sums.bits, sweeper),
        pilot=pilot,
        padding=sweeper.padding,
        padded=sums.padded,
        tiles=centre.collected.tiles,
        copies=centre.collected.copies,
        beside_largest=(
            int(centre.collected.beside_largest[0]),
            int(centre.collected.beside_largest[1]),
        ),
        uniform=_uniform(sums),
    )


def _unit(histogram: Histogram, moments: tuple[float, ...]) -> tuple[float, float]:
    """Return centre and scale of tiles: the sd, or its robust stand-in where few voxels make it."""
    mean, sd = moments[:2]
    if not histogram.counts.any() or not sd > 0:
        return 0.0, 0.0
    # The quartiles of a normal distribution lie 1.349 sd apart.
    spread = (histogram.quantile(0.75) - histogram.quantile(0.25)) / 1.349
    if spread > 0 and sd > 20 * spread:
        return histogram.quantile(0.5), 1 / spread
    return mean, 1 / sd


def _moments(sums: Sums, frame: Frame) -> tuple[float, float, float, float]:
    """Return mean, sd, skewness and excess kurtosis from power sums about the pivot."""
    count = sums.count
    if not count:
        return math.nan, math.nan, math.nan, math.nan
    first, second = sums.z[1].sum() / count, sums.z[2].sum() / count
    third, fourth = sums.powers / count
    mean = frame.pivot + first / frame.scale
    if sums.slice_low.min() == sums.slice_high.max():
        return float(sums.slice_low.min()), 0.0, math.nan, math.nan
    variance = second - first**2
    skewness = (third - 3 * first * second + 2 * first**3) / variance**1.5
    central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    return (
        float(mean),
        math.sqrt(variance) / frame.scale,
        float(skewness),
        float(central / variance**2 - 3),
    )


def _profile(sums: Array, frame: Frame) -> Profile:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums[1] / sums[0]
        variance = np.maximum(sums[2] / sums[0] - mean**2, 0.0)
    return Profile(
        sums[0].astype(np.int64), frame.pivot + mean / frame.scale, np.sqrt(variance) / frame.scale
    )


def _neighbours(sums: Sums) -> Array:
    plane = sums.z[0].max(initial=1)
    mean, square = sums.z[1] / plane, sums.z[2] / plane
    variance = square - mean**2
    # A constant slice leaves rounding noise of this relative size.
    usable = (sums.z[0] == plane) & (variance > 1e-13 * square)
    variance[~usable] = np.nan
    covariance = sums.products[1:] / plane - mean[1:] * mean[:-1]
    return np.asarray(covariance / np.sqrt(variance[1:] * variance[:-1]))


def _mantissa_bits(bits: int, sweeper: Sweeper) -> int | None:
    if sweeper.array.dtype.kind != "f":
        return None
    width = np.finfo(sweeper.dtype).nmant
    used = bits & ((1 << width) - 1)
    return width - ((used & -used).bit_length() - 1) if used else 0


def _outliers(found: Collected, low: int, high: int) -> Outliers:
    """Return the outliers, their exact number being known."""
    places = np.array(found.places, np.int64).reshape(-1, 3)[:HOT_ROOM]
    return Outliers(low, high, found.hot, places, found.blocks)


@dataclass(frozen=True)
class _Centre:
    """What is exact about the middle and the ends of the distribution."""

    median: float
    mad: float
    at_minimum: int
    at_maximum: int
    outliers: Outliers
    collected: Collected


def _no_outliers(sweeper: Sweeper) -> Outliers:
    grid = [-(-n // BLOCK) for n in sweeper.shape]
    return Outliers(0, 0, 0, np.empty((0, 3), np.int64), np.zeros(grid, np.int64))


def _discrete_centre(
    sweeper: Sweeper, histogram: Histogram, sd: float, unit: tuple[float, float]
) -> _Centre:
    """Read median and MAD off a histogram whose bins are single values."""
    held = np.flatnonzero(histogram.counts)
    values, counts = histogram.start + held, histogram.counts[held]
    total = int(counts.sum())
    median = _middle(values, counts, total, 0)
    mad = _middle(*merged(np.abs(values - median), counts), total, 0)
    reach = OUTLIER_SIGMA * (MAD_TO_SIGMA * mad or sd)
    low, high = counts[values < median - reach].sum(), counts[values > median + reach].sum()
    nothing = np.array([[np.inf, -np.inf]])
    limits = (median, median - reach, median + reach)
    found = sweeper.collect(nothing, (values[0], values[-1]), limits, unit)
    outliers = _outliers(found, int(low), int(high))
    return _Centre(median, mad, int(counts[0]), int(counts[-1]), outliers, found)


def _exact_centre(
    sweeper: Sweeper,
    sums: Sums,
    histogram: Histogram,
    ends: tuple[float, float],
    sd: float,
    unit: tuple[float, float],
) -> _Centre:
    """Make median, MAD and the number of outliers exact from the voxels that can decide them.

    The median lies in [m1, m2], the bins of the two middle ranks. Each bin then bounds
    |v - median| from both sides; the medians of those bounds, [r1, r2], hold the MAD, and only
    voxels in [m1 - r2, m2 - r1] and [m1 + r1, m2 + r2] can be at that distance. The limits of
    outliers are bounded likewise.
    """
    total = sums.count
    edges = histogram.edges
    edges[0], edges[-1] = min(edges[0], ends[0]), max(edges[-1], ends[1])
    ranks = ((total - 1) // 2, total // 2)
    first, last = np.searchsorted(np.cumsum(histogram.counts), ranks, side="right")
    # One bin of slack on either side: rounding may put a voxel at an edge into either bin.
    m1, m2 = edges[max(first - 1, 0)], edges[min(last + 2, BINS)]
    held = np.flatnonzero(histogram.counts)
    left, right = edges[np.maximum(held - 1, 0)], edges[np.minimum(held + 2, BINS)]
    near = np.maximum(np.maximum(left - m2, m1 - right), 0.0)
    far = np.maximum(right - m1, m2 - left)
    r1 = _ranked(*merged(near, histogram.counts[held]), ranks[0])
    r2 = _ranked(*merged(far, histogram.counts[held]), ranks[1])
    reach = OUTLIER_SIGMA * MAD_TO_SIGMA
    o1, o2 = (reach * r1, reach * r2) if r1 > 0 else (OUTLIER_SIGMA * sd,) * 2
    windows = np.array(
        [
            [m1, m2],
            [m1 - r2, m2 - r1],
            [m1 + r1, m2 + r2],
            [m1 - o2, m2 - o1],
            [m1 + o1, m2 + o2],
        ]
    )
    # Voxels are compared in their own type, so the windows are numbers of that type, too: both
    # sweeps must agree on which voxels lie in them.
    windows = np.nextafter(
        windows.astype(sweeper.dtype), np.array([-np.inf, np.inf], sweeper.dtype)
    ).astype(np.float64)
    found = sweeper.collect(windows, ends, ((m1 + m2) / 2, m2 - o1, m1 + o1), unit)
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
    return _Centre(
        median,
        mad,
        int(found.at_extremes[0]),
        int(found.at_extremes[1]),
        _outliers(found, int(too_low), int(too_high)),
        found,
    )


def _between(values: Array, window: Array) -> Array:
    return np.asarray((values >= window[0]) & (values <= window[1]))


def _ranked(values: Array, counts: Array, rank: int) -> float:
    """Return the value of a rank among sorted values that occur `counts` times."""
    return float(values[np.searchsorted(np.cumsum(counts), rank, side="right")])


def _middle(values: Array, counts: Array, total: int, below: int) -> float:
    """Return the median of `total` values of which `below` lie before these sorted ones."""
    lower = _ranked(values, counts, (total - 1) // 2 - below)
    return (lower + _ranked(values, counts, total // 2 - below)) / 2
