"""What a stored tomogram occupies: exact values, the same in every run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.exact import Exact, Outcomes, outcomes
from benchmarks.measured import Stored, asks, tomogram
from cryoet_bench.storage import voxel_types
from cryoet_bench.storage.arrays import FORMATS, Storage
from cryoet_bench.storage.codecs import CORE_CODECS, MORE_CODECS, OWN_CODECS
from cryoet_bench.storage.layouts import CORE_LAYOUTS, MORE_LAYOUTS, SHARDED_LAYOUTS


def _measure(storage: Storage, volume: Any = None) -> Mapping[str, float]:
    stored = Stored(storage, volume)
    stored.write()
    size = stored.data_bytes()
    values = {
        "bytes_per_voxel": size / stored.volume.size,
        "compression_ratio": stored.volume.nbytes / size,
        "objects": stored.objects(),
        "max_error": stored.max_error(),
    }
    stored.clear()
    return values


def _measure_codec(codec: str, storage_format: str) -> Mapping[str, float]:
    return _measure(Storage.named(codec, "cube-64", storage_format))


def _measure_layout(layout: str, storage_format: str) -> Mapping[str, float]:
    return _measure(Storage.named("blosc-zstd-5", layout, storage_format))


def _measure_type(dtype: str, storage_format: str) -> Mapping[str, float]:
    storage = Storage.named("blosc-zstd-5", "cube-64", storage_format)
    storage.require()
    return _measure(storage, voxel_types.as_type(tomogram().data, dtype))


class Codecs(Exact):
    """Stored size in 64-cubes, by codec."""

    params = (list(CORE_CODECS), list(FORMATS))
    param_names = ("codec", "format")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _measure_codec)

    @asks("Stored bytes per voxel, by codec", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy with each codec?"""
        return self.outcome["bytes_per_voxel"]

    @asks("Compression ratio, by codec", unit="ratio", higher_is_better=True)
    def track_compression_ratio(self, *_case: object) -> float:
        """How many times smaller is the stored volume with each codec?"""
        return self.outcome["compression_ratio"]

    @asks("Error of lossless codecs", unit="absolute error")
    def track_max_error(self, *_case: object) -> float:
        """By how much does a voxel differ that comes back? More than zero is the worst fault."""
        return self.outcome["max_error"]


class OwnCodecs(Exact):
    """Stored size in 64-cubes with what zarr itself chooses, which changes between releases."""

    params = (list(OWN_CODECS), list(FORMATS))
    param_names = ("codec", "format")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _measure_codec)

    @asks("Stored bytes per voxel, by zarr's defaults", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy for a user who chooses no settings?"""
        return self.outcome["bytes_per_voxel"]

    @asks("Error of zarr's defaults", unit="absolute error")
    def track_max_error(self, *_case: object) -> float:
        """By how much does a voxel differ that comes back? More than zero is the worst fault."""
        return self.outcome["max_error"]


class MoreCodecs(Exact):
    """As Codecs, at further settings."""

    params = (list(MORE_CODECS), list(FORMATS))
    param_names = ("codec", "format")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _measure_codec)

    @asks("Stored bytes per voxel, by further codecs", tier="full", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy with codecs at other settings?"""
        return self.outcome["bytes_per_voxel"]

    @asks("Error of further lossless codecs", tier="full", unit="absolute error")
    def track_max_error(self, *_case: object) -> float:
        """By how much does a voxel differ that comes back? More than zero is the worst fault."""
        return self.outcome["max_error"]


class Layouts(Exact):
    """Stored size with blosc-zstd-5, by layout."""

    params = (list(CORE_LAYOUTS | SHARDED_LAYOUTS), list(FORMATS))
    param_names = ("layout", "format")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _measure_layout)

    @asks("Stored bytes per voxel, by layout", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy in each layout?"""
        return self.outcome["bytes_per_voxel"]

    @asks("Objects stored, by layout", unit="objects")
    def track_objects(self, *_case: object) -> float:
        """How many objects must a file system or bucket keep for each layout?"""
        return self.outcome["objects"]


class MoreLayouts(Exact):
    """As Layouts, for tiny, large and flat chunks."""

    params = (list(MORE_LAYOUTS), list(FORMATS))
    param_names = ("layout", "format")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _measure_layout)

    @asks("Stored bytes per voxel, by further layouts", tier="full", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy in chunks of other shapes?"""
        return self.outcome["bytes_per_voxel"]

    @asks("Objects stored, by further layouts", tier="full", unit="objects")
    def track_objects(self, *_case: object) -> float:
        """How many objects must a file system or bucket keep for chunks of other shapes?"""
        return self.outcome["objects"]


class Types(Exact):
    """Stored size with blosc-zstd-5 in 64-cubes, by voxel type."""

    params = (list(voxel_types.DTYPES), list(FORMATS))
    param_names = ("dtype", "format")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _measure_type)

    @asks("Stored bytes per voxel, by voxel type", tier="full", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy in other voxel types?"""
        return self.outcome["bytes_per_voxel"]
