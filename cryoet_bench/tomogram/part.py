"""Which part of a volume is measured: all of it, a region, or a box near the middle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cryoet_bench.errors import InputError
from cryoet_bench.volume import Volume
from cryoet_bench.volume.boxes import stored_pieces
from cryoet_bench.volume.region import (
    Region,
    format_region,
    parse_region,
    require_inside,
    whole,
)

# A volume of more than 64 MiB of float32 takes minutes a release, so a box of it is measured.
DEFAULT_EDGE = 256
LARGE = DEFAULT_EDGE**3
# Along an axis; fewer voxels than this are no volume to cut into chunks.
THINNEST = 8


@dataclass(frozen=True, kw_only=True)
class Part:
    """The part of a volume that is wanted; without a choice, all of a small one.

    Parameters
    ----------
    region : tuple of slice, optional
        Along z, y, x, in voxels.
    edge : int, optional
        At most this many voxels along each axis, near the middle, placed so that the fewest of
        the file's own chunks are read.
    whole : bool
        All of it, however large.

    Raises
    ------
    InputError
        More than one is given, or the edge is too short.
    """

    region: Region | None = None
    edge: int | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if (self.region is not None) + (self.edge is not None) + self.whole > 1:
            raise InputError("choose one of --subset, --region and --whole")
        if self.edge is not None and self.edge < THINNEST:
            raise InputError(
                f"a subset of edge {self.edge} is too small to be measured: give at least "
                f"{THINNEST} voxels"
            )

    @property
    def is_chosen(self) -> bool:
        """Whether anything was asked for."""
        return self != Part()

    def place(self, volume: Volume, where: str) -> Region:
        """Return the region of a volume that this part is.

        Raises
        ------
        InputError
            The region lies outside the volume, or is too thin to be measured.
        """
        z, y, x = volume.array.shape
        shape = (z, y, x)
        if self.region is not None:
            require_inside(self.region, shape, where)
            _require_thick(self.region, shape)
            return self.region
        large = math.prod(shape) > LARGE
        if self.whole or not (self.edge or large):
            return whole(shape)
        return aligned(shape, stored_pieces(volume.array) or (1, 1, 1), self.edge or DEFAULT_EDGE)


WHOLE = Part(whole=True)


def parse_part(subset: int | None, region: str | None, whole: bool) -> Part:
    """Return the part that the options ``--subset``, ``--region`` and ``--whole`` ask for.

    Raises
    ------
    InputError
        They contradict each other, or one of them is no part.
    """
    box = None if region is None else parse_region(region)
    return Part(region=box, edge=subset, whole=whole)


def aligned(shape: Sequence[int], chunks: Sequence[int], edge: int) -> Region:
    """Return the box of at most `edge` voxels a side that touches the fewest chunks.

    Of several, it is the one nearest to the centre. Where the volume is thinner than `edge`, the
    box has all of it.
    """
    z, y, x = (
        _nearest(length, chunk, min(edge, length))
        for length, chunk in zip(shape, chunks, strict=True)
    )
    return z, y, x


def _nearest(length: int, chunk: int, edge: int) -> slice:
    start = min(
        range(length - edge + 1),
        key=lambda start: (
            (start + edge - 1) // chunk - start // chunk,
            abs(2 * start + edge - length),
        ),
    )
    return slice(start, start + edge)


def _require_thick(region: Region, shape: Sequence[int]) -> None:
    for name, edge, length in zip("zyx", region, shape, strict=True):
        held = edge.stop - edge.start
        if held < THINNEST <= length:
            raise InputError(
                f"the region {format_region(region)} is too thin to be measured: it has {held} "
                f"along {name}, give at least {THINNEST} voxels"
            )
