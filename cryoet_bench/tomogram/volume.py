"""A tomogram: a volume with the facts that make a measurement on it reproducible."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Source = Literal["synthetic", "portal", "file"]


@dataclass(frozen=True, eq=False)
class Tomogram:
    """A reconstructed volume, where it comes from and how fine it is.

    Parameters
    ----------
    name : str
        The series name: results of tomograms with different names are never mixed.
    data : numpy.ndarray, shape (z, y, x)
        Densities, C-contiguous, any real dtype.
    voxel_spacing : tuple of float or None
        Edge lengths of a voxel along z, y, x in angstrom; None where the source does not say.
    source : {"synthetic", "portal", "file"}
        Synthetic volumes are labelled so wherever their results are shown.
    provenance : mapping of str to str or number
        What is needed to obtain the same bytes again.
    """

    name: str
    data: npt.NDArray[Any]
    voxel_spacing: tuple[float, float, float] | None
    source: Source
    provenance: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """Fill in the checksum of the voxels where it is not known yet."""
        if not self.sha256:
            object.__setattr__(self, "sha256", checksum(self.data))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along z, y, x."""
        z, y, x = self.data.shape
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""
        return self.data.dtype

    @property
    def facts(self) -> dict[str, Any]:
        """What the record keeps of a tomogram beside what was measured on it."""
        return {
            "name": self.name,
            "source": self.source,
            "shape": list(self.shape),
            "dtype": str(self.dtype),
            "voxel_spacing": self.voxel_spacing and list(self.voxel_spacing),
            "sha256": self.sha256,
        }


def checksum(data: npt.NDArray[Any]) -> str:
    """Return the sha256 of an array's dtype, shape and voxels in C order.

    Sections along the first axis are hashed one after the other, so a memory-mapped
    volume needs no more memory than one section.
    """
    digest = hashlib.sha256(f"{data.dtype.str} {data.shape}".encode())
    for section in data:
        digest.update(np.ascontiguousarray(section).view(np.uint8).data)
    return digest.hexdigest()
