"""Reading in boxes: the protocol of an array that can, and how a volume is cut into boxes."""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Triple = tuple[int, int, int]
Box = tuple[slice, slice, slice]

# Voxels that are decoded at once where chunks are smaller.
PIECE = 2**23

_M_MMAP_THRESHOLD = -3  # of <malloc.h>


class Voxels(Protocol):
    """What is read in boxes: a numpy array, a memory-mapped file, a Zarr or Dask array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along z, y, x."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""
        ...

    def __getitem__(self, box: Any, /) -> Any:
        """Return the voxels of a box."""
        ...


def chunk_shape(array: Voxels) -> Triple | None:
    """Return the array's chunks where it has any; irregular Dask chunks count as their largest."""
    chunks = getattr(array, "chunks", None)
    if not chunks:
        return None
    z, y, x = (max(edge) if isinstance(edge, tuple) else int(edge) for edge in chunks)
    return z, y, x


def stored_pieces(array: Voxels) -> tuple[int, ...] | None:
    """Return what the store reads at once: shards where there are any, else chunks."""
    shards: tuple[int, ...] | None = getattr(array, "shards", None)
    return shards or chunk_shape(array)


def whole_chunks(shape: Sequence[int], chunks: Sequence[int] | None, limit: int) -> Triple:
    """Return the box of whole chunks and about `limit` voxels that keeps rows long."""
    step = [max(1, min(a, b)) for a, b in zip(chunks or (1, 1, 1), shape, strict=True)]
    for axis in (2, 1, 0):
        room = max(1, limit // math.prod(step))
        step[axis] = min(shape[axis], step[axis] * room)
    return step[0], step[1], step[2]


def boxes(shape: tuple[int, ...], step: Triple) -> Iterator[Box]:
    """Cut a volume into boxes, x fastest; the last along an axis may be thinner."""
    starts = (range(0, extent, size) for extent, size in zip(shape, step, strict=True))
    for corner in itertools.product(*starts):
        z, y, x = (
            slice(first, min(first + size, extent))
            for first, size, extent in zip(corner, step, shape, strict=True)
        )
        yield z, y, x


def read_box(array: Voxels, box: Any) -> npt.NDArray[Any]:
    """Return the voxels of a box, of which a few chunks at most are decoded at a time.

    zarr decodes all the chunks of a box at once: where eight of the portal's meet, a single voxel
    of each costs 1 GB. Here a box is put together from pieces of at most 8 million voxels, or of
    one chunk. Integers drop their axis, as in numpy.
    """
    chunks = stored_pieces(array)
    if chunks is None:
        return np.asarray(array[box])
    places = ((box if isinstance(box, tuple) else (box,)) + (slice(None),) * 3)[:3]
    spans = [
        range(*part.indices(extent)) if isinstance(part, slice) else range(extent)[part:][:1]
        for part, extent in zip(places, array.shape, strict=True)
    ]
    step = list(chunks)
    for axis in (2, 1, 0):
        step[axis] *= max(1, PIECE // math.prod(step))
    pieces = [
        [
            (max(span.start, at), min(span.stop, at + size))
            for at in range(span.start // size * size, span.stop, size)
        ]
        for span, size in zip(spans, step, strict=True)
    ]
    if all(len(along) == 1 for along in pieces):
        voxels = np.asarray(array[tuple(slice(*along[0]) for along in pieces)])
    else:
        voxels = np.empty([len(span) for span in spans], array.dtype)
        for piece in itertools.product(*pieces):
            inside = tuple(
                slice(first - span.start, stop - span.start)
                for (first, stop), span in zip(piece, spans, strict=True)
            )
            voxels[inside] = array[tuple(slice(*ends) for ends in piece)]
    return voxels.squeeze(tuple(axis for axis in range(3) if not isinstance(places[axis], slice)))


class Stored:
    """A stored array of which a few chunks at most are decoded at a time, as `read_box` does."""

    def __init__(self, array: Voxels) -> None:
        return_freed_memory()
        self._array = array
        self.shape, self.dtype = tuple(array.shape), np.dtype(array.dtype)
        self.chunks = stored_pieces(array) or self.shape

    def __getitem__(self, box: Any, /) -> npt.NDArray[Any]:
        """Return the voxels of a box; integers drop their axis, as in numpy."""
        return read_box(self._array, box)


@functools.cache
def return_freed_memory() -> None:
    """Have blocks of 4 MB and more returned to the system when they are freed, on glibc.

    zarr reads and decodes in threads, each with its own heap. glibc takes blocks of up to 32 MB
    from those once it has seen one freed, and keeps their memory: 350 MB after the compressed
    chunks of a 1024-cube. Neither zarr nor malloc_trim, which leaves a heap's top, gives it back.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, 2**22)
