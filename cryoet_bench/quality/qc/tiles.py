"""Statistics of planes, tile by tile: what shows whether each part of a volume continues the next.

Every plane across z, y and x is cut into square tiles. For each tile the mean and the mean square
are kept, and the energy of the difference from the same tile of the next plane. Damage to a part
of a volume, however it is made, ends at planes, and there one of the three changes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.compiled import compiled

Array = npt.NDArray[Any]
Box = tuple[slice, slice, slice]

# Voxels are counted in sd from the mean and cut off here: a hot voxel is no seam.
REACH = 10.0
# Loops of a length that the compiler knows become a few vector instructions.
_PIECE = 16
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
    voxels, pairs : float32, shape (planes, tiles, tiles)
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
        return cls(*(np.zeros((planes, first, second), np.float32) for _ in range(5)))


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
        planes.pairs[place] += _summed(valid.astype(np.float32), starts)


def _bend(before: Array, here: Array, after: Array) -> Array:
    return np.asarray(np.square(2 * here - before - after).sum(axis=1))


def _zeros(first: int, second: int) -> Array:
    return np.zeros((first, second), np.float32)


def _summed(values: Array, starts: Sequence[Array]) -> Array:
    return np.asarray(np.add.reduceat(np.add.reduceat(values, starts[0], 0), starts[1], 1))


def tile(data: Array, box: Box, edge: int, centre: float, scale: float) -> tuple[Tiles, Array]:
    """Return the tiles of a box, and the box in units of `scale` from `centre`.

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
    starts = [s.start for s in box]
    found = Tiles.empty(data.shape, edge, starts)
    scaled = np.empty(data.shape, np.float32)
    z, y, x = found.axes
    _tile(
        data, scaled, centre, scale, edge, np.array(starts),
        (z.total, z.square, z.step, z.voxels, z.pairs),
        (y.total, y.square, y.step, y.voxels, y.pairs),
        (x.total, x.square, x.step, x.voxels, x.pairs),
        found.lines, found.filled, found.rows,
    )  # fmt: skip
    return found, scaled


