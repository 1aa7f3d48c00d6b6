"""Cuboids that do not continue their surroundings: their faces stand out among all planes.

At a face the difference from one plane to the next is larger than from the planes on either side
to theirs, or the texture or the spread changes at once, tile by tile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc import robust
from cryoet_bench.quality.qc.breaks import ALIKE, Break, beside, slice_series
from cryoet_bench.quality.qc.tiles import Planes, Tiles

Array = npt.NDArray[Any]

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
# Texture that differs between axes by this part of its change was turned, not scaled.
_ANISOTROPIC = 0.8
_TINY = 1e-12


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
        known = {p for item in slices if item.axis == axis for p in beside(item)}
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
    floor = 0.02 * robust.mean(step)
    # Where much is vacuum, the outlines of what is not are no seams.
    if floor < 1e-9 or np.mean(step[np.isfinite(step)] < floor) > 0.1:
        return []
    change = np.log(np.maximum(step, floor))
    spread = np.log(np.maximum(variance, 0.02 * robust.mean(variance) + _TINY))
    jump, texture = np.full((2, *change.shape), np.nan)
    jump[1:-1] = change[1:-1] - np.maximum(change[:-2], change[2:])
    texture[1:-1] = change[2:] - change[:-2]
    measures = [jump]
    # In a volume this smooth a tile holds part of one feature, whose spread says nothing.
    if not robust.median(slice_series(planes).correlation) > ALIKE:
        measures += [_sharp(texture), _sharp(np.diff(spread, axis=0))]
    # Half as many bits are sorted in a quarter of the time.
    return [values.astype(np.float32) for values in measures]


def _sharp(measure: Array) -> Array:
    """Return by how much a measure exceeds what it is two planes aside, as it does at a plane."""
    wide = np.full(measure.shape, np.nan)
    wide[2:-2] = measure[2:-2] - (measure[:-4] + measure[4:]) / 2
    return wide


def _faces(planes: Planes, axis: int) -> list[_Face]:
    """Return the rectangles of tiles at which something begins or ends, strongest first."""
    candidates = []
    for number, measure in enumerate(_measures(planes)):
        usual = robust.median(measure)
        tiles = measure - usual
        reach = 8 * robust.tail_sd(tiles)
        tiles = np.nan_to_num(np.clip(tiles, -reach, reach), nan=0.0)
        for size in _SIZES:
            rows, columns = (min(size, n) for n in tiles.shape[1:])
            if max(rows, columns) < size:
                continue
            mean = _windowed(tiles, rows, columns)
            width = robust.tail_sd(mean)
            if width <= 0:
                continue
            sudden = mean + usual > _LEAST_JUMP
            score = mean / width * sudden if number == 0 else np.abs(mean) / width
            # At the ends a filter has nothing to go on with.
            score[:_MARGIN] = score[len(score) - _MARGIN :] = 0
            seen = np.unravel_index(np.flatnonzero(score > _SEEN), score.shape)
            for plane, u, v in np.transpose(seen).tolist():
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
    """Return the mean of every rectangle of tiles of each plane."""
    _, height, width = tiles.shape
    tall = np.mean([tiles[:, at : at + height - rows + 1] for at in range(rows)], axis=0)
    wide = np.mean([tall[:, :, at : at + width - columns + 1] for at in range(columns)], axis=0)
    return np.asarray(wide)


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
    change = 0.5 * np.log(np.maximum(inside[1], _TINY) / np.maximum(around[1], _TINY))
    middle = float(np.median(change))
    # A scale changes the texture alike along all axes; a turn exchanges what they have.
    alike = float(np.ptp(change)) < _ANISOTROPIC * abs(middle)
    if not sudden and abs(middle) > math.log(1.15) and alike:
        return "scaled", math.exp(middle)
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
