"""Where the volume is kept: files, memory, a zip file, an S3 bucket at some distance."""

from __future__ import annotations

import atexit
import contextlib
from typing import Any

from benchmarks.exact import Exact, Outcomes, outcomes
from benchmarks.measured import Stored, Timed, asks
from cryoet_bench.harness import conditions, s3
from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.access import READS
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.stores import STORES

_CODEC = "blosc-lz4-5"
_ARRAYS = ("cube-64 v2", "cube-64 v3", "shard-32-in-128 v3")
_BUCKET = "tomograms"


class Read(Timed):
    """Reads with blosc-lz4-5, by store."""

    params = (list(STORES), ["whole", "slice-xy"], list(_ARRAYS))
    param_names = ("store", "pattern", "array")

    array: Any = None

    def setup(self, store: str, pattern: str, array: str) -> None:
        if self.array is None:
            stored = Stored(Storage.named(_CODEC, *array.split()))
            source = STORES[store](stored.folder)
            stored.create(source)[...] = stored.volume
            if store == "zip":
                source.close()
                source = STORES[store](stored.folder)
            self.array = arrays.open_array(source)
            self.selections = READS[pattern](stored.volume.shape)
            self.time_read()

    @asks("Read, by store", tier="full")
    def time_read(self, *_case: str) -> None:
        """How long does it take to read a volume or a slice from each store?"""
        for selection in self.selections:
            self.array[selection]


class _Remote:
    """What is read of a volume in a bucket some way off."""

    def __init__(self, pattern: str, array: str, way: s3.Way = s3.NEAR) -> None:
        storage = Storage.named(_CODEC, *array.split())
        storage.require()
        s3.require()
        root = conditions.new_folder()
        self._stack = contextlib.ExitStack()
        atexit.register(self.close)
        # Started before this process is settled on one core: the server is not what is measured.
        self.endpoint = self._stack.enter_context(s3.served(root, way))
        stored = Stored(storage)
        stored.folder = root / _BUCKET / "volume"
        stored.write()
        self._array = arrays.open_array(stores.bucket(self.endpoint.url, f"{_BUCKET}/volume"))
        self._selections = READS[pattern](stored.volume.shape)
        self.read()  # the first read also connects

    def read(self) -> None:
        for selection in self._selections:
            self._array[selection]

    def close(self) -> None:
        self._stack.close()


class S3(Timed):
    """Reads with blosc-lz4-5 from an S3 server on loopback, by the way to it.

    The latency of each request follows that of the one before, so that their number shows in the
    time: it grows by the counted round trips times the latency. On an overlapping way, as many
    requests as are sent are under way at once.
    """

    version = "2"
    params = (["whole", "slice-xy"], list(_ARRAYS), list(s3.WAYS))
    param_names = ("pattern", "array", "way")

    remote: _Remote | None = None

    def setup(self, pattern: str, array: str, way: str) -> None:
        if self.remote is None:
            self.remote = _Remote(pattern, array, s3.WAYS[way])

    @asks("Read from S3, by the way to it", tier="full")
    def time_read(self, *_case: str) -> None:
        """How long does it take to read a volume or a slice from a bucket that is some way off?"""
        assert self.remote is not None
        self.remote.read()


def _round_trips(pattern: str, array: str) -> dict[str, float]:
    remote = _Remote(pattern, array)
    try:
        before = remote.endpoint.round_trips()
        remote.read()
        return {"round_trips": remote.endpoint.round_trips() - before}
    finally:
        remote.close()


class RoundTrips(Exact):
    """Requests that arrive at the server, counted on the link."""

    params = (["whole", "slice-xy"], list(_ARRAYS))
    param_names = ("pattern", "array")

    def setup_cache(self) -> Outcomes:
        return outcomes(self.params, _round_trips)

    @asks("Round trips to S3", tier="full", unit="round trips")
    def track_round_trips(self, *_case: object) -> float:
        """How many requests does a read really send?"""
        return self.outcome["round_trips"]
