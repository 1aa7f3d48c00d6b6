"""TIFF stacks: plain, ImageJ's, and OME-TIFF.

Spacings are those of ImageJ's own writer (ij.io.FileSaver: ``unit``, ``spacing``, and the
resolution in pixels per unit) and of the OME schema (``PhysicalSizeX`` with ``PhysicalSizeXUnit``,
micrometres where the unit is left out).
"""

from __future__ import annotations

import logging
import math
import re
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryoet_bench import extras
from cryoet_bench.errors import InputError
from cryoet_bench.volume.reading import read_errors, reason, short
from cryoet_bench.volume.spacing import Spacing, in_angstrom, positive
from cryoet_bench.volume.view import Note, Volume

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

# tifffile's words where the next page is described beyond the end of the file.
_BEYOND_THE_END = re.compile(r"invalid page offset (\d+)")
_PLANES = {"T": "time points", "C": "channels"}


def open_tiff(path: Path) -> Volume:
    """Open a TIFF stack; voxels that lie in one piece are mapped, others are read page by page.

    Raises
    ------
    InputError
        The file is short or damaged, holds fewer planes than it declares, is a single image, in
        colour, or holds several stacks.
    """
    import tifffile  # noqa: PLC0415

    complaints = _Complaints(logging.ERROR)
    logger = logging.getLogger("tifffile")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(complaints)
    try:
        with tifffile.TiffFile(path) as tiff:
            return _volume(path, tiff, complaints)
    except read_errors() as error:
        if "requires the 'imagecodecs' package" in str(error):  # tifffile's words
            raise InputError(f"{path} is compressed: {extras.advice('imagecodecs')}") from error
        raise InputError(f"{path} cannot be read as TIFF: {reason(error)}") from error
    finally:
        logger.removeHandler(complaints)
        logger.propagate = propagates


