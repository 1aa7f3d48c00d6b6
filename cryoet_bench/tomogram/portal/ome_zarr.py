"""The portal's OME-Zarr: groups of Zarr format 2, every chunk an object of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal.bucket import DIGEST, Bucket, Piece
from cryoet_bench.tomogram.portal.grid import Contents, Grid
from cryoet_bench.tomogram.portal.placement import Shape, chunk_indices, chunk_part
from cryoet_bench.volume.region import Region

_ANGSTROM = {"angstrom": 1.0, "nanometer": 10.0}


class OmeZarrLevel:
    """One level of an OME-Zarr in a bucket.

    Parameters
    ----------
    bucket : Bucket
        Where it lies.
    root : str
        Key of the group.
    level : int
        Which dataset of its multiscales, 0 the finest.

    Raises
    ------
    InputError
        There is no such level, or it is not a volume of Zarr format 2.
    """

    def __init__(self, bucket: Bucket, root: str, level: int) -> None:
        self._bucket = bucket
        self._prefix = f"{root}/{level}"
        self.address = f"s3://{bucket.name}/{self._prefix}"
        scale = self._scale(f"{root}/.zattrs", level)
        self._metadata = bucket.read(f"{self._prefix}/.zarray")
        try:
            facts = json.loads(self._metadata)
            shape_z, shape_y, shape_x = facts["shape"]
            chunk_z, chunk_y, chunk_x = facts["chunks"]
            self._separator = str(facts.get("dimension_separator", "."))
            self.grid = Grid(
                (shape_z, shape_y, shape_x),
                (chunk_z, chunk_y, chunk_x),
                np.dtype(facts["dtype"]),
                scale,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.address}/.zarray does not describe a volume of Zarr format 2 ({error})"
            ) from error

    def contents(self, region: Region) -> Contents:
        """Return the chunks of a region and how many of them are not stored."""
        files = [self._file(index) for index in chunk_indices(region, self.grid.chunks)]
        versions = self._bucket.versions(f"{self._prefix}/{it}" for it in files)
        pieces = tuple(
            Piece(key, version, file)
            for file, (key, version) in zip(files, versions.items(), strict=True)
            if version is not None
        )
        return Contents(pieces, len(files), len(files) - len(pieces))

    def parts(self, folder: Path, region: Region) -> Iterator[tuple[Region, npt.NDArray[Any]]]:
        """Yield a region chunk by chunk: `folder` becomes a Zarr array with the chunks in it."""
        (folder / ".zarray").write_bytes(self._metadata)
        array = zarr.open_array(folder, mode="r", zarr_format=2)
        for index in chunk_indices(region, self.grid.chunks):
            part = chunk_part(index, self.grid.chunks, region)
            # Not bound to a name here, which would keep it while the next one is decoded.
            yield part, self._decoded(array, part, folder, self._file(index))

    def _decoded(
        self, array: zarr.Array[Any], part: Region, folder: Path, file: str
    ) -> npt.NDArray[Any]:
        try:
            return np.asarray(array[part])
        except (RuntimeError, ValueError) as error:
            (folder / file).unlink()
            # What an ETag did not prove is doubtful now, so a rerun fetches it again.
            for noted in folder.rglob(f"*{DIGEST}"):
                noted.unlink()
            raise InputError(
                f"the chunk {self.address}/{file} cannot be decoded: {error}"
            ) from error

    def _file(self, index: Shape) -> str:
        return self._separator.join(map(str, index))

    def _scale(self, key: str, level: int) -> tuple[float, float, float]:
        """Return the voxel spacing of a level in angstrom, as OME-NGFF 0.4 writes it."""
        try:
            image = json.loads(self._bucket.read(key))["multiscales"][0]
            units = [_ANGSTROM[axis.get("unit", "angstrom")] for axis in image["axes"]]
            found = {it["path"]: it["coordinateTransformations"] for it in image["datasets"]}
            transformations = found[str(level)]
            [scale] = [it["scale"] for it in transformations if it["type"] == "scale"]
            z, y, x = (it * unit for it, unit in zip(scale, units, strict=True))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(
                f"s3://{self._bucket.name}/{key} does not describe level {level} ({error!r})"
            ) from error
        return z, y, x
