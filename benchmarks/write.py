"""Writing a tomogram: what a reconstruction program or a portal's ingestion waits for."""

from __future__ import annotations

import functools
from dataclasses import replace

from benchmarks.measured import CODEC, CORE_ARRAYS, Stored, stored
from benchmarks.question import Timed, asks
from cryoet_bench.storage import pyramids, stores, voxel_types
from cryoet_bench.storage.access import WRITES
from cryoet_bench.storage.arrays import FORMATS, Storage
from cryoet_bench.storage.codecs import CODECS, CORE_CODECS, ZARR_CODECS
from cryoet_bench.storage.layouts import CORE_LAYOUTS, LAYOUTS


class Codecs(Timed):
    """Whole volumes in 64-cubes, by codec; the codecs of zarr itself with their defaults."""

    cases = {"codec": CODECS, "format": FORMATS}
    core = {"codec": CORE_CODECS | ZARR_CODECS}

    def setup(self, codec: str, storage_format: str) -> None:
        self.stored = stored(codec, "cube-64", storage_format)
        self.stored.clear()

    @asks("Write a volume, by codec")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a whole volume with each codec?

        The codec (see `codec`), zarr's pipeline around it, its defaults.
        """
        self.stored.write()


class Layouts(Timed):
    """Whole volumes with blosc-zstd-5, by layout."""

    cases = {"layout": LAYOUTS, "format": FORMATS}
    core = {"layout": CORE_LAYOUTS}

    def setup(self, layout: str, storage_format: str) -> None:
        self.stored = stored("blosc-zstd-5", layout, storage_format)
        self.stored.clear()

    @asks("Write a volume, by layout")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a whole volume in each layout?

        What zarr does for each chunk (see the Python calls in `cost`), sharding, file system calls.
        """
        self.stored.write()


class Types(Timed):
    """Whole volumes with blosc-zstd-5 in 64-cubes, by voxel type."""

    cases = {"dtype": voxel_types.DTYPES, "format": FORMATS}

    def setup(self, dtype: str, storage_format: str) -> None:
        self.stored = stored("blosc-zstd-5", "cube-64", storage_format, dtype)
        self.stored.clear()

    @asks("Write a volume, by voxel type")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write the same volume in each voxel type?

        Shuffle, and how zarr handles the type.
        """
        self.stored.write()


@functools.cache
def _prepared(pattern: str, array: str) -> Stored:
    """Return a volume to write in a pattern."""
    storage = Storage.named(CODEC, *array.split())
    return Stored(replace(storage, write_empty_chunks=WRITES[pattern].write_empty_chunks))


class Patterns(Timed):
    """Writes with blosc-lz4-5 into an array that exists, by access pattern."""

    cases = {"pattern": WRITES, "array": CORE_ARRAYS}
    core = {"pattern": ["one-chunk"]}

    def setup(self, pattern: str, array: str) -> None:
        self.stored = _prepared(pattern, array)
        self.stored.clear()
        self.write = WRITES[pattern].write
        if WRITES[pattern].over:
            self.stored.write()
            self.array = self.stored.open(writable=True)
        else:
            self.array = self.stored.create()

    @asks("Write into an array, by access pattern")
    def time_write(self, *_case: str) -> None:
        """How long does it take to write one chunk, slice by slice, or over a whole volume?

        Whether a shard is decoded and encoded whole to change a part; detection of empty chunks.
        """
        self.write(self.array, self.stored.volume, self.stored.storage.layout)


class Pyramid(Timed):
    """An OME-Zarr group of three levels with blosc-lz4-5 in 64-cubes, as the portal has."""

    cases = {"format": FORMATS}

    stored: Stored | None = None

    def setup(self, storage_format: str) -> None:
        if self.stored is None:
            self.stored = Stored(Storage.named(CODEC, "cube-64", storage_format))
            self.levels = pyramids.levels(self.stored.volume)
        self.stored.clear()

    @asks("Write a pyramid")
    def time_write(self, *_case: str) -> None:
        """How long does it take to write all levels of an OME-Zarr pyramid?

        Group creation, what zarr does for each array.
        """
        assert self.stored is not None
        pyramids.write(stores.local(self.stored.folder), self.levels, self.stored.storage)
