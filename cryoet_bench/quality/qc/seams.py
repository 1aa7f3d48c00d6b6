"""Where a volume does not continue: between slices, and around blocks, along all three axes.

At a seam the difference from one plane to the next is larger than from the planes on either side
to theirs (something from elsewhere begins), or the spread or the mean changes at once (a part was
scaled or shifted). Each is held against its own spread over the whole volume, so a volume that is
irregular by nature, at a soft border or in a crowded cell, sets its own measure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc.tiles import Planes, Tiles

Array = npt.NDArray[Any]

_SIGMA = 1.482602218505602  # sd over MAD of a normal distribution
_LEAST = 0.1
_NOISES = 6.5
_END = 2
_AGREED = 0.72
# Neighbouring slices that are as alike as this change so smoothly that only much is sudden.
_ALIKE, _SMOOTH = 0.97, 3.0
# Fewer slices than this have no spread of their own.
_FEW = 20
# A break takes at least this part of what neighbouring slices share (as a logarithm).
_SHARED = 0.3
# Where slices share so little that one from elsewhere hardly exceeds the limit, it is enough to
# exceed this many noises, and by this factor all that is natural there.
_HARDLY, _FAINT, _AHEAD = 0.75, 3.5, 1.6
# Slices that stand out by so many noises may have been exchanged; exchanging them back tells.
_SUSPECT = 2.3
# This share of a tile's voxels must be there for it to be judged.
_FULL = 0.8
# Windows of so many tiles are held against each other; one that stands out by so many of its own
# sd is part of a seam, and by so many more it is one without the other faces of a cuboid.
_SIZES = (1, 2, 4, 8)
_SEEN, _ALONE = 5.0, 11.0
_MOST = 64
_MARGIN = 4
# A cuboid's best face, and the sum of its faces, must stand out by this much: in clean volumes
# particles reach 9 and 24, but not both.
_SURE, _SUM = 9.0, 28.0
# The natural logarithm by which the change at a jump exceeds those on both sides, at least.
_LEAST_JUMP = 0.2
# Or one face stands out so much more than any other of the volume.
_LONE, _BEYOND = 8.2, 1.4
# Opposite faces are at most so many tiles apart.
_APART = 8
_JUMP = 1.7
# Of all that stands out, blocks must make up this share.
_SHARE = 0.3
_TINY = 1e-12
# Shares of the usual number of voxels and of the mean variance below which a slice says nothing.
_LITTLE, _VACUUM = 0.2, 1e-3


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
class Block:
    """A cuboid that does not continue its surroundings.

    Parameters
    ----------
    start, stop : tuple of int
        Along z, y, x; accurate along an axis on which a face was seen, to a tile otherwise.
    faces : int
        How many of its faces were seen.
    strength : float
        Sum over these faces of the sd by which they stand out.
    kind : {"foreign", "scaled", "noise"}
        What is inside.
    ratio : float
        Spread inside over spread around.
    """

    start: tuple[int, int, int]
    stop: tuple[int, int, int]
    faces: int
    strength: float
    kind: str
    ratio: float


@dataclass(frozen=True)
class _Profile:
    """Slices along an axis: spread, mean, and log energy of the change to the next."""

    mean: Array
    spread: Array
    change: Array
    correlation: Array


def profile(planes: Planes) -> _Profile:
    """Return how the slices along an axis vary and continue each other; NaN where too few voxels.

    The correlation of neighbours follows from E[(a - b)^2] = var a + var b + (mean a - mean b)^2
    - 2 cov(a, b).
    """
    voxels, pairs = (_all(values) for values in (planes.voxels, planes.pairs))
    most = voxels.max(initial=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _all(planes.total) / voxels
        variance = _all(planes.square) / voxels - mean**2
        # Slices of vacuum, or of which a mask leaves little, do not tell.
        seen = (voxels > _LITTLE * most) & (variance > _VACUUM * (_mean(variance)))
        mean = np.where(seen, mean, np.nan)
        variance = np.where(seen, np.maximum(variance, 0), np.nan)
        step = np.where(pairs > _LITTLE * most, _all(planes.step) / pairs, np.nan)[:-1]
        covariance = (variance[1:] + variance[:-1] + np.diff(mean) ** 2 - step) / 2
        correlation = covariance / np.sqrt(variance[1:] * variance[:-1])
        change = np.log(np.maximum(step, _TINY))
        spread = 0.5 * np.log(np.maximum(variance, _TINY))
    return _Profile(mean, spread, change, correlation)


def _all(values: Array) -> Array:
    return np.asarray(values.sum(axis=(1, 2), dtype=np.float64))


def breaks(planes: Planes, axis: int) -> list[Break]:
    """Return where slices along an axis do not continue, the largest excess first."""
    found = profile(planes)
    if np.count_nonzero(np.isfinite(found.correlation)) < _FEW:
        return []
    items = [item for item in _broken(found, axis) if _whole(item, planes)]
    for kind in ("offset", "scale"):
        taken = {index for item in items for index in _beside(item)}
        items += [
            item
            for item in _steps(found, axis, kind)
            if not taken & set(_beside(item)) and _whole(item, planes)
        ]
    return sorted(items, key=lambda item: -item.excess / item.limit)


def _beside(item: Break) -> list[int]:
    return list(range(item.slices[0] - 1, item.slices[1] + 2))


def lost_likeness(planes: Planes, items: list[Break]) -> float:
    """Return by how much the correlations at breaks fall below those of the pairs around them."""
    found = profile(planes).correlation
    pairs = {p for item in items for p in range(item.slices[0] - 1, item.slices[1] + 1)}
    fall = _around(found) - found
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
            return bool(_median(rise) > 0.3 * item.excess)
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


def _broken(found: _Profile, axis: int) -> list[Break]:
    """Find pairs of slices that are less alike than the pairs around them.

    What is compared is the share of the variance that neighbours do not have in common, which
    neither a scale nor an offset changes.
    """
    apart = np.log(np.maximum(1 - found.correlation, 1e-9))
    excess = apart - _around(apart)
    # At the ends there is too little on one side to tell.
    excess[:_END] = excess[len(excess) - _END :] = 0
    noise = _noise(excess)
    # A slice from elsewhere shares nothing with its neighbours, where usually they share much.
    usual = _median(apart)
    least = max(_LEAST, -_SHARED * usual)
    limit = lone_limit = max(least, _NOISES * noise)
    weak = limit > _HARDLY * -usual
    if weak:
        limit = max(_FAINT * noise, _AHEAD * _largest_elsewhere(excess))
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
    correlation = profile(planes).correlation
    if np.count_nonzero(np.isfinite(correlation)) < _FEW:
        return []
    apart = np.log(np.maximum(1 - correlation, 1e-9))
    excess = np.nan_to_num(apart - _around(apart))
    excess[:_END] = excess[len(excess) - _END :] = 0
    noise = _noise(excess)
    pairs = [int(pair) for pair in np.argsort(-excess) if excess[pair] > _SUSPECT * noise]
    found = list(dict.fromkeys(index for pair in pairs for index in (pair, pair + 1)))
    return sorted(found[:most])


def uncertain(planes: Planes) -> bool:
    """Tell whether neighbours share so little that a slice from elsewhere hardly stands out."""
    correlation = profile(planes).correlation
    if np.count_nonzero(np.isfinite(correlation)) < _FEW:
        return False
    apart = np.log(np.maximum(1 - correlation, 1e-9))
    return _NOISES * _noise(apart - _around(apart)) > _HARDLY * -_median(apart)


def likeness(planes: Planes) -> float:
    """Return the typical correlation of neighbouring slices, NaN where there is none."""
    return _median(profile(planes).correlation)


def _largest_elsewhere(excess: Array) -> float:
    """Return the largest excess, those of the four largest left out: a swap makes four."""
    known = np.sort(excess[np.isfinite(excess)])
    return float(known[-5]) if known.size > 4 else math.inf


def _peak(values: Array) -> Array:
    wide = np.pad(values, 1, constant_values=-np.inf)
    return np.asarray((values >= wide[:-2]) & (values >= wide[2:]))


def _steps(found: _Profile, axis: int, kind: str) -> list[Break]:
    """Find slices at which spread or mean jumps: for one slice, or for good."""
    values = found.mean if kind == "offset" else found.spread
    least = 0.15 if kind == "offset" else 0.05
    if _median(found.correlation) > _ALIKE:
        least *= _SMOOTH
    jump = np.diff(values)
    level = jump - _around(jump)
    limit = max(least, _NOISES * _noise(level))
    if kind == "scale":
        # The change from slice to slice is scaled too, and depends less on what is there.
        texture = np.full(jump.shape, np.nan)
        texture[1:-1] = (found.change[2:] - found.change[:-2]) / 2
        finer = texture - _around(texture)
        agreed = np.minimum(
            np.abs(finer) / max(least, _NOISES * _noise(finer)), 3 * np.abs(level) / limit
        )
        level = np.where(agreed > np.abs(level) / limit, np.sign(level) * agreed * limit, level)
    items: list[Break] = []
    for pair in (np.flatnonzero(np.abs(level[_END:-_END]) > limit) + _END).tolist():
        size = abs(float(jump[pair]))
        trend = (jump[pair - 2] + jump[pair + 2]) / 2
        if not abs(jump[pair] - trend) > 0.6 * size:
            continue
        before, after = _side(values, pair + 1, -1), _side(values, pair, 1)
        if (
            pair + 1 < jump.size
            and level[pair] * level[pair + 1] < 0
            and (abs(level[pair + 1]) > limit)
        ):
            name = "offset slice" if kind == "offset" else "scaled slice"
            items.append(Break(axis, (pair + 1, pair + 1), name, size, limit))
        elif (after - before) * jump[pair] > 0 and abs(after - before) > 0.6 * size:
            items.append(Break(axis, (pair, pair + 1), kind, size, limit))
    return items


def _side(values: Array, edge: int, direction: int) -> float:
    """Return the median of the four values on one side of an edge."""
    side = values[edge + 1 : edge + 5] if direction > 0 else values[max(0, edge - 4) : edge]
    known = side[np.isfinite(side)]
    return float(np.median(known)) if known.size else math.nan


def _around(values: Array, reach: int = 4) -> Array:
    """Return the median of the values around each, itself left out."""
    if values.size <= reach:
        return np.full(values.size, _median(values))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(values, reach, mode="reflect"), 2 * reach + 1
    )
    windows = np.delete(windows, reach, axis=1)
    filled = np.where(np.isfinite(windows).any(axis=1, keepdims=True), windows, 0.0)
    return np.asarray(np.nanmedian(filled, axis=1))


def _median(values: Array) -> float:
    """Return the median of what is known, NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.mean(known)) if known.size else math.nan


