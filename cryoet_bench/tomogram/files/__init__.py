"""Tomograms in files: MRC, TIFF stacks, Zarr arrays and OME-Zarr groups."""

from __future__ import annotations

import re
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.files import mrc, tiff, zarr_
from cryoet_bench.tomogram.files.part import Part, positive
from cryoet_bench.tomogram.region import Region, format_region
from cryoet_bench.tomogram.volume import Tomogram, checksum

__all__ = ["read"]

_TIFF_STARTS = {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}
_MRC_SUFFIXES = {".mrc", ".rec", ".map", ".mrcs", ".st"}
_SUFFIXES = re.compile(r"(\.(ome|mrc|mrcs|rec|map|st|tiff?|zarr|gz|bz2))+$", re.IGNORECASE)


def read(
    path: Path,
    *,
    level: int = 0,
    region: Region | None = None,
    stem: str | None = None,
    voxel_spacing: float | None = None,
) -> Tomogram:
    """Read a tomogram from a file or Zarr folder.

    Parameters
    ----------
    path : pathlib.Path
        What it is, is told from its content.
    level : int
        Level of an OME-Zarr group, 0 the finest.
    region : tuple of slice, optional
        Along z, y, x; all of the volume when left out.
    stem : str, optional
        What the name begins with, before the start of the checksum; the file's own by default.
    voxel_spacing : float, optional
        In angstrom, for a file that does not say or says it wrongly.

    Returns
    -------
    Tomogram
        In the file's dtype and native byte order, whatever the format.

    Raises
    ------
    InputError
        The file cannot be read, is no volume of real numbers, or the region lies outside.
    """
    part = _read(path, level, region)
    given = None if voxel_spacing is None else positive((voxel_spacing,) * 3)
    if voxel_spacing is not None and given is None:
        raise InputError(f"the voxel spacing {voxel_spacing} is no length: give it in angstrom")
    stem = stem or _stem(path)
    sha256 = checksum(part.data)
    provenance = {
        "path": str(path.resolve()),
        "stem": stem,
        "level": level,
        "region": format_region(part.region),
        **part.facts,
        **({"given_voxel_spacing": voxel_spacing} if given else {}),
    }
    return Tomogram(
        f"{stem}-{sha256[:8]}",
        part.data,
        given or part.voxel_spacing,
        "file",
        provenance,
        sha256=sha256,
    )


def _read(path: Path, level: int, region: Region | None) -> Part:
    if path.is_dir():
        return zarr_.read(path, region, level)
    if level:
        raise InputError(f"{path} has no level {level}: only OME-Zarr groups have levels")
    try:
        with path.open("rb") as file:
            header = file.read(212)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not header:
        raise InputError(f"{path} is empty")
    if header[:4] in _TIFF_STARTS:
        return tiff.read(path, region)
    compressed = header[:3] in {b"\x1f\x8b\x08", b"BZh"}
    if header[208:211] == b"MAP" or compressed or path.suffix.lower() in _MRC_SUFFIXES:
        return mrc.read(path, region)
    raise InputError(f"{path} is no tomogram: it is neither MRC, TIFF nor Zarr")


def _stem(path: Path) -> str:
    """Return a file's name without what says its format, in letters that a cache name may have."""
    name = _SUFFIXES.sub("", path.absolute().name)
    return re.sub(r"[^A-Za-z0-9._+-]", "_", name).lstrip("._+-") or "tomogram"
