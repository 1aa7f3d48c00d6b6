"""Reading a tomogram: what a viewer, a picker or a training loop waits for."""

from __future__ import annotations

from benchmarks.measured import ReadCase, Timed, asks
from cryoet_bench.storage.access import PATTERNS
from cryoet_bench.storage.arrays import FORMATS
from cryoet_bench.storage.codecs import CODECS
from cryoet_bench.storage.layouts import LAYOUTS


class Codecs(Timed, ReadCase):
    """Whole-volume reads from 64-cubes, by codec."""

    params = (list(CODECS), list(FORMATS))
    param_names = ("codec", "format")

    def setup(self, codec: str, storage_format: str) -> None:
        self.prepare(codec, "cube-64", storage_format)

    @asks("Read a volume, by codec")
    def time_volume(self, *_case: object) -> None:
        """How long does it take to read a whole volume with each codec?"""
        self.array[...]


class Layouts(Timed, ReadCase):
    """Whole-volume reads with blosc-zstd-5, by layout."""

    params = (list(LAYOUTS), list(FORMATS))
    param_names = ("layout", "format")

    def setup(self, layout: str, storage_format: str) -> None:
        self.prepare("blosc-zstd-5", layout, storage_format)

    @asks("Read a volume, by layout")
    def time_volume(self, *_case: object) -> None:
        """How long does it take to read a whole volume in each layout?"""
        self.array[...]


class Slices(Timed, ReadCase):
    """Single planes with blosc-zstd-5, by direction and layout."""

    params = (["slice-xy", "slice-xz", "slice-yz"], list(LAYOUTS), list(FORMATS))
    param_names = ("pattern", "layout", "format")

    def setup(self, pattern: str, layout: str, storage_format: str) -> None:
        self.prepare("blosc-zstd-5", layout, storage_format)
        self.selections = PATTERNS[pattern](self.array.shape)

    @asks("Read one slice")
    def time_slice(self, *_case: object) -> None:
        """How long does it take to read one xy, xz or yz slice?"""
        for selection in self.selections:
            self.array[selection]
