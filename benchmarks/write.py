"""Writing a tomogram: what a reconstruction program or a portal's ingestion waits for."""

from __future__ import annotations

from benchmarks.measured import Timed, WriteCase, asks
from cryoet_bench.storage.arrays import FORMATS
from cryoet_bench.storage.codecs import CODECS
from cryoet_bench.storage.layouts import LAYOUTS


class Codecs(Timed, WriteCase):
    """Whole-volume writes in 64-cubes, by codec."""

    params = (list(CODECS), list(FORMATS))
    param_names = ("codec", "format")

    def setup(self, codec: str, storage_format: str) -> None:
        self.prepare(codec, "cube-64", storage_format)

    @asks("Write a volume, by codec")
    def time_volume(self, *_case: object) -> None:
        """How long does it take to write a whole volume with each codec?"""
        self.write()


class Layouts(Timed, WriteCase):
    """Whole-volume writes with blosc-zstd-5, by layout."""

    params = (list(LAYOUTS), list(FORMATS))
    param_names = ("layout", "format")

    def setup(self, layout: str, storage_format: str) -> None:
        self.prepare("blosc-zstd-5", layout, storage_format)

    @asks("Write a volume, by layout")
    def time_volume(self, *_case: object) -> None:
        """How long does it take to write a whole volume in each layout?"""
        self.write()
