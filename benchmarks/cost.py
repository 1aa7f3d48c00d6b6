"""What an access costs, counted: requests, bytes, decoded voxels, Python calls, memory.

These explain the times of `read` and `write`, and have no noise of their own.
"""

from __future__ import annotations

from benchmarks import counted
from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import ARRAYS, CORE_ARRAYS
from benchmarks.question import EVERY, asks
from cryoet_bench.harness.counting import KINDS
from cryoet_bench.storage.access import READS, WRITES
from cryoet_bench.storage.arrays import FORMATS

_CORE_READS = {
    "pattern": ["whole", "slice-xy", "slice-yz", "boxes-64"],
    "array": ["cube-32 v2", *CORE_ARRAYS],  # cube-32 cuts the phantom into 64 chunks
}


class Reads(Exact):
    """Reads with blosc-lz4-5, by access pattern and array."""

    version = "2"
    cases = {"pattern": READS, "array": ARRAYS}
    core = _CORE_READS
    measure = staticmethod(counted.read)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Requests of a read", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does a read send to a remote store?

        What zarr asks a store for, and which requests it joins.
        """
        return self.outcome["requests"]

    @asks("Bytes fetched per byte wanted", unit="x")
    def track_read_amplification(self, *_case: object) -> float:
        """How many bytes does a read fetch for each byte that it returns?

        Partial reads of shards, joined ranges, chunk size.
        """
        return self.outcome["read_amplification"]

    @asks("Voxels decoded per voxel wanted", unit="x")
    def track_decode_amplification(self, *_case: object) -> float:
        """How many voxels does a read decode for each voxel that it returns?

        Whether parts of shards are decoded alone.
        """
        return self.outcome["decode_amplification"]

    @asks("Python calls of a read", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does a read call?

        Layers of zarr's code per chunk.
        """
        return self.outcome["python_calls"]


class ReadMemory(Exact):
    """Memory held by reads with blosc-lz4-5, chunk by chunk.

    Not of all patterns, nor of writes: with many small chunks, or while writing, two threads of
    zarr 3 may hold a chunk at the same time or not, and the peak differs between two runs.
    """

    cases = _CORE_READS
    core = EVERY
    measure = staticmethod(counted.read_memory)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Memory held by a read", unit="bytes", tolerance=0.01)
    def track_traced_peak(self, *_case: object) -> float:
        """How much memory does a read hold at its peak, its result included?

        Copies of a chunk that exist at the same time.
        """
        return self.outcome["traced_peak"]


def _read_kind(pattern: str, array: str, kind: str) -> Values:
    return {"requests": counted.read_requests(pattern, array)[kind]}


class ReadKinds(Exact):
    """The requests of reads with blosc-lz4-5, by kind."""

    cases = {"pattern": READS, "array": CORE_ARRAYS, "kind": KINDS}
    measure = staticmethod(_read_kind)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Requests of a read, by kind", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """Which kinds of requests does a read send?

        What zarr asks a store for, and which requests it joins.
        """
        return self.outcome["requests"]


class Writes(Exact):
    """Writes with blosc-lz4-5, by pattern and array."""

    cases = {"pattern": WRITES, "array": ARRAYS}
    core = {"array": CORE_ARRAYS}
    measure = staticmethod(counted.write)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Requests of a write", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does a write send to a remote store?

        What zarr asks a store for; whether it reads before it writes.
        """
        return self.outcome["requests"]

    @asks("Bytes moved by a write", unit="bytes")
    def track_bytes_moved(self, *_case: object) -> float:
        """How many bytes does a write send to the store and fetch from it?

        Whether a chunk or shard is read, changed and written back.
        """
        return self.outcome["bytes_moved"]

    @asks("Python calls of a write", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does a write call?

        Layers of zarr's code per chunk.
        """
        return self.outcome["python_calls"]


def _write_kind(pattern: str, array: str, kind: str) -> Values:
    return {"requests": counted.write_requests(pattern, array)[kind]}


class WriteKinds(Exact):
    """The requests of writes with blosc-lz4-5, by kind."""

    cases = {"pattern": WRITES, "array": CORE_ARRAYS, "kind": KINDS}
    measure = staticmethod(_write_kind)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Requests of a write, by kind", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """Which kinds of requests does a write send?

        What zarr asks a store for; whether it reads before it writes.
        """
        return self.outcome["requests"]


class Pyramid(Exact):
    """An OME-Zarr pyramid of three levels with blosc-lz4-5 in 64-cubes: mostly metadata."""

    cases = {"action": counted.PYRAMID, "format": FORMATS}
    core = EVERY
    measure = staticmethod(counted.pyramid)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Requests of a pyramid", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does it take to open, browse or rewrite an OME-Zarr pyramid?

        Which documents zarr looks for when it opens a group or an array.
        """
        return self.outcome["requests"]

    @asks("Python calls of a pyramid", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does it take to open, browse or rewrite a pyramid?

        How zarr parses metadata; layers of its code per array.
        """
        return self.outcome["python_calls"]