class _Complaints(logging.Handler):
    """Keep what tifffile only logs: that pages are missing or their tags are damaged."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class _Planes:
    """A stack of which each plane is decoded when it is read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    series : int
        Which of its series.
    """

    def __init__(self, path: Path, series: int, shape: tuple[int, int, int]) -> None:
        import tifffile  # noqa: PLC0415

        file = tifffile.TiffFile(path)
        weakref.finalize(self, file.close)
        file.filehandle.set_lock(True)
        self._pages = _pages(file.series[series])
        # Raises here, and not at the first voxel, where the codec is not installed.
        tifffile.TIFF.DECOMPRESSORS[self._pages[0].compression]
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(file.series[series].dtype)
        self.chunks = (1, *shape[1:])

    def __getitem__(self, box: Any, /) -> npt.NDArray[Any]:
        """Return the voxels of a box; integers drop their axis, as in numpy."""
        z, *rest = (box if isinstance(box, tuple) else (box,)) + (slice(None),) * 3
        inside = tuple(rest[:2])
        if not isinstance(z, slice):
            return np.asarray(self._plane(range(self.shape[0])[z])[inside])
        planes = range(*z.indices(self.shape[0]))
        if not planes:
            return np.empty(self.shape, self.dtype)[(slice(0, 0), *inside)]
        return np.stack([self._plane(index)[inside] for index in planes])

    def _plane(self, index: int) -> npt.NDArray[Any]:
        return np.asarray(self._pages[index].asarray()).reshape(self.shape[1:])


def _volume(path: Path, tiff: TiffFile, complaints: _Complaints) -> Volume:
    stacks = list(tiff.series)
    held = path.stat().st_size
    needed = max(page.dataoffsets[-1] + page.databytecounts[-1] for page in tiff.pages)
    if needed > held:
        raise InputError(f"{path} is truncated: {short(held, needed)}")
    _require_imagej_planes(path, tiff, held)
    if complaints.texts and not _pages_missing(tiff):
        said = complaints.texts[0]
        beyond = _BEYOND_THE_END.search(said)
        if beyond and int(beyond[1]) > held:
            raise InputError(f"{path} is truncated: {short(held, int(beyond[1]))}")
        raise InputError(f"{path} is damaged or truncated: {said}")
    index, notes = _only_stack(path, stacks)
    series = stacks[index]
    if "S" in series.axes:
        raise InputError(f"{path} is in colour: a tomogram has one value in a voxel")
    _require_planes(path, tiff, series, held)
    shape = _shape(path, series, notes)
    left_out = len(tiff.pages) - sum(len(one) for one in stacks)
    if left_out > 0:
        notes.append(
            Note(
                "content",
                "pages-left-out",
                f"the file has {left_out} pages more than its metadata declare: they are left out",
            )
        )
    notes += _meaning(tiff, series)
    array = _voxels(path, tiff, index, shape)
    spacing, stated = _spacing(tiff, series, index, notes)
    facts = {
        "source": "file",
        "format": {"ome": "OME-TIFF", "imagej": "ImageJ TIFF"}.get(series.kind, "TIFF"),
        **({"spacing from": stated} if spacing else {}),
    }
    return Volume(path.name, array, spacing, facts, None, notes)


def _pages_missing(tiff: TiffFile) -> bool:
    return any(page is None for series in tiff.series for page in _pages(series))


def _pages(series: TiffPageSeries) -> list[Any]:
    """Return the pages of a series, None for those that are not in the file."""
    pages: list[Any] = []
    for index in range(len(series)):
        try:
            pages.append(series[index])
        except IndexError:
            pages.append(None)
    return pages


def _only_stack(path: Path, stacks: list[TiffPageSeries]) -> tuple[int, list[Note]]:
    """Return which series is the stack; what else there is becomes a note."""
    if len(stacks) == 1:
        return 0, []
    many = [index for index, series in enumerate(stacks) if len(series.shape) > 2]
    named = "; ".join(
        f"{index}: {' x '.join(map(str, series.shape))} {series.dtype}"
        for index, series in enumerate(stacks)
    )
    if len(many) != 1:
        raise InputError(
            f"{path} holds {len(stacks)} series ({named}): a tomogram is one stack; write the one "
            "that you want to a file of its own"
        )
    others = "; ".join(
        f"{' x '.join(map(str, series.shape))}"
        for index, series in enumerate(stacks)
        if index != many[0]
    )
    note = Note(
        "content",
        "several-series",
        f"the file holds {len(stacks)} series: the only stack among them is read, and left out are "
        f"images of {others} (a thumbnail, as a rule)",
    )
    return many[0], [note]


def _require_planes(path: Path, tiff: TiffFile, series: TiffPageSeries, held: int) -> None:
    """Raise unless every plane that the metadata declare is in the file.

    Raises
    ------
    InputError
        Some are not; tifffile would read them as zeros.
    """
    planes = math.prod(series.shape) // (series.keyframe.size or 1)
    present = sum(page is not None for page in _pages(series))
    if series.kind in {"shaped", "imagej"} and 1 < len(tiff.pages) < planes:
        present = len(tiff.pages)
    elif series.dataoffset is not None and series.keyframe.is_contiguous:
        end = series.dataoffset + series.nbytes
        if end > held:
            raise InputError(
                f"{path} is truncated: {short(held, end)} of the {planes} planes that it declares"
            )
        present = max(present, planes)
    if present < planes:
        raise _incomplete(path, planes, present)


def _require_imagej_planes(path: Path, tiff: TiffFile, held: int) -> None:
    """Raise unless there are as many planes as ImageJ's ``images``, in pages or behind the first.

    Raises
    ------
    InputError
        There are fewer; tifffile would read the pages that are there, and say nothing more.
    """
    facts = tiff.imagej_metadata or {}
    declared = int(facts.get("images", 1))
    present, first = len(tiff.pages), tiff.pages.first
    if present == 1 and first.is_contiguous:
        # ImageJ writes a large stack as one page, with the other planes right behind its own.
        present = (held - first.dataoffsets[0]) // max(first.nbytes, 1)
    if present < declared:
        raise _incomplete(path, declared, present)


def _incomplete(path: Path, declared: int, present: int) -> InputError:
    return InputError(
        f"{path} is incomplete: its metadata declare {declared} planes, and the file holds "
        f"{present}, as of an interrupted acquisition; write these as a stack of their own"
    )


def _shape(path: Path, series: TiffPageSeries, notes: list[Note]) -> tuple[int, int, int]:
    """Return the stack's shape along z, y, x; of the other axes only those of length one are left.

    Raises
    ------
    InputError
        A single image, or several volumes.
    """
    named = [
        (axis, n) for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YX"
    ]
    y, x = (int(n) for axis, n in zip(series.axes, series.shape, strict=True) if axis in "YX")
    longer = [(axis, int(n)) for axis, n in named if n > 1] or [(a, int(n)) for a, n in named[:1]]
    if not longer:
        raise InputError(f"{path} is a single image {(y, x)}: a stack is needed")
    if len(longer) > 1:
        others = " and ".join(
            f"{n} {_PLANES.get(axis, f'images along axis {axis}')}"
            for axis, n in longer
            if axis != "Z"
        )
        raise InputError(
            f"{path} has {others}: a tomogram is one volume; write the one that you want to a file "
            "of its own"
        )
    axis, z = longer[0]
    # tifffile names an ImageJ stack's planes channels where its writer was not told.
    if axis == "T" or (axis == "C" and series.kind == "ome"):
        notes.append(
            Note(
                "content",
                "planes-are-no-slices",
                f"the metadata call its {z} planes {_PLANES[axis]}, not slices along z: they are "
                "taken as slices",
            )
        )
    return z, y, x


def _meaning(tiff: TiffFile, series: TiffPageSeries) -> list[Note]:
    """Return what the metadata say of a grey value that a reader of the stored numbers misses."""
    notes = []
    facts = tiff.imagej_metadata or {}
    start, slope = facts.get("c0", 0), facts.get("c1", 1)
    if (start, slope) != (0, 1):
        notes.append(
            Note(
                "content",
                "calibrated-values",
                f"ImageJ's calibration makes densities {start:g} + {slope:g} times the stored "
                "values, which are read as they are stored",
            )
        )
    if series.keyframe.photometric == 0:
        notes.append(
            Note(
                "content",
                "white-is-zero",
                "the file asks viewers to show zero as white: its values are read as they are "
                "stored",
                harmless=True,
            )
        )
    return notes


def _voxels(path: Path, tiff: TiffFile, index: int, shape: tuple[int, int, int]) -> Any:
    series = tiff.series[index]
    offset = series.dataoffset
    if offset is not None and series.keyframe.is_contiguous and series.keyframe.is_memmappable:
        dtype = np.dtype(series.dtype).newbyteorder(tiff.byteorder)
        return np.memmap(path, dtype, "r", offset, shape)
    if math.prod(series.keyframe.shape) == shape[1] * shape[2]:
        return _Planes(path, index, shape)
    # A page that holds several planes, compressed: there is no smaller piece to decode.
    return series.asarray().reshape(shape)


def _spacing(
    tiff: TiffFile, series: TiffPageSeries, index: int, notes: list[Note]
) -> tuple[Spacing | None, str]:
    """Return the voxel spacing along z, y, x, and which metadata it is from."""
    if series.kind == "ome" and tiff.ome_metadata:
        return _ome_spacing(tiff.ome_metadata, index, notes), "the PhysicalSize of the OME-XML"
    if tiff.is_imagej:
        return _imagej_spacing(tiff, notes), "ImageJ's resolution and spacing"
    return None, ""


def _ome_spacing(xml: str, index: int, notes: list[Note]) -> Spacing | None:
    from tifffile import xml2dict  # noqa: PLC0415

    images = xml2dict(xml).get("OME", {}).get("Image", {})
    image: Mapping[str, Any] = images[index] if isinstance(images, list) else images
    pixels = image.get("Pixels", {})
    lengths = {}
    for axis in "ZYX":
        size = pixels.get(f"PhysicalSize{axis}")
        # The schema's default, where the unit is left out.
        factor = in_angstrom(str(pixels.get(f"PhysicalSize{axis}Unit", "µm")))
        if size is not None and factor is not None:
            lengths[axis] = float(size) * factor
    return _with_depth(lengths, "PhysicalSizeZ", notes)


def _imagej_spacing(tiff: TiffFile, notes: list[Note]) -> Spacing | None:
    facts = tiff.imagej_metadata or {}
    x, y = tiff.pages.first.resolution  # pixels in a unit
    unit = facts.get("unit")
    # ImageJ may give each axis a unit of its own; without them x's is everyone's.
    units = {"Z": facts.get("zunit", unit), "Y": facts.get("yunit", unit), "X": unit}
    per_axis = {"Z": facts.get("spacing"), "Y": y and 1 / y, "X": x and 1 / x}
    lengths = {}
    for axis, length in per_axis.items():
        factor = in_angstrom(str(units[axis]))
        if length and factor:
            # ImageJ reads a negative spacing as its size: older plugins wrote a direction so.
            lengths[axis] = abs(float(length)) * factor
    return _with_depth(lengths, "spacing", notes)


def _with_depth(lengths: dict[str, float], name: str, notes: list[Note]) -> Spacing | None:
    if not {"X", "Y"} <= lengths.keys():
        return None
    if "Z" not in lengths:
        notes.append(
            Note(
                "spacing",
                "no-spacing-along-z",
                f"the metadata give no spacing along z ({name}): that along x, "
                f"{lengths['X']:.6g} angstrom, is taken for z",
            )
        )
    return positive([lengths.get("Z", lengths["X"]), lengths["Y"], lengths["X"]])
