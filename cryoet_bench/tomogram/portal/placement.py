"""Where a subset lies: whole chunks are fetched, so its place decides what it costs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import part
from cryoet_bench.volume.region import Region

Shape = tuple[int, int, int]


def aligned(shape: Shape, chunks: Shape, edge: int) -> Region:
    """Return the cube of `edge` voxels that touches the fewest chunks, nearest to the centre.

    Raises
    ------
    InputError
        The cube is larger than the volume.
    """
    _check_fits(shape, edge)
    return part.aligned(shape, chunks, edge)


def centred(shape: Shape, size: Shape) -> Region:
    """Return the box of `size` voxels in the middle of the volume."""
    z, y, x = (
        slice((length - edge) // 2, (length - edge) // 2 + edge)
        for length, edge in zip(shape, size, strict=True)
    )
    return z, y, x


def size(region: Region) -> Shape:
    """Return the voxels of a region along z, y, x."""
    z, y, x = (it.stop - it.start for it in region)
    return z, y, x


def chunk_indices(region: Region, chunks: Shape) -> Iterator[Shape]:
    """Yield the indices of the chunks that a region touches, in C order."""
    yield from itertools.product(
        *(
            range(it.start // chunk, (it.stop - 1) // chunk + 1)
            for it, chunk in zip(region, chunks, strict=True)
        )
    )


def chunk_part(index: Shape, chunks: Shape, region: Region) -> Region:
    """Return the part of a chunk that lies in a region, in voxels of the volume."""
    z, y, x = (
        slice(max(it.start, number * chunk), min(it.stop, (number + 1) * chunk))
        for number, chunk, it in zip(index, chunks, region, strict=True)
    )
    return z, y, x


def written_shape(shape: Shape) -> str:
    """Return a shape for people."""
    return " x ".join(map(str, shape))


def _check_fits(shape: Shape, edge: int) -> None:
    if edge > min(shape):
        raise InputError(
            f"a {edge}-cube does not fit into {written_shape(shape)} voxels (z, y, x): "
            f"choose a subset of at most {min(shape)}, or a region"
        )