# One fused loop with plain arguments, because that is what compiles to vectors.
@compiled
def _tile(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917
    data: Array,
    scaled: Array,
    centre: float,
    scale: float,
    edge: int,
    starts: Array,
    z_sums: tuple[Array, ...],
    y_sums: tuple[Array, ...],
    x_sums: tuple[Array, ...],
    lines: tuple[Array, Array, Array],
    filled: tuple[Array, Array, Array],
    rows: Array,
) -> None:
    depth, height, width = data.shape
    z_total, z_square, z_step, z_voxels, z_pairs = z_sums
    y_total, y_square, y_step, y_voxels, y_pairs = y_sums
    x_total, x_square, x_step, x_voxels, x_pairs = x_sums
    zero = np.float32(0)
    middle, factor = data.dtype.type(centre), data.dtype.type(scale)
    high = data.dtype.type(REACH)
    columns = np.zeros((8, width), np.float32)
    lost = np.zeros((depth, height), np.bool_)
    empty = np.zeros(width, np.float32)
    for z in range(depth):
        u = (starts[0] + z) // edge - starts[0] // edge
        for y in range(height):
            v = (starts[1] + y) // edge - starts[1] // edge
            row, source = scaled[z, y], data[z, y]
            check = zero
            for x in range(width):
                value = (source[x] - middle) * factor
                # Not min and max, which would lose NaN.
                value = high if value > high else value  # noqa: FURB136
                value = -high if value < -high else value  # noqa: FURB136
                row[x] = value
                check += row[x] * zero
            lost[z, y] = check != check  # noqa: PLR0124
            if not lost[z, y]:
                # An infinity was cut off like any outlier above: it is missing all the same.
                worst = zero * zero
                for x in range(width):
                    worst += np.float32(source[x] - source[x])
                if worst != worst:  # noqa: PLR0124
                    lost[z, y] = True
            if lost[z, y]:
                for x in range(width):
                    if not np.isfinite(source[x]):
                        row[x] = np.nan
            above = scaled[z - 1, y] if z > 0 else empty
            behind = scaled[z, y - 1] if y > 0 else row
            holes = lost[z, y] or (z > 0 and lost[z - 1, y]) or (y > 0 and lost[z, y - 1])
            line = lines[0][y]
            if not holes:
                for x in range(width):
                    value = row[x]
                    line[x] += value
                    columns[0, x] += value
                    columns[1, x] += value * value
                if z > 0:
                    for x in range(width):
                        change = row[x] - above[x]
                        columns[2, x] += change * change
                for x in range(width - 1):
                    change = row[x + 1] - row[x]
                    columns[3, x] += change * change
                filled[0][y] += np.float32(1)
                columns[4] += np.float32(1)
                columns[5] += np.float32(z > 0)
                columns[6, : width - 1] += np.float32(1)
            else:
                for x in range(width):
                    value = row[x]
                    if np.isnan(value):
                        continue
                    line[x] += value
                    filled[0][y, x] += np.float32(1)
                    columns[0, x] += value
                    columns[1, x] += value * value
                    columns[4, x] += np.float32(1)
                    if z > 0 and not np.isnan(above[x]):
                        change = value - above[x]
                        columns[2, x] += change * change
                        columns[5, x] += np.float32(1)
                    if x < width - 1 and not np.isnan(row[x + 1]):
                        change = row[x + 1] - value
                        columns[3, x] += change * change
                        columns[6, x] += np.float32(1)
            if z > 1:
                before = scaled[z - 2, y]
                bend = zero
                for x in range(width):
                    change = np.float32(2) * above[x] - row[x] - before[x]
                    bend += change * change
                rows[z - 1, y] += bend
            first = 0
            w = 0
            while first < width:
                last = min(width, (first + starts[2]) // edge * edge + edge - starts[2])
                total = square = beside = zero
                count = paired = np.float32(last - first)
                if not holes:
                    for start in range(first, last - _PIECE + 1, _PIECE):
                        here, there = row[start:], behind[start:]
                        for x in range(_PIECE):
                            value = here[x]
                            change = value - there[x]
                            total += value
                            square += value * value
                            beside += change * change
                    for x in range(last - (last - first) % _PIECE, last):
                        value = row[x]
                        change = value - behind[x]
                        total += value
                        square += value * value
                        beside += change * change
                else:
                    count = paired = zero
                    for x in range(first, last):
                        value = row[x]
                        if np.isnan(value):
                            continue
                        count += np.float32(1)
                        total += value
                        square += value * value
                        if y > 0 and not np.isnan(behind[x]):
                            beside += (value - behind[x]) ** 2
                            paired += np.float32(1)
                y_total[y, u, w] += total
                y_square[y, u, w] += square
                y_voxels[y, u, w] += count
                lines[2][z, y] += total
                filled[2][z, y] += count
                if y > 0:
                    y_step[y - 1, u, w] += beside
                    y_pairs[y - 1, u, w] += paired
                first = last
                w += 1
            if y == height - 1 or (starts[1] + y + 1) % edge == 0:
                for x in range(width):
                    w = (starts[2] + x) // edge - starts[2] // edge
                    lines[1][z, x] += columns[0, x]
                    filled[1][z, x] += columns[4, x]
                    x_total[x, u, v] += columns[0, x]
                    x_square[x, u, v] += columns[1, x]
                    x_step[x, u, v] += columns[3, x]
                    x_voxels[x, u, v] += columns[4, x]
                    x_pairs[x, u, v] += columns[6, x]
                    z_total[z, v, w] += columns[0, x]
                    z_square[z, v, w] += columns[1, x]
                    z_voxels[z, v, w] += columns[4, x]
                    if z > 0:
                        z_step[z - 1, v, w] += columns[2, x]
                        z_pairs[z - 1, v, w] += columns[5, x]
                columns[:] = zero
