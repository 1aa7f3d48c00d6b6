"""What a user gets who chooses nothing: zarr's own codec, chunks, format, empty chunks, store.

numcodecs' own defaults are cases of `codec`. In a process that is not *settled*, the allocator, the
threads and the cores are those that a user gets as well; its times are noisier.
"""

from __future__ import annotations

import functools
import shutil
from typing import Any

from benchmarks.counted import least_calls
from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import tomogram
from benchmarks.question import EVERY, Timed, asks
from cryoet_bench.harness import conditions, counting
from cryoet_bench.storage import installed, stores

_STORES = ("local", "memory")
_PROCESSES = ("settled", "default")


@functools.cache
def _store(store: str) -> Any:
    """Return a new store, the same for all samples."""
    folder = conditions.new_folder()
    return str(folder / "volume.zarr") if store == "local" else stores.STORES[store](folder)


def _create(store: Any) -> Any:
    """Return a new array that the tomogram fits into, with nothing else chosen."""
    data = tomogram().data
    return installed.zarr().open_array(store=store, mode="w", shape=data.shape, dtype=data.dtype)


def _settle(process: str) -> None:
    if process == "settled":
        conditions.settle()


class Write(Timed):
    """A whole volume into a new array with nothing chosen, by store."""

    cases = {"store": _STORES, "process": _PROCESSES}
    core = {"process": ["settled"]}

    def setup(self, store: str, process: str) -> None:
        _settle(process)
        self.store = _store(store)
        if store == "local":
            shutil.rmtree(self.store, ignore_errors=True)

    @asks("Write a volume with zarr's defaults")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a volume for a user who chooses nothing?

        zarr's default codec, level, chunks and format; its search for empty chunks; its stores.
        """
        _create(self.store)[...] = tomogram().data


@functools.cache
def _written(store: str) -> Any:
    """Return an array that was written with nothing chosen and opened anew."""
    target, data = _store(store), tomogram().data
    _create(target)[...] = data
    array = installed.zarr().open_array(store=target, mode="r")
    if (array[...] != data).any():
        raise AssertionError("what was read is not what was written")
    return array


class Read(Timed):
    """A whole volume that was written with nothing chosen, by store."""

    cases = {"store": _STORES, "process": _PROCESSES}
    core = {"process": ["settled"]}

    def setup(self, store: str, process: str) -> None:
        _settle(process)
        self.array = _written(store)

    @asks("Read a volume with zarr's defaults")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a volume for a user who chose nothing?

        zarr's default codec, chunks and format; its stores.
        """
        self.array[...]


def _size() -> Values:
    conditions.settle()
    folder, data = conditions.new_folder(), tomogram().data
    _create(str(folder))[...] = data
    files = stores.stored_files(folder)
    chunks = [file.stat().st_size for file in files if file.name not in stores.METADATA]
    return {"fraction_of_raw": sum(chunks) / data.nbytes, "objects": len(files)}


class Size(Exact):
    """A volume that was written with nothing chosen."""

    core = EVERY
    measure = staticmethod(_size)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Stored size with zarr's defaults as a fraction of raw", unit="of raw")
    def track_fraction_of_raw(self, *_case: object) -> float:
        """How large is a volume, compared with its raw voxels, for a user who chose nothing?

        zarr's default codec, level, chunks and format.
        """
        return self.outcome["fraction_of_raw"]

    @asks("Stored objects with zarr's defaults", unit="objects")
    def track_objects(self, *_case: object) -> float:
        """How many objects does a volume become for a user who chose nothing?

        zarr's default chunks.
        """
        return self.outcome["objects"]


def _cost(action: str) -> Values:
    conditions.settle()
    data, requests = tomogram().data, counting.Requests()
    array = _create(counting.counting_store(requests))
    array[...] = data

    def once() -> None:
        if action == "write":
            array[...] = data
        else:
            array[...]

    requests.clear()
    once()
    counted = float(requests.kinds.total())
    return {"requests": counted, "python_calls": least_calls(once)}


class Cost(Exact):
    """Reading and overwriting a volume that was written with nothing chosen, counted."""

    cases = {"action": ["read", "write"]}
    core = EVERY
    measure = staticmethod(_cost)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Requests with zarr's defaults", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does it take to read or overwrite a volume with the defaults?

        zarr's default chunks; whether it reads before it writes.
        """
        return self.outcome["requests"]

    @asks("Python calls with zarr's defaults", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does it take to read or overwrite a volume with the defaults?

        Layers of zarr's code per chunk, its default chunks.
        """
        return self.outcome["python_calls"]
