"""How the costs of an access are counted: requests, bytes, decoded voxels, Python calls, memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.measured import CODEC, Stored, opened
from cryoet_bench.harness import conditions, counting
from cryoet_bench.storage import arrays, pyramids, stores
from cryoet_bench.storage.access import READS, WRITES, wanted_voxels
from cryoet_bench.storage.arrays import Storage

Costs = dict[str, float]


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
def _counted(array: str) -> tuple[Any, counting.Requests]:
    """Return an array in a store that counts, and the count."""
    stored = Stored(Storage.named(CODEC, *array.split()))
    requests = counting.Requests()
    store = counting.counting_store(requests)
    stored.create(store)[...] = stored.volume
    return arrays.open_array(store), requests


@functools.cache
def _counting_decodes(array: str) -> Any:
    storage = Storage.named(CODEC, *array.split())
    storage.require()
    stored = Stored(replace(storage, codec=counting.counted_codec()))
    stored.write()
    return stored.open()


def _counts(requests: counting.Requests) -> Costs:
    kinds = {kind: float(requests.kinds[kind]) for kind in counting.KINDS}
    return {**kinds, "requests": requests.kinds.total()}


def least_calls(action: Callable[[], object]) -> float:
    """Count the calls of what can be repeated, and was done once before."""
    return min(counting.python_calls(action) for _ in range(3))


@functools.cache
def read_requests(pattern: str, array: str) -> Costs:
    """Return the requests of reading in a pattern."""
    source, requests = _counted(array)
    read = _Read(pattern, source)
    requests.clear()
    read()
    return {**_counts(requests), "read_amplification": requests.fetched / read.bytes_wanted()}


def read(pattern: str, array: str) -> Costs:
    """Return the costs of reading in a pattern, except memory."""
    local = _Read(pattern, opened(CODEC, *array.split()))
    local()
    decoding = _Read(pattern, _counting_decodes(array))
    decoded = counting.decoded_bytes(decoding) / decoding.bytes_wanted()
    requests = read_requests(pattern, array)
    return {"python_calls": least_calls(local), **requests, "decode_amplification": decoded}


def read_memory(pattern: str, array: str) -> Costs:
    """Return the peak memory of reading in a pattern, chunk by chunk."""
    local = _Read(pattern, opened(CODEC, *array.split()))
    local()
    # How many chunks are in memory together depends on threads unless they come one by one.
    with conditions.one_request_at_a_time():
        return {"traced_peak": min(counting.traced_peak(local) for _ in range(3))}


def _stored(pattern: str, array: str) -> Stored:
    storage = Storage.named(CODEC, *array.split())
    return Stored(replace(storage, write_empty_chunks=WRITES[pattern].write_empty_chunks))


@functools.cache
def write_requests(pattern: str, array: str) -> Costs:
    """Return the requests of writing in a pattern."""
    stored, way = _stored(pattern, array), WRITES[pattern]
    requests = counting.Requests()
    target = stored.create(counting.counting_store(requests))
    if way.over:
        target[...] = stored.volume
    requests.clear()
    way.write(target, stored.volume, stored.storage.layout)
    return {**_counts(requests), "bytes_moved": requests.fetched + requests.stored}


def write(pattern: str, array: str) -> Costs:
    """Return all costs of writing in a pattern."""
    stored, way = _stored(pattern, array), WRITES[pattern]
    stored.write()
    target = stored.open(writable=True)

    def once() -> None:
        way.write(target, stored.volume, stored.storage.layout)

    once()
    return {"python_calls": least_calls(once), **write_requests(pattern, array)}


def _open_array(store: Any, _levels: list[Any], _storage: Storage) -> None:
    arrays.open_array(store, path="0")


def _open_group(store: Any, _levels: list[Any], _storage: Storage) -> None:
    pyramids.open_level(store, 0)


def _read_level(store: Any, levels: list[Any], _storage: Storage) -> None:
    pyramids.open_level(store, len(levels) - 1)[...]


PYRAMID: dict[str, Callable[[Any, list[Any], Storage], None]] = {
    "open-array": _open_array,
    "open-group": _open_group,
    "read-coarsest-level": _read_level,
    "rewrite": pyramids.write,
}
"""What is done with an OME-Zarr pyramid: functions of its store, its levels and its storage."""


def pyramid(action: str, storage_format: str) -> Costs:
    """Return the costs of doing something with a pyramid."""
    storage = Storage.named(CODEC, "cube-64", storage_format)
    stored = Stored(storage)
    levels = pyramids.levels(stored.volume)
    requests = counting.Requests()
    counted, local = counting.counting_store(requests), stores.local(stored.folder)
    for store in (counted, local):
        pyramids.write(store, levels, storage)
    requests.clear()
    PYRAMID[action](counted, levels, storage)
    counts = _counts(requests)

    def once() -> None:
        PYRAMID[action](local, levels, storage)

    once()
    return {"python_calls": least_calls(once), **counts}
