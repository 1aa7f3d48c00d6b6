"""Single lines that stand out along an axis, and stripes of rows that are rougher than the rest."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc import robust
from cryoet_bench.quality.qc.tiles import Tiles
from cryoet_bench.volume.boxes import Voxels, read_box

Array = npt.NDArray[Any]

_NOISES = 10.0
# A lower line, in sd, is no damage.
_LEAST = 0.3
_WIDEST = 32
# Rows on either side of a stripe that it is held against.
_BESIDE = 4
# Rows rougher by less than this natural logarithm are not told from ones that cross a particle.
_ROUGHER = 0.5
# The part of a stripe's excess that the median along it shows: bytes that are damaged all along
# show two thirds of it and more, the outline of a bead or an edge nothing.
_ALL_ALONG = 1 / 3
# Each stripe that is suspected costs three slices to read.
_SUSPECTS = 16
# What is rough by this part of a stripe's excess two slices aside is in the specimen.
_ASIDE = 0.5
# A stripe's two edges, taken together, stand out by so many sd of what edges are.
_ABRUPT = 5.5
# Edges that stand out this much more than they must are beyond doubt.
_CERTAIN = 1.3


@dataclass(frozen=True)
class Line:
    """A line along an axis that differs from all lines around it.

    Parameters
    ----------
    axis : int
        0, 1, 2 for z, y, x: the line runs along it.
    at : tuple of int
        Its place along the two other axes.
    height : float
        By how many sd its mean differs.
    """

    axis: int
    at: tuple[int, int]
    height: float


def hot_lines(tiles: Tiles) -> list[Line]:
    """Return lines one voxel wide whose mean differs from that of the lines around, worst first.

    The optics cannot make a single line of voxels stand out.
    """
    found = []
    for axis, (total, filled) in enumerate(zip(tiles.lines, tiles.filled, strict=True)):
        if min(total.shape) < 8 or filled.max(initial=0) < 8:
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(filled > 0.5 * filled.max(), total / filled, np.nan)
        height = mean - _ring(mean)
        known = height[np.isfinite(height)]
        if known.size < 64:
            continue
        noise = robust.tail_sd(known)
        size = np.abs(np.nan_to_num(height, nan=0.0))
        alone = size > 2 * _neighbours(size)
        hit = np.argwhere((size > max(_NOISES * noise, _LEAST)) & alone)
        found += [
            Line(axis, (int(u), int(v)), float(height[u, v]))
            for u, v in hit[np.argsort(-size[tuple(hit.T)])][:100]
        ]
    return sorted(found, key=lambda line: -abs(line.height))


def _shifted(values: Array, offsets: list[tuple[int, int]]) -> Iterator[Array]:
    """Yield the values that lie so far from each, mirrored at the borders."""
    wide = np.pad(values, 2, mode="reflect")
    rows, columns = values.shape
    for i, j in offsets:
        yield wide[2 + i : 2 + i + rows, 2 + j : 2 + j + columns]


def _ring(mean: Array) -> Array:
    """Return the mean over the lines two voxels away."""
    far = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if max(abs(i), abs(j)) == 2]
    return np.asarray(sum(_shifted(mean, far)) / len(far))


def _neighbours(size: Array) -> Array:
    near = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    return functools.reduce(np.maximum, _shifted(size, near))


@dataclass(frozen=True)
class Stripe:
    """Neighbouring rows along x of a slice that are rougher than the rows on either side.

    Parameters
    ----------
    plane : int
        The slice along z.
    rows : tuple of int
        First row along y, and one past the last.
    excess : float
        Natural logarithm of their roughness over that of the rows around.
    certain : bool
        It exceeds all that a specimen shows.
    """

    plane: int
    rows: tuple[int, int]
    excess: float
    certain: bool


def stripes(tiles: Tiles, array: Voxels) -> list[Stripe]:
    """Return the stripes of rows that begin and end abruptly, worst first.

    A row's roughness is the energy of its difference from the mean of the rows above and below it
    along z, the direction in which a tomogram changes least.

    Parameters
    ----------
    tiles : Tiles
        Of the volume.
    array : array of axes z, y, x
        The volume, of which the rows that are suspected are read.
    """
    if min(tiles.rows.shape) < 8:
        return []
    rough, filled = tiles.rows.astype(np.float64), tiles.filled[2]
    usable = (filled > 0.5 * filled.max(initial=1)) & np.isfinite(rough) & (rough > 0)
    typical = float(np.median(rough[usable])) if usable.any() else 0.0
    if typical <= 0:
        return []
    level = np.where(usable, np.log(np.maximum(rough, 0.02 * typical)), np.nan)
    edge = np.diff(level, axis=1)
    known = edge[np.isfinite(edge)]
    if known.size < 64:
        return []
    noise = robust.tail_sd(known)
    limit = max(_ROUGHER, _ABRUPT * noise)
    # A bead's outline is spread over some rows; where bytes are damaged there is an edge.
    around = np.zeros(edge.shape)
    around[:, 2:-2] = (np.abs(edge[:, :-4]) + np.abs(edge[:, 4:])) / 2
    edge = np.where(np.abs(edge) > 2 * np.nan_to_num(around), edge, 0.0)
    found = []
    for plane in np.flatnonzero((edge > limit).any(axis=1)).tolist():
        rise = edge[plane]
        ups, downs = np.flatnonzero(rise > 0.8 * limit), np.flatnonzero(rise < -0.8 * limit)
        for up in ups.tolist():
            after = downs[(downs > up) & (downs <= up + _WIDEST)]
            # Where it begins and where it ends tell together.
            both = (rise[up] - rise[after[0]]) / 2 if after.size else 0.0
            if both > limit:
                stop = int(after[0])
                excess = float(min(rise[up], -rise[stop]))
                certain = bool(both > _CERTAIN * limit)
                stripe = Stripe(plane, (up + 1, stop + 1), excess, certain)
                found += [stripe] if _in_one_slice(stripe, level) else []
    found.sort(key=lambda stripe: -stripe.excess)
    return [stripe for stripe in found[:_SUSPECTS] if _all_along(stripe, array)]


def _in_one_slice(stripe: Stripe, level: Array) -> bool:
    """Tell whether rows are rough in one slice: a bead's or an edge's go on in those two aside.

    The slices beside it do not tell: their own roughness is a difference from its rows. Where a
    volume was enlarged, rough rows move on by one from slice to slice.
    """
    here = _rise(level[stripe.plane], stripe.rows)
    first, stop = stripe.rows
    return not any(
        _rise(level[z], (first + shift, stop + shift)) > _ASIDE * here
        for z in (stripe.plane - 2, stripe.plane + 2)
        if 0 <= z < len(level)
        for shift in (-1, 0, 1)
        if first + shift >= 0
    )


def _rise(level: Array, rows: tuple[int, int]) -> float:
    """Return by how much some rows of a slice exceed those around."""
    first, stop = rows
    around = np.r_[level[max(0, first - _BESIDE) : first], level[stop : stop + _BESIDE]]
    return robust.median(level[first:stop]) - robust.median(around)


def _all_along(stripe: Stripe, array: Voxels) -> bool:
    """Tell whether rows are rough all along x: a bead or an edge makes them so in one place."""
    first, stop = stripe.rows
    start, end = max(0, first - _BESIDE), min(array.shape[1], stop + _BESIDE)
    near = (slice(stripe.plane - 1, stripe.plane + 2), slice(start, end), slice(0, array.shape[2]))
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        before, here, after = read_box(array, near).astype(np.float64)
        typical = 2 * np.log(robust.medians(np.abs(2 * here - before - after)))
    inside = np.zeros(end - start, bool)
    inside[first - start : stop - start] = True
    rise = robust.median(typical[inside]) - robust.median(typical[~inside])
    return bool(rise > _ALL_ALONG * stripe.excess)
