"""Slices that do not continue the one before, along any axis.

The difference to the next slice is larger than on either side (something from elsewhere begins), or
the spread or the mean changes at once (a part was scaled or shifted). Each is held against its own
spread over the whole volume, so a volume that is irregular by nature, at a soft border or in a
crowded cell, sets its own measure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc import robust
from cryoet_bench.quality.qc.tiles import Planes

Array = npt.NDArray[Any]

# A pair of slices stands out by this logarithm at least, and by so many of the volume's own noises.
_LEAST, _NOISES = 0.1, 6.5
# So many pairs at either end have too few neighbours to be judged.
_END = 2
# This share of a slice's tiles must change in the same direction for the whole slice to be meant.
_AGREED = 0.72
# What exceeds its limit by this factor is beyond doubt, however few of the tiles agree.
_CERTAIN = 1.5
# Neighbouring slices that are as alike as this change so smoothly that only much is sudden.
ALIKE, _SMOOTH = 0.97, 3.0
# Fewer slices than this have no spread of their own.
_FEW = 24
# A break takes at least this part of what neighbouring slices share (as a logarithm).
_SHARED = 0.3
# Where slices share so little that one from elsewhere hardly exceeds the limit, it is enough to
# exceed this many noises, and by this factor all that is natural there.
_HARDLY, _FAINT, _AHEAD = 0.75, 3.5, 1.6
# One such pair alone must stand out more.
_FAINT_ALONE, _FAR_AHEAD = 4.5, 2.0
# Slices that stand out by so many noises may have been exchanged; exchanging them back tells.
_SUSPECT = 2.3
# A smaller jump of mean (in sd) or spread (its natural logarithm) is no damage.
_LEAST_OFFSET, _LEAST_SCALE = 0.2, 0.05
# That of the mean was found in slices of so many voxels a side.
_USUAL = 128
_TINY = 1e-12
# Shares of the usual number of voxels and of the mean variance below which a slice says nothing.
_LITTLE, _VACUUM = 0.2, 1e-3
# Sums of squares in float32 are rounded by less than this part of them.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Break:
    """A place along an axis where a slice does not continue the one before it.

    Parameters
    ----------
    axis : int
        0, 1, 2 for z, y, x.
    slices : tuple of int
        The slice before the break and the one after; the same slice twice where one slice alone
        differs from both of its neighbours.
    kind : {"break", "slice", "offset", "scale", "offset slice", "scaled slice"}
        What changes.
    excess : float
        Natural logarithm of the energy of the difference over that of the pairs around; for a
        scale, of the ratio of spreads; for an offset, its size in sd.
    limit : float
        The excess that this volume's own spread makes natural.
    """

    axis: int
    slices: tuple[int, int]
    kind: str
    excess: float
    limit: float


@dataclass(frozen=True)
class SliceSeries:
    """The slices along an axis as a series; NaN where a slice has too few voxels to tell.

    Attributes
    ----------
    voxels : numpy.ndarray
        Finite voxels of each.
    mean : numpy.ndarray
        Of each, in standard deviations of the volume from its mean.
    spread : numpy.ndarray
        Natural logarithm of the standard deviation of each.
    change : numpy.ndarray
        Natural logarithm of the mean squared difference of each to the next.
    correlation : numpy.ndarray
        Of each with the next.
    """

    voxels: Array
    mean: Array
    spread: Array
    change: Array
    correlation: Array

    @property
    def is_long(self) -> bool:
        """Whether there are enough pairs of slices for a spread of their own."""
        return bool(np.count_nonzero(np.isfinite(self.correlation)) >= _FEW)

    @property
    def apart(self) -> Array:
        """Logarithm of the share of the variance that neighbours do not have in common.

        Neither a scale nor an offset changes it.
        """
        return np.asarray(np.log(np.maximum(1 - self.correlation, 1e-9)))


def slice_series(planes: Planes) -> SliceSeries:
    """Return the slices along an axis as a series.

    The correlation of neighbours follows from E[(a - b)^2] = var a + var b + (mean a - mean b)^2
    - 2 cov(a, b).
    """
    voxels, pairs = (_all(values) for values in (planes.voxels, planes.pairs))
    most = voxels.max(initial=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _all(planes.total) / voxels
        variance = _all(planes.square) / voxels - mean**2
        # Slices of vacuum, or of which a mask leaves little, do not tell; one of a single value
        # has the variance that rounding leaves.
        seen = (voxels > _LITTLE * most) & (variance > _VACUUM * robust.mean(variance))
        seen &= variance > _ROUNDING * mean**2
        mean = np.where(seen, mean, np.nan)
        variance = np.where(seen, np.maximum(variance, 0), np.nan)
        step = np.where(pairs > _LITTLE * most, _all(planes.step) / pairs, np.nan)[:-1]
        covariance = (variance[1:] + variance[:-1] + np.diff(mean) ** 2 - step) / 2
        correlation = covariance / np.sqrt(variance[1:] * variance[:-1])
        change = np.log(np.maximum(step, _TINY))
        spread = 0.5 * np.log(np.maximum(variance, _TINY))
    return SliceSeries(voxels, mean, spread, change, correlation)


def _all(values: Array) -> Array:
    return np.asarray(values.sum(axis=(1, 2), dtype=np.float64))


def breaks(planes: Planes, axis: int) -> list[Break]:
    """Return where slices along an axis do not continue, the largest excess first."""
    found = slice_series(planes)
    if not found.is_long:
        return []
    items = [item for item in _broken(found, axis) if _whole(item, planes)]
    for kind in ("offset", "scale"):
        taken = {index for item in items for index in beside(item)}
        items += [
            item
            for item in (_steps(found, axis) if kind == "offset" else _scales(found, planes, axis))
            if not taken & set(beside(item)) and _whole(item, planes)
        ]
    return sorted(items, key=lambda item: -item.excess / item.limit)


def beside(item: Break) -> list[int]:
    """Return the pairs of slices that a break may concern."""
    return list(range(item.slices[0] - 1, item.slices[1] + 2))


def lost_likeness(planes: Planes, items: list[Break]) -> float:
    """Return by how much the correlations at breaks fall below those of the pairs around them."""
    found = slice_series(planes).correlation
    pairs = {p for item in items for p in range(item.slices[0] - 1, item.slices[1] + 1)}
    fall = robust.around(found) - found
    return float(sum(max(0.0, fall[p]) for p in pairs if 0 <= p < fall.size))


def _whole(item: Break, planes: Planes) -> bool:
    """Tell whether the whole of a slice is concerned, rather than a block or a line in it."""
    pair = item.slices[0] - (item.slices[0] == item.slices[1])
    size = len(planes.total)
    with np.errstate(invalid="ignore", divide="ignore"):
        if item.kind in {"break", "slice"}:
            level = np.log(planes.step / planes.pairs)
            around = [
                p for p in range(pair - 4, pair + 5) if abs(p - pair) > 1 and 0 <= p < size - 1
            ]
            rise = level[pair] - np.median(level[around], axis=0)
            if not robust.median(rise) > 0.3 * item.excess:
                return False
            # A particle in a thin volume may be enough to go a little beyond the limit.
            risen = np.mean(rise[np.isfinite(rise)] > 0)
            return bool(risen > _AGREED or item.excess > _CERTAIN * item.limit)
        mean = planes.total / planes.voxels
        level = mean
        if item.kind in {"scale", "scaled slice"}:
            level = 0.5 * np.log(planes.square / planes.voxels - mean**2)
        rise = level[pair + 1] - level[pair]
    known = rise[np.isfinite(rise)]
    if not known.size or not abs(np.median(known)) > 0.4 * item.excess:
        return False
    # Of tiles that have nothing to do with it half rise by chance.
    return bool(np.mean(np.sign(known) == np.sign(np.median(known))) > _AGREED)


def _broken(found: SliceSeries, axis: int) -> list[Break]:
    """Find pairs of slices that are less alike than the pairs around them."""
    apart = found.apart
    # Of slices of which a mask leaves less, correlations are less sure.
    share = np.minimum(found.voxels[1:], found.voxels[:-1]) / found.voxels.max(initial=1)
    excess = (apart - robust.around(apart)) * np.sqrt(share)
    # At the ends there is too little on one side to tell.
    excess[:_END] = excess[len(excess) - _END :] = 0
    noise = robust.noise(excess)
    # A slice from elsewhere shares nothing with its neighbours, where usually they share much.
    usual = robust.median(apart)
    least = max(_LEAST, -_SHARED * usual)
    limit = lone_limit = max(least, _NOISES * noise)
    weak = limit > _HARDLY * -usual
    if weak:
        elsewhere = _largest_elsewhere(excess)
        limit = max(_FAINT * noise, _AHEAD * elsewhere)
        lone_limit = min(lone_limit, max(_FAINT_ALONE * noise, _FAR_AHEAD * elsewhere))
    # One slice from elsewhere is unlike both of its neighbours: the two add up.
    both = (excess[1:] + excess[:-1]) / 2
    low, high = np.minimum(excess[1:], excess[:-1]), np.maximum(excess[1:], excess[:-1])
    lone = (low > 2.5 * noise) & (low > 0.35 * high)
    limit_both = 0.85 * limit if weak else max(least, 0.9 * _NOISES * noise)
    items = [
        Break(axis, (int(pair) + 1, int(pair) + 1), "slice", float(both[pair]), limit_both)
        for pair in np.flatnonzero((both > limit_both) & lone & _peak(both))
    ]
    taken = {index for item in items for index in (item.slices[0] - 1, item.slices[0])}
    # A single pair that is hardly beyond the noise may be an edge in the specimen.
    items += [
        Break(axis, (int(pair), int(pair) + 1), "break", float(excess[pair]), lone_limit)
        for pair in np.flatnonzero(excess > lone_limit)
        if pair not in taken
    ]
    # Most slices cannot be out of order: such a volume is irregular throughout.
    return items if len(items) < max(4, len(apart) / 4) else []


def suspects(planes: Planes, most: int) -> list[int]:
    """Return the slices beside the least alike pairs, at most so many."""
    found = slice_series(planes)
    if not found.is_long:
        return []
    apart = found.apart
    excess = np.nan_to_num(apart - robust.around(apart))
    excess[:_END] = excess[len(excess) - _END :] = 0
    noise = robust.noise(excess)
    pairs = [int(pair) for pair in np.argsort(-excess) if excess[pair] > _SUSPECT * noise]
    beside_them = list(dict.fromkeys(index for pair in pairs for index in (pair, pair + 1)))
    return sorted(beside_them[:most])


def uncertain(planes: Planes) -> bool:
    """Tell whether neighbours share so little that a slice from elsewhere hardly stands out."""
    found = slice_series(planes)
    if not found.is_long:
        return False
    apart = found.apart
    return _NOISES * robust.noise(apart - robust.around(apart)) > _HARDLY * -robust.median(apart)


def likeness(planes: Planes) -> float:
    """Return the typical correlation of neighbouring slices, NaN where there is none."""
    return robust.median(slice_series(planes).correlation)


def _largest_elsewhere(excess: Array) -> float:
    """Return the largest excess, the four largest left out: a swap makes four."""
    known = np.sort(excess[np.isfinite(excess)])
    return float(known[-5]) if known.size > 4 else math.inf


def _peak(values: Array) -> Array:
    wide = np.pad(values, 1, constant_values=-np.inf)
    return np.asarray((values >= wide[:-2]) & (values >= wide[2:]))


def _steps(found: SliceSeries, axis: int) -> list[Break]:
    """Find slices at which the mean jumps: for one slice, or for good."""
    jump = np.diff(found.mean)
    level = jump - robust.around(jump)
    # Of fewer voxels, the mean is less sure.
    few = max(1.0, _USUAL / math.sqrt(found.voxels.max(initial=1)))
    limit = max(few * _least(_LEAST_OFFSET, found), _NOISES * robust.noise(level))
    return _jumps(found.mean, level, limit, axis, "offset")


def _scales(found: SliceSeries, planes: Planes, axis: int) -> list[Break]:
    """Find slices at which the spread jumps: for one slice, or for good.

    The change from slice to slice is scaled too. Of either the median over tiles is taken, on which
    a particle that begins or ends has no say; a scale makes both jump alike.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = planes.total / planes.voxels
        spread = 0.5 * np.log(np.maximum(planes.square / planes.voxels - mean**2, _TINY))
        change = np.log(np.maximum(planes.step / planes.pairs, _TINY))[:-1]
    usual = np.isfinite(found.spread)
    jump = np.where(usual[1:] & usual[:-1], _over_tiles(np.diff(spread, axis=0)), np.nan)
    texture = np.full(jump.shape, np.nan)
    texture[1:-1] = _over_tiles(change[2:] - change[:-2]) / 2
    least = _least(_LEAST_SCALE, found)
    both = [
        (values - robust.around(values))
        / max(least / _NOISES, robust.noise(values - robust.around(values)))
        for values in (jump, texture)
    ]
    # Of two independent normal variables.
    level = np.where(both[0] * both[1] > 0, (both[0] + both[1]) / math.sqrt(2), 0.0)
    # A lattice has such jumps throughout.
    limit = max(_NOISES, _AHEAD * _largest_elsewhere(np.abs(level)))
    values = np.r_[0.0, np.cumsum(np.nan_to_num(jump))]
    return _jumps(values, level, limit, axis, "scale")


