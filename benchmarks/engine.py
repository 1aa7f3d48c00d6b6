"""Other engines on the same files: is zarr-python the right tool, and did it catch up?"""

from __future__ import annotations

from typing import Any

from benchmarks.measured import CODEC, CORE_ARRAYS, tomogram
from benchmarks.question import Timed, asks
from cryoet_bench.harness import conditions
from cryoet_bench.storage.access import READS
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.engines import ENGINES


class _Engine:
    """A tomogram written by an engine."""

    array: Any = None

    def prepare(self, engine: str, array: str) -> None:
        """Write and check the volume once, and open it."""
        if self.array is not None:
            return
        self.engine, self.storage = ENGINES[engine], Storage.named(CODEC, *array.split())
        self.engine.require(self.storage)
        conditions.settle()
        self.engine.prepare()
        self.volume = tomogram().data
        self.write()
        self.array = self.engine.open(self.folder, self.storage)
        if (self.array[...] != self.volume).any():
            raise AssertionError("what was read is not what was written")

    def write(self) -> None:
        """Write the volume into a new folder."""
        self.folder = conditions.new_folder()
        shape, dtype = self.volume.shape, self.volume.dtype
        target = self.engine.create(self.folder, shape, dtype, self.storage)
        target[...] = self.volume


class Read(_Engine, Timed):
    """Reads with blosc-lz4-5, by engine."""

    cases = {"engine": ENGINES, "pattern": ["whole", "slice-xy"], "array": CORE_ARRAYS}

    def setup(self, engine: str, pattern: str, array: str) -> None:
        self.prepare(engine, array)
        self.selections = READS[pattern](self.volume.shape)

    @asks("Read a volume or slice, by engine")
    def time_read(self, *_case: str) -> None:
        """How long does each engine take to read a volume or a slice of it?

        zarr-python; zarrs and tensorstore stay at one version.
        """
        for selection in self.selections:
            self.array[selection]


class Write(_Engine, Timed):
    """Whole-volume writes with blosc-lz4-5, by engine."""

    cases = {"engine": ENGINES, "array": CORE_ARRAYS}

    def setup(self, engine: str, array: str) -> None:
        self.prepare(engine, array)

    def teardown(self, *_case: str) -> None:
        conditions.remove_folders()

    @asks("Write a volume, by engine")
    def time_write(self, *_case: str) -> None:
        """How long does each engine take to write a volume?

        zarr-python; zarrs and tensorstore stay at one version.
        """
        self.write()
