"""From the box to the whole volume, and from memory to a store: what is counted, not guessed.

A slice of the whole volume decodes more chunks than one of the box, and each of them is a request.
Far from the store the requests decide, so small chunks look better in a box than they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cryoet_bench.errors import InputError
from cryoet_bench.harness.s3 import Way
from cryoet_bench.storage.concurrency import CONCURRENCY
from cryoet_bench.storage.layouts import Shape
from cryoet_bench.study.configuration import Configuration

if TYPE_CHECKING:
    from cryoet_bench.study.subject import Subject

STORES = {
    "local": Way(latency=1e-4, bandwidth=1e9),
    "s3": Way(latency=0.03, bandwidth=1e8),
}
"""What a store adds to times that were measured in memory: a file server behind 10 Gbit/s, and an
object store in the region behind 1 Gbit/s."""

_PLANES = {
    "xy_slices": (0,),
    "xz_slices": (1,),
    "yz_slices": (2,),
    "orthoslices": (0, 1, 2),
    "slabs": (0,),
}
"""The axes across which an access cuts the volume."""


def require_store(name: str) -> None:
    """Raise InputError unless a store of that name is known."""
    if name not in STORES:
        raise InputError(f"there is no store {name!r}: choose {' or '.join(STORES)}")


def objects(configuration: Configuration, shape: Shape) -> int:
    """Return how many objects a volume of a shape is stored in, its metadata left out."""
    return math.prod(_grid(shape, configuration.layout.objects))


def times_more(access: str, configuration: Configuration, subject: Subject) -> float:
    """Return how many times more chunks an access to the whole volume touches than one to the box.

    Parameters
    ----------
    access : str
        As columns name it, such as ``xy_slices``; ``read`` and ``write`` are of all voxels.
        Subtomograms and patches are as large in both.
    configuration, subject
        How is stored, and what.
    """
    whole, box = (
        _grid(shape, configuration.chunks) for shape in (subject.shape, subject.box_shape)
    )
    if access in {"read", "write"}:
        return math.prod(whole) / math.prod(box)
    planes = _PLANES.get(access, ())
    return _of_planes(whole, planes) / _of_planes(box, planes) if planes else 1.0


def waiting(row: Mapping[str, Any], access: str, more: float, store: str) -> float:
    """Return the seconds that an access to the whole volume waits for a store.

    A model: requests wait for the latency, as many at a time as zarr sends; then come the bytes.

    Parameters
    ----------
    row : mapping
        Of the summary: requests and bytes of the box.
    access : str
        As in `times_more`.
    more : float
        What that returned.
    store : str
        One of `STORES`.
    """
    way = STORES[store]
    asked, moved = f"{access}_requests", f"{access}_fetched_bytes"
    if access == "write":
        asked, moved = "objects", "stored_bytes"
    requests, transferred = more * float(row[asked]), more * float(row[moved])
    return math.ceil(requests / CONCURRENCY) * way.latency + transferred / way.bandwidth


def _grid(shape: Shape, cut: Shape) -> Shape:
    z, y, x = (-(-length // edge) for length, edge in zip(shape, cut, strict=True))
    return z, y, x


def _of_planes(grid: Shape, planes: tuple[int, ...]) -> float:
    return sum(math.prod(grid) / grid[axis] for axis in planes)
