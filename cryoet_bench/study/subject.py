"""What a study measures on: a box of a tomogram, and the whole that it stands for."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.files import staged
from cryoet_bench.storage.layouts import Shape
from cryoet_bench.study.configuration import edges
from cryoet_bench.tomogram.part import Part
from cryoet_bench.tomogram.sources import open_volume
from cryoet_bench.tomogram.volume import checksum
from cryoet_bench.volume import Volume
from cryoet_bench.volume.boxes import read_box
from cryoet_bench.volume.reading import readable
from cryoet_bench.volume.region import format_region

_LABELS = 0.5
"""Labels are integers of which more than this share equal their neighbour; densities are noisy."""


@dataclass(frozen=True)
class Subject:
    """A box of a tomogram.

    Parameters
    ----------
    name : str
        The tomogram's.
    source : str
        As the user gave it.
    shape : tuple of int
        Of the whole tomogram, along z, y, x.
    box : str
        What is measured of it, as `parse_region` reads it.
    box_shape : tuple of int
        Its voxels along z, y, x.
    dtype : str
        Of a voxel.
    voxel_spacing : tuple of float or None
        In angstrom.
    labels : bool
        Whether it holds labels rather than densities.
    synthetic : bool
        Whether it is a phantom.
    sha256 : str
        Of the box's voxels.
    part_of : str
        The tomogram whose larger box is judged, where this one only shows how times grow with
        size.
    """

    name: str
    source: str
    shape: Shape
    box: str
    box_shape: Shape
    dtype: str
    voxel_spacing: tuple[float, float, float] | None
    labels: bool
    synthetic: bool
    sha256: str
    part_of: str = ""

    def file(self, folder: Path) -> Path:
        """Return where the box is kept in a folder."""
        return folder / f"{self.sha256[:16]}.npy"

    @property
    def stem(self) -> str:
        """Its name as part of the names of files."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.name).strip("-")

    @property
    def box_bytes(self) -> int:
        """Bytes of the box without compression."""
        return math.prod(self.box_shape) * np.dtype(self.dtype).itemsize

    @property
    def whole_bytes(self) -> int:
        """Bytes of the whole volume without compression."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def facts(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Subject:
        """Return the subject that `facts` came from."""
        spacing = facts["voxel_spacing"]
        shapes = {key: tuple(facts[key]) for key in ("shape", "box_shape")}
        return cls(**{**facts, **shapes, "voxel_spacing": spacing and tuple(spacing)})


def take(source: str, wanted: Sequence[int], folder: Path) -> list[Subject]:
    """Read the boxes of a tomogram that are measured, and keep them as files in a folder.

    Parameters
    ----------
    source : str
        As `open_volume` takes it.
    wanted : sequence of int
        Each box has at most so many voxels a side, near the middle.
    folder : pathlib.Path
        Where measured processes read them from.

    Returns
    -------
    list of Subject
        The largest box first, then smaller ones as its parts; a thin volume has fewer.

    Raises
    ------
    InputError
        There is no such tomogram, or it cannot be read.
    """
    volume = open_volume(source)
    found: dict[Shape, Subject] = {}
    for edge in sorted(wanted, reverse=True):
        subject = _box(volume, source, edge, folder)
        found.setdefault(subject.box_shape, subject)
    return list(found.values())


def named(tomograms: Sequence[Sequence[Subject]]) -> list[Subject]:
    """Return the boxes of tomograms by names of which no two are one, nor their files.

    Tomograms of two folders may share a name; then each has a mark of its source.

    Parameters
    ----------
    tomograms : sequence of sequence of Subject
        What `take` returned of each, or this function earlier.
    """
    plain = [
        replace(boxes[0], name=boxes[0].name.removesuffix(_mark(boxes[0].source)))
        for boxes in tomograms
    ]
    known = Counter(largest.stem for largest in plain)
    subjects = []
    for largest, (_, *smaller) in zip(plain, tomograms, strict=True):
        name = largest.name
        if known[largest.stem] > 1:
            name += _mark(largest.source)
        subjects.append(replace(largest, name=name))
        subjects += [
            replace(box, name=f"{name} {edges(box.box_shape)}", part_of=name) for box in smaller
        ]
    return subjects


def _mark(source: str) -> str:
    return f" {hashlib.sha256(source.encode(errors='surrogateescape')).hexdigest()[:6]}"


def _box(volume: Volume, source: str, edge: int, folder: Path) -> Subject:
    region = Part(edge=edge).place(volume, source)
    box = readable(lambda: read_box(volume.array, region), source)
    box = np.ascontiguousarray(box, box.dtype.newbyteorder("="))
    _require_content(box, format_region(region), source)
    z, y, x = volume.array.shape
    subject = Subject(
        name=volume.name.encode(errors="backslashreplace").decode(),  # a file's name may be any
        source=source,
        shape=(z, y, x),
        box=format_region(region),
        box_shape=box.shape,
        dtype=box.dtype.name,
        voxel_spacing=volume.voxel_spacing,
        labels=is_labels(box),
        synthetic=volume.facts.get("source") == "synthetic",
        sha256=checksum(box),
    )
    target = subject.file(folder)
    if not target.exists():
        try:
            with staged(target) as written:
                np.save(written, box)
        except OSError as error:
            why = error.strerror or "the disk is full"  # numpy does not say so
            raise InputError(f"{source}: cannot write its box to {folder}: {why}") from error
    return subject


def _require_content(box: npt.NDArray[Any], region: str, source: str) -> None:
    """Raise InputError where all voxels are alike: how they are compressed says nothing."""
    known = box[np.isfinite(box)]
    if known.size and known.min() < known.max():
        return
    held = f"voxels of {known[0]:g}" if known.size else "NaN and infinity"
    raise InputError(
        f"the box {region} of {source} holds {held} alone, which says nothing of the volume: "
        "'cryoet-bench tomogram add FILE --region Z,Y,X' names a part of it that can be studied"
    )


def is_labels(box: npt.NDArray[Any]) -> bool:
    """Tell whether voxels are labels: integers that mostly equal their neighbour."""
    if box.dtype.kind not in "iu" or box.shape[2] < 2:
        return False
    return float(np.mean(box[..., 1:] == box[..., :-1])) > _LABELS
