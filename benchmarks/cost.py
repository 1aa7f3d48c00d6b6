"""What an access costs, counted: requests, bytes, decoded voxels, Python calls, memory.

These explain the times of `read` and `write`, and have no noise of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.exact import Exact, Outcomes, outcomes
from benchmarks.measured import CORE_ARRAYS, MORE_ARRAYS, Stored, asks
from cryoet_bench.storage import arrays, conditions, counting
from cryoet_bench.storage.access import READS, WRITES, wanted_voxels
from cryoet_bench.storage.arrays import Storage

CORE_READS = ("whole", "slice-xy", "slice-yz", "boxes-64")
_CODEC = "blosc-lz4-5"


class _Read:
    """One read of an access pattern from some array."""

    def __init__(self, pattern: str, array: Any) -> None:
        self._selections = READS[pattern](array.shape)
        self._array = array

    def __call__(self) -> None:
        for selection in self._selections:
            self._array[selection]

    def bytes_wanted(self) -> int:
        return wanted_voxels(self._selections, self._array.shape) * int(self._array.dtype.itemsize)


@functools.cache
def _on_disk(array: str) -> Any:
    """Return an array of files, written once for all patterns."""
    stored = Stored(Storage.named(_CODEC, *array.split()))
    stored.write()
    return stored.open()


@functools.cache
def _counted(array: str) -> tuple[Any, counting.Requests]:
    """Return an array in a store that counts, and the count."""
    stored = Stored(Storage.named(_CODEC, *array.split()))
    requests = counting.Requests()
    store = counting.counting_store(requests)
    stored.create(store)[...] = stored.volume
    return arrays.open_array(store), requests


@functools.cache
def _counting_decodes(array: str) -> Any:
    storage = Storage.named(_CODEC, *array.split())
    storage.require()
    stored = Stored(replace(storage, codec=counting.counted_codec()))
    stored.write()
    return stored.open()


def _calls(pattern: str, array: str) -> dict[str, float]:
    read = _Read(pattern, _on_disk(array))
    read()
    return {"python_calls": _least_calls(read)}


def _least_calls(action: Callable[[], object]) -> int:
    return min(counting.python_calls(action) for _ in range(3))


def _memory(pattern: str, array: str) -> dict[str, float]:
    read = _Read(pattern, _on_disk(array))
    read()
    # How many chunks are in memory together is a matter of luck unless they come one by one.
    with conditions.one_request_at_a_time():
        return {"traced_peak": min(counting.traced_peak(read) for _ in range(3))}


def _requests(pattern: str, array: str) -> dict[str, float]:
    source, requests = _counted(array)
    read = _Read(pattern, source)
    requests.clear()
    read()
    return {
        **{kind: requests.kinds[kind] for kind in counting.KINDS},
        "requests": requests.kinds.total(),
        "bytes_fetched": requests.fetched,
        "read_amplification": requests.fetched / read.bytes_wanted(),
    }


def _decodes(pattern: str, array: str) -> dict[str, float]:
    read = _Read(pattern, _counting_decodes(array))
    return {"decode_amplification": counting.decoded_bytes(read) / read.bytes_wanted()}


def _all_costs(pattern: str, array: str) -> dict[str, float]:
    measures = (_calls, _memory, _requests, _decodes)
    return {key: value for measure in measures for key, value in measure(pattern, array).items()}


def _main_costs(pattern: str, array: str) -> dict[str, float]:
    return _calls(pattern, array) | _requests(pattern, array)


def _write(pattern: str, array: str) -> dict[str, float]:
    storage = Storage.named(_CODEC, *array.split())
    stored = Stored(replace(storage, write_empty_chunks=pattern != "all-fill"))
    requests = counting.Requests()
    opened = stored.create(counting.counting_store(requests))
    if pattern == "one-chunk":
        opened[...] = stored.volume
    requests.clear()

    def write() -> None:
        WRITES[pattern](opened, stored.volume, storage.layout)

    write()
    values: dict[str, float] = {
        **{kind: requests.kinds[kind] for kind in counting.KINDS},
        "requests": requests.kinds.total(),
        "bytes_moved": requests.fetched + requests.stored,
    }
    stored.write()
    opened = stored.open(writable=True)
    write()
    values["python_calls"] = _least_calls(write)
    return values


class Reads(Exact):
    """Reads with blosc-lz4-5, by access pattern and array; cube-32 has 64 chunks on a 128-cube."""

    version = "2"
    params = (list(CORE_READS), ["cube-32 v2", *CORE_ARRAYS])
    param_names = ("pattern", "array")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _all_costs)

    @asks("Store requests of a read", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does a remote store have to answer?"""
        return self.outcome["requests"]

    @asks("Read amplification in bytes", unit="bytes fetched / bytes wanted")
    def track_read_amplification(self, *_case: object) -> float:
        """How many bytes are fetched for each byte that was asked for?"""
        return self.outcome["read_amplification"]

    @asks(
        "Read amplification in decoded voxels", tier="full", unit="voxels decoded / voxels wanted"
    )
    def track_decode_amplification(self, *_case: object) -> float:
        """How many voxels are decoded for each voxel that was asked for?"""
        return self.outcome["decode_amplification"]

    @asks("Python calls of a read", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does a read start?"""
        return self.outcome["python_calls"]

    @asks("Peak traced memory of a read", unit="bytes", tolerance=0.01)
    def track_traced_peak(self, *_case: object) -> float:
        """How much memory does a read hold at once, chunk by chunk, its result included?"""
        return self.outcome["traced_peak"]


class MoreReads(Exact):
    """As Reads, for all other patterns, from further layouts too."""

    params = ([name for name in READS if name not in CORE_READS], [*MORE_ARRAYS, *CORE_ARRAYS])
    param_names = ("pattern", "array")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _main_costs)

    @asks("Store requests of further reads", tier="full", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does a remote store have to answer?"""
        return self.outcome["requests"]

    @asks("Bytes fetched by further reads", tier="full", unit="bytes")
    def track_bytes_fetched(self, *_case: object) -> float:
        """How many bytes does a remote store have to send?"""
        return self.outcome["bytes_fetched"]

    @asks("Python calls of further reads", tier="full", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does a read start?"""
        return self.outcome["python_calls"]


class Kinds(Exact):
    """The requests of reads, by their kind."""

    params = (["whole", "slice-xy"], list(CORE_ARRAYS), list(counting.KINDS))
    param_names = ("pattern", "array", "kind")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params[:2], _requests)

    def setup(self, found: Outcomes, *case: str) -> None:
        super().setup(found, *case[:2])
        self.kind = case[2]

    @asks("Store requests of a read, by kind", tier="full", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """Which kinds of requests does a read send?"""
        return self.outcome[self.kind]


class Writes(Exact):
    """Writes with blosc-lz4-5, by pattern and array."""

    params = (list(WRITES), list(CORE_ARRAYS))
    param_names = ("pattern", "array")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _write)

    @asks("Store requests of a write", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does a remote store have to answer?"""
        return self.outcome["requests"]

    @asks("Bytes moved by a write", unit="bytes")
    def track_bytes_moved(self, *_case: object) -> float:
        """How many bytes go to the store and come back from it?"""
        return self.outcome["bytes_moved"]

    @asks("Python calls of a write", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does a write start?"""
        return self.outcome["python_calls"]


class WriteKinds(Exact):
    """The requests of writes, by their kind."""

    params = (list(WRITES), list(CORE_ARRAYS), list(counting.KINDS))
    param_names = ("pattern", "array", "kind")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params[:2], _write)

    def setup(self, found: Outcomes, *case: str) -> None:
        super().setup(found, *case[:2])
        self.kind = case[2]

    @asks("Store requests of a write, by kind", tier="full", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """Which kinds of requests does a write send?"""
        return self.outcome[self.kind]
