"""Which part of a volume: a box along z, y, x."""

from __future__ import annotations

import re

from cryoet_bench.errors import InputError

Region = tuple[slice, slice, slice]

_PATTERN = re.compile(r"\s*(\d+):(\d+)\s*,\s*(\d+):(\d+)\s*,\s*(\d+):(\d+)\s*")


def parse_region(text: str) -> Region:
    """Read a region written as ``z0:z1,y0:y1,x0:x1``, in voxels from zero, ends excluded.

    Raises
    ------
    InputError
        The text is not of that form, or an edge is empty.
    """
    match = _PATTERN.fullmatch(text)
    if not match:
        raise InputError(f"{text!r} is no region: write z0:z1,y0:y1,x0:x1, as in 0:64,0:128,0:128")
    z0, z1, y0, y1, x0, x1 = map(int, match.groups())
    if z0 >= z1 or y0 >= y1 or x0 >= x1:
        raise InputError(f"the region {text!r} is empty: each start must be less than its end")
    return slice(z0, z1), slice(y0, y1), slice(x0, x1)


def format_region(region: Region) -> str:
    """Write a region as `parse_region` reads it."""
    return ",".join(f"{edge.start}:{edge.stop}" for edge in region)


def whole(shape: tuple[int, ...]) -> Region:
    """Return the region that is all of a volume."""
    z, y, x = shape
    return slice(0, z), slice(0, y), slice(0, x)


def middle(shape: tuple[int, ...], edge: int) -> Region:
    """Return the box of at most `edge` voxels a side in the middle of a volume."""
    z, y, x = (slice((n - min(n, edge)) // 2, (n + min(n, edge)) // 2) for n in shape)
    return z, y, x


def require_inside(region: Region, shape: tuple[int, ...], where: str) -> None:
    """Check that a region lies in a volume.

    Raises
    ------
    InputError
        It does not; the message shows both.
    """
    if any(edge.stop > size for edge, size in zip(region, shape, strict=True)):
        raise InputError(
            f"the region {format_region(region)} lies outside {where}, "
            f"which has shape (z, y, x) = {tuple(shape)}"
        )
