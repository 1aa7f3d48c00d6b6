"""Named layouts: how a volume is cut into chunks. One entry of `LAYOUTS` adds one."""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The grid that a volume is stored on.

    Parameters
    ----------
    chunks : tuple of int
        Voxels of a chunk along z, y, x. A chunk larger than the volume is legal and is padded.
    """

    chunks: Shape


def _cube(edge: int) -> Layout:
    return Layout(chunks=(edge, edge, edge))


LAYOUTS: dict[str, Layout] = {
    "cube-32": _cube(32),
    "cube-64": _cube(64),
    "cube-128": _cube(128),
}
