"""A volume to judge: opened lazily, so that one larger than memory is swept where it lies."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.quality.qc.survey import ArrayLike, chunk_shape

if TYPE_CHECKING:
    import zarr

    from cryoet_bench.tomogram import Tomogram

Spacing = tuple[float, float, float]
_REMOTE = ("s3://", "http://", "https://", "gs://")
_MRC_MAGIC = slice(208, 212)


@dataclass(frozen=True)
class Volume:
    """A volume and what its store says of it.

    Parameters
    ----------
    name : str
        For people.
    array : array of axes z, y, x
        numpy, memory-mapped, Zarr or Dask.
    voxel_spacing : tuple of float or None
        Along z, y, x in angstrom; None where nobody says.
    facts : mapping of str to str, number or None
        Where it comes from.
    missing_chunks : sequence of tuple of int, or None
        Grid positions of the chunks that are not in the store; None where it has no chunks.
    disagreements : sequence of str
        Where the header contradicts itself or the file, one sentence each.
    """

    name: str
    array: ArrayLike
    voxel_spacing: Spacing | None = None
    facts: Mapping[str, str | float | int | None] = field(default_factory=dict)
    missing_chunks: Sequence[tuple[int, ...]] | None = None
    disagreements: Sequence[str] = ()

    @property
    def chunks(self) -> tuple[int, int, int] | None:
        """The array's chunks, where it has any."""
        return chunk_shape(self.array)


def open_volume(source: str) -> Volume:
    """Open a tomogram for judging; voxels of Zarr and plain MRC stay where they are.

    Parameters
    ----------
    source : str
        A path to an MRC, TIFF or Zarr, an s3:// URL of a Zarr, or any name that
        `cryoet_bench.tomogram.sources.obtain` knows. A bucket is read anonymously unless
        AWS_ACCESS_KEY_ID or AWS_PROFILE is set.

    Raises
    ------
    InputError
        There is no such volume, or it cannot be read.
    """
    if source.startswith(_REMOTE):
        return _open_zarr(source, source.rstrip("/").rsplit("/", 1)[-1])
    path = Path(source).expanduser()
    if path.is_dir():
        return _open_zarr(str(path), path.absolute().name)
    if path.is_file():
        return _open_file(path)
    from cryoet_bench.tomogram.sources import obtain  # noqa: PLC0415

    return _of_tomogram(obtain(source))


def _of_tomogram(tomogram: Tomogram) -> Volume:
    facts = {"source": tomogram.source, "sha256": tomogram.sha256}
    return Volume(tomogram.name, tomogram.data, tomogram.voxel_spacing, facts)


def _open_file(path: Path) -> Volume:
    with path.open("rb") as file:
        header = file.read(212)
    if header[_MRC_MAGIC][:3] == b"MAP" and header[:2] != b"\x1f\x8b":
        return _open_mrc(path)
    from cryoet_bench.tomogram import files  # noqa: PLC0415

    tomogram = files.read(path)
    volume = _of_tomogram(tomogram)
    facts = {"source": "file", "format": str(tomogram.provenance.get("format", "file"))}
    return Volume(path.name, volume.array, volume.voxel_spacing, facts)


def _open_mrc(path: Path) -> Volume:
    """Map a plain MRC file; whatever the map cannot serve is left to the tomogram reader."""
    from cryoet_bench.tomogram import files  # noqa: PLC0415
    from cryoet_bench.tomogram.region import parse_region  # noqa: PLC0415

    corner = files.read(path, region=parse_region("0:1,0:1,0:1"))
    import mrcfile  # noqa: PLC0415

    # What numpy will drop one day is no fault of the volume.
    with (
        warnings.catch_warnings(action="ignore"),
        mrcfile.mmap(path, permissive=True) as mrc,
    ):
        data = mrc.data
        disagreements = _mrc_disagreements(mrc.header, data, path)
        plain = [int(mrc.header[axis]) for axis in ("maps", "mapr", "mapc")] == [3, 2, 1]
    if data is None or data.ndim != 3 or not plain:
        data = files.read(path).data
    facts = {"source": "file", "format": "MRC"}
    return Volume(path.name, data, corner.voxel_spacing, facts, None, disagreements)


