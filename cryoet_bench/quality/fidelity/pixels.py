"""Voxel-by-voxel differences of a copy from its reference, all in one pass."""

from __future__ import annotations

import math
import sys
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.compiled import compiled, compiled_for_finite, pieces
from cryoet_bench.quality.metrics.loss import psnr, relative
from cryoet_bench.volume.boxes import Triple
from cryoet_bench.volume.bricks import Brick

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BLOCK = 16
"""Edge in voxels of the blocks that are judged one by one, where cells are no larger."""

# A block whose spread is below this share of the volume's holds nothing: padding, or a mask.
_FLAT = 0.05
# What stands out in such a block by more than this share of the volume's spread was put there.
_ADDED = 0.1

# Finite, because loops compiled for finite numbers may not be given infinity.
EVERYTHING = (-sys.float_info.max, sys.float_info.max)
"""A display that shows all densities."""

MARKS = 64
"""How many of the first differing voxels are remembered one by one."""


@dataclass(frozen=True, eq=False)
class PixelErrors:
    """How the voxels of a copy differ from the reference's.

    Errors are copy minus reference over the voxels that are finite in both. Where a volume
    has none such, the numbers are NaN. Without another unit they are in that of the voxels.

    Parameters
    ----------
    shape : tuple of int
        Of the volumes, along z, y, x.
    n_finite : int
        Voxels that are finite in both.
    reference_mean, reference_sd, reference_range : float
        Of the reference; the range is its maximum less its minimum.
    copy_mean, copy_sd, copy_minimum, copy_maximum : float
        Of the copy.
    covariance : float
        Of both, in the square of the unit.
    mse, shown_mse : float
        Mean squared error, of the voxels and of what a display shows of them.
    max_error, max_error_at
        The largest absolute error, and its place along z, y, x; None where there is no error.
    n_differing, first_differing
        How many voxels differ in a bit, and the first of them.
    marked : tuple of (tuple of int)
        The first `MARKS` of these.
    nonfinite_reference, nonfinite_copy, nonfinite_moved, nonfinite_first
        How many voxels are NaN or infinite in each and differently in both, and the first of
        these.
    differing_along : tuple of numpy.ndarray
        How many voxels differ in each slice across z, y and x.
    slice_rms : tuple of numpy.ndarray
        Root-mean-square error of each slice across z, y and x.
    cell : int
        Edge of a cell in voxels.
    cell_rms : numpy.ndarray, shape (z, y, x)
        Root-mean-square error of each cell.
    block_error, block_correlation : numpy.ndarray, shape (z, y, x)
        Root-mean-square error of each block in standard deviations of the reference there, and
        the correlation of copy and reference in it.
    """

    shape: Triple
    n_finite: int
    reference_mean: float
    reference_sd: float
    reference_range: float
    copy_mean: float
    copy_sd: float
    copy_minimum: float
    copy_maximum: float
    covariance: float
    mse: float
    shown_mse: float
    max_error: float
    max_error_at: Triple | None
    n_differing: int
    first_differing: Triple | None
    marked: tuple[Triple, ...]
    nonfinite_reference: int
    nonfinite_copy: int
    nonfinite_moved: int
    nonfinite_first: Triple | None
    differing_along: tuple[Counts, Counts, Counts] = field(repr=False)
    slice_rms: tuple[Floats, Floats, Floats] = field(repr=False)
    cell: int
    cell_rms: Floats = field(repr=False)
    block_error: Floats = field(repr=False)
    block_correlation: Floats = field(repr=False)

    @property
    def identical(self) -> bool:
        """Every bit of every voxel is the same (NaN included)."""
        return self.n_differing == 0

    @property
    def same_values(self) -> bool:
        """Every voxel has the same value: only signs of zeros and payloads of NaN may differ."""
        return self.nonfinite_moved == 0 and (self.n_finite == 0 or self.max_error == 0)

    @property
    def worst_block(self) -> float:
        """Least correlation of copy and reference in a block of about `BLOCK` voxels an edge."""
        return float(self.block_correlation.min(initial=1.0))

    @property
    def worst_slice(self) -> float:
        """Largest root-mean-square error of a slice, in standard deviations of the reference."""
        worst = max(float(along.max(initial=0.0)) for along in self.slice_rms)
        return relative(worst, self.reference_sd)

    @property
    def bias(self) -> float:
        """Mean error."""
        return self.copy_mean - self.reference_mean

    @property
    def rmse(self) -> float:
        """Root of the mean squared error."""
        return math.sqrt(self.mse)

    @property
    def nrmse(self) -> float:
        """Root-mean-square error in standard deviations of the reference."""
        return relative(self.rmse, self.reference_sd)

    @property
    def shown_error(self) -> float:
        """Root-mean-square error of what a display shows, in the reference's sd."""
        return relative(math.sqrt(self.shown_mse), self.reference_sd)

    @property
    def max_error_sd(self) -> float:
        """Largest absolute error in standard deviations of the reference."""
        return relative(self.max_error, self.reference_sd)

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB, with the reference's range."""
        return psnr(self.mse, self.reference_range)

    @property
    def correlation(self) -> float:
        """Pearson correlation of copy and reference; NaN where one of them is constant."""
        below = self.reference_sd * self.copy_sd
        return self.covariance / below if below > 0 else math.nan

    @property
    def gain(self) -> float:
        """Slope of the least-squares line copy = gain * reference + offset; NaN as above."""
        return self.covariance / self.reference_sd**2 if self.reference_sd > 0 else math.nan

    @property
    def residual_sd(self) -> float:
        """Standard deviation of what that line leaves, in standard deviations of the copy."""
        return math.sqrt(max(0.0, 1 - self.correlation**2))


