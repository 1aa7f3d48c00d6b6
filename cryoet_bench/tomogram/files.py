"""Tomograms in files: MRC, TIFF stacks, Zarr arrays and OME-Zarr groups."""

from __future__ import annotations

import logging
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.part import WHOLE, Part
from cryoet_bench.tomogram.volume import Tomogram, checksum
from cryoet_bench.volume import Volume
from cryoet_bench.volume.opening import open_volume
from cryoet_bench.volume.reading import read_errors, reason
from cryoet_bench.volume.region import Region, format_region, whole
from cryoet_bench.volume.spacing import positive

__all__ = ["read"]

_log = logging.getLogger(__name__)
_SUFFIXES = re.compile(r"(\.(ome|mrc|mrcs|rec|map|st|tiff?|zarr|npy|gz|bz2|zip))+$", re.IGNORECASE)


def read(
    path: Path,
    *,
    level: int = 0,
    part: Part = WHOLE,
    stem: str | None = None,
    voxel_spacing: float | None = None,
) -> Tomogram:
    """Read a tomogram from a file or Zarr folder.

    Parameters
    ----------
    path : pathlib.Path
        The format is determined from the content.
    level : int
        Level of an OME-Zarr group, 0 the finest.
    part : Part
        What of the volume is read; nothing else of it is.
    stem : str, optional
        What the name begins with, before the start of the checksum; by default the file's own,
        with the size of a part.
    voxel_spacing : float, optional
        In angstrom, for a file that does not say or says it wrongly.

    Returns
    -------
    Tomogram
        In the file's dtype and native byte order, whatever the format; what is unusual about the
        file is in its provenance, as ``notes``.

    Raises
    ------
    InputError
        The file cannot be read, is no volume of real numbers, or has no such part.
    """
    volume = open_volume(path, level=level)
    shape = tuple(volume.array.shape)
    region = part.place(volume, str(path))
    given = None if voxel_spacing is None else positive((voxel_spacing,) * 3)
    if voxel_spacing is not None and given is None:
        raise InputError(f"the voxel spacing {voxel_spacing} is no length: give it in angstrom")
    if region != whole(shape):
        stem = stem or f"{_stem(path)}-{_size(region)}"
        if part.region is None:
            _log.warning("%s", _reduced(path, volume, region, part))
    stem = stem or _stem(path)
    data = _voxels(volume, region, path)
    sha256 = checksum(data)
    unrelated = {"spacing"} if given else set()
    if not _touches(region, volume):
        unrelated.add("chunks")
    notes = [note.sentence for note in volume.notes if note.about not in unrelated]
    facts = {key: value for key, value in volume.facts.items() if key != "source"}
    provenance = {
        "path": str(path.resolve()),
        "stem": stem,
        "level": level,
        "region": format_region(region),
        **facts,
        **({"notes": notes} if notes else {}),
        **({"given_voxel_spacing": voxel_spacing} if given else {}),
    }
    return Tomogram(
        f"{stem}-{sha256[:8]}",
        data,
        given or volume.voxel_spacing,
        "file",
        provenance,
        sha256=sha256,
    )


def _reduced(path: Path, volume: Volume, region: Region, part: Part) -> str:
    shape = tuple(volume.array.shape)
    size = math.prod(shape) * np.dtype(volume.array.dtype).itemsize
    said = (
        f"{path} has {' x '.join(map(str, shape))} voxels ({size / 1e6:,.0f} MB): the part "
        f"{format_region(region)} (z, y, x) near its centre is taken"
    )
    if part.is_chosen:
        return said
    return (
        f"{said}; --whole takes all of it, --subset and --region another part (of scripts/bench "
        "and 'cryoet-bench tomogram add')"
    )


def _size(region: Region) -> str:
    return "x".join(str(edge.stop - edge.start) for edge in region)


def _touches(region: Region, volume: Volume) -> bool:
    """Return whether a region reads from a chunk that is not in the store."""
    return any(
        all(
            at * step < edge.stop and (at + 1) * step > edge.start
            for at, step, edge in zip(place, volume.chunks or (), region, strict=True)
        )
        for place in volume.missing_chunks or ()
    )


def _voxels(volume: Volume, region: Region, path: Path) -> npt.NDArray[Any]:
    dtype = np.dtype(volume.array.dtype).newbyteorder("=")
    try:
        return np.array(volume.array[region], dtype=dtype, order="C")
    except read_errors() as error:
        kind = str(volume.facts["format"]).split()[0]
        raise InputError(f"{path} cannot be read as {kind}: {reason(error)}") from error


def _stem(path: Path) -> str:
    """Return a file's name without what says its format, in letters that a cache name may have."""
    name = _SUFFIXES.sub("", path.absolute().name)
    return re.sub(r"[^A-Za-z0-9._+-]", "_", name).lstrip("._+-") or "tomogram"
