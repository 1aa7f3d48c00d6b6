"""Tomograms stored as the portal stores them: OME-NGFF 0.4 in Zarr format 2, and the MRC twin."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numcodecs
import numpy as np
import numpy.typing as npt
import zarr

from tests.tomogram.portal.bucket_server import BUCKET
from tests.tomogram.portal.graphql_api import Tables

Volume = npt.NDArray[np.float32]
CODEC = numcodecs.Blosc(cname="lz4", clevel=5, shuffle=numcodecs.Blosc.SHUFFLE)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A tomogram of the stand-in.

    `kept` are the indices of the level-0 chunks that are stored; None stores all, and coarser
    levels and the MRC twin with them.
    """

    id: int
    dataset: int
    run: str
    spacing: float
    processing: str
    shape: tuple[int, int, int]
    chunk: int = 256
    kept: Collection[tuple[int, int, int]] | None = None
    mrc: bool = True

    @property
    def folder(self) -> str:
        spacing = f"VoxelSpacing{self.spacing:.3f}"
        return f"{self.dataset}/{self.run}/Reconstructions/{spacing}/Tomograms/{self.id}"

    def chunk_voxels(self, index: tuple[int, int, int]) -> Volume:
        """The voxels of a chunk of level 0, the same on every call: noise of a tomogram's scale."""
        seed = np.random.SeedSequence([self.id, *index])
        noise = np.random.Generator(np.random.SFC64(seed)).standard_normal(
            (self.chunk,) * 3, dtype=np.float32
        )
        return np.float32(5.5e-6) * noise

    def voxels(self) -> Volume:
        """Level 0, with the fill value where nothing is stored."""
        grid = tuple(-(-length // self.chunk) for length in self.shape)
        volume = np.zeros([number * self.chunk for number in grid], np.float32)
        for index in np.ndindex(grid):
            if self.kept is None or index in self.kept:
                place = tuple(slice(it * self.chunk, (it + 1) * self.chunk) for it in index)
                volume[place] = self.chunk_voxels(index)  # type: ignore[arg-type]
        z, y, x = self.shape
        return np.ascontiguousarray(volume[:z, :y, :x])

    def write(self, root: Path) -> None:
        """Store it in the bucket's folder under `root`."""
        folder = root / BUCKET / self.folder
        group = zarr.open_group(folder / f"{self.run}.zarr", mode="w", zarr_format=2)
        levels = range(3) if self.kept is None else range(1)
        group.attrs["multiscales"] = [
            {
                "version": "0.4",
                "axes": [{"name": it, "type": "space", "unit": "angstrom"} for it in "zyx"],
                "datasets": [
                    {
                        "path": str(level),
                        "coordinateTransformations": [
                            {"type": "scale", "scale": [self.spacing * 2**level] * 3}
                        ],
                    }
                    for level in levels
                ],
            }
        ]
        if self.kept is not None:
            self._write_kept(self._array(group, 0, self.shape), folder)
            return
        volume = self.voxels()
        if self.mrc:
            with mrcfile.new(folder / f"{self.run}.mrc", volume) as file:
                file.voxel_size = self.spacing
        for level in levels:
            self._array(group, level, volume.shape)[:] = volume
            volume = halved(volume)

    def _write_kept(self, array: Any, folder: Path) -> None:
        assert self.kept is not None
        for index in self.kept:
            array.blocks[index] = self._inside(index)
        if self.mrc:
            path = folder / f"{self.run}.mrc"
            with mrcfile.new_mmap(path, self.shape, mrc_mode=2) as file:
                file.voxel_size = self.spacing
                for z, y, x in self.kept:
                    part = self._inside((z, y, x))
                    corner = (z * self.chunk, y * self.chunk, x * self.chunk)
                    place = (slice(c, c + n) for c, n in zip(corner, part.shape, strict=True))
                    file.data[tuple(place)] = part

    def _array(self, group: zarr.Group, level: int, shape: tuple[int, ...]) -> Any:
        return group.create_array(
            str(level),
            shape=shape,
            chunks=(self.chunk,) * 3,
            dtype="float32",
            compressors=CODEC,
            fill_value=0.0,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )

    def _inside(self, index: tuple[int, int, int]) -> Volume:
        voxels = self.chunk_voxels(index)
        z, y, x = (
            min(self.chunk, length - it * self.chunk)
            for it, length in zip(index, self.shape, strict=True)
        )
        return voxels[:z, :y, :x]


def halved(volume: Volume) -> Volume:
    """Mean of 2-cubes; an odd last plane is dropped."""
    z, y, x = (length // 2 * 2 for length in volume.shape)
    pairs = volume[:z, :y, :x].reshape(z // 2, 2, y // 2, 2, x // 2, 2)
    return pairs.mean(axis=(1, 3, 5), dtype=np.float32)


DATASETS = {
    10000: ("S. pombe cryo-FIB lamellae", "Schizosaccharomyces pombe", "cell"),
    10440: ("CZII challenge, training set", "not_reported", "in_vitro"),
    10445: ("CZII challenge, public test set", "not_reported", "in_vitro"),
}


def tables(stored: Collection[Stored]) -> Tables:
    """The portal's records of these tomograms."""
    runs = {(it.dataset, it.run): 0 for it in stored}
    runs = {key: 15000 + number for number, key in enumerate(runs)}
    prefix = f"s3://{BUCKET}"
    return {
        "Dataset": [
            {
                "id": number,
                "title": title,
                "organismName": organism,
                "sampleType": sample,
                "datasetPublications": "10.1038/s41592-025-02800-5",
            }
            for number, (title, organism, sample) in DATASETS.items()
        ],
        "Run": [
            {"id": number, "name": run, "datasetId": dataset}
            for (dataset, run), number in runs.items()
        ],
        "Tomogram": [_tomogram_row(it, runs[it.dataset, it.run], prefix) for it in stored],
    }


def _tomogram_row(stored: Stored, run: int, prefix: str) -> dict[str, Any]:
    z, y, x = stored.shape
    row = {
        "id": stored.id,
        "runId": run,
        "depositionId": 10310,
        "voxelSpacing": stored.spacing,
        "processing": stored.processing,
        "reconstructionMethod": "WBP",
        "sizeX": x,
        "sizeY": y,
        "sizeZ": z,
        "s3OmezarrDir": f"{prefix}/{stored.folder}/{stored.run}.zarr",
        "s3MrcFile": f"{prefix}/{stored.folder}/{stored.run}.mrc",
    }
    for level in range(3):
        row[f"scale{level}Dimensions"] = f"{x >> level},{y >> level},{z >> level}"
    return row


def challenge(scale: int = 1, *, chunk: int = 256) -> list[Stored]:
    """The tomograms of the stand-in, a `scale`-th of the real ones along every axis.

    At full size they are stored around their middle only.
    """
    coarse = (184 // scale, 630 // scale, 630 // scale)
    fine = (368 // scale, 1260 // scale, 1260 // scale)
    middle = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)]
    kept = {"coarse": middle, "fine": [(0, 2, 2)], "other": []} if scale == 1 else {}
    of_fine = {"shape": fine, "spacing": 4.99, "kept": kept.get("fine")}
    of_coarse = {"shape": coarse, "spacing": 10.012, "kept": kept.get("coarse")}
    other = {"shape": coarse, "kept": kept.get("other"), "mrc": False, "chunk": chunk}
    run = {"dataset": 10445, "run": "TS_100_3", "chunk": chunk}
    pombe = {"dataset": 10000, "run": "TS_026", "spacing": 13.48, "processing": "raw"}
    return [
        Stored(id=17001, processing="denoised", **of_fine, **run),
        Stored(id=17002, processing="filtered", **of_fine, **run),
        Stored(id=17003, processing="denoised", **of_coarse, **run),
        Stored(id=17004, processing="filtered", **of_coarse, **run),
        Stored(
            id=17010, dataset=10445, run="TS_10_8", spacing=10.012, processing="denoised", **other
        ),
        Stored(
            id=16001, dataset=10440, run="TS_5_4", spacing=10.012, processing="denoised", **other
        ),
        Stored(id=101, **pombe, **other),
        Stored(id=102, **pombe, **other),
    ]
