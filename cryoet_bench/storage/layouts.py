"""Named layouts: how a volume is cut into chunks. One entry of `LAYOUTS` adds one."""

from __future__ import annotations

from dataclasses import dataclass

from cryoet_bench.storage.installed import UnavailableError

Shape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The grid that a volume is stored on.

    Parameters
    ----------
    chunks : tuple of int
        Voxels that are compressed together, along z, y, x. A chunk larger than the volume is
        legal and is padded.
    shards : tuple of int, optional
        Voxels that one object holds, whole chunks; format 3 only. Without it an object is a chunk.
    """

    chunks: Shape
    shards: Shape | None = None

    @property
    def objects(self) -> Shape:
        """Voxels of one stored object along z, y, x."""
        return self.shards or self.chunks

    def require(self, zarr_format: int) -> None:
        """Raise unless that format has this layout.

        Raises
        ------
        UnavailableError
            It has not.
        """
        if self.shards and zarr_format == 2:
            raise UnavailableError("format 2 has no shards")


def _cube(edge: int, shard: int | None = None) -> Layout:
    return Layout(chunks=(edge,) * 3, shards=(shard,) * 3 if shard else None)


CORE_LAYOUTS: dict[str, Layout] = {
    "cube-32": _cube(32),
    "cube-64": _cube(64),
    "cube-128": _cube(128),
    "shard-32-in-128": _cube(32, 128),
}

SHARDED_LAYOUTS: dict[str, Layout] = {
    "shard-16-in-64": _cube(16, 64),
    "shard-64-in-256": _cube(64, 256),
}

MORE_LAYOUTS: dict[str, Layout] = {
    "cube-16": _cube(16),
    "cube-256": _cube(256),  # what the CryoET Data Portal writes
    "slab-16x128x128": Layout(chunks=(16, 128, 128)),
}

LAYOUTS: dict[str, Layout] = CORE_LAYOUTS | SHARDED_LAYOUTS | MORE_LAYOUTS
