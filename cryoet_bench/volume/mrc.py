"""MRC files, plain or compressed with gzip or bzip2.

Fields and their meaning are those of MRC2014 (https://www.ccpem.ac.uk/mrc_format/mrc2014.php) and,
for files that carry IMOD's stamp, of https://bio3d.colorado.edu/imod/doc/mrc_format.txt.
"""

from __future__ import annotations

import bz2
import gzip
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.volume.reading import read_errors, reason, short
from cryoet_bench.volume.spacing import positive
from cryoet_bench.volume.view import Note, Volume

HEADER_BYTES = 1024
COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}

_IMOD_STAMP = 1146047817
_SIGNED_FLAG, _FOUR_BIT_FLAG = 1, 16
_FOUR_BIT_MODE = 101
_DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_OTHER_MODES = {
    3: "holds complex64 values (mode 3, a Fourier transform of 16-bit integers)",
    4: "holds complex64 values (mode 4, a Fourier transform)",
    16: "is in colour (mode 16)",
}
_VOLUME_STACK = 401


def looks_like_mrc(start: bytes) -> bool:
    """Return whether the first 1024 bytes of a file are an MRC header, with or without its marks.

    A header without the word MAP, as programs wrote before 2000, is known by its numbers.
    """
    if len(start) < HEADER_BYTES:
        return False
    return start[208:211] == b"MAP" or any(_plausible(_numbers(start, order)) for order in "<>")


def _numbers(start: bytes, order: str) -> npt.NDArray[np.int32]:
    return np.frombuffer(start[:92], f"{order}i4")


def _plausible(numbers: npt.NDArray[np.int32]) -> bool:
    """Tell whether dimensions, mode and axes are such as an MRC header can have."""
    sizes, mode, axes = numbers[:3], int(numbers[3]), numbers[16:19]
    known = {*_DTYPES, *_OTHER_MODES, _FOUR_BIT_MODE}
    return (
        bool((sizes > 0).all())
        and bool((sizes < 2**20).all())
        and mode in known
        and sorted(axes.tolist()) in ([1, 2, 3], [0, 0, 0])
    )


class Nibbles:
    """Unsigned 4-bit values, two in a byte, the first in the low bits; rows start a new byte.

    Parameters
    ----------
    packed : numpy.ndarray of uint8, shape (z, y, bytes)
        As stored.
    width : int
        Voxels along x.
    """

    def __init__(self, packed: npt.NDArray[np.uint8], width: int) -> None:
        self._packed = packed
        self.shape = (packed.shape[0], packed.shape[1], width)
        self.dtype: np.dtype[Any] = np.dtype(np.uint8)

    def __getitem__(self, box: Any, /) -> npt.NDArray[np.uint8]:
        """Return the voxels of a box; integers drop their axis, as in numpy."""
        z, y, x = ((box if isinstance(box, tuple) else (box,)) + (slice(None),) * 3)[:3]
        width = self.shape[2]
        span = range(*x.indices(width)) if isinstance(x, slice) else range(width)[x:][:1]
        first = span.start // 2
        packed = self._packed[z, y, first : (max(span, default=0) // 2) + 1]
        voxels = np.empty((*packed.shape[:-1], 2 * packed.shape[-1]), np.uint8)
        voxels[..., 0::2] = packed & 15
        voxels[..., 1::2] = packed >> 4
        wanted = voxels[..., span.start - 2 * first :][..., : len(span) * span.step : span.step]
        return wanted if isinstance(x, slice) else wanted[..., 0]


@dataclass(frozen=True)
class _File:
    """The header and the bytes behind it; these are mapped, or in memory where compressed."""

    path: Path
    header: Any
    content: npt.NDArray[np.uint8]
    notes: tuple[Note, ...]


def open_mrc(path: Path) -> Volume:
    """Open an MRC volume; the voxels of a plain file stay where they are.

    Raises
    ------
    InputError
        The file is short, no volume, or of a mode without real numbers.
    """
    try:
        file = _read_header(path)
        return _volume(file)
    except read_errors() as error:
        raise InputError(f"{path} cannot be read as MRC: {reason(error)}") from error


def _read_header(path: Path) -> _File:
    from mrcfile.dtypes import HEADER_DTYPE  # noqa: PLC0415

    content = _content(path)
    if content.size < HEADER_BYTES:
        raise InputError(
            f"{path} is no MRC file, or the start of one: it holds {content.size:,} bytes, and a "
            f"header has {HEADER_BYTES:,}"
        )
    raw = content[:HEADER_BYTES].tobytes()
    plausible = [order for order in "<>" if _plausible(_numbers(raw, order))]
    named = raw[208:211] == b"MAP"
    notes: list[Note] = []
    order = _byte_order(raw, plausible, named, notes)
    if not named:
        if not plausible:
            raise InputError(
                f"{path} is no MRC file: its header has not the word MAP, and its numbers are not "
                "those of an MRC header"
            )
        notes.append(
            Note("header", "no-map-word", "the header lacks the word MAP, as in files before 2000")
        )
    header = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order))[0]
    return _File(path, header, content, tuple(notes))


