"""What a stored tomogram occupies: exact values, the same in every run."""

from __future__ import annotations

from typing import Any

from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import Stored, tomogram
from benchmarks.question import asks
from cryoet_bench.storage import voxel_types
from cryoet_bench.storage.arrays import FORMATS, Storage
from cryoet_bench.storage.codecs import CODECS, CORE_CODECS, ZARR_CODECS
from cryoet_bench.storage.layouts import CORE_LAYOUTS, LAYOUTS, SHARDED_LAYOUTS


def _measure(storage: Storage, volume: Any = None) -> Values:
    stored = Stored(storage, volume)
    stored.write()
    size = stored.data_bytes()
    values = {
        "bytes_per_voxel": size / stored.volume.size,
        "fraction_of_raw": size / stored.volume.nbytes,
        "objects": stored.objects(),
        "max_error": stored.max_error(),
    }
    stored.clear()
    return values


def _codec(codec: str, storage_format: str) -> Values:
    return _measure(Storage.named(codec, "cube-64", storage_format))


class Codecs(Exact):
    """Stored size in 64-cubes, by codec; the codecs of zarr itself with their defaults."""

    cases = {"codec": CODECS, "format": FORMATS}
    core = {"codec": [*CORE_CODECS, *ZARR_CODECS, "default"]}
    measure = staticmethod(_codec)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Stored size per voxel, by codec", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy with each codec?

        The codec's version, the element size that zarr gives Blosc, zarr's defaults.
        """
        return self.outcome["bytes_per_voxel"]

    @asks("Stored size as a fraction of raw, by codec", unit="of raw")
    def track_fraction_of_raw(self, *_case: object) -> float:
        """How large is the stored volume compared with its raw voxels, with each codec?

        The codec's version, the element size that zarr gives Blosc, zarr's defaults.
        """
        return self.outcome["fraction_of_raw"]

    @asks("Round-trip error of lossless codecs", unit="density")
    def track_max_error(self, *_case: object) -> float:
        """What is the largest round-trip error of a voxel?

        Nothing should: more than zero is the worst fault.
        """
        return self.outcome["max_error"]


def _layout(layout: str, storage_format: str) -> Values:
    return _measure(Storage.named("blosc-zstd-5", layout, storage_format))


class Layouts(Exact):
    """Stored size with blosc-zstd-5, by layout."""

    cases = {"layout": LAYOUTS, "format": FORMATS}
    core = {"layout": CORE_LAYOUTS | SHARDED_LAYOUTS}
    measure = staticmethod(_layout)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Stored size per voxel, by layout", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy in each layout?

        Chunk size, padding, the index of shards.
        """
        return self.outcome["bytes_per_voxel"]

    @asks("Stored objects, by layout", unit="objects")
    def track_objects(self, *_case: object) -> float:
        """How many objects must a file system or bucket keep for each layout?

        Chunk and shard size, metadata documents.
        """
        return self.outcome["objects"]


def _type(dtype: str, storage_format: str) -> Values:
    storage = Storage.named("blosc-zstd-5", "cube-64", storage_format)
    storage.require()
    return _measure(storage, voxel_types.as_type(tomogram().data, dtype))


class Types(Exact):
    """Stored size with blosc-zstd-5 in 64-cubes, by voxel type."""

    cases = {"dtype": voxel_types.DTYPES, "format": FORMATS}
    measure = staticmethod(_type)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Stored size per voxel, by voxel type", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy in each voxel type?

        The entropy of the type, shuffle.
        """
        return self.outcome["bytes_per_voxel"]
