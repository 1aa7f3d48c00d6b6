"""Reading on all cores: what threads, Dask and the workers of a data loader give.

These processes are not settled: threads, cores and allocator are those that a user gets. How fast
they are depends on the machine's cores; between releases on one machine they compare.
"""

from __future__ import annotations

import functools
import importlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.measured import CODEC, CORE_ARRAYS, Stored
from benchmarks.question import Timed, asks
from cryoet_bench.storage import arrays, installed, stores
from cryoet_bench.storage.access import READS, Selection
from cryoet_bench.storage.arrays import Storage

_PATCHES = "patches-96"
_EPOCHS = 4  # how often the patches are drawn


@functools.cache
def _stored(array: str) -> tuple[Stored, Any]:
    """Return a volume written and checked without settling this process, and its array."""
    stored = Stored(Storage.named(CODEC, *array.split()), settled=False)
    stored.write()
    stored.check()
    return stored, stored.open()


class Threads(Timed):
    """A whole volume with blosc-lz4-5 and the threads that zarr and Blosc start by default."""

    cases = {"array": CORE_ARRAYS}

    def setup(self, array: str) -> None:
        _, self.array = _stored(array)

    @asks("Read a volume on all cores")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a volume with the default threads on all cores?

        zarr's and Blosc's default threads, how much of zarr's work holds the interpreter's lock.
        """
        self.array[...]


class Dask(Timed):
    """The mean of a volume with blosc-lz4-5, by Dask's threads."""

    cases = {"array": CORE_ARRAYS}

    def setup(self, array: str) -> None:
        installed.require("dask")
        dask_array: Any = importlib.import_module("dask.array")
        _, opened = _stored(array)
        self.mean = dask_array.from_zarr(opened).mean()
        self.time_mean()

    @asks("Mean of a volume with Dask")
    def time_mean(self, *_case: str) -> None:
        """How long does Dask take to read a volume and reduce it to its mean?

        zarr's cost per chunk under threads of Dask's.
        """
        self.mean.compute(scheduler="threads")


def _read_patch(folder: str, selection: Selection) -> float:
    """Read one patch, in a worker, and return a number that needs all of it."""
    return float(_opened(folder)[selection].sum())


@functools.cache
def _opened(folder: str) -> Any:
    return arrays.open_array(stores.local(Path(folder)))


@functools.cache
def _workers(array: str) -> tuple[ProcessPoolExecutor, str, list[Selection]]:
    """Return workers, one for each core, the folder of a volume and the patches to read.

    Spawned, because the threads of zarr 3 do not survive a fork.
    """
    stored, opened = _stored(array)
    pool = ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))
    return pool, str(stored.folder), READS[_PATCHES](opened.shape) * _EPOCHS


class Loader(Timed):
    """Patches of 96 cubed with blosc-lz4-5 from random places, by one process for each core."""

    cases = {"array": CORE_ARRAYS}

    def setup(self, array: str) -> None:
        self.pool, self.folder, self.patches = _workers(array)
        self.time_patches()

    @asks("Read random patches in worker processes")
    def time_patches(self, *_case: str) -> None:
        """How long does a data loader's pool of processes take to read twelve random patches?

        What zarr does for each chunk and patch; no time to open the array.
        """
        list(self.pool.map(functools.partial(_read_patch, self.folder), self.patches))