def _content(path: Path) -> npt.NDArray[np.uint8]:
    """Return the bytes of a file: mapped, or in memory where they are compressed."""
    with path.open("rb") as opened:
        start = opened.read(2)
    if start not in COMPRESSED:
        return np.memmap(path, np.uint8, "r")
    with COMPRESSED[start](path, "rb") as stream:
        return np.frombuffer(stream.read(), np.uint8)


def _byte_order(raw: bytes, plausible: list[str], named: bool, notes: list[Note]) -> str:
    """Return the byte order of a header: by its machine stamp, unless its numbers say otherwise."""
    from mrcfile.utils import byte_order_from_machine_stamp, pretty_machine_stamp  # noqa: PLC0415

    stamp = np.frombuffer(raw[212:216], np.uint8)
    try:
        order = str(byte_order_from_machine_stamp(stamp))
    except ValueError:
        order = plausible[0] if plausible else "<"
        if named:
            notes.append(
                Note(
                    "header",
                    "unknown-machine-stamp",
                    f"the machine stamp {pretty_machine_stamp(stamp)} is unknown: the numbers of "
                    f"the header make sense as {_WORDS[order]}",
                )
            )
    if plausible and order not in plausible:
        notes.append(
            Note(
                "header",
                "wrong-machine-stamp",
                f"the machine stamp says {_WORDS[order]}, but the header makes sense only as "
                f"{_WORDS[plausible[0]]}, which is taken",
            )
        )
        order = plausible[0]
    return order


_WORDS = {"<": "little-endian", ">": "big-endian"}


