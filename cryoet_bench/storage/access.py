"""Named access patterns: what users read and how they write. One entry adds one."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryoet_bench.storage.layouts import Layout, Shape

if TYPE_CHECKING:
    import numpy.typing as npt

Selection = tuple[slice, ...] | tuple[slice | int, ...]
Read = Callable[[Shape], list[Selection]]

_ALL = slice(None)
_SEED = 20231018  # fixed: every release is asked for the same voxels


def _whole(shape: Shape) -> list[Selection]:
    del shape
    return [(_ALL, _ALL, _ALL)]


def _plane(axis: int) -> Read:
    def middle(shape: Shape) -> list[Selection]:
        selection: list[slice | int] = [_ALL, _ALL, _ALL]
        selection[axis] = shape[axis] // 2
        return [tuple(selection)]

    return middle


def _orthoslices(shape: Shape) -> list[Selection]:
    return [selection for axis in range(3) for selection in _plane(axis)(shape)]


def _neighbouring_slices(shape: Shape) -> list[Selection]:
    start = shape[0] // 2
    return [(slice(start, min(start + 10, shape[0])), _ALL, _ALL)]


def _every_eighth_slice(shape: Shape) -> list[Selection]:
    del shape
    return [(slice(None, None, 8), _ALL, _ALL)]


def _boxes(edge: int, count: int, spread: float) -> Read:
    """Cubes around random points; particles gather in the middle of z, where the ice is."""

    def around(shape: Shape) -> list[Selection]:
        draw = random.Random(_SEED)
        boxes: list[Selection] = []
        for _ in range(count):
            corner = []
            for axis, length in enumerate(shape):
                centre = length / 2 + (draw.random() - 0.5) * length * (spread if axis == 0 else 1)
                corner.append(max(0, min(round(centre - edge / 2), length - edge)))
            boxes.append(tuple(slice(start, start + edge) for start in corner))
        return boxes

    return around


READS: dict[str, Read] = {
    "whole": _whole,
    "slice-xy": _plane(0),
    "slice-xz": _plane(1),
    "slice-yz": _plane(2),
    "orthoslices": _orthoslices,
    "slices-10": _neighbouring_slices,
    "every-8th-slice": _every_eighth_slice,
    "boxes-64": _boxes(64, 6, 0.5),  # subtomograms around picked particles
    "patches-96": _boxes(96, 3, 1.0),  # training patches from anywhere
}


def wanted_voxels(selections: list[Selection], shape: Shape) -> int:
    """Return how many voxels some selections ask for; those asked for twice count twice."""

    def length(part: slice | int, axis: int) -> int:
        return 1 if isinstance(part, int) else len(range(*part.indices(shape[axis])))

    return sum(
        math.prod(length(part, axis) for axis, part in enumerate(selection))
        for selection in selections
    )


@dataclass(frozen=True, kw_only=True)
class Write:
    """A way of writing a volume into an array that exists.

    Parameters
    ----------
    write : callable
        Function of the array, the volume and the array's layout.
    over : bool
        Whether the array holds the volume already; it is empty otherwise.
    write_empty_chunks : bool
        Whether the array stores chunks of nothing but the fill value.
    """

    write: Callable[[Any, npt.NDArray[Any], Layout], None]
    over: bool = False
    write_empty_chunks: bool = True


def _write_whole(array: Any, volume: npt.NDArray[Any], layout: Layout) -> None:
    del layout
    array[...] = volume


def _write_slices(array: Any, volume: npt.NDArray[Any], layout: Layout) -> None:
    """Write eight xy slices one by one, as a reconstruction program delivers them."""
    del layout
    for z in range(min(8, volume.shape[0])):
        array[z] = volume[z]


def _write_chunks(array: Any, volume: npt.NDArray[Any], layout: Layout) -> None:
    """Write the volume object by object, as parallel workers do."""
    for box in _grid(volume.shape, layout.objects):
        array[box] = volume[box]


def _write_inner_chunk(array: Any, volume: npt.NDArray[Any], layout: Layout) -> None:
    """Write one chunk: in a sharded array the smallest part of an object."""
    box = next(_grid(volume.shape, layout.chunks))
    array[box] = volume[box]


def _write_object(array: Any, volume: npt.NDArray[Any], layout: Layout) -> None:
    """Write one object: a whole shard, or a chunk where there are no shards."""
    box = next(_grid(volume.shape, layout.objects))
    array[box] = volume[box]


def _write_fill(array: Any, volume: npt.NDArray[Any], layout: Layout) -> None:
    """Write a volume of nothing but the fill value."""
    del volume, layout
    array[...] = 0


def _grid(shape: tuple[int, ...], step: Shape) -> Iterator[tuple[slice, ...]]:
    starts = [range(0, length, edge) for length, edge in zip(shape, step, strict=True)]
    for corner in itertools.product(*starts):
        yield tuple(
            slice(start, min(start + edge, length))
            for start, edge, length in zip(corner, step, shape, strict=True)
        )


WRITES: dict[str, Write] = {
    "whole": Write(write=_write_whole),
    "slice-by-slice": Write(write=_write_slices),
    "chunk-by-chunk": Write(write=_write_chunks),
    "one-chunk": Write(write=_write_inner_chunk, over=True),
    "one-object": Write(write=_write_object, over=True),
    "overwrite": Write(write=_write_whole, over=True),
    "all-fill": Write(write=_write_fill, write_empty_chunks=False),
}
