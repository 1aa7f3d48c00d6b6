"""Opening a volume: the format of a file is determined from its content."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cryoet_bench import extras
from cryoet_bench.errors import InputError
from cryoet_bench.volume.mrc import COMPRESSED, HEADER_BYTES, looks_like_mrc, open_mrc
from cryoet_bench.volume.reading import read_errors, reason
from cryoet_bench.volume.view import Note, Volume, require_volume

REMOTE = ("s3://", "http://", "https://", "gs://")

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MRC_SUFFIXES = {".mrc", ".rec", ".map", ".mrcs", ".st", ".ali", ".ccp4"}
_ZARR_METADATA = {".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json"}
# What else a user may pass, by how it begins: named, so that it can be converted.
_STARTS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (as of EMAN2, Imaris or Chimera)"),
    (b"NRRD", "an NRRD file"),
    (b"II\x97\x01", "a SER file of TIA"),
    (b"\0\0\0\x03\0", "a DM3 file of Digital Micrograph"),
    (b"\0\0\0\x04\0\0", "a DM4 file of Digital Micrograph"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\xfd7zXZ\0", "a file compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with zstd"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet table"),
    (b"SIMPLE  =", "a FITS file"),
    (b"# vtk", "a VTK file"),
    (b"CDF\x01", "a NetCDF file"),
    (b"CDF\x02", "a NetCDF file"),
)
_CONVERT = "convert it to MRC, TIFF or OME-Zarr first"


def open_volume(location: str | Path, *, level: int = 0) -> Volume:
    """Open a volume that lies in a file, a folder or a bucket; its voxels stay there if they can.

    Parameters
    ----------
    location : str or pathlib.Path
        MRC (plain, gzip, bzip2), TIFF stack, NumPy array, Zarr array or OME-Zarr group (a folder,
        a zip or a URL).
    level : int
        Level of an OME-Zarr group, 0 the finest.

    Raises
    ------
    InputError
        There is no such volume, or it cannot be read: the sentence names the cause.
    """
    try:
        volume = _open(location, level)
    except ImportError as error:
        missing = f"{error.name} is not installed in {sys.prefix}" if error.name else error
        raise InputError(
            f"{location} cannot be read here: {extras.explained(error) or missing}"
        ) from error
    require_volume(volume.array, str(location))
    if volume.voxel_spacing == (1.0, 1.0, 1.0):
        note = Note(
            "spacing",
            "default-spacing",
            "the voxel spacing is exactly 1 angstrom, which programs write that do not know it: "
            "it is probably unknown",
        )
        volume = replace(volume, notes=(*volume.notes, note))
    return volume


def _open(location: str | Path, level: int) -> Volume:
    if isinstance(location, str) and location.startswith(REMOTE):
        from cryoet_bench.volume.zarr_ import open_remote  # noqa: PLC0415

        return open_remote(location, level)
    path = Path(location).expanduser()
    if path.is_dir():
        from cryoet_bench.volume.zarr_ import open_folder  # noqa: PLC0415

        return open_folder(path, level)
    if path.is_fifo() or path.is_socket():
        raise InputError(f"{path} is a pipe or a socket: write what it delivers to a file first")
    try:
        with path.open("rb") as file:
            start = file.read(HEADER_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not start:
        raise InputError(f"{path} is empty")
    if path.name in _ZARR_METADATA:
        raise InputError(f"{path} is the metadata of a Zarr: name its folder, {path.parent}")
    if start[:4] == b"PK\x03\x04":
        from cryoet_bench.volume.zarr_ import open_zip  # noqa: PLC0415

        return open_zip(path, level)
    if level:
        raise InputError(f"{path} has no level {level}: only OME-Zarr groups have levels")
    return _open_file(path, start)


def _open_file(path: Path, start: bytes) -> Volume:
    if start[:4] in _TIFF_STARTS:
        from cryoet_bench.volume.tiff import open_tiff  # noqa: PLC0415

        return open_tiff(path)
    if start[:6] == b"\x93NUMPY":
        return _open_numpy(path)
    if start[:2] in COMPRESSED:
        _require_mrc_inside(path, start[:2])
        return open_mrc(path)
    if looks_like_mrc(start):
        return open_mrc(path)
    kind = _kind(path, start)
    if kind:
        raise InputError(f"{path} is {kind}: {_CONVERT}")
    if path.suffix.lower() in _MRC_SUFFIXES:
        return open_mrc(path)
    raise InputError(f"{path} is no tomogram: it is neither MRC, TIFF nor Zarr")


def _require_mrc_inside(path: Path, start: bytes) -> None:
    try:
        with COMPRESSED[start](path, "rb") as stream:
            inside = stream.read(HEADER_BYTES)
    except read_errors() as error:
        raise InputError(f"{path} cannot be decompressed: {reason(error)}") from error
    if inside[:4] in _TIFF_STARTS:
        raise InputError(f"{path} is a compressed TIFF: decompress it first")
    kind = _kind(path, inside)
    if kind:
        raise InputError(f"{path} is compressed, and inside it is {kind}: {_CONVERT}")


def _kind(path: Path, start: bytes) -> str:
    """Return what a file is that is not read here; empty where it is not known."""
    for begins, kind in _STARTS:
        if start.startswith(begins):
            return kind
    if start[257:262] == b"ustar":
        return "a tar archive"
    if start[344:348] in {b"n+1\0", b"ni1\0"}:
        return "a NIfTI file"
    if _is_em(path, start):
        return "an EM file (of the TOM toolbox, Dynamo or PyTom)"
    return ""


def _is_em(path: Path, start: bytes) -> bool:
    """Tell whether the 512 bytes of an EM header account for the length of the file.

    Machine code 0, 3, 5 or 6 (6 for a PC), a code for the type of a voxel, then three sizes:
    the format's description in PyTom and in EMAN2 (emio.h).
    """
    sizes = {1: 1, 2: 2, 4: 4, 5: 4, 8: 8, 9: 8}
    if len(start) < 512 or start[0] not in {0, 3, 5, 6} or start[3] not in sizes:
        return False
    order = "<" if start[0] == 6 else ">"
    edges = np.frombuffer(start[4:16], f"{order}i4").astype(np.int64)
    held = path.stat().st_size
    return bool((edges > 0).all()) and 512 + int(edges.prod()) * sizes[start[3]] == held


def _open_numpy(path: Path) -> Volume:
    try:
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except read_errors() as error:
        raise InputError(f"{path} cannot be read as a NumPy array: {reason(error)}") from error
    return Volume(path.name, array, None, {"source": "file", "format": "NumPy"})