def _volume(file: _File) -> Volume:
    header, path, notes = file.header, file.path, list(file.notes)
    mode = int(header["mode"])
    _require_real_numbers(path, mode)
    nx, ny, nz = (int(header[name]) for name in ("nx", "ny", "nz"))
    mx, my, mz = (int(header[name]) for name in ("mx", "my", "mz"))
    if min(nx, ny, nz) < 1:
        raise InputError(f"{path} has no voxels: its shape is {(nz, ny, nx)}")
    stamped = _imod_number(header, 152) == _IMOD_STAMP
    flags = _imod_number(header, 156) if stamped else 0
    halved = mode == 0 and bool(flags & _FOUR_BIT_FLAG)
    if halved:
        # IMOD counts bytes here, so a row has twice as many voxels as the header says.
        nx, mx = 2 * nx, 2 * mx if mx == nx else mx
    nibbles = halved or mode == _FOUR_BIT_MODE
    dtype = np.dtype("u1") if nibbles else _dtype(header, mode, stamped, flags, notes)
    row = -(-nx // 2) if nibbles else nx
    data = _voxels(file, (nz, ny, row), dtype, notes)
    array: Any = Nibbles(data, nx) if nibbles else data
    ispg = int(header["ispg"])
    if ispg >= _VOLUME_STACK:
        array, nz, mz = _only_volume(array, path, nz, mz)
    if nz == 1:
        raise InputError(
            f"{path} has 2 dimensions {(ny, nx)}: it is a single image, and a tomogram has three"
        )
    lengths, stated = _edges(header, (nx, ny, nz), (mx, my, mz), ispg, notes)
    array = _oriented(array, header, notes)
    notes += _statistics(header, array)
    spacing = positive(lengths[::-1])
    facts: dict[str, str | int] = {"source": "file", "format": "MRC", "mode": mode}
    if spacing:
        facts["spacing from"] = stated
    return Volume(path.name, array, spacing, facts, None, notes)


def _require_real_numbers(path: Path, mode: int) -> None:
    if mode in _OTHER_MODES:
        raise InputError(f"{path} {_OTHER_MODES[mode]}: a tomogram has real numbers")
    if mode not in _DTYPES and mode != _FOUR_BIT_MODE:
        raise InputError(
            f"{path} cannot be read as MRC: its mode {mode} is none that MRC2014 or IMOD know"
        )


def _oriented(array: Any, header: Any, notes: list[Note]) -> Any:
    """Return sections, rows and columns as z, y, x; which axes they are, the header has the say.

    The cell is given along x, y, z whatever the order.
    """
    order = [int(header[name]) for name in ("mapc", "mapr", "maps")]
    if sorted(order) != [1, 2, 3]:
        if order != [0, 0, 0]:
            notes.append(
                Note(
                    "header", "axis-order", "the axis order (mapc, mapr, maps) names no three axes"
                )
            )
        return array
    stored = order[::-1]
    places = [stored.index(axis) for axis in (3, 2, 1)]
    if places == [0, 1, 2]:
        return array
    notes.append(
        Note(
            "content",
            "axis-order",
            "its columns, rows and sections are the axes "
            f"{', '.join('xyz'[axis - 1] for axis in order)} (MAPC, MAPR, MAPS): they were put "
            "into the order z, y, x",
            harmless=True,
        )
    )
    # Nibbles are unpacked first.
    voxels = np.asarray(array[:, :, :]) if isinstance(array, Nibbles) else array
    return voxels.transpose(places)


def _imod_number(header: Any, offset: int) -> int:
    order = header.dtype["nx"].byteorder
    raw = header.tobytes()[offset : offset + 4]
    return int(np.frombuffer(raw, np.dtype("i4").newbyteorder(order))[0])


def _dtype(header: Any, mode: int, stamped: bool, flags: int, notes: list[Note]) -> np.dtype[Any]:
    """Return the type of a voxel; bytes are unsigned where IMOD's flags or the header say so."""
    dtype = np.dtype(_DTYPES[mode]).newbyteorder(header.dtype["nx"].byteorder)
    if mode != 0:
        return dtype
    if stamped:
        return np.dtype("i1" if flags & _SIGNED_FLAG else "u1")
    low, high = float(header["dmin"]), float(header["dmax"])
    if 0 <= low < high and 127 < high <= 255:
        notes.append(
            Note(
                "content",
                "unsigned-bytes",
                f"mode 0 means signed bytes, but the header's range {low:g} .. {high:g} can only "
                "be that of unsigned ones, which are taken",
            )
        )
        return np.dtype("u1")
    return dtype


def _voxels(
    file: _File, shape: tuple[int, int, int], dtype: np.dtype[Any], notes: list[Note]
) -> npt.NDArray[Any]:
    """Return the voxels behind the header; reconcile the length of the file with the header's."""
    needed = math.prod(shape) * dtype.itemsize
    extended = int(file.header["nsymbt"])
    behind = file.content.size - HEADER_BYTES
    if extended < 0:
        notes.append(
            Note("header", "extended-header", f"its extended header has {extended} bytes: ignored")
        )
        extended = 0
    if extended and behind == needed:
        notes.append(
            Note(
                "header",
                "dropped-extended-header",
                f"the header announces an extended header of {extended:,} bytes that is not there: "
                "the file is as long as header and voxels, so a program dropped it",
            )
        )
        extended = 0
    if behind < extended + needed:
        total = HEADER_BYTES + extended + needed
        raise InputError(f"{file.path} is truncated: {short(file.content.size, total)}")
    extra = behind - extended - needed
    if extra > 0:
        notes.append(
            Note(
                "header",
                "trailing-bytes",
                f"the file is {extra:,} bytes longer than its header says",
            )
        )
    start = HEADER_BYTES + extended
    return file.content[start : start + needed].view(dtype).reshape(shape)


def _only_volume(array: Any, path: Path, nz: int, mz: int) -> tuple[Any, int, int]:
    if mz < 1 or nz % mz:
        raise InputError(
            f"{path} says that it is a stack of volumes (ISPG 401 or more), but its {nz} sections "
            f"are no multiple of the {mz} of one volume (MZ)"
        )
    if nz != mz:
        raise InputError(
            f"{path} is a stack of {nz // mz} volumes of {mz} sections each (ISPG 401 or more): a "
            "tomogram is one volume; write the one that you want to a file of its own"
        )
    return array, mz, mz


def _edges(
    header: Any,
    sizes: tuple[int, int, int],
    samples: tuple[int, int, int],
    ispg: int,
    notes: list[Note],
) -> tuple[list[float], str]:
    """Return the edges of a voxel along x, y, z, zero where unknown, and where they come from.

    The edge is the cell's (CELLA) over its samples (MX, MY, MZ). An image stack (ISPG 0, MZ 1) has
    no cell along z.
    """
    cell = [float(header["cella"][axis]) for axis in "xyz"]
    if any(float(header["cellb"][name]) not in {0.0, 90.0} for name in ("alpha", "beta", "gamma")):
        notes.append(
            Note(
                "spacing",
                "oblique-cell",
                "the axes of the cell are not at right angles, so voxels are no boxes",
            )
        )
    edges = [length / n if n > 0 else 0.0 for length, n in zip(cell, samples, strict=True)]
    if samples[2] == 1 and sizes[2] > 1 and edges[0] > 0:
        kind = "an image stack (ISPG 0, MZ 1)" if ispg == 0 else "a stack of images (MZ 1)"
        notes.append(
            Note(
                "spacing",
                "image-stack",
                f"the header describes {kind}, which has no spacing along z: that along x, "
                f"{edges[0]:.6g} angstrom, is taken for z; these may be no slices",
            )
        )
        edges[2] = edges[0]
    return edges, "the cell of the MRC header"


def _statistics(header: Any, array: Any) -> list[Note]:
    """Compare the header's statistics with each other and with the middle slice.

    A maximum below the minimum marks statistics that were never set, as MRC2014 says.
    """
    low, high, mean = (float(header[name]) for name in ("dmin", "dmax", "dmean"))
    if not low <= high or low == high == 0:
        return []
    with np.errstate(invalid="ignore"):
        middle = np.asarray(array[array.shape[0] // 2], np.float64)
    inside = middle[np.isfinite(middle)]
    room = 1e-3 * (high - low) + 1e-6 * max(abs(low), abs(high))
    if inside.size and (inside.min() < low - room or inside.max() > high + room):
        return [
            Note(
                "header",
                "stale-statistics",
                f"the header says densities lie in {low:g} .. {high:g}, the middle slice has "
                f"{inside.min():g} .. {inside.max():g}",
            )
        ]
    if not low - room <= mean <= high + room:
        return [
            Note(
                "header",
                "stale-statistics",
                f"the header's mean {mean:g} lies outside its own range {low:g} .. {high:g}",
            )
        ]
    return []
