"""The two sweeps over a volume, box by box along its chunks, in bounded memory.

The first sums, bins and finds extremes; the second collects what the first has narrowed down.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc import padding as pad
from cryoet_bench.quality.qc.copies import Copy, Samples, copies, sampled, spacing
from cryoet_bench.quality.qc.frame import Frame
from cryoet_bench.quality.qc.kernels import (
    BLOCK,
    accumulate,
    beside_largest,
    collect,
    plane_product,
)
from cryoet_bench.quality.qc.padding import Padding
from cryoet_bench.quality.qc.sums import Sums
from cryoet_bench.quality.qc.tiles import Tiles, scaled, tile, tile_edge
from cryoet_bench.volume.boxes import (
    Box,
    Voxels,
    boxes,
    chunk_shape,
    read_box,
    return_freed_memory,
    whole_chunks,
)
from cryoet_bench.volume.bricks import working_dtype

Array = npt.NDArray[Any]
BOX_BYTES = 16 * 2**20
IN_FLIGHT_BYTES = 160 * 2**20
HOT_ROOM = 1000
# Values within these shares of the range, from an end of it, are at that end, or on that side.
RANGE_END, RANGE_SIDE = 0.08, 0.4
Progress = Callable[[float], None]


@dataclass(frozen=True)
class _Part:
    """A box's sums, and its outer slices for the product with the neighbouring boxes."""

    box: Box
    sums: Sums
    first: Array
    last: Array


