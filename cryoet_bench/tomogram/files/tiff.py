"""TIFF stacks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from cryoet_bench import extras
from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.files.part import READ_ERRORS, Part, Spacing, angstrom, cut, reason
from cryoet_bench.tomogram.region import Region

if TYPE_CHECKING:
    from tifffile import TiffFile


def read(path: Path, region: Region | None) -> Part:
    """Read a region of a TIFF stack; the spacing is ImageJ's.

    Raises
    ------
    InputError
        The file is damaged, a single image, or in colour.
    """
    import tifffile  # noqa: PLC0415

    complaints = _Complaints(logging.ERROR)
    logger = logging.getLogger("tifffile")
    logger.addHandler(complaints)
    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            expected = max(page.dataoffsets[-1] + page.databytecounts[-1] for page in tiff.pages)
            if expected > path.stat().st_size:
                raise InputError(f"{path} is truncated")
            if complaints.texts:
                raise InputError(f"{path} is damaged or truncated: {complaints.texts[0]}")
            if "S" in series.axes:
                raise InputError(f"{path} is in colour: a tomogram has one value in a voxel")
            if len(series.shape) == 2:
                raise InputError(f"{path} is a single image {series.shape}: a stack is needed")
            data, region = cut(series.asarray(), region, str(path))
            return Part(data, _spacing(tiff), region, {"format": "TIFF"})
    except READ_ERRORS as error:
        if "requires the 'imagecodecs' package" in str(error):  # tifffile's words
            raise InputError(f"{path} is compressed: {extras.advice('imagecodecs')}") from error
        raise InputError(f"{path} cannot be read as TIFF: {reason(error)}") from error
    finally:
        logger.removeHandler(complaints)


class _Complaints(logging.Handler):
    """Keep what tifffile only logs: that pages are missing or their tags are damaged."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def _spacing(tiff: TiffFile) -> Spacing | None:
    facts = tiff.imagej_metadata or {}
    page = tiff.pages.first
    x, y = page.resolution  # pixels in a unit
    if "spacing" not in facts or not x or not y:
        return None
    unit = facts.get("unit")
    # ImageJ may give each axis a unit of its own; without them x's is everyone's.
    return angstrom(
        (float(facts["spacing"]), 1 / y, 1 / x),
        (facts.get("zunit", unit), facts.get("yunit", unit), unit),
    )
