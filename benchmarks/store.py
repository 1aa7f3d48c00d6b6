"""Where the volume is kept: files, memory, a zip file, an S3 bucket at some distance."""

from __future__ import annotations

import atexit
import contextlib
from typing import Any

from benchmarks.exact import Exact, Outcomes, outcomes
from benchmarks.measured import Stored, Timed, asks
from cryoet_bench.storage import arrays, conditions, s3, stores
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
    """A volume in a bucket behind a link."""

    def __init__(self, array: str, latency: float) -> None:
        storage = Storage.named(_CODEC, *array.split())
        storage.require()
        s3.require()
        root = conditions.new_folder()
        self._stack = contextlib.ExitStack()
        atexit.register(self.close)
        # Started before this process is settled on one core: the server is not what is measured.
        self.endpoint = self._stack.enter_context(s3.served(root, latency=latency))
        stored = Stored(storage)
        stored.folder = root / _BUCKET / "volume"
        stored.write()
        self.array = arrays.open_array(stores.bucket(self.endpoint.url, f"{_BUCKET}/volume"))

    def close(self) -> None:
        self._stack.close()


class S3(Timed):
    """Reads with blosc-lz4-5 from an S3 server on loopback, by latency of the link.

    Requests follow one another, so that their number shows in the time.
    """

    params = (
        ["whole", "slice-xy"],
        ["cube-64 v2", "cube-64 v3", "shard-32-in-128 v3"],
        ["0 ms", "5 ms", "20 ms", "50 ms"],
    )
    param_names = ("pattern", "array", "latency")

    remote: _Remote | None = None

    def setup(self, pattern: str, array: str, latency: str) -> None:
        if self.remote is None:
            self.remote = _Remote(array, float(latency.removesuffix(" ms")) / 1000)
            self.selections = READS[pattern](self.remote.array.shape)
            self.time_read()

    @asks("Read from S3, by latency", tier="full")
    def time_read(self, *_case: str) -> None:
        """How long does it take to read a volume or a slice from a bucket that is some way off?"""
        assert self.remote is not None
        with conditions.one_request_at_a_time():
            for selection in self.selections:
                self.remote.array[selection]


def _round_trips(pattern: str, array: str) -> dict[str, float]:
    remote = _Remote(array, 0.0)
    try:
        selections = READS[pattern](remote.array.shape)
        counts = []
        for _ in range(2):  # the first read also connects
            before = remote.endpoint.round_trips()
            for selection in selections:
                remote.array[selection]
            counts.append(remote.endpoint.round_trips() - before)
        return {"round_trips": counts[-1]}
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
