"""What a stored array is and how it lies in the bucket."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal.bucket import Piece
from cryoet_bench.tomogram.portal.catalogue import Record
from cryoet_bench.tomogram.portal.placement import Shape, written_shape
from cryoet_bench.volume.region import Region

# The portal converts every tomogram to it; its records do not name a type.
PORTAL_DTYPE = np.dtype(np.float32)


@dataclass(frozen=True)
class Grid:
    """Shape and chunks of an array in voxels along z, y, x, its type and spacing in angstrom."""

    shape: Shape
    chunks: Shape
    dtype: np.dtype[Any]
    spacing: tuple[float, float, float]


@dataclass(frozen=True)
class Contents:
    """What the bucket holds of a region: the pieces that are there, and how many chunks are not."""

    pieces: tuple[Piece, ...]
    chunks: int
    missing: int
    unit: str = "chunk"

    @property
    def size(self) -> int:
        """Bytes to be transferred."""
        return sum(it.reads * it.size for it in self.pieces)


class StoredArray(Protocol):
    """An array in the bucket, in one of its forms."""

    @property
    def address(self) -> str:
        """Where it lies, for people."""

    @property
    def grid(self) -> Grid:
        """What it is."""

    def contents(self, region: Region) -> Contents:
        """Return what is to be transferred for a region; asks for the versions there now."""

    def parts(self, folder: Path, region: Region) -> Iterator[tuple[Region, npt.NDArray[Any]]]:
        """Yield a region part by part, from the transferred pieces in `folder`.

        At most one piece is held in memory. Regions are in voxels of the whole array.
        """


def check_against_record(grid: Grid, record: Record, level: int, address: str) -> None:
    """Check that what is stored is what the portal's record says.

    Raises
    ------
    InputError
        Shape, type or spacing disagree; the message shows both.
    """
    recorded = record.shapes[level] if level < len(record.shapes) else None
    if recorded is not None and grid.shape != recorded:
        raise _disagreement(
            address, f"{written_shape(grid.shape)} voxels", f"{written_shape(recorded)} (z, y, x)"
        )
    if grid.dtype.newbyteorder("=") != PORTAL_DTYPE:
        raise _disagreement(address, f"{grid.dtype.name} voxels", f"{PORTAL_DTYPE.name} for all")
    # The record has the finest spacing only; each level halves the one before.
    spacing = record.spacing * 2**level
    if not all(math.isclose(it, spacing, rel_tol=1e-3) for it in grid.spacing):
        raise _disagreement(
            address,
            f"a spacing of {', '.join(f'{it:.4g}' for it in grid.spacing)} angstrom (z, y, x)",
            f"{spacing:.4g}",
        )


def _disagreement(address: str, stored: str, recorded: str) -> InputError:
    return InputError(
        f"{address} and its record disagree: stored are {stored}, the portal's record says "
        f"{recorded}; report it to the portal, or choose another tomogram"
    )
