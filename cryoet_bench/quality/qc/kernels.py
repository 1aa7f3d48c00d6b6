"""The two loops over voxels that every check of a volume is answered from.

Hand-written: numpy needs a pass (and a temporary volume) for each of about fifteen quantities,
and no library fuses them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.compiled import compiled

Array = npt.NDArray[Any]

BLOCK = 16
BINS = 65536
SEGMENT = 1024


# One function with plain arguments and a loop for few sums at a time, because that is what compiles
# to vectors.
@compiled
def accumulate(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917
    data: Array,
    bits: Array,
    frame: Array,
    origin_y: int,
    origin_x: int,
    z_sums: Array,
    y_sums: Array,
    x_sums: Array,
    powers: Array,
    special: Array,
    products: Array,
    low: Array,
    high: Array,
    histogram: Array,
) -> np.unsignedinteger[Any]:
    """Add a box of voxels to sums, histogram and extremes; return its bit patterns joined.

    Patterns are joined until the lowest bit is in use, beyond which they tell nothing more.

    Parameters
    ----------
    data : float32 or float64, shape (z, y, x)
        The box, C-contiguous.
    bits : uint32 or uint64, shape (z, y, x)
        The same memory as integers.
    frame : float64, shape (4,)
        ``pivot, scale, stretch, offset``: a voxel v is d = (v - pivot) * scale in the sums and
        falls into bin floor(d * stretch + offset). The pivot is exact in data's dtype.
    origin_y, origin_x : int
        Where the box starts in its volume, to which blocks are aligned.
    z_sums, y_sums, x_sums : float64, shape (3, n)
        Per slice: finite voxels, sum of d, sum of d squared.
    powers : float64, shape (2,)
        Sums of d cubed and d to the fourth.
    special : int64, shape (3,)
        Voxels that are NaN, plus and minus infinity.
    products : float64, shape (z,)
        Sum of d times its neighbour's in the slice before; the first stays untouched.
    low, high : float, shape (z, blocks of y, blocks of x)
        Extremes of the finite voxels in each slice of each block.
    histogram : int64, shape (BINS,)
        Finite voxels; what lies beyond falls into the outermost bins.
    """
    depth, height, width = data.shape
    pivot, scale, stretch, offset = frame[0], frame[1], frame[2], frame[3]
    joined = np.uint64(0)
    infinity = np.inf
    least = np.empty(width, data.dtype)
    most = np.empty(width, data.dtype)
    clean = np.empty(width, data.dtype)
    places = np.empty(width, np.uint32)
    # Half as wide, because it is in the cache twice as often.
    counts = np.zeros(BINS, np.uint32)
    centre, zero = data.dtype.type(pivot), data.dtype.type(0)
    x_total, x_square = x_sums[1], x_sums[2]
    for z in range(depth):
        for y in range(height):
            if y == 0 or (origin_y + y) % BLOCK == 0:
                least[:] = infinity
                most[:] = -infinity
            row = data[z, y]
            if not joined & np.uint64(1):
                for x in range(width):
                    joined |= np.uint64(bits[z, y, x])
            check = zero
            for x in range(width):
                check += row[x] * zero
            missing = 0
            if check == zero:
                for x in range(width):
                    least[x] = min(least[x], row[x])
                    most[x] = max(most[x], row[x])
            else:
                for x in range(width):
                    value = row[x]
                    clean[x] = value
                    if np.isfinite(value):
                        least[x] = min(least[x], value)
                        most[x] = max(most[x], value)
                        continue
                    clean[x] = centre
                    missing += 1
                    x_sums[0, x] -= 1
                    special[0 if np.isnan(value) else 1 if value > 0 else 2] += 1
                row = clean
            first = second = third = fourth = 0.0
            for x in range(width):
                d = (row[x] - pivot) * scale
                square = d * d
                first += d
                second += square
                third += square * d
                fourth += square * square
                x_total[x] += d
                x_square[x] += square
                places[x] = np.uint32(min(max(d * stretch + offset, 0.0), BINS - 1.0))
            for x in range(width):
                counts[places[x]] += np.uint32(1)
            if missing:
                # They were counted at the pivot.
                histogram[int(min(max(offset, 0.0), BINS - 1.0))] -= missing
            if z > 0:
                above = data[z - 1, y]
                product = 0.0
                for x in range(width):
                    product += (row[x] - pivot) * (above[x] - pivot)
                products[z] += product * scale * scale
            z_sums[0, z] += width - missing
            z_sums[1, z] += first
            z_sums[2, z] += second
            y_sums[0, y] += width - missing
            y_sums[1, y] += first
            y_sums[2, y] += second
            powers[0] += third
            powers[1] += fourth
            if y == height - 1 or (origin_y + y + 1) % BLOCK == 0:
                band = (origin_y + y) // BLOCK - origin_y // BLOCK
                for x in range(width):
                    block = (origin_x + x) // BLOCK - origin_x // BLOCK
                    low[z, band, block] = min(low[z, band, block], least[x])
                    high[z, band, block] = max(high[z, band, block], most[x])
    for x in range(width):
        x_sums[0, x] += depth * height
    for place in range(BINS):
        histogram[place] += counts[place]
    return joined


@compiled
def collect(  # noqa: C901, PLR0913, PLR0917
    data: Array,
    origin: Array,
    windows: Array,
    extremes: Array,
    limits: Array,
    below: Array,
    at_extremes: Array,
    inside: Array,
    hot: Array,
    blocks: Array,
) -> tuple[int, int]:
    """Collect voxels near given quantiles, and single voxels far out; return how many of each.

    Parameters
    ----------
    data : float32 or float64, shape (z, y, x)
        The box, C-contiguous.
    origin : int64, shape (3,)
        Where the box starts in its volume, to which blocks are aligned.
    windows : data's dtype, shape (n, 2)
        Closed ranges of values that are wanted.
    extremes : data's dtype, shape (2,)
        The volume's least and largest value.
    limits : data's dtype, shape (3,)
        The centre of the bulk, and the values below and above which a voxel is an outlier.
    below : int64, shape (n,)
        Counts the voxels below each window.
    at_extremes : int64, shape (2,)
        Counts the voxels that equal the extremes.
    inside : data's dtype, shape (m,)
        Takes the voxels in the windows, m as many as the box has.
    hot : int64, shape (k,)
        Takes the flat positions of outliers that stand alone; what does not fit is counted only.
    blocks : int64, shape (blocks of z, y, x)
        Counts the outliers.
    """
    flat = data.ravel()
    size = flat.size
    least, most = extremes[0], extremes[1]
    under, over = limits[1], limits[2]
    none, one = np.float32(0), np.float32(1)
    # Voxels of a segment to look at, seen eight at a time: few are.
    marks = np.zeros(SEGMENT, np.uint8)
    words = marks.view(np.uint64)
    wanted = alone = 0
    for start in range(0, size, SEGMENT):
        part = flat[start : min(start + SEGMENT, size)]
        for i in range(part.size):
            value = part[i]
            marks[i] = (value < under) | (value > over) | (value == least) | (value == most)
        for k in range(len(windows)):
            low, high = windows[k, 0], windows[k, 1]
            less = none
            for i in range(part.size):
                less += one if part[i] < low else none
            below[k] += int(less)
            for i in range(part.size):
                marks[i] |= (part[i] >= low) & (part[i] <= high)
        for word in range(-(-part.size // 8)):
            if words[word] == 0:
                continue
            for i in range(8 * word, min(8 * word + 8, part.size)):
                if not marks[i]:
                    continue
                value = part[i]
                for k in range(len(windows)):
                    if (value >= windows[k, 0]) & (value <= windows[k, 1]):
                        inside[wanted] = value
                        wanted += 1
                        break
                at_extremes[0] += value == least
                at_extremes[1] += value == most
                if ((value < under) | (value > over)) & np.isfinite(value):
                    alone += _outlier(data, start + i, origin, limits[0], alone, hot, blocks)
    return wanted, alone


@compiled
def _outlier(
    data: Array, place: int, origin: Array, centre: float, alone: int, hot: Array, blocks: Array
) -> int:
    """Count an outlier in its block, and note it where it stands alone."""
    depth, height, width = data.shape
    z, y, x = place // (height * width), place // width % height, place % width
    blocks[
        (origin[0] + z) // BLOCK - origin[0] // BLOCK,
        (origin[1] + y) // BLOCK - origin[1] // BLOCK,
        (origin[2] + x) // BLOCK - origin[2] // BLOCK,
    ] += 1
    half = (data[z, y, x] - centre) / 2
    for i in range(max(z - 1, 0), min(z + 2, depth)):
        for j in range(max(y - 1, 0), min(y + 2, height)):
            for k in range(max(x - 1, 0), min(x + 2, width)):
                value = data[i, j, k] - centre
                here = (i == z) & (j == y) & (k == x)
                if not here and (value >= half if half > 0 else value <= half):
                    return 0
    if alone < hot.size:
        hot[alone] = place
    return 1


@compiled
def plane_product(first: Array, second: Array, frame: Array) -> float:
    """Return the sum over two planes of d times d, with d as for `accumulate`."""
    pivot, scale = frame[0], frame[1]
    total = 0.0
    height, width = first.shape
    for y in range(height):
        product = 0.0
        for x in range(width):
            product += (first[y, x] - pivot) * (second[y, x] - pivot)
        total += product * scale * scale
    return total


@compiled
def beside_largest(data: Array, low: float, lower: float, high: float) -> tuple[int, int]:
    """Return how many neighbours (of six) of the largest voxels are small.

    Parameters
    ----------
    data : float32 or float64, shape (z, y, x)
        The box, C-contiguous.
    low, lower : float
        Neighbours below the first, and between the two, are counted.
    high : float
        Above it, a voxel is one of the largest.
    """
    depth, height, width = data.shape
    bottom, inner, top = data.dtype.type(low), data.dtype.type(lower), data.dtype.type(high)
    lowest = between = 0
    for z in range(depth):
        for y in range(height):
            row = data[z, y]
            rare = False
            for x in range(width):
                rare |= row[x] > top
            if not rare:
                continue
            for x in range(width):
                if not row[x] > top:
                    continue
                for axis, at, size in ((0, z, depth), (1, y, height), (2, x, width)):
                    for step in (-1, 1):
                        if not 0 <= at + step < size:
                            continue
                        value = data[
                            z + step * (axis == 0), y + step * (axis == 1), x + step * (axis == 2)
                        ]
                        lowest += value < bottom
                        between += bottom <= value < inner
    return lowest, between
