"""OME-Zarr pyramids as the CryoET Data Portal keeps them: levels 1x, 2x, 4x, mean-reduced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryoet_bench.storage import arrays, installed
from cryoet_bench.storage.arrays import Storage

if TYPE_CHECKING:
    import numpy.typing as npt

_AXES = [{"name": axis, "type": "space", "unit": "angstrom"} for axis in "zyx"]


def levels(volume: npt.NDArray[Any], count: int = 3) -> list[npt.NDArray[Any]]:
    """Return a volume and its reductions by means of 2 x 2 x 2 voxels; odd ends are dropped."""
    pyramid = [volume]
    while len(pyramid) < count and min(pyramid[-1].shape) >= 2:
        # scikit-image reduces blocks as well; a measured environment has numpy alone.
        z, y, x = (length // 2 for length in pyramid[-1].shape)
        blocks = pyramid[-1][: 2 * z, : 2 * y, : 2 * x].reshape(z, 2, y, 2, x, 2)
        pyramid.append(blocks.mean(axis=(1, 3, 5)).astype(volume.dtype))
    return pyramid


def write(store: Any, pyramid: list[npt.NDArray[Any]], storage: Storage) -> None:
    """Write an OME-Zarr group of the levels into a store: NGFF 0.4 in format 2, 0.5 in format 3.

    Raises
    ------
    UnavailableError
        The installed releases cannot store it so.
    """
    storage.require()
    zarr = installed.zarr()
    if installed.release("zarr") < (3,):
        group = zarr.open_group(store=store, mode="w", zarr_version=2)
    else:
        group = zarr.open_group(store=store, mode="w", zarr_format=storage.zarr_format)
    group.attrs.update(_attributes(len(pyramid), storage.zarr_format))
    for number, level in enumerate(pyramid):
        arrays.create(store, level.shape, level.dtype, storage, path=str(number))[...] = level


def open_level(store: Any, number: int) -> Any:
    """Open the group in a store, and return the array of one of the levels that it names."""
    group = installed.zarr().open_group(store=store, mode="r")
    attributes = dict(group.attrs)
    multiscales = attributes.get("ome", attributes)["multiscales"]
    return group[multiscales[0]["datasets"][number]["path"]]


def _attributes(count: int, zarr_format: int) -> dict[str, Any]:
    datasets = [
        {
            "path": str(number),
            "coordinateTransformations": [{"type": "scale", "scale": [float(2**number)] * 3}],
        }
        for number in range(count)
    ]
    multiscales = {"axes": _AXES, "datasets": datasets}
    if zarr_format == 2:
        return {"multiscales": [multiscales | {"version": "0.4"}]}
    return {"ome": {"version": "0.5", "multiscales": [multiscales]}}
