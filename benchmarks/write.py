"""Writing a tomogram: what a reconstruction program or a portal's ingestion waits for."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.measured import (
    CORE_ARRAYS,
    ByCodec,
    ByLayout,
    ByType,
    Stored,
    Timed,
    Writing,
    asks,
)
from cryoet_bench.storage import pyramids, stores
from cryoet_bench.storage.access import WRITES
from cryoet_bench.storage.arrays import FORMATS, Storage
from cryoet_bench.storage.codecs import CORE_CODECS, MORE_CODECS, OWN_CODECS
from cryoet_bench.storage.layouts import CORE_LAYOUTS, MORE_LAYOUTS, SHARDED_LAYOUTS

_OWN_CLASS = ("whole", "one-chunk")  # patterns that Codecs, Layouts and OneChunk measure


class Codecs(ByCodec, Timed, Writing):
    """Whole-volume writes in 64-cubes, by codec; those of zarr itself with its defaults."""

    params = (list(CORE_CODECS | OWN_CODECS), list(FORMATS))

    @asks("Write a volume, by codec")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a whole volume with each codec?"""
        self.write()


class MoreCodecs(ByCodec, Timed, Writing):
    """As Codecs, at further settings."""

    params = (list(MORE_CODECS), list(FORMATS))

    @asks("Write a volume, by further codecs", tier="full")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a whole volume with codecs at other settings?"""
        self.write()


class Layouts(ByLayout, Timed, Writing):
    """Whole-volume writes with blosc-zstd-5, by layout."""

    params = (list(CORE_LAYOUTS), list(FORMATS))

    @asks("Write a volume, by layout")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a whole volume in each layout?"""
        self.write()


class MoreLayouts(ByLayout, Timed, Writing):
    """As Layouts, for tiny, large and flat chunks and further shards."""

    params = (list(MORE_LAYOUTS | SHARDED_LAYOUTS), list(FORMATS))

    @asks("Write a volume, by further layouts", tier="full")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a whole volume in chunks of other shapes?"""
        self.write()


class Types(ByType, Timed, Writing):
    """Whole-volume writes with blosc-zstd-5 in 64-cubes, by voxel type."""

    @asks("Write a volume, by voxel type", tier="full")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write the same volume in other voxel types?"""
        self.write()


class _Into:
    """Writes with blosc-lz4-5 into an array that is there already."""

    stored: Stored | None = None

    def fill(self, pattern: str, array: str, *, before: bool) -> None:
        """Leave an empty or a full array; an all-fill volume skips chunks without content."""
        if self.stored is None:
            storage = Storage.named("blosc-lz4-5", *array.split())
            self.stored = Stored(replace(storage, write_empty_chunks=pattern != "all-fill"))
        self.stored.clear()
        if before:
            self.stored.write()
            self.array = self.stored.open(writable=True)
        else:
            self.array = self.stored.create()
        self.pattern = WRITES[pattern]

    def write(self) -> None:
        """Write in the pattern."""
        assert self.stored is not None
        self.pattern(self.array, self.stored.volume, self.stored.storage.layout)


class OneChunk(Timed, _Into):
    """A single chunk into a full array with blosc-lz4-5."""

    params = (list(CORE_ARRAYS),)
    param_names = ("array",)

    def setup(self, array: str) -> None:
        self.fill("one-chunk", array, before=True)

    @asks("Write one chunk")
    def time_write(self, *_case: str) -> None:
        """How long does it take to replace one chunk, which may be a part of a shard?"""
        self.write()


class Patterns(Timed, _Into):
    """Writing into an empty array with blosc-lz4-5, by pattern."""

    params = ([name for name in WRITES if name not in _OWN_CLASS], list(CORE_ARRAYS))
    param_names = ("pattern", "array")

    def setup(self, pattern: str, array: str) -> None:
        self.fill(pattern, array, before=False)

    @asks("Write, by pattern", tier="full")
    def time_write(self, *_case: str) -> None:
        """How long does it take to write eight slices one by one, chunk by chunk, only fill?"""
        self.write()


class Overwrite(Timed, _Into):
    """Writing the volume over itself with blosc-lz4-5."""

    params = (list(CORE_ARRAYS),)
    param_names = ("array",)

    def setup(self, array: str) -> None:
        self.fill("whole", array, before=True)

    @asks("Overwrite a volume", tier="full")
    def time_write(self, *_case: str) -> None:
        """How long does it take to replace a whole volume?"""
        self.write()


class Pyramid(Timed):
    """An OME-Zarr group of three levels with blosc-lz4-5 in 64-cubes, as the portal has."""

    params = (list(FORMATS),)
    param_names = ("format",)

    stored: Stored | None = None

    def setup(self, storage_format: str) -> None:
        if self.stored is None:
            self.stored = Stored(Storage.named("blosc-lz4-5", "cube-64", storage_format))
            self.levels = pyramids.levels(self.stored.volume)
        self.stored.clear()

    @asks("Write a pyramid", tier="full")
    def time_write(self, *_case: str) -> None:
        """How long does it take to write all levels of an OME-Zarr pyramid?"""
        assert self.stored is not None
        pyramids.write(stores.local(self.stored.folder), self.levels, self.stored.storage)
