"""What an access costs, counted: requests, bytes, decoded voxels, Python calls, memory.

These explain the times of `read` and `write`, and have no noise of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks.exact import Exact, Outcomes, outcomes
from benchmarks.measured import CORE_ARRAYS, MORE_ARRAYS, Stored, asks
from cryoet_bench.storage import arrays, counting
from cryoet_bench.storage.access import READS, WRITES, wanted_voxels
from cryoet_bench.storage.arrays import Storage

CORE_READS = ("whole", "slice-xy", "slice-yz", "boxes-64")
_CODEC = "blosc-lz4-5"
_REPEATS = 3


def _read(pattern: str, array: str) -> Mapping[str, float]:
    storage = Storage.named(_CODEC, *array.split())
    stored = Stored(storage)
    stored.write()
    opened = stored.open()
    selections = READS[pattern](stored.volume.shape)

    def read_from(source: object) -> Callable[[], None]:
        def action() -> None:
            for selection in selections:
                source[selection]  # type: ignore[index]

        return action

    read = read_from(opened)
    read()
    values: dict[str, float] = {
        "python_calls": min(counting.python_calls(read) for _ in range(_REPEATS)),
        "traced_peak": min(counting.traced_peak(read) for _ in range(_REPEATS)),
    }
    stored.clear()

    requests = counting.Requests()
    store = counting.counting_store(requests)
    stored.create(store)[...] = stored.volume
    remote = arrays.open_array(store)
    requests.clear()
    read_from(remote)()
    values |= {kind: requests.kinds[kind] for kind in counting.KINDS}
    wanted = wanted_voxels(selections, stored.volume.shape)
    values["requests"] = requests.kinds.total()
    values["bytes_fetched"] = requests.fetched
    values["read_amplification"] = requests.fetched / (wanted * stored.volume.itemsize)

    counted = Stored(replace(storage, codec=counting.counted_codec()))
    counted.write()
    decoded = counting.decoded_bytes(read_from(counted.open()))
    values["decode_amplification"] = decoded / (wanted * stored.volume.itemsize)
    counted.clear()
    return values


def _write(pattern: str, array: str) -> Mapping[str, float]:
    storage = Storage.named(_CODEC, *array.split())
    stored = Stored(replace(storage, write_empty_chunks=pattern != "all-fill"))
    requests = counting.Requests()
    store = counting.counting_store(requests)
    opened = stored.create(store)
    if pattern == "one-chunk":
        opened[...] = stored.volume
    requests.clear()
    WRITES[pattern](opened, stored.volume, storage.layout)
    values: dict[str, float] = {"requests": requests.kinds.total()}
    values |= {kind: requests.kinds[kind] for kind in counting.KINDS}
    values["bytes_moved"] = requests.fetched + requests.stored

    def write() -> None:
        WRITES[pattern](local, stored.volume, storage.layout)

    stored.write()
    local = stored.open(writable=True)
    write()
    values["python_calls"] = min(counting.python_calls(write) for _ in range(_REPEATS))
    stored.clear()
    return values


class Reads(Exact):
    """Reads with blosc-lz4-5, by access pattern and array."""

    params = (list(CORE_READS), list(CORE_ARRAYS))
    param_names = ("pattern", "array")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _read)

    @asks("Store requests of a read", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does a remote store have to answer?"""
        return self.outcome["requests"]

    @asks("Read amplification in bytes", unit="bytes fetched / bytes wanted")
    def track_read_amplification(self, *_case: object) -> float:
        """How many bytes are fetched for each byte that was asked for?"""
        return self.outcome["read_amplification"]

    @asks("Read amplification in decoded voxels", unit="voxels decoded / voxels wanted")
    def track_decode_amplification(self, *_case: object) -> float:
        """How many voxels are decoded for each voxel that was asked for?"""
        return self.outcome["decode_amplification"]

    @asks("Python calls of a read", unit="calls")
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does a read start?"""
        return self.outcome["python_calls"]

    @asks("Peak traced memory of a read", unit="bytes")
    def track_traced_peak(self, *_case: object) -> float:
        """How much memory do Python and numpy hold at once during a read, result included?"""
        return self.outcome["traced_peak"]


class MoreReads(Exact):
    """As Reads, for all other patterns and layouts."""

    params = (list(READS), [*CORE_ARRAYS, *MORE_ARRAYS])
    param_names = ("pattern", "array")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _read)

    @asks("Store requests of further reads", tier="full", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does a remote store have to answer?"""
        return self.outcome["requests"]

    @asks("Bytes fetched by further reads", tier="full", unit="bytes")
    def track_bytes_fetched(self, *_case: object) -> float:
        """How many bytes does a remote store have to send?"""
        return self.outcome["bytes_fetched"]

    @asks("Python calls of further reads", tier="full", unit="calls")
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does a read start?"""
        return self.outcome["python_calls"]


class Kinds(Exact):
    """The requests of reads, by their kind."""

    params = (["whole", "slice-xy"], list(CORE_ARRAYS), list(counting.KINDS))
    param_names = ("pattern", "array", "kind")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params[:2], _read)

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

    @asks("Python calls of a write", unit="calls")
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