def _noise(values: Array) -> float:
    known = values[np.isfinite(values)]
    if not known.size:
        return math.inf
    return _SIGMA * float(np.median(np.abs(known - np.median(known))))


@dataclass(frozen=True)
class _Face:
    """A rectangle of tiles between a plane and the next in which something begins or ends."""

    axis: int
    plane: int
    start: tuple[int, int]
    stop: tuple[int, int]
    strength: float
    sudden: bool


def blocks(tiles: Tiles, slices: list[Break]) -> list[Block]:
    """Return the cuboids that do not continue their surroundings, most faces first.

    One face may be an edge in the specimen; a cuboid shows three that meet, or one that nothing in
    a specimen could make.

    Parameters
    ----------
    tiles : Tiles
        Of the volume.
    slices : list of Break
        Where whole slices do not continue, which is no block.
    """
    faces = []
    for axis, planes in enumerate(tiles.axes):
        known = {p for item in slices if item.axis == axis for p in _beside(item)}
        faces += [face for face in _faces(planes, axis) if face.plane not in known]
    found = []
    groups = _meeting(faces, tiles.edge)
    for group in groups:
        others = [face.strength for face in faces if face not in group]
        block = _block(group, tiles, max(others, default=_SEEN))
        if block is not None:
            found.append(block)
    # Where as much stands out in many places, it is what the specimen is like.
    total = sum(face.strength - _SEEN for face in faces)
    if sum(block.strength - _SEEN * block.faces for block in found) < _SHARE * total:
        return []
    return sorted(found, key=lambda block: -block.strength)