class PixelSums:
    """Collects the differences brick by brick; the result does not depend on the bricks.

    Parameters
    ----------
    shape : tuple of int
        Of the volumes.
    cell : int, optional
        Edge in voxels of a cell of the local error map; by default so that the longest axis has
        at most 64 cells, and at least 4.
    shown : tuple of float
        What a display shows: densities beyond are black or white.
    """

    def __init__(
        self,
        shape: Triple,
        cell: int | None = None,
        shown: tuple[float, float] = EVERYTHING,
    ) -> None:
        self.shape, self.shown = shape, shown
        self._shown_squares = 0.0
        self.cell = cell or max(4, math.ceil(max(shape) / 64))
        cells = [math.ceil(extent / self.cell) for extent in shape]
        self._squares = np.zeros(cells)
        self._cell_voxels = np.zeros(cells, np.int64)
        self._cell_sums = np.zeros((5, *cells))
        self._along = tuple(np.zeros(extent, np.int64) for extent in shape)
        self._slices = tuple(np.zeros(extent) for extent in shape)
        self._moments = _Moments()
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)
        self._worst, self._worst_at = -1.0, -1
        self._differing = 0
        self._marks: list[int] = []
        self._bad = np.zeros(3, np.int64)
        self._bad_first = -1

    def add(self, brick: Brick, pool: Executor) -> None:
        """Add the voxels of a brick, behind its apron."""
        az = brick.apron[0]
        cut = pieces(brick.reference.shape[0] - az, brick.reference.size)
        for part in pool.map(lambda piece: _Part(self, brick, az + piece[0], az + piece[1]), cut):
            self._merge(part)

    def _merge(self, part: _Part) -> None:
        self._moments = self._moments.joined(_Moments(int(part.ints[0]), *part.floats[:5]))
        self._low = np.minimum(self._low, part.floats[[6, 8]])
        self._high = np.maximum(self._high, part.floats[[7, 9]])
        self._shown_squares += float(part.floats[10])
        at = int(part.ints[2])
        if at >= 0 and (part.floats[5], -at) > (self._worst, -self._worst_at):
            self._worst, self._worst_at = float(part.floats[5]), at
        self._differing += int(part.ints[1])
        self._marks = sorted(self._marks + part.marks[: part.ints[7]].tolist())[:MARKS]
        self._bad += part.ints[3:6]
        first = int(part.ints[6])
        if first >= 0 and (self._bad_first < 0 or first < self._bad_first):
            self._bad_first = first
        z, y, x = part.cells
        self._squares[z, y, x] += part.squares
        self._cell_voxels[z, y, x] += part.voxels
        self._cell_sums[:, z, y, x] += part.sums
        for axis, where in enumerate(part.box):
            self._along[axis][where] += part.along[axis]
            self._slices[axis][where] += part.slices[axis]

    def result(self) -> PixelErrors:
        """Return what was collected."""
        moments = self._moments
        n = moments.n
        share = 1 / n if n else math.nan
        with np.errstate(invalid="ignore"):
            cell_rms = np.sqrt(self._squares / np.where(self._cell_voxels, self._cell_voxels, 1))
        voxels = math.prod(self.shape)
        planes = [
            np.sqrt(squares * extent / voxels)
            for squares, extent in zip(self._slices, self.shape, strict=True)
        ]
        low, high = (self._low, self._high) if n else (np.full(2, np.nan), np.full(2, np.nan))
        return PixelErrors(
            shape=self.shape,
            n_finite=n,
            reference_mean=moments.mean_a if n else math.nan,
            reference_sd=math.sqrt(moments.aa * share) if n else math.nan,
            reference_range=float(high[0] - low[0]),
            copy_mean=moments.mean_b if n else math.nan,
            copy_sd=math.sqrt(moments.bb * share) if n else math.nan,
            copy_minimum=float(low[1]),
            copy_maximum=float(high[1]),
            covariance=moments.ab * share,
            mse=math.fsum(self._squares.flat) * share,
            shown_mse=self._shown_squares * share,
            max_error=self._worst if n else math.nan,
            max_error_at=self._position(self._worst_at) if self._worst > 0 else None,
            n_differing=self._differing,
            first_differing=self._position(self._marks[0]) if self._marks else None,
            marked=tuple(self._position(mark) for mark in self._marks),
            nonfinite_reference=int(self._bad[0]),
            nonfinite_copy=int(self._bad[1]),
            nonfinite_moved=int(self._bad[2]),
            nonfinite_first=self._position(self._bad_first) if self._bad_first >= 0 else None,
            differing_along=(self._along[0], self._along[1], self._along[2]),
            slice_rms=(planes[0], planes[1], planes[2]),
            cell=self.cell,
            cell_rms=cell_rms,
            **self._blocks(math.sqrt(moments.aa * share) if n else math.nan),
        )

    def _blocks(self, sd: float) -> dict[str, Floats]:
        """Return the error and the correlation of each block."""
        size = max(1, BLOCK // self.cell)
        n = _added_up(self._cell_voxels.astype(float), size)
        known = np.where(n > 0, n, 1.0)
        a, b, aa, bb, ab = (_added_up(part, size) / known for part in self._cell_sums)
        error = np.sqrt(_added_up(self._squares, size) / known)
        # What cancels in the differences leaves no more than rounding.
        variances = [np.maximum(x, 0.0) for x in (aa - a * a, bb - b * b)]
        below = np.sqrt(variances[0] * variances[1])
        flat = (np.sqrt(variances[0]) <= _FLAT * sd) | (below <= 1e-12 * np.sqrt(aa * bb))
        with np.errstate(invalid="ignore", divide="ignore"):
            correlation = np.where(
                flat, np.where(error > _ADDED * sd, 0.0, 1.0), (ab - a * b) / below
            )
        local = np.maximum(np.sqrt(variances[0]), _ADDED * sd)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative_error = np.where(error > 0, error / local, 0.0)
        return {
            "block_error": np.where(n > 0, relative_error, 0.0),
            "block_correlation": np.where(n > 0, np.nan_to_num(correlation, nan=1.0), 1.0),
        }

    def _position(self, flat: int) -> Triple:
        z, y, x = np.unravel_index(flat, self.shape)
        return int(z), int(y), int(x)


def _added_up(cells: Floats, size: int) -> Floats:
    """Return the sums over cubes of cells; those at the far ends may hold fewer."""
    for axis in range(3):
        cells = np.add.reduceat(cells, np.arange(0, cells.shape[axis], size), axis)
    return cells


@dataclass(frozen=True)
class _Moments:
    """Count, means and centred sums of products; joined after Chan, Golub and LeVeque (1983)."""

    n: int = 0
    mean_a: float = 0.0
    mean_b: float = 0.0
    aa: float = 0.0
    bb: float = 0.0
    ab: float = 0.0

    def joined(self, other: _Moments) -> _Moments:
        n = self.n + other.n
        if other.n == 0:
            return self
        da, db = other.mean_a - self.mean_a, other.mean_b - self.mean_b
        share = other.n / n
        weight = self.n * share
        return _Moments(
            n,
            self.mean_a + da * share,
            self.mean_b + db * share,
            self.aa + other.aa + da * da * weight,
            self.bb + other.bb + db * db * weight,
            self.ab + other.ab + da * db * weight,
        )


class _Part:
    """The sums over some planes of a brick, made by one thread."""

    def __init__(self, sums: PixelSums, brick: Brick, first: int, stop: int) -> None:
        _, ay, ax = brick.apron
        _, ny, nx = brick.reference.shape
        z, y, x = brick.start
        z += first - brick.apron[0]
        self.box = (
            slice(z, z + stop - first),
            slice(y, y + ny - ay),
            slice(x, x + nx - ax),
        )
        self.cells = tuple(
            slice(part.start // sums.cell, -(-part.stop // sums.cell)) for part in self.box
        )
        extent = tuple(part.stop - part.start for part in self.cells)
        self.squares, self.voxels = np.zeros(extent), np.zeros(extent, np.int64)
        self.sums = np.zeros((5, *extent))
        self.along = tuple(np.zeros(part.stop - part.start, np.int64) for part in self.box)
        self.slices = tuple(np.zeros(part.stop - part.start) for part in self.box)
        self.floats, self.ints = np.zeros(11), np.zeros(8, np.int64)
        self.marks = np.empty(MARKS, np.int64)
        bits = np.dtype(f"u{brick.reference.dtype.itemsize}")
        _difference(
            (brick.reference, brick.copy),
            (brick.reference.view(bits), brick.copy.view(bits)),
            (first, stop, ay, ax),
            ((z, y, x), sums.shape, sums.cell, sums.shown),
            (self.squares, self.voxels, self.sums),
            (self.along, self.slices),
            (self.floats, self.ints, self.marks),
        )


@compiled_for_finite
def _extremes(values: Any) -> Any:
    low = values[0]
    high = values[0]
    for x in range(values.shape[0]):
        low = min(low, values[x])
        high = max(high, values[x])
    return low, high


@compiled_for_finite
def _row(a: Any, b: Any, squares: Any, sums: Any, shown: Any, out: Any) -> None:
    # The mean first, then squares around it: sums of squares of large values would cancel.
    n = a.shape[0]
    sum_a = 0.0
    sum_b = 0.0
    for x in range(n):
        sum_a += np.float64(a[x])
        sum_b += np.float64(b[x])
    mean_a = sum_a / n
    mean_b = sum_b / n
    aa = 0.0
    bb = 0.0
    ab = 0.0
    worst = 0.0
    total = 0.0
    visible = 0.0
    black, white = shown
    # A loop for few sums at a time: with more, the compiler cannot tell in time that they lie apart
    # in memory, and gives up vectors.
    for x in range(n):
        p = np.float64(a[x])
        q = np.float64(b[x])
        error = q - p
        squares[x] += error * error
        total += error * error
        worst = max(worst, abs(error))
        error = min(max(q, black), white) - min(max(p, black), white)
        visible += error * error
    for x in range(n):
        sums[0, x] += np.float64(a[x])
        sums[1, x] += np.float64(b[x])
    for x in range(n):
        p = np.float64(a[x])
        q = np.float64(b[x])
        sums[2, x] += p * p
        sums[3, x] += q * q
    for x in range(n):
        p = np.float64(a[x])
        q = np.float64(b[x])
        sums[4, x] += p * q
        p -= mean_a
        q -= mean_b
        aa += p * p
        bb += q * q
        ab += p * q
    out[0] = mean_a
    out[1] = mean_b
    out[2] = aa
    out[3] = bb
    out[4] = ab
    out[5] = worst
    out[6], out[7] = _extremes(a)
    out[8], out[9] = _extremes(b)
    out[10] = total
    out[11] = visible


@compiled
def _compare(row_a: Any, row_b: Any, row_u: Any, row_v: Any, along_x: Any) -> tuple[int, int]:
    """Return how many voxels of a row differ in a bit, and how many are finite in both."""
    changed = 0
    finite = 0
    for x in range(row_a.shape[0]):
        different = int(row_u[x] != row_v[x])
        changed += different
        along_x[x] += different
        finite += int(np.isfinite(row_a[x]) and np.isfinite(row_b[x]))
    return changed, finite


@compiled
def _mark(row_u: Any, row_v: Any, here: int, marks: Any, marked: int) -> int:
    """Remember the first voxels that differ; return how many are remembered."""
    for x in range(row_u.shape[0]):
        if marked == marks.shape[0]:
            break
        if row_u[x] != row_v[x]:
            marks[marked] = here + x
            marked += 1
    return marked


@compiled
def _take_finite(rows: Any, here: int, scratch: Any, band: Any, ints: Any) -> int:
    """Copy what is finite in both rows, and count the rest; return how many were copied."""
    row_a, row_b = rows
    scratch_a, scratch_b = scratch
    row_squares, row_sums, counted = band
    k = 0
    for x in range(row_a.shape[0]):
        fine_a = np.isfinite(row_a[x])
        fine_b = np.isfinite(row_b[x])
        if fine_a and fine_b:
            scratch_a[k] = row_a[x]
            scratch_b[k] = row_b[x]
            k += 1
            p = np.float64(row_a[x])
            q = np.float64(row_b[x])
            row_squares[x] += (q - p) * (q - p)
            row_sums[0, x] += p
            row_sums[1, x] += q
            row_sums[2, x] += p * p
            row_sums[3, x] += q * q
            row_sums[4, x] += p * q
            counted[x] += 1
            continue
        ints[3] += not fine_a
        ints[4] += not fine_b
        # Infinity must stay the same infinity; any NaN is a NaN.
        same = row_a[x] == row_b[x] or (np.isnan(row_a[x]) and np.isnan(row_b[x]))
        if not same:
            ints[5] += 1
            if ints[6] < 0:
                ints[6] = here + x
    return k


@compiled
def _join(floats: Any, ints: Any, row: Any, finite: int) -> None:
    """Join a row's moments to those so far: Chan, Golub and LeVeque (1983)."""
    n = ints[0]
    total = n + finite
    da = row[0] - floats[0]
    db = row[1] - floats[1]
    share = finite / total
    weight = n * share
    floats[0] += da * share
    floats[1] += db * share
    floats[2] += row[2] + da * da * weight
    floats[3] += row[3] + db * db * weight
    floats[4] += row[4] + da * db * weight
    floats[6] = min(floats[6], row[6])
    floats[7] = max(floats[7], row[7])
    floats[8] = min(floats[8], row[8])
    floats[9] = max(floats[9], row[9])
    floats[10] += row[11]
    ints[0] = total


@compiled
def _place_of(row_a: Any, row_b: Any, worst: float) -> int:
    """Return where the error of a row is as large as its largest."""
    for x in range(row_a.shape[0]):
        if abs(np.float64(row_b[x]) - np.float64(row_a[x])) == worst:
            return x
    return -1


@compiled
def _put_into_cells(first: int, cell: int, band: Any, squares_x: Any, cells: Any) -> None:
    """Add the sums of a band of rows to their cells, and empty them."""
    row_squares, row_sums, counted = band
    squares, voxels, cell_sums = cells
    start = first // cell
    for x in range(row_squares.shape[0]):
        at = (first + x) // cell - start
        squares[at] += row_squares[x]
        squares_x[x] += row_squares[x]
        voxels[at] += counted[x]
        row_squares[x] = 0.0
        counted[x] = 0
    for i in range(5):
        for x in range(row_squares.shape[0]):
            cell_sums[i, (first + x) // cell - start] += row_sums[i, x]
            row_sums[i, x] = 0.0


@compiled
def _difference(
    volumes: Any, bits: Any, part: Any, place: Any, maps: Any, along: Any, out: Any
) -> None:
    """Add up the differences of two boxes, row by row.

    `floats` takes the means and centred products of `_Moments`, the largest error, the extremes of
    reference and copy, and the squared error as shown; `ints` how many voxels are finite and how
    many differ, where the largest error is, how many are not finite in the reference, in the copy,
    in one of them alone, the first of these, and how many are marked.
    """
    a, b = volumes
    bits_a, bits_b = bits
    origin, shape, cell, shown = place
    squares, voxels, cell_sums = maps
    (along_z, along_y, along_x), (squares_z, squares_y, squares_x) = along
    floats, ints, marks = out
    first, stop, ay, ax = part
    oz, oy, ox = origin
    ny = a.shape[1] - ay
    nx = a.shape[2] - ax
    band = np.zeros(nx), np.zeros((5, nx)), np.zeros(nx, np.int64)
    row_squares, row_sums, counted = band
    scratch = np.empty(nx, a.dtype), np.empty(nx, a.dtype)
    # What a row that lacks voxels adds to its cells has been added; its moments alone are wanted.
    unused_squares, unused_sums = np.zeros(nx), np.zeros((5, nx))
    row = np.zeros(12)
    floats[5] = -1.0
    floats[6] = floats[8] = np.inf
    floats[7] = floats[9] = -np.inf
    ints[2] = ints[6] = -1
    for plane in range(first, stop):
        z = oz + plane - first
        cz = z // cell - oz // cell
        for line in range(ny):
            y = oy + line
            cy = y // cell - oy // cell
            here = (z * shape[1] + y) * shape[2] + ox
            row_a, row_b = a[plane, line + ay, ax:], b[plane, line + ay, ax:]
            row_u, row_v = bits_a[plane, line + ay, ax:], bits_b[plane, line + ay, ax:]
            changed, finite = _compare(row_a, row_b, row_u, row_v, along_x)
            if changed:
                ints[1] += changed
                along_z[plane - first] += changed
                along_y[line] += changed
                ints[7] = _mark(row_u, row_v, here, marks, ints[7])
            if finite == nx:
                _row(row_a, row_b, row_squares, row_sums, shown, row)
                counted += 1
            else:
                k = _take_finite((row_a, row_b), here, scratch, band, ints)
                if k:
                    _row(scratch[0][:k], scratch[1][:k], unused_squares, unused_sums, shown, row)
            if finite:
                _join(floats, ints, row, finite)
                squares_z[plane - first] += row[10]
                squares_y[line] += row[10]
                if row[5] > floats[5]:
                    floats[5] = row[5]
                    ints[2] = here + _place_of(row_a, row_b, row[5])
            if (y + 1) % cell == 0 or line == ny - 1:
                cells = squares[cz, cy], voxels[cz, cy], cell_sums[:, cz, cy]
                _put_into_cells(ox, cell, band, squares_x, cells)
