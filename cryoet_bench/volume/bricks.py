"""Two volumes read side by side, brick after brick, so that neither has to fit in memory.

A brick follows the chunks of what is read, so every chunk is decoded once. Each brick comes with
an apron, the voxels just before it: a window that straddles two bricks is then seen whole, once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.volume.boxes import Box, Triple, Voxels, boxes, stored_pieces

SMALLEST_BRICK = 2**21
LARGEST_BRICK = 2**24


def own(volume: Voxels, box: Box, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a box of a volume that may be written to, whoever else holds the volume."""
    return np.array(volume[box], dtype)


@dataclass(frozen=True, eq=False)
class Brick:
    """The same box of both volumes.

    Parameters
    ----------
    start : tuple of int
        First voxel of the box itself, behind the apron.
    apron : tuple of int
        How many voxels before the box the arrays begin, along z, y, x.
    reference, copy : numpy.ndarray
        Voxels of apron and box, C-contiguous, both float32 or both float64.
    """

    start: Triple
    apron: Triple
    reference: npt.NDArray[Any]
    copy: npt.NDArray[Any]


def working_dtype(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """Return the float type that holds all values of some types exactly (64-bit integers: to 2^53).

    It is float32 where that is enough.
    """
    small = all(np.can_cast(dtype, np.float32, "safe") for dtype in dtypes)
    return np.dtype(np.float32 if small else np.float64)


def brick_shape(reference: Voxels, copy: Voxels) -> Triple:
    """Return the box to read at once: whole chunks of both volumes where memory allows.

    Small chunks are joined until reading one box is worth a call; a chunk of more than 16
    million voxels is read in parts, so it is decoded more than once.
    """
    shape = [max(1, extent) for extent in reference.shape]
    pieces = (stored_pieces(reference), stored_pieces(copy))
    box = [
        min(extent, max(piece[axis] for piece in pieces if piece) if any(pieces) else 1)
        for axis, extent in enumerate(shape)
    ]
    for axis in (2, 1, 0):
        room = SMALLEST_BRICK // math.prod(box)
        if room > 1:
            box[axis] = min(shape[axis], box[axis] * room)
    for axis in (0, 1, 2):
        excess = math.ceil(math.prod(box) / LARGEST_BRICK)
        box[axis] = max(1, box[axis] // excess)
    return box[0], box[1], box[2]


def walk(
    reference: Voxels, copy: Voxels, *, apron: int = 0, step: Triple | None = None
) -> Iterator[Brick]:
    """Read two volumes of one shape together, every voxel once.

    Parameters
    ----------
    reference, copy : array-like, shape (z, y, x)
        Any real dtypes and chunkings.
    apron : int
        Voxels wanted before each box, along each axis.
    step : tuple of int, optional
        The box; by default it follows the chunks.
    """
    dtype = working_dtype(reference.dtype, copy.dtype)
    readers = [_reader(volume, apron, dtype) for volume in (reference, copy)]
    for box in boxes(reference.shape, step or brick_shape(reference, copy)):
        first, second = (reader.read(box) for reader in readers)
        start = box[0].start, box[1].start, box[2].start
        margin = min(apron, start[0]), min(apron, start[1]), min(apron, start[2])
        yield Brick(start, margin, first, second)


def _reader(volume: Voxels, apron: int, dtype: np.dtype[Any]) -> _Direct | _Remembering:
    if isinstance(volume, np.ndarray):
        return _Direct(volume, apron, dtype)
    return _Remembering(volume, apron, dtype)


class _Direct:
    """Reads what is already in memory or mapped: an apron costs nothing."""

    def __init__(self, volume: npt.NDArray[Any], apron: int, dtype: np.dtype[Any]) -> None:
        self._volume, self._apron, self._dtype = volume, apron, dtype

    def read(self, box: Box) -> npt.NDArray[Any]:
        z, y, x = (slice(max(0, part.start - self._apron), part.stop) for part in box)
        return np.ascontiguousarray(self._volume[z, y, x], dtype=self._dtype)


class _Remembering:
    """Keeps the last sections that it read along each axis, so that no chunk is decoded twice.

    Boxes must come in order, x fastest. What is kept holds the aprons of the axes after it, so
    the three pieces around a box fit together without being read again.
    """

    def __init__(self, volume: Voxels, apron: int, dtype: np.dtype[Any]) -> None:
        self._volume, self._apron, self._dtype = volume, apron, dtype
        _, y, x = volume.shape
        self._planes = np.empty((apron, y, x), dtype)
        self._rows = np.empty((0, apron, x), dtype)
        self._columns = np.empty((0, 0, apron), dtype)

    def read(self, box: Box) -> npt.NDArray[Any]:
        apron = self._apron
        before = az, ay, ax = [min(apron, part.start) for part in box]
        extent = [part.stop - part.start + a for part, a in zip(box, before, strict=True)]
        voxels = np.empty(extent, self._dtype)
        voxels[az:, ay:, ax:] = self._volume[box]
        if apron == 0:
            return voxels
        _, y, x = box
        voxels[:az, ay:, ax:] = self._planes[apron - az :, y, x]
        if ay:
            voxels[:, :ay, ax:] = self._rows[:, apron - ay :, x]
        if ax:
            voxels[:, :, :ax] = self._columns[:, :, -ax:]
        kept_z, kept_y = min(apron, extent[0]), min(apron, extent[1])
        self._planes[apron - kept_z :, y, x] = voxels[-kept_z:, ay:, ax:]
        if len(self._rows) != extent[0]:
            self._rows = np.empty((extent[0], apron, self._volume.shape[2]), self._dtype)
        self._rows[:, apron - kept_y :, x] = voxels[:, -kept_y:, ax:]
        self._columns = voxels[:, :, -apron:].copy()
        return voxels
