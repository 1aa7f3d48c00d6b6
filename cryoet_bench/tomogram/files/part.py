"""What a reader of a file format gives back."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.region import Region, require_inside, whole

Spacing = tuple[float, float, float]

# Angstrom; the names of ImageJ, of UDUNITS as OME-Zarr uses them, and the signs.
_UNITS = {
    1.0: ("angstrom", "ångström", "a", "å"),
    0.01: ("picometer", "picometre", "pm"),
    10.0: ("nanometer", "nanometre", "nm"),
    1e4: ("micrometer", "micrometre", "micron", "um", "µm", "μm", r"\u00b5m"),
    1e7: ("millimeter", "millimetre", "mm"),
}
# What the readers' libraries raise on damaged files.
READ_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    OSError,
    EOFError,
    MemoryError,
    OverflowError,
    struct.error,
    zlib.error,
)
_ANGSTROM = {name: factor for factor, names in _UNITS.items() for name in names}


@dataclass(frozen=True)
class Part:
    """The voxels of a region, and what the file says of them.

    Parameters
    ----------
    data : numpy.ndarray, shape (z, y, x)
        Native byte order, C-contiguous, real.
    voxel_spacing : tuple of float or None
        Along z, y, x in angstrom; None where the file does not say.
    region : tuple of slice
        Where the voxels were in the file.
    facts : dict
        For the provenance.
    """

    data: npt.NDArray[Any]
    voxel_spacing: Spacing | None
    region: Region
    facts: dict[str, Any] = field(default_factory=dict)


def cut(volume: Any, region: Region | None, where: str) -> tuple[npt.NDArray[Any], Region]:
    """Return a region of a volume as an array of its own, and the region.

    Parameters
    ----------
    volume : array_like, shape (z, y, x)
        An array, or anything with shape, dtype and slicing; only the region is read.
    region : tuple of slice or None
        None for all of it.
    where : str
        What to call the volume in messages.

    Raises
    ------
    InputError
        Not a volume, no real numbers, or the region lies outside.
    """
    shape = tuple(volume.shape)
    if len(shape) != 3:
        raise InputError(f"{where} has {len(shape)} dimensions {shape}: a tomogram has three")
    if 0 in shape:
        raise InputError(f"{where} has no voxels: its shape is {shape}")
    # A mask or a phase is no density, and nothing here measures with more than 64 bits.
    dtype = np.dtype(volume.dtype)
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise InputError(f"{where} holds {dtype} values: a tomogram has real numbers")
    region = region or whole(shape)
    require_inside(region, shape, where)
    return np.array(volume[region], dtype=dtype.newbyteorder("="), order="C"), region


def angstrom(lengths: tuple[float, ...], units: tuple[str | None, ...]) -> Spacing | None:
    """Return edge lengths of a voxel in angstrom, None unless every unit and length is usable."""
    factors = [_ANGSTROM.get((unit or "").strip().lower()) for unit in units]
    if None in factors:
        return None
    return positive(tuple(a * (b or 0) for a, b in zip(lengths, factors, strict=True)))


def positive(lengths: tuple[float, ...]) -> Spacing | None:
    """Return edge lengths that are lengths; None for the zeros of a header that does not say."""
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        return None
    # Headers keep float32 or ratios of integers: six digits are what was meant.
    z, y, x = (float(f"{length:.6g}") for length in lengths)
    return z, y, x


def reason(error: Exception) -> str:
    """Return a library's own words in one line."""
    text = " ".join(str(error).split()) or "it says no more"
    return f"{text} is missing" if isinstance(error, KeyError) else text