def _over_tiles(values: Array) -> Array:
    """Return the median over the tiles of each plane, NaN where none is known."""
    return robust.medians(values.reshape(len(values), -1))


def _least(least: float, found: SliceSeries) -> float:
    return least * (_SMOOTH if robust.median(found.correlation) > ALIKE else 1.0)


def _jumps(values: Array, level: Array, limit: float, axis: int, kind: str) -> list[Break]:
    """Return the jumps of a value of the slices whose level exceeds a limit."""
    jump = np.diff(values)
    items: list[Break] = []
    for pair in (np.flatnonzero(np.abs(level[_END:-_END]) > limit) + _END).tolist():
        size = abs(float(jump[pair]))
        trend = (jump[pair - 2] + jump[pair + 2]) / 2
        if not abs(jump[pair] - trend) > 0.6 * size:
            continue
        before, after = _side(values, pair + 1, -1), _side(values, pair, 1)
        natural = size * limit / abs(float(level[pair]))
        if (
            pair + 1 < jump.size
            and level[pair] * level[pair + 1] < 0
            and (abs(level[pair + 1]) > limit)
        ):
            name = "offset slice" if kind == "offset" else "scaled slice"
            items.append(Break(axis, (pair + 1, pair + 1), name, size, natural))
        elif (after - before) * jump[pair] > 0 and abs(after - before) > 0.6 * size:
            items.append(Break(axis, (pair, pair + 1), kind, size, natural))
    return items


def _side(values: Array, edge: int, direction: int) -> float:
    """Return the median of the four values on one side of an edge."""
    side = values[edge + 1 : edge + 5] if direction > 0 else values[max(0, edge - 4) : edge]
    known = side[np.isfinite(side)]
    return float(np.median(known)) if known.size else math.nan
