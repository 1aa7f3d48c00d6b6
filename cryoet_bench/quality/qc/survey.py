"""Everything that the checks of one volume need, from two sweeps over it in bounded memory.

The first sweep sums, bins and finds extremes; the second makes median and MAD exact and collects
the outliers. A volume is swept box by box along its chunks, so one larger than memory costs no
more memory than a small one, and chunked equals whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.quality.compiled import THREADS
from cryoet_bench.quality.qc import borders, centre
from cryoet_bench.quality.qc.centre import Outliers
from cryoet_bench.quality.qc.copies import Copy
from cryoet_bench.quality.qc.frame import Frame, Histogram, corrected, misframed, of_pilot, sample
from cryoet_bench.quality.qc.padding import Padding
from cryoet_bench.quality.qc.robust import MAD_TO_SIGMA
from cryoet_bench.quality.qc.sums import Sums
from cryoet_bench.quality.qc.sweep import Progress, Sweeper
from cryoet_bench.quality.qc.tiles import Tiles
from cryoet_bench.volume.boxes import Box, Voxels
from cryoet_bench.volume.region import middle

Array = npt.NDArray[Any]
ArrayLike = Voxels

PILOT_EDGE = 64
_MAX_ROUNDS = 3
# Neighbours that are equal as often as this are labels, not densities.
UNIFORM = 0.8


@dataclass(frozen=True)
class SliceMoments:
    """The slices along one axis: finite voxels, mean and standard deviation of each."""

    count: npt.NDArray[np.int64]
    mean: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]


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
    slices: tuple[SliceMoments, SliceMoments, SliceMoments]
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
        return np.sort(sample(self.pilot))


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
        frame = of_pilot(pilot, sweeper.array.dtype)
        sums = sweeper.sum(frame)
        if misframed(sums, frame):
            frame = corrected(sums, frame)
            sums = sweeper.sum(frame)
        found = borders.padding(sweeper, sums)
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
        raise InputError(
            f"there are no voxels in an array of shape {tuple(array.shape)}: choose another volume"
        )
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"voxels of type {array.dtype} cannot be judged: a tomogram holds real numbers"
        )


def _uniform(sums: Sums) -> float:
    return float(sums.compared[0] / max(sums.compared[1], 1))


def _finish(sweeper: Sweeper, sums: Sums, frame: Frame, pilot: Array) -> Survey:
    histogram = Histogram(sums.histogram, frame.start, frame.width, frame.discrete)
    moments = _moments(sums, frame)
    unit = _unit(histogram, moments)
    found = centre.find(sweeper, sums, histogram, moments[1], unit)
    return Survey(
        shape=sweeper.shape,
        dtype=np.dtype(sweeper.array.dtype),
        finite=sums.count,
        nan=int(sums.special[0]) - sums.padded,
        plus_infinity=int(sums.special[1]),
        minus_infinity=int(sums.special[2]),
        minimum=found.minimum,
        maximum=found.maximum,
        at_minimum=found.at_minimum,
        at_maximum=found.at_maximum,
        mean=moments[0],
        sd=moments[1],
        skewness=moments[2],
        kurtosis=moments[3],
        median=found.median,
        mad=found.mad,
        histogram=histogram,
        slices=(_slices(sums.z, frame), _slices(sums.y, frame), _slices(sums.x, frame)),
        slice_low=sums.slice_low,
        slice_high=sums.slice_high,
        neighbours=_neighbours(sums),
        block_low=sums.low,
        block_high=sums.high,
        outliers=found.outliers,
        mantissa_bits=_mantissa_bits(sums.bits, sweeper),
        pilot=pilot,
        padding=sweeper.padding,
        padded=sums.padded,
        tiles=found.collected.tiles,
        copies=found.collected.copies,
        beside_largest=(
            int(found.collected.beside_largest[0]),
            int(found.collected.beside_largest[1]),
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


def _slices(sums: Array, frame: Frame) -> SliceMoments:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums[1] / sums[0]
        variance = np.maximum(sums[2] / sums[0] - mean**2, 0.0)
    return SliceMoments(
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