def _measures(planes: Planes) -> list[Array]:
    """Return what shows a seam, for each tile between a plane and the next; NaN where unknown."""
    full = _FULL * planes.voxels.max(initial=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        step = np.where(planes.pairs > full, planes.step / planes.pairs, np.nan)[:-1]
        mean = planes.total / planes.voxels
        variance = np.where(planes.voxels > full, planes.square / planes.voxels - mean**2, np.nan)
    if len(step) < 8 or not np.isfinite(step).any():
        return []
    floor = 0.02 * (_mean(step))
    # Where much is vacuum, the outlines of what is not are no seams.
    if floor < 1e-9 or np.mean(step[np.isfinite(step)] < floor) > 0.1:
        return []
    change = np.log(np.maximum(step, floor))
    spread = np.log(np.maximum(variance, 0.02 * (_mean(variance)) + _TINY))
    jump, texture = np.full((2, *change.shape), np.nan)
    jump[1:-1] = change[1:-1] - np.maximum(change[:-2], change[2:])
    texture[1:-1] = change[2:] - change[:-2]
    # In a volume this smooth a tile holds part of one feature, whose spread says nothing.
    if _median(profile(planes).correlation) > _ALIKE:
        return [jump]
    return [jump, _sharp(texture), _sharp(np.diff(spread, axis=0))]


def _sharp(measure: Array) -> Array:
    """Return by how much a measure exceeds what it is two planes aside, as it does at a plane."""
    wide = np.full(measure.shape, np.nan)
    wide[2:-2] = measure[2:-2] - (measure[:-4] + measure[4:]) / 2
    return wide


def _faces(planes: Planes, axis: int) -> list[_Face]:
    """Return the rectangles of tiles at which something begins or ends, strongest first."""
    candidates = []
    for number, measure in enumerate(_measures(planes)):
        usual = _median(measure)
        tiles = measure - usual
        reach = 8 * _width(tiles)
        tiles = np.nan_to_num(np.clip(tiles, -reach, reach), nan=0.0)
        for size in _SIZES:
            rows, columns = (min(size, n) for n in tiles.shape[1:])
            if max(rows, columns) < size:
                continue
            mean = _windowed(tiles, rows, columns)
            width = _width(mean)
            if width <= 0:
                continue
            sudden = mean + usual > _LEAST_JUMP
            score = mean / width * sudden if number == 0 else np.abs(mean) / width
            # At the ends a filter has nothing to go on with.
            score[:_MARGIN] = score[len(score) - _MARGIN :] = 0
            for plane, u, v in np.argwhere(score > _SEEN).tolist():
                candidates.append(
                    _Face(axis, plane, (u, v), (u + rows, v + columns),
                          float(score[plane, u, v]), number == 0)
                )  # fmt: skip
    found: list[_Face] = []
    # A seam is all that a jump is; it shows as a change of texture, too, but is not one.
    for face in sorted(candidates, key=lambda f: -f.strength * (_JUMP if f.sudden else 1)):
        if not any(_overlap(face, other) for other in found):
            found.append(face)
        if len(found) == _MOST:
            break
    return found


def _windowed(tiles: Array, rows: int, columns: int) -> Array:
    """Return the mean of every rectangle of tiles of each plane, from cumulative sums."""
    for axis, size in ((1, rows), (2, columns)):
        if size > 1:
            total = np.cumsum(tiles, axis=axis, dtype=np.float64)
            first = np.take(total, [size - 1], axis=axis)
            count = total.shape[axis]
            rest = np.take(total, range(size, count), axis=axis) - np.take(
                total, range(count - size), axis=axis
            )
            tiles = np.concatenate([first, rest], axis=axis) / size
    return tiles


def _width(values: Array) -> float:
    """Return the sd that the tails of a distribution suggest: its spread, were it normal."""
    known = np.abs(values[np.isfinite(values)])
    if known.size < 50:
        return 0.0
    # 68.27, 90 and 97 % of a normal distribution lie within 1, 1.645 and 2.170 sd.
    at = np.quantile(known, (0.6827, 0.9, 0.97))
    return float((at / (1, 1.645, 2.170)).max())


def _overlap(one: _Face, other: _Face) -> bool:
    return abs(one.plane - other.plane) <= 2 and all(
        a < d and c < b
        for a, b, c, d in zip(one.start, one.stop, other.start, other.stop, strict=True)
    )


def _meeting(faces: list[_Face], edge: int) -> list[list[_Face]]:
    """Group faces that meet at edges, as those of one cuboid do."""
    groups: list[list[_Face]] = []
    for face in faces:
        touching = [group for group in groups if any(_meet(face, other, edge) for other in group)]
        merged = [face]
        for group in touching:
            merged += group
            groups.remove(group)
        groups.append(merged)
    return groups


def _span(face: _Face, axis: int, edge: int) -> tuple[int, int]:
    """Return what a face covers along an axis, in voxels."""
    if axis == face.axis:
        return face.plane + 1, face.plane + 1
    index = [other for other in range(3) if other != face.axis].index(axis)
    return face.start[index] * edge, face.stop[index] * edge


def _meet(one: _Face, other: _Face, edge: int) -> bool:
    """Tell whether two faces share an edge, or lie opposite each other."""
    if one.axis == other.axis:
        opposite = one.start == other.start and one.stop == other.stop
        return opposite and abs(one.plane - other.plane) <= _APART * edge
    for first, second in ((one, other), (other, one)):
        low, high = _span(second, first.axis, edge)
        if min(abs(first.plane + 1 - low), abs(first.plane + 1 - high)) >= edge:
            return False
    third = 3 - one.axis - other.axis
    a, b = _span(one, third, edge), _span(other, third, edge)
    overlap = min(a[1], b[1]) - max(a[0], b[0])
    return overlap >= 0.5 * max(a[1] - a[0], b[1] - b[0])


def _block(group: list[_Face], tiles: Tiles, others: float) -> Block | None:
    axes = {face.axis for face in group}
    strong = sorted((face.strength for face in group), reverse=True)
    cuboid = len(group) >= 3 and len(axes) >= 2 and strong[0] > _SURE and sum(strong) > _SUM
    beyond = strong[0] > _LONE and strong[0] > _BEYOND * others
    if not cuboid and not beyond and strong[0] < _ALONE:
        return None
    shape = [len(planes.total) for planes in tiles.axes]
    spans = []
    for axis in range(3):
        rough = [_span(face, axis, tiles.edge) for face in group if face.axis != axis]
        strongest = sorted(group, key=lambda face: -face.strength)
        exact = [face.plane + 1 for face in strongest if face.axis == axis]
        if not rough:
            spans.append(_along(strongest[0], exact, shape[axis], tiles))
            continue
        low, high = (int(np.median([span[i] for span in rough])) for i in (0, 1))
        # The strongest face near an end says where it is; further ones are its echoes.
        ends: dict[str, int] = {}
        for at in exact:
            end = "low" if abs(at - low) <= abs(at - high) else "high"
            if abs(at - (low if end == "low" else high)) < tiles.edge:
                ends.setdefault(end, at)
        low, high = ends.get("low", low), ends.get("high", high)
        spans.append((max(0, low), min(high, shape[axis])))
    if any(high - low < tiles.edge / 2 for low, high in spans):
        return None
    sudden = sum(face.strength for face in group if face.sudden) > 0.5 * sum(strong)
    kind, ratio = _content(tiles, spans, sudden=sudden)
    start, stop = ((s[0][i], s[1][i], s[2][i]) for s in (spans,) for i in (0, 1))
    return Block(start, stop, len(group), sum(face.strength for face in group), kind, ratio)


def _along(face: _Face, exact: list[int], size: int, tiles: Tiles) -> tuple[int, int]:
    """Return what a cuboid of which only parallel faces are seen covers across them.

    Of one face, that is as far as it is wide, on the side where the texture is less usual.
    """
    if len(exact) > 1:
        return min(exact), max(exact)
    at, reach = exact[0], (face.stop[0] - face.start[0]) * tiles.edge
    planes = tiles.axes[face.axis]
    place = tuple(slice(a, b) for a, b in zip(face.start, face.stop, strict=True))
    sides = [(max(0, at - reach), at), (at, min(size, at + reach))]
    usual = math.log(float(planes.step.sum()) / max(float(planes.pairs.sum()), 1) + _TINY)
    levels = [
        math.log(
            float(planes.step[low : high - 1, *place].sum())
            / max(float(planes.pairs[low : high - 1, *place].sum()), 1)
            + _TINY
        )
        for low, high in sides
    ]
    return max(zip(sides, levels, strict=True), key=lambda item: abs(item[1] - usual))[0]


def _content(tiles: Tiles, spans: list[tuple[int, int]], *, sudden: bool) -> tuple[str, float]:
    """Say what a cuboid holds, from its spread and texture beside those of its surroundings.

    With `sudden`, it differs most where it meets them, and is as they are inside.
    """
    inside, around = _texture(tiles, spans, 0), _texture(tiles, spans, 1)
    ratio = math.sqrt(inside[0] / max(around[0], _TINY))
    # The roughness, change over spread, is the same after scaling; white noise has 2.
    rough = np.array(inside[1]) / inside[0]
    usual = np.array(around[1]) / max(around[0], _TINY)
    if (rough > 1.6).all() and (usual < 0.9 * rough).any():
        return "noise", ratio
    change = np.sqrt(np.array(inside[1]) / np.maximum(around[1], _TINY))
    if sudden:
        return "foreign", ratio
    if abs(math.log(max(float(np.median(change)), _TINY))) > math.log(1.15):
        return "scaled", float(np.median(change))
    return "foreign", ratio


def _texture(
    tiles: Tiles, spans: list[tuple[int, int]], margin: int
) -> tuple[float, tuple[float, ...]]:
    """Return variance and energy of change along z, y, x in a cuboid, or in a shell around it."""
    energy, variance = [], 0.0
    for axis, planes in enumerate(tiles.axes):
        others = [spans[other] for other in range(3) if other != axis]
        core = tuple(
            slice(-(-low // tiles.edge), max(high // tiles.edge, -(-low // tiles.edge) + 1))
            for low, high in others
        )
        low, high = spans[axis]
        ends = slice(low + 1, max(high - 1, low + 2))
        sums = [_sum(planes, ends, core)]
        if margin:
            wide = tuple(slice(max(0, s.start - 2), s.stop + 2) for s in core)
            ends = slice(max(0, low - 2 * tiles.edge), high + 2 * tiles.edge)
            grown = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in core)
            hull = slice(max(0, low - 1), high + 1)
            sums = [_sum(planes, ends, wide) - _sum(planes, hull, grown)]
        total, square, voxels, step, pairs = sums[0]
        energy.append(float(step / max(pairs, 1)))
        variance += float(square / max(voxels, 1) - (total / max(voxels, 1)) ** 2) / 3
    return max(variance, _TINY), tuple(energy)


def _sum(planes: Planes, ends: slice, core: tuple[slice, ...]) -> Array:
    place = (ends, *core)
    return np.array(
        [
            float(values[place].sum(dtype=np.float64))
            for values in (planes.total, planes.square, planes.voxels, planes.step, planes.pairs)
        ]
    )