def _mrc_disagreements(header: Any, data: Any, path: Path) -> list[str]:
    """Compare an MRC header with itself and with the file.

    The fields are those of the MRC2014 format; a maximum below the minimum marks statistics that
    were never set, as the format says.
    """
    found = []
    if {int(header[axis]) for axis in ("mapc", "mapr", "maps")} != {1, 2, 3}:
        found.append("the axis order (mapc, mapr, maps) names no three axes")
    low, high, mean = (float(header[name]) for name in ("dmin", "dmax", "dmean"))
    if data is not None and low <= high and not (low == high == 0):
        middle = np.asarray(data[data.shape[0] // 2], np.float64)
        inside = middle[np.isfinite(middle)]
        room = 1e-3 * (high - low) + 1e-6 * max(abs(low), abs(high))
        if inside.size and (inside.min() < low - room or inside.max() > high + room):
            found.append(
                f"the header says densities lie in {low:g} .. {high:g}, the middle slice has "
                f"{inside.min():g} .. {inside.max():g}"
            )
        elif not low - room <= mean <= high + room:
            found.append(
                f"the header's mean {mean:g} lies outside its own range {low:g} .. {high:g}"
            )
    if data is not None:
        expected = 1024 + int(header["nsymbt"]) + data.nbytes
        extra = path.stat().st_size - expected
        if extra > 0:
            found.append(f"the file is {extra:,} bytes longer than its header says")
    return found


def _open_zarr(location: str, name: str) -> Volume:
    import zarr  # noqa: PLC0415
    import zarr.errors  # noqa: PLC0415

    from cryoet_bench.tomogram.files.part import READ_ERRORS, reason  # noqa: PLC0415

    remote = location.startswith(_REMOTE)
    if not remote and not any(
        (Path(location) / marker).is_file() for marker in ("zarr.json", ".zarray", ".zgroup")
    ):
        raise InputError(f"the folder {location} is neither a Zarr array nor a Zarr group")
    # Public buckets, as the portal's, are read without credentials.
    private = {"AWS_ACCESS_KEY_ID", "AWS_PROFILE"} & os.environ.keys()
    options = {"anon": True} if location.startswith("s3://") and not private else {}
    try:
        node: Any = zarr.open(location, mode="r", storage_options=options if remote else None)
        array, spacing = _finest(node, location) if isinstance(node, zarr.Group) else (node, None)
        if array.ndim > 3 and set(array.shape[:-3]) == {1}:
            import dask.array  # noqa: PLC0415

            missing = None
            whole = dask.array.from_zarr(array)  # type: ignore[no-untyped-call]
            lazy: ArrayLike = whole[(0,) * (array.ndim - 3)]
        else:
            missing, lazy = _missing_chunks(array), array
        facts = {
            "source": "remote" if remote else "file",
            "format": f"Zarr {array.metadata.zarr_format}",
            "array": array.path or None,
        }
        return Volume(name, lazy, spacing, facts, missing)
    except InputError:
        raise
    except (*READ_ERRORS, zarr.errors.BaseZarrError) as error:
        raise InputError(f"{location} cannot be read as Zarr: {reason(error)}") from error


def _finest(group: zarr.Group, location: str) -> tuple[zarr.Array[Any], Spacing | None]:
    from cryoet_bench.tomogram.files.zarr_ import find_level  # noqa: PLC0415

    return find_level(group, 0, location)


def _missing_chunks(array: zarr.Array[Any]) -> list[tuple[int, ...]]:
    """List the chunks (shards, where there are any) whose keys are not in the store."""
    from zarr.core.sync import sync  # noqa: PLC0415

    grid = [
        math.ceil(n / step)
        for n, step in zip(array.shape, array.shards or array.chunks, strict=True)
    ]

    async def stored() -> set[str]:
        prefix = f"{array.path}/" if array.path else ""
        store = array.store_path.store
        return {key.removeprefix(prefix) async for key in store.list_prefix(prefix)}

    present = sync(stored())
    return [
        place
        for place in np.ndindex(*grid)
        if array.metadata.encode_chunk_key(place) not in present
    ]


def readable[Result](read: Callable[[], Result], what: str) -> Result:
    """Run something that reads voxels; what goes wrong in a damaged store is one sentence.

    Raises
    ------
    InputError
        The voxels cannot be read.
    """
    import zarr.errors  # noqa: PLC0415

    from cryoet_bench.tomogram.files.part import READ_ERRORS, reason  # noqa: PLC0415

    try:
        return read()
    except InputError:
        raise
    except (*READ_ERRORS, zarr.errors.BaseZarrError) as error:
        raise InputError(f"the voxels of {what} cannot be read: {reason(error)}") from error
