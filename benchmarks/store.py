"""Where the volume is kept: files, memory, a zip file, an S3 bucket at some distance."""

from __future__ import annotations

import atexit
import contextlib
from typing import Any

from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import CODEC, CORE_ARRAYS, Stored
from benchmarks.question import Timed, asks
from cryoet_bench.harness import conditions, s3
from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.access import READS
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.stores import STORES

_PATTERNS = ("whole", "slice-xy")
_BUCKET = "tomograms"


class Read(Timed):
    """Reads with blosc-lz4-5, by store."""

    cases = {"store": STORES, "pattern": _PATTERNS, "array": CORE_ARRAYS}

    array: Any = None

    def setup(self, store: str, pattern: str, array: str) -> None:
        if self.array is None:
            stored = Stored(Storage.named(CODEC, *array.split()))
            source = STORES[store](stored.folder)
            stored.create(source)[...] = stored.volume
            if store == "zip":
                source.close()
                source = STORES[store](stored.folder)
            self.array = arrays.open_array(source)
            self.selections = READS[pattern](stored.volume.shape)
            self.time_read()

    @asks("Read a volume or slice, by store")
    def time_read(self, *_case: str) -> None:
        """How long does it take to read a volume or a slice from each store?

        zarr's stores.
        """
        for selection in self.selections:
            self.array[selection]


class _Remote:
    """What is read of a volume in a bucket some way off."""

    def __init__(self, pattern: str, array: str, way: s3.Way = s3.NEAR) -> None:
        storage = Storage.named(CODEC, *array.split())
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
    time: it grows by the counted round trips times the latency. On an overlapping way, all
    requests that are sent are concurrent.
    """

    version = "2"
    cases = {"pattern": _PATTERNS, "array": CORE_ARRAYS, "way": s3.WAYS}

    remote: _Remote | None = None

    def setup(self, pattern: str, array: str, way: str) -> None:
        if self.remote is None:
            self.remote = _Remote(pattern, array, s3.WAYS[way])

    @asks("Read from S3, by latency")
    def time_read(self, *_case: str) -> None:
        """How long does it take to read a volume or a slice from a bucket, at each latency?

        Round trips times latency; on the overlapping way, how many requests are concurrent.
        """
        assert self.remote is not None
        self.remote.read()


def _round_trips(pattern: str, array: str) -> Values:
    remote = _Remote(pattern, array)
    try:
        before = remote.endpoint.round_trips()
        remote.read()
        return {"round_trips": remote.endpoint.round_trips() - before}
    finally:
        remote.close()


class RoundTrips(Exact):
    """Requests that arrive at the server, counted on the link."""

    cases = {"pattern": _PATTERNS, "array": CORE_ARRAYS}
    measure = staticmethod(_round_trips)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Round trips to S3", unit="round trips")
    def track_round_trips(self, *_case: object) -> float:
        """How many requests does a read send to a real S3 server?

        Which requests zarr and s3fs send.
        """
        return self.outcome["round_trips"]
