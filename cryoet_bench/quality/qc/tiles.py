"""Statistics of planes, tile by tile: what shows whether each part of a volume continues the next.

Every plane across z, y and x is cut into square tiles. For each tile the mean and the mean square
are kept, and the energy of the difference from the same tile of the next plane. Damage to a part
of a volume, however it is made, ends at planes, and there one of the three changes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.compiled import compiled
from cryoet_bench.volume.boxes import Box

Array = npt.NDArray[Any]

# Voxels are counted in sd from the mean and cut off here: a hot voxel is no seam.
REACH = 10.0
_SMALL = 512


def tile_edge(shape: Sequence[int]) -> int:
    """Return the edge of a tile: coarser in large volumes, whose statistics must fit in memory."""
    return 16 if max(shape) <= _SMALL else 32


@dataclass(frozen=True)
class Planes:
    """Planes across one axis, in tiles of (first, second) of the two other axes.

    All are sums in units of the sd from the mean. `step[p]` compares plane p with plane p + 1; its
    last entry stays zero.

    Parameters
    ----------
    total, square, step : float32, shape (planes, tiles, tiles)
        Sums of the voxels, of their squares, and of squared differences from the next plane.
    voxels, pairs : uint16, shape (planes, tiles, tiles)
        How many voxels, and pairs of voxels, each sum holds.
    """

    total: Array
    square: Array
    step: Array
    voxels: Array
    pairs: Array

    @classmethod
    def empty(cls, planes: int, first: int, second: int) -> Planes:
        """Return sums of nothing."""
        types = (np.float32, np.float32, np.float32, np.uint16, np.uint16)
        return cls(*(np.zeros((planes, first, second), dtype) for dtype in types))


@dataclass(frozen=True)
class Tiles:
    """What the tiles of a volume hold.

    Parameters
    ----------
    edge : int
        Voxels along a tile.
    axes : tuple of Planes
        Across z, y, x.
    lines : tuple of float32 arrays
        Sums along z, y and x: shapes (y, x), (z, x), (z, y).
    filled : tuple of float32 arrays
        How many voxels each of them holds.
    rows : float32, shape (z, y)
        Squared differences of each row along x from the mean of the rows above and below it.
    """

    edge: int
    axes: tuple[Planes, Planes, Planes]
    lines: tuple[Array, Array, Array]
    filled: tuple[Array, Array, Array]
    rows: Array

    @classmethod
    def empty(cls, shape: Sequence[int], edge: int, starts: Sequence[int] = (0, 0, 0)) -> Tiles:
        """Return the tiles of a box that starts somewhere in its volume, holding nothing."""
        z, y, x = shape
        u, v, w = (
            -(-(start + n) // edge) - start // edge for start, n in zip(starts, shape, strict=True)
        )
        return cls(
            edge,
            (Planes.empty(z, v, w), Planes.empty(y, u, w), Planes.empty(x, u, v)),
            (_zeros(y, x), _zeros(z, x), _zeros(z, y)),
            (_zeros(y, x), _zeros(z, x), _zeros(z, y)),
            _zeros(z, y),
        )

    def add(self, box: Box, part: Tiles) -> None:
        """Add the tiles of a box at its place."""
        z, y, x = box
        u, v, w = (slice(s.start // self.edge, -(-s.stop // self.edge)) for s in box)
        for planes, added, place in zip(
            self.axes, part.axes, ((z, v, w), (y, u, w), (x, u, v)), strict=True
        ):
            for name in ("total", "square", "step", "voxels", "pairs"):
                getattr(planes, name)[place] += getattr(added, name)
        for index, flat in enumerate(((y, x), (z, x), (z, y))):
            self.lines[index][flat] += part.lines[index]
            self.filled[index][flat] += part.filled[index]
        self.rows[z, y] += part.rows

    def join(self, axis: int, box: Box, ends: Array, begins: Array) -> None:
        """Add what two boxes share where they meet.

        Parameters
        ----------
        axis : int
            Across which they meet.
        box : tuple of slices
            The later box.
        ends, begins : float32, shape (planes, first, second)
            The last planes of the earlier box and the first of the later; two are enough.
        """
        planes = self.axes[axis]
        before, after = ends[-1], begins[0]
        if axis == 0:
            at = box[0].start
            if len(ends) > 1:
                self.rows[at - 1, box[1]] += _bend(ends[-2], before, after)
            if len(begins) > 1:
                self.rows[at, box[1]] += _bend(before, after, begins[1])
        others = [s for other, s in enumerate(box) if other != axis]
        difference = np.square(after - before)
        valid = np.isfinite(difference)
        difference[~valid] = 0
        starts = [
            np.unique(np.r_[0, np.arange(-s.start % self.edge, s.stop - s.start, self.edge)])
            for s in others
        ]
        place = (
            box[axis].start - 1,
            *(slice(s.start // self.edge, -(-s.stop // self.edge)) for s in others),
        )
        planes.step[place] += _summed(difference, starts)
        planes.pairs[place] += _summed(valid.astype(np.float32), starts).astype(np.uint16)


def _bend(before: Array, here: Array, after: Array) -> Array:
    return np.asarray(np.square(2 * here - before - after).sum(axis=1))


def _zeros(first: int, second: int) -> Array:
    return np.zeros((first, second), np.float32)


def _summed(values: Array, starts: Sequence[Array]) -> Array:
    return np.asarray(np.add.reduceat(np.add.reduceat(values, starts[0], 0), starts[1], 1))


def tile(data: Array, box: Box, edge: int, centre: float, scale: float) -> Tiles:
    """Return the tiles of a box.

    Parameters
    ----------
    data : float32 or float64, shape (z, y, x)
        The box, C-contiguous; NaN and infinity count as missing.
    box : tuple of slices
        Where it lies in its volume.
    edge : int
        Of a tile.
    centre, scale : float
        A voxel v counts as (v - centre) * scale.
    """
    origin = [s.start % edge for s in box]
    sums, complete = _summed_up(data, edge, origin, centre, scale)
    if complete:
        present = _whole(data.shape, edge, origin)
    else:
        # Ones where a voxel is present add up to how many there are.
        present, _ = _summed_up(np.isfinite(data).astype(np.float32), edge, origin, 0.0, 1.0)
    axes = [
        Planes(
            total, square, step, voxels.astype(np.uint16),
            _pairs(voxels, change).astype(np.uint16),
        )
        for (total, square, step), (voxels, _, change) in zip(sums.axes, present.axes, strict=True)
    ]  # fmt: skip
    return Tiles(edge, (axes[0], axes[1], axes[2]), sums.lines, present.lines, sums.rows)


def scaled(data: Array, centre: float, scale: float) -> Array:
    """Return voxels in units of `scale` from `centre` and cut off, NaN where missing."""
    with np.errstate(invalid="ignore", over="ignore"):
        values = (data - data.dtype.type(centre)) * data.dtype.type(scale)
    values = np.clip(values, -REACH, REACH).astype(np.float32)
    values[~np.isfinite(data)] = np.nan
    return np.asarray(values)


class _Sums(NamedTuple):
    """What the loop over voxels adds up.

    `axes` holds total, square and step of the planes across z, y and x, as in `Planes`; the rest is
    as in `Tiles`.
    """

    axes: tuple[Array, Array, Array]
    lines: tuple[Array, Array, Array]
    rows: Array


def _summed_up(
    data: Array, edge: int, origin: Sequence[int], centre: float, scale: float
) -> tuple[_Sums, bool]:
    """Return the sums of a box, and whether every voxel of it is a number."""
    z, y, x = data.shape
    u, v, w = (-(-(start + n) // edge) for start, n in zip(origin, data.shape, strict=True))
    across_z, across_y, across_x = (
        np.zeros((3, *sizes), np.float32) for sizes in ((z, v, w), (y, u, w), (u, v, x))
    )
    lines, rows = (_zeros(y, x), _zeros(z, x), _zeros(z, y)), _zeros(z, y)
    complete = _tile(
        data, centre, scale, edge, np.array(origin), across_z, across_y, across_x, lines, rows
    )
    return _Sums((across_z, across_y, np.moveaxis(across_x, 3, 1)), lines, rows), complete


def _whole(shape: Sequence[int], edge: int, origin: Sequence[int]) -> _Sums:
    """Return what ones in place of all voxels add up to."""
    counts = [
        np.diff(np.r_[0, np.arange(edge - start, n, edge), n]).astype(np.float32)
        for start, n in zip(origin, shape, strict=True)
    ]
    axes, lines = [], []
    for axis, n in enumerate(shape):
        first, second = (counts[other] for other in range(3) if other != axis)
        voxels = np.broadcast_to(np.outer(first, second), (n, first.size, second.size))
        axes.append(np.stack([voxels, voxels, np.zeros_like(voxels)]))
        lines.append(np.full([m for other, m in enumerate(shape) if other != axis], np.float32(n)))
    return _Sums((axes[0], axes[1], axes[2]), (lines[0], lines[1], lines[2]), _zeros(1, 1))


def _pairs(voxels: Array, change: Array) -> Array:
    """Return the pairs of voxels from each plane to the next of which neither is missing.

    For ones and zeros, (a - b)^2 = a + b - 2 a b, and a b is 1 for such a pair.
    """
    pairs = np.zeros_like(voxels)
    pairs[:-1] = (voxels[:-1] + voxels[1:] - change[:-1]) / 2
    return pairs


# Row by row, and for each row one loop for few sums at a time: with more, the compiler cannot tell
# in time that they lie apart in memory, and gives up vectors.
@compiled
def _tile(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917
    data: Array,
    centre: float,
    scale: float,
    edge: int,
    origin: Array,
    across_z: Array,
    across_y: Array,
    across_x: Array,
    lines: tuple[Array, Array, Array],
    rows: Array,
) -> bool:
    """Add up a box, one band of tiles along y after another; return whether no voxel is missing."""
    depth, height, width = data.shape
    zero, one, two = np.float32(0), np.float32(1), np.float32(2)
    middle, factor = data.dtype.type(centre), data.dtype.type(scale)
    high, unknown = data.dtype.type(REACH), data.dtype.type(np.nan)
    # Three planes of a band, each with the row before it.
    ring = np.empty((3, edge + 1, width), np.float32)
    # Sums over the rows of a plane of the band, and over the planes of a tile.
    plane, tall = np.zeros((4, width), np.float32), np.zeros((3, edge, width), np.float32)
    total, square, rise, along = plane[0], plane[1], plane[2], plane[3]
    missing = zero
    first = v = 0
    while first < height:
        last = min(height, first + edge - (first + origin[1]) % edge)
        for z in range(depth):
            u = (z + origin[0]) // edge
            here, above, before = ring[z % 3], ring[(z + 2) % 3], ring[(z + 1) % 3]
            if z == 0:
                above = here
            for r in range(0 if first > 0 else 1, last - first + 1):
                source, row = data[z, first - 1 + r], here[r]
                for x in range(width):
                    unit = (source[x] - middle) * factor
                    # Not min and max, which would lose NaN.
                    unit = high if unit > high else unit  # noqa: FURB136
                    unit = -high if unit < -high else unit  # noqa: FURB136
                    row[x] = unit if np.isfinite(source[x]) else unknown
            for r in range(1, last - first + 1):
                y = first + r - 1
                row, over = here[r], above[r]
                behind = here[r - 1] if y > 0 else row
                deep, deep_square, beside = tall[0, r - 1], tall[1, r - 1], tall[2, r - 1]
                for x in range(width):
                    value = zero if np.isnan(row[x]) else row[x]
                    total[x] += value
                    square[x] += value * value
                    deep[x] += value
                for x in range(width):
                    value = zero if np.isnan(row[x]) else row[x]
                    change = row[x] - behind[x]
                    change = zero if np.isnan(change) else change
                    deep_square[x] += value * value
                    beside[x] += change * change
                for x in range(width):
                    change = row[x] - over[x]
                    change = zero if np.isnan(change) else change
                    rise[x] += change * change
                for x in range(width - 1):
                    change = row[x + 1] - row[x]
                    change = zero if np.isnan(change) else change
                    along[x] += change * change
                whole = zero
                for x in range(width):
                    whole += zero if np.isnan(row[x]) else row[x]
                    missing += one if np.isnan(row[x]) else zero
                lines[2][z, y] = whole
                if z > 1:
                    far = before[r]
                    bend = zero
                    for x in range(width):
                        change = two * over[x] - row[x] - far[x]
                        bend += change * change
                    rows[z - 1, y] = bend
            _add(total, lines[1][z])
            _add(total, across_x[0, u, v])
            _add(square, across_x[1, u, v])
            _add(along, across_x[2, u, v])
            _add_tiles(total, edge, origin[2], across_z[0, z, v])
            _add_tiles(square, edge, origin[2], across_z[1, z, v])
            if z > 0:
                _add_tiles(rise, edge, origin[2], across_z[2, z - 1, v])
            plane[:] = zero
            if z == depth - 1 or (z + 1 + origin[0]) % edge == 0:
                for y in range(first, last):
                    _add(tall[0, y - first], lines[0][y])
                    _add_tiles(tall[0, y - first], edge, origin[2], across_y[0, y, u])
                    _add_tiles(tall[1, y - first], edge, origin[2], across_y[1, y, u])
                    if y > 0:
                        _add_tiles(tall[2, y - first], edge, origin[2], across_y[2, y - 1, u])
                tall[:] = zero
        first = last
        v += 1
    return bool(missing == zero)


@compiled
def _add(values: Array, sums: Array) -> None:
    for x in range(len(values)):
        sums[x] += values[x]


@compiled
def _add_tiles(values: Array, edge: int, origin: int, sums: Array) -> None:
    """Add the sums of a row's tiles, of which the first begins `origin` voxels before the row."""
    start = w = 0
    while start < len(values):
        stop = min(len(values), start + edge - (start + origin) % edge)
        total = np.float32(0)
        for x in range(start, stop):
            total += values[x]
        sums[w] += total
        start = stop
        w += 1
