"""What a stored tomogram occupies: exact values, the same in every run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from benchmarks.measured import Outcome, Outcomes, Stored, asks, outcomes
from cryoet_bench.storage.arrays import FORMATS
from cryoet_bench.storage.codecs import CODECS
from cryoet_bench.storage.layouts import LAYOUTS


def _measure(codec: str, layout: str, storage_format: str) -> Mapping[str, float]:
    stored = Stored(codec, layout, storage_format)
    stored.write()
    stored.check()
    size = stored.data_bytes()
    values = {
        "bytes_per_voxel": size / stored.volume.size,
        "compression_ratio": stored.volume.nbytes / size,
        "objects": stored.objects(),
    }
    stored.clear()
    return values


class Codecs:
    """Stored size in 64-cubes, by codec."""

    version = "1"
    timeout = 120
    params = (list(CODECS), list(FORMATS))
    param_names = ("codec", "format")

    def setup_cache(self) -> Outcomes:
        return outcomes(
            itertools.product(*self.params), lambda codec, form: _measure(codec, "cube-64", form)
        )

    def setup(self, found: Outcomes, codec: str, storage_format: str) -> None:
        self.outcome: Outcome = found[codec, storage_format]
        self.outcome.check()

    @asks("Stored bytes per voxel, by codec", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy with each codec?"""
        return self.outcome["bytes_per_voxel"]

    @asks("Compression ratio, by codec", unit="ratio", higher_is_better=True)
    def track_compression_ratio(self, *_case: object) -> float:
        """How many times smaller is the stored volume with each codec?"""
        return self.outcome["compression_ratio"]


class Layouts:
    """Stored size with blosc-zstd-5, by layout."""

    version = "1"
    timeout = 120
    params = (list(LAYOUTS), list(FORMATS))
    param_names = ("layout", "format")

    def setup_cache(self) -> Outcomes:
        return outcomes(
            itertools.product(*self.params),
            lambda layout, form: _measure("blosc-zstd-5", layout, form),
        )

    def setup(self, found: Outcomes, layout: str, storage_format: str) -> None:
        self.outcome: Outcome = found[layout, storage_format]
        self.outcome.check()

    @asks("Stored bytes per voxel, by layout", unit="bytes/voxel")
    def track_bytes_per_voxel(self, *_case: object) -> float:
        """How many bytes does a voxel occupy in each layout?"""
        return self.outcome["bytes_per_voxel"]

    @asks("Objects stored, by layout", unit="objects")
    def track_objects(self, *_case: object) -> float:
        """How many objects must a file system or bucket keep for each layout?"""
        return self.outcome["objects"]
