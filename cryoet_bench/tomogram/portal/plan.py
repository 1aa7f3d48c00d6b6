"""What a fetch will do, known before it starts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from rich.filesize import decimal

from cryoet_bench.tomogram.portal import placement
from cryoet_bench.tomogram.portal.grid import Contents, StoredArray
from cryoet_bench.tomogram.portal.request import Request
from cryoet_bench.volume.region import Region, format_region, require_inside, whole


@dataclass(frozen=True)
class Plan:
    """A region, what is to be transferred for it, and the same for a centred one of that size."""

    array: StoredArray
    region: Region
    contents: Contents
    centred: Contents

    @property
    def version(self) -> str:
        """Name of exactly this transfer: other objects in the bucket, another name."""
        pieces = [
            (it.key, it.version.etag, it.version.size, it.span) for it in self.contents.pieces
        ]
        facts = [self.array.address, format_region(self.region), pieces]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        z, y, x = (f"{it.start}:{it.stop}" for it in self.region)
        whole = placement.written_shape(self.array.grid.shape)
        text = (
            f"{self.array.address}\n"
            f"  z {z}, y {y}, x {x} of {whole} voxels: {_cost(self.contents)}; "
            f"a centred one: {_cost(self.centred)}"
        )
        if any(it.reads > 1 for it in self.contents.pieces):
            text += "\n  read twice: no checksum of the bucket covers what is read"
        if missing := self.contents.missing:
            text += (
                f"\n  {missing} of {self.contents.chunks} {self.contents.unit}s are not stored: "
                "their voxels read as the fill value"
            )
        return text


def plan(array: StoredArray, request: Request) -> Plan:
    """Return the plan of a request for an array: it asks the bucket, and transfers nothing.

    Raises
    ------
    InputError
        The region or subset does not lie in the volume, or the bucket cannot be asked.
    """
    grid = array.grid
    if request.edge is not None:
        region = placement.aligned(grid.shape, grid.chunks, request.edge)
    else:
        region = request.box or whole(grid.shape)
        require_inside(region, grid.shape, array.address)
    centred = placement.centred(grid.shape, placement.size(region))
    return Plan(array, region, array.contents(region), array.contents(centred))


def _cost(contents: Contents) -> str:
    plural = "" if contents.chunks == 1 else "s"
    return f"{contents.chunks} {contents.unit}{plural}, {decimal(contents.size)}"