class Sweeper:
    """Runs a kernel over all boxes of an array on some threads, in order and in bounded memory."""

    def __init__(self, array: Voxels, workers: int, progress: Progress | None) -> None:
        self.array = array
        z, y, x = array.shape
        self.shape = (z, y, x)
        self.dtype = working_dtype(array.dtype)
        chunks = chunk_shape(array)
        if chunks is not None:
            return_freed_memory()
        self.boxes = self._cover(chunks, BOX_BYTES // self.dtype.itemsize)
        if chunks is None and len(self.boxes) < workers:
            smaller = math.ceil(math.prod(self.shape) / workers)
            self.boxes = self._cover(chunks, max(smaller, 2**16))
        largest = math.prod(s.stop - s.start for s in self.boxes[0]) * self.dtype.itemsize
        # A Zarr chunk is held about three times while it is read: stored, decoded, placed.
        self.workers = max(
            1, min(workers, IN_FLIGHT_BYTES // (largest if chunks is None else 2 * largest))
        )
        self.progress = progress
        self._sweeps = 0
        self.rounds = 0
        self.padding = Padding((slice(0, z), slice(0, y), slice(0, x)))

    def _cover(self, chunks: Sequence[int] | None, limit: int) -> list[Box]:
        return list(boxes(self.shape, whole_chunks(self.shape, chunks, limit)))

    def sum(self, frame: Frame) -> Sums:
        """Run the first sweep."""
        grid = tuple(-(-n // BLOCK) for n in self.shape)
        total = Sums.empty(self.shape, grid, self.dtype)
        faces: dict[tuple[int, int, int, int, int], Array] = {}
        for part in self._map(lambda box: self._sum_box(box, frame)):
            z, y, x = part.box
            sums = part.sums
            total.z[:, z] += sums.z
            total.y[:, y] += sums.y
            total.x[:, x] += sums.x
            total.products[z] += sums.products
            for name in ("powers", "special", "histogram"):
                getattr(total, name)[...] += getattr(sums, name)
            blocks = _blocks(part.box)
            total.low[blocks] = np.minimum(total.low[blocks], sums.low)
            total.high[blocks] = np.maximum(total.high[blocks], sums.high)
            total.slice_low[z] = np.minimum(total.slice_low[z], sums.slice_low)
            total.slice_high[z] = np.maximum(total.slice_high[z], sums.slice_high)
            total.bits |= sums.bits
            total.padded += sums.padded
            total.corners |= sums.corners
            total.compared += sums.compared
            footprint = (y.start, y.stop, x.start, x.stop)
            before = faces.pop((z.start, *footprint), None)
            if before is not None:
                total.products[z.start] += plane_product(before, part.first, frame.numbers)
            faces[(z.stop, *footprint)] = part.last
        return total

    def collect(
        self,
        windows: Array,
        extremes: Sequence[float],
        limits: Sequence[float],
        unit: tuple[float, float],
    ) -> Collected:
        """Run the second sweep; tiles count voxels as (v - unit[0]) * unit[1]."""
        edge, sparse = tile_edge(self.shape), spacing(self.shape)
        found = Collected(
            below=np.zeros(len(windows), np.int64),
            at_extremes=np.zeros(2, np.int64),
            blocks=np.zeros([-(-n // BLOCK) for n in self.shape], np.int64),
            tiles=Tiles.empty(self.shape, edge),
        )
        edges = np.asarray(windows, self.dtype)
        bounds = np.array(limits, self.dtype)
        ends = np.array(extremes, self.dtype)
        faces: dict[tuple[int, int, tuple[slice, ...]], Array] = {}

        def work(box: Box) -> tuple[Box, Collected]:
            return box, self._collect_box(box, edges, ends, bounds, (edge, sparse, *unit))

        for box, part in self._map(work):
            found.below += part.below
            found.at_extremes += part.at_extremes
            found.inside += part.inside
            found.hot += part.hot
            found.blocks[_blocks(box)] += part.blocks
            found.places += part.places if len(found.places) < HOT_ROOM else []
            found.beside_largest += part.beside_largest
            found.samples += part.samples
            found.tiles.add(box, part.tiles)
            for axis, (first, last) in enumerate(part.faces):
                footprint = tuple(s for other, s in enumerate(box) if other != axis)
                before = faces.pop((axis, box[axis].start, footprint), None)
                if before is not None:
                    found.tiles.join(axis, box, before, first)
                if box[axis].stop < self.shape[axis]:
                    faces[axis, box[axis].stop, footprint] = last
        return found

    def _map[Result](self, work: Callable[[Box], Result]) -> Iterator[Result]:
        """Yield the results for all boxes in order, with few boxes in memory at a time."""
        started = len(self.boxes) * min(self._sweeps, 1)
        self._sweeps += 1
        with ThreadPoolExecutor(self.workers) as pool:
            running: list[Future[Result]] = []
            waiting = iter(self.boxes)
            for done in range(1, len(self.boxes) + 1):
                room = self.workers + 1 - len(running)
                running += [pool.submit(work, box) for box in itertools.islice(waiting, room)]
                yield running.pop(0).result()
                if self.progress is not None:
                    self.progress(min(1.0, (started + done) / (2 * len(self.boxes))))

    def read(self, box: Box) -> Array:
        """Read a box, padding set to NaN, as `read_box` does."""
        data = read_box(self.array, box).astype(self.dtype)
        if self.padding.applies(box):
            self.padding.blank(data, box)
        return data

    def _read(self, box: Box) -> tuple[Array, int]:
        """Read a box; return it with padding set to NaN, and how many voxels that were."""
        data = np.ascontiguousarray(np.asarray(self.array[box]), dtype=self.dtype).view()
        padded = 0
        if self.padding.applies(box):
            data = data.copy()
            padded = self.padding.blank(data, box)
        # Mapped files are read-only, which the compiler takes for a type of its own: one for all.
        data.flags.writeable = False
        return data, padded

    def _sum_box(self, box: Box, frame: Frame) -> _Part:
        data, padded = self._read(box)
        z, y, x = box
        bands = tuple(-(-s.stop // BLOCK) - s.start // BLOCK for s in box)
        sums = Sums.empty(data.shape, bands, self.dtype)
        sums.padded = padded
        sums.corners = pad.corner_of(data, box, self.padding.box)
        few = data[::4, ::4]
        sums.compared = np.array([
            np.count_nonzero(few[:, :, 1:] == few[:, :, :-1]),
            np.count_nonzero(np.isfinite(few[:, :, 1:]) & np.isfinite(few[:, :, :-1])),
        ])  # fmt: skip
        low = np.full((len(data), *bands[1:]), np.inf, self.dtype)
        high = np.full((len(data), *bands[1:]), -np.inf, self.dtype)
        integers = np.dtype(f"u{self.dtype.itemsize}")
        sums.bits = int(
            accumulate(
                data,
                data.view(integers),
                frame.numbers,
                y.start,
                x.start,
                sums.z,
                sums.y,
                sums.x,
                sums.powers,
                sums.special,
                sums.products,
                low,
                high,
                sums.histogram,
            )
        )
        starts = np.unique(np.r_[0, np.arange(-z.start % BLOCK, len(data), BLOCK)])
        sums.low = np.minimum.reduceat(low, starts, axis=0)
        sums.high = np.maximum.reduceat(high, starts, axis=0)
        sums.slice_low = low.min(axis=(1, 2))
        sums.slice_high = high.max(axis=(1, 2))
        return _Part(box, sums, data[0].copy(), data[-1].copy())

    def _collect_box(
        self,
        box: Box,
        windows: Array,
        extremes: Array,
        limits: Array,
        tiling: tuple[int, int, float, float],
    ) -> Collected:
        data, _ = self._read(box)
        edge, sparse, centre, scale = tiling
        found = Collected(
            below=np.zeros(len(windows), np.int64),
            at_extremes=np.zeros(2, np.int64),
            blocks=np.zeros([-(-s.stop // BLOCK) - s.start // BLOCK for s in box], np.int64),
            tiles=tile(data, box, edge, centre, scale),
        )
        found.faces = [
            (scaled(planes[:2], centre, scale), scaled(planes[-2:], centre, scale))
            for planes in (np.moveaxis(data, axis, 0) for axis in range(3))
        ]
        found.samples = [sampled(data, [s.start for s in box], sparse)]
        least, most = (float(value) for value in extremes)
        end, side = RANGE_END * (most - least), RANGE_SIDE * (most - least)
        found.beside_largest[:] = beside_largest(data, least + end, least + side, most - end)
        origin = np.array([s.start for s in box])
        # Room for every voxel costs nothing until it is written to.
        inside, hot = np.empty(data.size, self.dtype), np.empty(data.size, np.int64)
        wanted, found.hot = collect(
            data,
            origin,
            windows,
            extremes,
            limits,
            found.below,
            found.at_extremes,
            inside,
            hot,
            found.blocks,
        )
        found.inside = [np.unique(inside[:wanted], return_counts=True)]
        within = np.stack(np.unravel_index(hot[: found.hot], data.shape), axis=1)
        stops = np.array([s.stop for s in box])
        behind = (within == 0) & (origin > 0)
        ahead = (within == np.array(data.shape) - 1) & (stops < self.shape)
        at_face = np.flatnonzero((behind | ahead).any(axis=1))[:HOT_ROOM]
        company = [
            index for index in at_face if not self._stands_alone(within[index], box, data, limits)
        ]
        lone = np.delete(within, company, axis=0)
        found.hot = len(lone)
        found.places = list(lone[:HOT_ROOM] + origin)
        return found

    def _stands_alone(self, place: Array, box: Box, data: Array, limits: Array) -> bool:
        """Judge a hot voxel on the face of its box by its neighbours in the next box, too."""
        around = tuple(
            slice(max(s.start + at - 1, 0), min(s.start + at + 2, n))
            for s, at, n in zip(box, place, self.shape, strict=True)
        )
        half = (data[tuple(place)] - limits[0]) / 2
        with np.errstate(invalid="ignore"):
            beside = np.asarray(self.array[around], self.dtype) - limits[0]
        return int(np.count_nonzero(beside >= half if half > 0 else beside <= half)) == 1


@dataclass
class Collected:
    """What the second sweep finds in a box or a whole volume.

    Parameters
    ----------
    below : numpy.ndarray, shape (windows,)
        Voxels below each window.
    at_extremes : numpy.ndarray, shape (2,)
        Voxels at the minimum and at the maximum.
    blocks : numpy.ndarray, shape (z, y, x)
        Outliers in each block of `kernels.BLOCK` voxels a side.
    tiles : Tiles
        Statistics of planes.
    inside : list of (numpy.ndarray, numpy.ndarray)
        The values in the windows and how often each occurs, box by box.
    hot, places
        How many voxels stand alone, and z, y, x of the first `HOT_ROOM` of them.
    faces : list of (numpy.ndarray, numpy.ndarray)
        The first and the last two planes of a box across z, y and x.
    samples : list of Samples
        What copies are found by, box by box.
    beside_largest : numpy.ndarray, shape (2,)
        As in `Survey`.
    """

    below: Array
    at_extremes: Array
    blocks: Array
    tiles: Tiles
    inside: list[tuple[Array, Array]] = field(default_factory=list)
    hot: int = 0
    places: list[Array] = field(default_factory=list)
    faces: list[tuple[Array, Array]] = field(default_factory=list)
    samples: list[Samples] = field(default_factory=list)
    beside_largest: Array = field(default_factory=lambda: np.zeros(2, np.int64))

    @property
    def copies(self) -> list[Copy]:
        """Parts that occur twice."""
        return copies(Samples(*map(np.concatenate, zip(*self.samples, strict=True))))

    @property
    def values(self) -> tuple[Array, Array]:
        """The values in the windows, sorted, and how often each occurs."""
        values = np.concatenate([part[0] for part in self.inside]).astype(np.float64)
        return merged(values, np.concatenate([part[1] for part in self.inside]))


def _blocks(box: Box) -> Box:
    """Return where a box lies in the grid of blocks."""
    z, y, x = (slice(s.start // BLOCK, -(-s.stop // BLOCK)) for s in box)
    return z, y, x


def merged(values: Array, counts: Array) -> tuple[Array, Array]:
    """Sort values and add up the counts of equal ones."""
    # Unlike np.unique, this makes use of the sorted runs that values come in.
    order = np.argsort(values, kind="stable")
    values, counts = values[order], counts[order]
    first = np.ones(values.size, bool)
    first[1:] = values[1:] != values[:-1]
    starts = np.flatnonzero(first)
    return values[starts], np.add.reduceat(counts, starts, dtype=np.int64)
