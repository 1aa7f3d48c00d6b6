"""MRC files, plain or compressed with gzip or bzip2."""

from __future__ import annotations

import warnings
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.files.part import READ_ERRORS, Part, cut, positive, reason
from cryoet_bench.tomogram.region import Region


def read(path: Path, region: Region | None) -> Part:
    """Read a region of an MRC volume; of a plain file no more than the region is read.

    Raises
    ------
    InputError
        The file is damaged, no volume, or of a mode without real numbers.
    """
    import mrcfile  # noqa: PLC0415

    with path.open("rb") as file:
        compressed = file.read(4)[:3] in {b"\x1f\x8b\x08", b"BZh"}
    try:
        # No fault of the volume: bytes after it, and what numpy will drop one day.
        with warnings.catch_warnings(action="ignore"):
            opened = mrcfile.open(path) if compressed else mrcfile.mmap(path)
        with opened as mrc:
            # Sections, rows and columns are usually z, y and x, but the header has the say.
            stored = [int(mrc.header[axis]) for axis in ("maps", "mapr", "mapc")]
            volume = mrc.data
            if volume.ndim == 3 and sorted(stored) == [1, 2, 3]:
                volume = volume.transpose([stored.index(axis) for axis in (3, 2, 1)])
            size = mrc.voxel_size
            spacing = positive((float(size.z), float(size.y), float(size.x)))
            data, region = cut(volume, region, str(path))
            return Part(data, spacing, region, {"format": "MRC", "mode": int(mrc.header.mode)})
    except READ_ERRORS as error:
        raise InputError(
            f"{path} cannot be read as MRC, it may be truncated: {reason(error)}"
        ) from error
