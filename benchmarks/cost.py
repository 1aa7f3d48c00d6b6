"""What an access costs, counted: requests, bytes, decoded voxels, Python calls, memory.

These explain the times of `read` and `write`, and have no noise of their own.
"""

from __future__ import annotations

from benchmarks import counted
from benchmarks.exact import Exact, Outcomes, outcomes
from benchmarks.measured import CORE_ARRAYS, MORE_ARRAYS, asks
from cryoet_bench.harness.counting import KINDS
from cryoet_bench.storage.access import READS, WRITES
from cryoet_bench.storage.arrays import FORMATS

CORE_READS = ("whole", "slice-xy", "slice-yz", "boxes-64")
_WRITES = [*WRITES, counted.OVERWRITE]


class Reads(Exact):
    """Reads with blosc-lz4-5, by access pattern and array; cube-32 has 64 chunks on a 128-cube."""

    version = "2"
    params = (list(CORE_READS), ["cube-32 v2", *CORE_ARRAYS])
    param_names = ("pattern", "array")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, counted.read_and_hold)

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
        return outcomes(self.params, counted.read)

    @asks("Store requests of further reads", tier="full", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does a remote store have to answer?"""
        return self.outcome["requests"]

    @asks("Read amplification of further reads", tier="full", unit="bytes fetched / bytes wanted")
    def track_read_amplification(self, *_case: object) -> float:
        """How many bytes are fetched for each byte that was asked for?"""
        return self.outcome["read_amplification"]

    @asks("Decoded voxels of further reads", tier="full", unit="voxels decoded / voxels wanted")
    def track_decode_amplification(self, *_case: object) -> float:
        """How many voxels are decoded for each voxel that was asked for?"""
        return self.outcome["decode_amplification"]

    @asks("Python calls of further reads", tier="full", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does a read start?"""
        return self.outcome["python_calls"]


class Kinds(Exact):
    """The requests of reads, by their kind."""

    params = (list(READS), list(CORE_ARRAYS), list(KINDS))
    param_names = ("pattern", "array", "kind")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params[:2], counted.read_requests)

    def setup(self, found: Outcomes, *case: str) -> None:
        super().setup(found, *case[:2])
        self.kind = case[2]

    @asks("Store requests of a read, by kind", tier="full", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """Which kinds of requests does a read send?"""
        return self.outcome[self.kind]


class Writes(Exact):
    """Writes with blosc-lz4-5, by pattern and array."""

    params = (_WRITES, list(CORE_ARRAYS))
    param_names = ("pattern", "array")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, counted.write)

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

    params = (_WRITES, list(CORE_ARRAYS), list(KINDS))
    param_names = ("pattern", "array", "kind")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params[:2], counted.write)

    def setup(self, found: Outcomes, *case: str) -> None:
        super().setup(found, *case[:2])
        self.kind = case[2]

    @asks("Store requests of a write, by kind", tier="full", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """Which kinds of requests does a write send?"""
        return self.outcome[self.kind]


class Pyramid(Exact):
    """An OME-Zarr pyramid of three levels with blosc-lz4-5 in 64-cubes: mostly metadata."""

    params = (list(counted.PYRAMID), list(FORMATS))
    param_names = ("action", "format")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, counted.pyramid)

    @asks("Store requests of a pyramid", unit="requests")
    def track_requests(self, *_case: object) -> float:
        """How many requests does it take to open, glance at or rewrite an OME-Zarr pyramid?"""
        return self.outcome["requests"]

    @asks("Python calls of a pyramid", unit="calls", tolerance=0.01)
    def track_python_calls(self, *_case: object) -> float:
        """How many Python functions does it take to open, glance at or rewrite a pyramid?"""
        return self.outcome["python_calls"]
