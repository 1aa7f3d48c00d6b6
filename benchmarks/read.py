"""Reading a tomogram: what a viewer, a picker or a training loop waits for."""

from __future__ import annotations

from typing import Any

from benchmarks.measured import (
    CORE_ARRAYS,
    MORE_ARRAYS,
    ByCodec,
    ByLayout,
    ByType,
    Reading,
    Stored,
    Timed,
    asks,
)
from cryoet_bench.harness import conditions
from cryoet_bench.storage import arrays, pyramids, stores
from cryoet_bench.storage.access import READS
from cryoet_bench.storage.arrays import FORMATS, Storage
from cryoet_bench.storage.codecs import CORE_CODECS, MORE_CODECS, OWN_CODECS
from cryoet_bench.storage.layouts import CORE_LAYOUTS, MORE_LAYOUTS, SHARDED_LAYOUTS

CORE_READS = ("slice-xy", "slice-xz", "slice-yz", "boxes-64")


class Codecs(ByCodec, Timed, Reading):
    """Whole-volume reads from 64-cubes, by codec; those of zarr itself with its defaults."""

    params = (list(CORE_CODECS | OWN_CODECS), list(FORMATS))

    @asks("Read a volume, by codec")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a whole volume with each codec?"""
        self.array[...]


class MoreCodecs(ByCodec, Timed, Reading):
    """As Codecs, at further settings."""

    params = (list(MORE_CODECS), list(FORMATS))

    @asks("Read a volume, by further codecs", tier="full")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a whole volume with codecs at other settings?"""
        self.array[...]


class Layouts(ByLayout, Timed, Reading):
    """Whole-volume reads with blosc-zstd-5, by layout."""

    params = (list(CORE_LAYOUTS), list(FORMATS))

    @asks("Read a volume, by layout")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a whole volume in each layout?"""
        self.array[...]


class MoreLayouts(ByLayout, Timed, Reading):
    """As Layouts, for tiny, large and flat chunks and further shards."""

    params = (list(MORE_LAYOUTS | SHARDED_LAYOUTS), list(FORMATS))

    @asks("Read a volume, by further layouts", tier="full")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a whole volume from chunks of other shapes?"""
        self.array[...]


class Types(ByType, Timed, Reading):
    """Whole-volume reads with blosc-zstd-5 from 64-cubes, by voxel type."""

    @asks("Read a volume, by voxel type", tier="full")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read the same volume in other voxel types?"""
        self.array[...]


class _Selecting(Reading):
    """Reads of parts with blosc-lz4-5, which the portal writes."""

    def select(self, pattern: str, array: str) -> None:
        """Get ready to read what a pattern asks for."""
        self.prepare(Storage.named("blosc-lz4-5", *array.split()))
        self.selections = READS[pattern](self.array.shape)

    def read(self) -> None:
        """Read it."""
        for selection in self.selections:
            self.array[selection]


class Patterns(Timed, _Selecting):
    """Parts of a volume with blosc-lz4-5, by access pattern."""

    params = (list(CORE_READS), list(CORE_ARRAYS))
    param_names = ("pattern", "array")

    def setup(self, pattern: str, array: str) -> None:
        self.select(pattern, array)

    @asks("Read a part, by access pattern")
    def time_read(self, *_case: str) -> None:
        """How long does it take to read a slice, or six 64-cubes around particles?"""
        self.read()


class MorePatterns(Timed, _Selecting):
    """As Patterns, for what viewers and training loops also do."""

    params = ([name for name in READS if name not in CORE_READS], list(CORE_ARRAYS))
    param_names = ("pattern", "array")

    def setup(self, pattern: str, array: str) -> None:
        self.select(pattern, array)

    @asks("Read a part, by further access patterns", tier="full")
    def time_read(self, *_case: str) -> None:
        """How long do orthoslices, stacks of slices, every 8th slice and random patches take?"""
        self.read()


class Slices(Timed, _Selecting):
    """One slice with blosc-lz4-5 from further layouts, by direction."""

    params = (["slice-xy", "slice-xz", "slice-yz"], list(MORE_ARRAYS))
    param_names = ("pattern", "array")

    def setup(self, pattern: str, array: str) -> None:
        self.select(pattern, array)

    @asks("Read one slice, by further layouts", tier="full")
    def time_read(self, *_case: str) -> None:
        """How long does it take to read one slice from chunks of other shapes?"""
        self.read()


class Cold(Timed):
    """The first read of a file that the page cache does not hold, with blosc-lz4-5."""

    params = (["whole", "slice-xy"], list(CORE_ARRAYS))
    param_names = ("pattern", "array")

    stored: Stored | None = None

    def setup(self, pattern: str, array: str) -> None:
        if self.stored is None:
            storage = Storage.named("blosc-lz4-5", *array.split())
            self.stored = Stored(storage, on_disk=True)
            self.stored.write()
            self.array: Any = self.stored.open()
            self.selections = READS[pattern](self.array.shape)
        conditions.drop_from_page_cache(self.stored.folder)

    @asks("Read from a cold page cache", tier="full")
    def time_read(self, *_case: str) -> None:
        """How long does the first read take, when the files are not in memory?"""
        for selection in self.selections:
            self.array[selection]


class Opening(Timed):
    """The metadata of a stored volume, before any voxel is read."""

    params = (["array", "group"], list(FORMATS))
    param_names = ("what", "format")

    stored: Stored | None = None
    repeat = (10, 50, 0.2)

    def setup(self, what: str, storage_format: str) -> None:
        if self.stored is None:
            self.stored = Stored(Storage.named("none", "cube-64", storage_format))
            if what == "array":
                self.stored.create()
            else:
                levels = pyramids.levels(self.stored.volume)
                pyramids.write(stores.local(self.stored.folder), levels, self.stored.storage)
            self.open = {"array": self._open_array, "group": self._open_group}[what]
            self.open()

    def _open_array(self) -> None:
        assert self.stored is not None
        arrays.open_array(stores.local(self.stored.folder))

    def _open_group(self) -> None:
        assert self.stored is not None
        pyramids.open_level(stores.local(self.stored.folder), 0)

    @asks("Open a volume")
    def time_open(self, *_case: str) -> None:
        """How long does it take to open an array, or an OME-Zarr group and its finest level?"""
        self.open()


class Level(Timed):
    """The coarsest level of an OME-Zarr pyramid, opened and read, with blosc-lz4-5."""

    params = (list(FORMATS),)
    param_names = ("format",)

    stored: Stored | None = None

    def setup(self, storage_format: str) -> None:
        if self.stored is None:
            self.stored = Stored(Storage.named("blosc-lz4-5", "cube-64", storage_format))
            levels = pyramids.levels(self.stored.volume)
            pyramids.write(stores.local(self.stored.folder), levels, self.stored.storage)
            self.last = len(levels) - 1
            self.time_read()

    @asks("Read a pyramid level", tier="full")
    def time_read(self, *_case: str) -> None:
        """How long does a viewer wait for its first, coarse picture?"""
        assert self.stored is not None
        pyramids.open_level(stores.local(self.stored.folder), self.last)[...]
