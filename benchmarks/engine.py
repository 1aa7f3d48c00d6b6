"""Other engines on the same files: is zarr-python the right tool, and did it catch up?"""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Any

from benchmarks.counted import least_calls
from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import CODEC, CORE_ARRAYS, tomogram
from benchmarks.question import Timed, asks
from cryoet_bench.harness import conditions
from cryoet_bench.storage.access import READS
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.engines import ENGINES


def _require(engine: str, array: str) -> Storage:
    """Return the storage of an array, settled, if the engine can store a volume so."""
    storage = Storage.named(CODEC, *array.split())
    ENGINES[engine].require(storage)
    conditions.settle()
    return storage


def _write(engine: str, storage: Storage) -> Path:
    """Write the volume into a new folder, and return that."""
    folder, volume = conditions.new_folder(), tomogram().data
    create = ENGINES[engine].create
    array = create(folder, volume.shape, volume.dtype, storage)
    array[...] = volume
    return folder


def _read_back(engine: str, storage: Storage) -> Any:
    """Return an array that the engine wrote, opened and checked."""
    array = ENGINES[engine].open(_write(engine, storage), storage)
    if (array[...] != tomogram().data).any():
        raise AssertionError("what was read is not what was written")
    return array


@functools.cache
def _prepared(engine: str, array: str) -> tuple[Storage, Any]:
    """Return how an array is stored, and the array that the engine wrote, once in this process."""
    storage = _require(engine, array)
    return storage, _read_back(engine, storage)


class _Used(Timed):
    """What makes this process use an engine, from each set-up until it is torn down."""

    def use(self, engine: str, array: str) -> None:
        _require(engine, array)
        self.used = contextlib.ExitStack()
        self.used.enter_context(ENGINES[engine].use())
        self.storage, self.array = _prepared(engine, array)

    def teardown(self, *_case: str) -> None:
        self.used.close()


class Read(_Used):
    """Reads with blosc-lz4-5, by engine."""

    cases = {"engine": ENGINES, "pattern": ["whole", "slice-xy"], "array": CORE_ARRAYS}

    def setup(self, engine: str, pattern: str, array: str) -> None:
        self.use(engine, array)
        self.selections = READS[pattern](tomogram().shape)

    @asks("Read a volume or slice, by engine")
    def time_read(self, *_case: str) -> None:
        """How long does each engine take to read a volume or a slice of it?

        zarr-python; obstore, zarrs and tensorstore stay at one version.
        """
        for selection in self.selections:
            self.array[selection]


class Write(_Used):
    """Whole-volume writes with blosc-lz4-5, by engine."""

    cases = {"engine": ENGINES, "array": CORE_ARRAYS}

    def setup(self, engine: str, array: str) -> None:
        self.engine = engine
        self.use(engine, array)

    def teardown(self, *_case: str) -> None:
        super().teardown()
        conditions.remove_folders()

    @asks("Write a volume, by engine")
    def time_write(self, *_case: str) -> None:
        """How long does each engine take to write a volume?

        zarr-python; obstore, zarrs and tensorstore stay at one version.
        """
        _write(self.engine, self.storage)


def _cost(engine: str, pattern: str, array: str) -> Values:
    storage = _require(engine, array)
    with ENGINES[engine].use():
        opened = _read_back(engine, storage)
        selections = READS[pattern](tomogram().shape)

        def read() -> None:
            for selection in selections:
                opened[selection]

        return {"python_calls": least_calls(read)}


class Cost(Exact):
    """Reads with blosc-lz4-5, by engine, counted."""

    cases = Read.cases
    core = {"engine": ["zarr-fused"], "pattern": ["whole"]}
    measure = staticmethod(_cost)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Python calls of a read, by engine", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does a read call with each engine?

        Layers of zarr's code per chunk; the fused pipeline has fewer.
        """
        return self.outcome["python_calls"]
