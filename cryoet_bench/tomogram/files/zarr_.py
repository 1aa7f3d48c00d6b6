"""Zarr arrays and OME-Zarr groups, of format 2 and 3."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.files.part import READ_ERRORS, Part, Spacing, angstrom, cut, reason
from cryoet_bench.tomogram.region import Region

if TYPE_CHECKING:
    import zarr


def read(path: Path, region: Region | None, level: int) -> Part:
    """Read a region of one level; no chunk outside it is read.

    Raises
    ------
    InputError
        There is no array, no such level, or a chunk is damaged.
    """
    import zarr  # noqa: PLC0415
    import zarr.errors  # noqa: PLC0415

    if not any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup")):
        raise InputError(f"the folder {path} is neither a Zarr array nor a Zarr group")
    try:
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Group):
            array, spacing = find_level(node, level, str(path))
        elif level:
            raise InputError(f"{path} is a single Zarr array: it has no level {level}")
        else:
            array, spacing = node, None
        facts = {"format": f"Zarr {array.metadata.zarr_format}", "array": array.path}
        data, region = cut(_Volume(array), region, str(path))
        return Part(data, spacing, region, facts)
    except (*READ_ERRORS, zarr.errors.BaseZarrError) as error:
        raise InputError(f"{path} cannot be read as Zarr: {reason(error)}") from error


class _Volume:
    """The last three axes of an array whose others, as time and channel, have length one."""

    def __init__(self, array: zarr.Array[Any]) -> None:
        self._array = array
        self._others = array.ndim - 3 if array.ndim > 3 and set(array.shape[:-3]) == {1} else 0
        self.shape, self.dtype = array.shape[self._others :], array.dtype

    def __getitem__(self, region: Region) -> Any:
        return np.asarray(self._array[(0,) * self._others + region])


def find_level(group: zarr.Group, level: int, path: str) -> tuple[zarr.Array[Any], Spacing | None]:
    """Return one level of an OME-Zarr group, and its voxel spacing where the group says.

    Raises
    ------
    InputError
        The group has no levels, or not this one.
    """
    import zarr  # noqa: PLC0415

    attributes: dict[str, Any] = group.attrs.asdict()
    scales = attributes.get("ome", attributes).get("multiscales")
    if not scales:
        names = sorted(name for name, _ in group.arrays())
        if not names:
            raise InputError(f"{path} is a Zarr group without arrays")
        raise InputError(
            f"{path} is a Zarr group without multiscales: name one of its arrays, "
            f"as in {path}/{names[0]}"
        )
    datasets = scales[0]["datasets"]
    if not 0 <= level < len(datasets):
        raise InputError(f"{path} has the levels 0 to {len(datasets) - 1}: there is no {level}")
    array = group[datasets[level]["path"]]
    if not isinstance(array, zarr.Array):
        raise InputError(f"level {level} of {path} is no array")
    return array, _spacing(scales[0], datasets[level])


def _spacing(multiscale: Mapping[str, Any], dataset: Mapping[str, Any]) -> Spacing | None:
    """Return the product of the level's scale and the one that all levels share."""
    transformations = itertools.chain(
        dataset.get("coordinateTransformations", ()),
        multiscale.get("coordinateTransformations", ()),
    )
    scales = [step["scale"] for step in transformations if step["type"] == "scale"]
    axes = multiscale.get("axes", ())
    units = tuple(axis.get("unit") if isinstance(axis, Mapping) else None for axis in axes)
    if not scales or len(units) < 3:
        return None
    lengths = tuple(float(length) for length in np.prod(scales, axis=0))
    return angstrom(lengths[-3:], units[-3:])
