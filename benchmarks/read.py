"""Reading a tomogram: what a viewer, a picker or a training loop waits for."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from benchmarks.measured import ARRAYS, CODEC, CORE_ARRAYS, Stored, opened
from benchmarks.question import EVERY, Timed, asks
from cryoet_bench.harness import conditions
from cryoet_bench.storage import arrays, pyramids, stores, voxel_types
from cryoet_bench.storage.access import READS
from cryoet_bench.storage.arrays import FORMATS, Storage
from cryoet_bench.storage.codecs import CODECS, CORE_CODECS, ZARR_CODECS
from cryoet_bench.storage.layouts import CORE_LAYOUTS, LAYOUTS


class Codecs(Timed):
    """Whole volumes in 64-cubes, by codec; the codecs of zarr itself with their defaults."""

    cases = {"codec": CODECS, "format": FORMATS}
    core = {"codec": CORE_CODECS | ZARR_CODECS}

    def setup(self, codec: str, storage_format: str) -> None:
        self.array = opened(codec, "cube-64", storage_format)

    @asks("Read a volume, by codec")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a whole volume with each codec?

        The codec (see `codec`), zarr's pipeline around it, its defaults.
        """
        self.array[...]


class Layouts(Timed):
    """Whole volumes with blosc-zstd-5, by layout."""

    cases = {"layout": LAYOUTS, "format": FORMATS}
    core = {"layout": CORE_LAYOUTS}

    def setup(self, layout: str, storage_format: str) -> None:
        self.array = opened("blosc-zstd-5", layout, storage_format)

    @asks("Read a volume, by layout")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a whole volume in each layout?

        What zarr does for each chunk (see the Python calls in `cost`), sharding.
        """
        self.array[...]


class Types(Timed):
    """Whole volumes with blosc-zstd-5 in 64-cubes, by voxel type."""

    cases = {"dtype": voxel_types.DTYPES, "format": FORMATS}

    def setup(self, dtype: str, storage_format: str) -> None:
        self.array = opened("blosc-zstd-5", "cube-64", storage_format, dtype)

    @asks("Read a volume, by voxel type")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read the same volume in each voxel type?

        Shuffle, and how zarr handles the type.
        """
        self.array[...]


class Patterns(Timed):
    """Parts of a volume with blosc-lz4-5, by access pattern."""

    cases = {"pattern": READS, "array": ARRAYS}
    core = {
        "pattern": ["slice-xy", "slice-xz", "slice-yz", "boxes-64"],
        "array": CORE_ARRAYS,
    }

    def setup(self, pattern: str, array: str) -> None:
        self.array = opened(CODEC, *array.split())
        self.selections = READS[pattern](self.array.shape)

    @asks("Read part of a volume, by access pattern")
    def time_read(self, *_case: str) -> None:
        """How long does it take to read slices, subtomograms or training patches?

        zarr's indexing, voxels decoded that nobody asked for, requests.
        """
        for selection in self.selections:
            self.array[selection]


class Cold(Timed):
    """The first read of files that the page cache does not hold, with blosc-lz4-5."""

    cases = {"pattern": ["whole", "slice-xy"], "array": CORE_ARRAYS}

    stored: Stored | None = None

    def setup(self, pattern: str, array: str) -> None:
        if self.stored is None:
            self.stored = Stored(Storage.named(CODEC, *array.split()), on_disk=True)
            self.stored.write()
            self.array: Any = self.stored.open()
            self.selections = READS[pattern](self.array.shape)
        conditions.drop_from_page_cache(self.stored.folder)

    @asks("Read from disk, page cache empty")
    def time_read(self, *_case: str) -> None:
        """How long does the first read take, when the files are not in memory?

        The disk, the number of files, the bytes read.
        """
        for selection in self.selections:
            self.array[selection]


@functools.cache
def _pyramid(codec: str, storage_format: str) -> tuple[Path, int]:
    """Return the folder of a pyramid in 64-cubes, and how many levels it has."""
    unwritten = Stored(Storage.named(codec, "cube-64", storage_format))
    levels = pyramids.levels(unwritten.volume)
    pyramids.write(stores.local(unwritten.folder), levels, unwritten.storage)
    return unwritten.folder, len(levels)


@functools.cache
def _empty(codec: str, storage_format: str) -> Path:
    """Return the folder of an array in 64-cubes that holds no chunk."""
    unwritten = Stored(Storage.named(codec, "cube-64", storage_format))
    unwritten.create()
    return unwritten.folder


class Opening(Timed):
    """The metadata of a stored volume, before any voxel is read."""

    cases = {"what": ["array", "group"], "format": FORMATS}
    core = EVERY
    repeat = (10, 50, 0.2)

    def setup(self, what: str, storage_format: str) -> None:
        if what == "array":
            self.folder, self.open = _empty("none", storage_format), arrays.open_array
        else:
            self.folder, _ = _pyramid("none", storage_format)
            self.open = functools.partial(pyramids.open_level, number=0)
        self.time_open()

    @asks("Open a volume")
    def time_open(self, *_case: str) -> None:
        """How long does it take to open an array, or an OME-Zarr group and its finest level?

        How zarr parses metadata, requests when opening.
        """
        self.open(stores.local(self.folder))


class Level(Timed):
    """The coarsest level of an OME-Zarr pyramid, opened and read, with blosc-lz4-5."""

    cases = {"format": FORMATS}

    def setup(self, storage_format: str) -> None:
        self.folder, levels = _pyramid(CODEC, storage_format)
        self.last = levels - 1

    @asks("Open and read the coarsest pyramid level")
    def time_read(self, *_case: str) -> None:
        """How long does a viewer wait for its first, coarse picture?

        Opening a group, small reads.
        """
        pyramids.open_level(stores.local(self.folder), self.last)[...]
