"""Where the volume is kept: files, memory, a zip file, an S3 bucket at some distance."""

from __future__ import annotations

import atexit
import contextlib
import functools
from dataclasses import replace
from typing import Any

from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import CODEC, CORE_ARRAYS, Stored
from benchmarks.question import EVERY, Timed, asks
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


class Write(Timed):
    """Whole volumes with blosc-lz4-5 into a new array, by store."""

    cases = {"store": STORES, "array": CORE_ARRAYS}

    stored: Stored | None = None

    def setup(self, store: str, array: str) -> None:
        if self.stored is None:
            self.stored = Stored(Storage.named(CODEC, *array.split()))
        self.stored.clear()
        self.target = STORES[store](self.stored.folder)

    @asks("Write a volume, by store")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a volume to each store?

        zarr's stores.
        """
        assert self.stored is not None
        self.stored.create(self.target)[...] = self.stored.volume


@functools.cache
def _in_memory(empty_chunks: str) -> Stored:
    """Return the volume as uncompressed 64-cubes in memory, and keep its array open."""
    storage = Storage.named("none", "cube-64", "v2")
    return Stored(replace(storage, write_empty_chunks=empty_chunks == "stored"))


@functools.cache
def _array_in_memory(empty_chunks: str) -> Any:
    stored = _in_memory(empty_chunks)
    array = stored.create(stores.memory(stored.folder))
    array[...] = stored.volume
    return array


class MemoryWrite(Timed):
    """Uncompressed 64-cubes of format 2 into memory: zarr's own work and no codec's.

    Chunks of nothing but the fill value are *left out*, for which each is searched for other
    values, as zarr 3 does by default, or *stored* without a search, as zarr 2 does.
    """

    cases = {"values": ["tomogram", "fill"], "empty-chunks": ["left-out", "stored"]}
    core = EVERY

    def setup(self, values: str, empty_chunks: str) -> None:
        self.array = _array_in_memory(empty_chunks)
        self.values = _in_memory(empty_chunks).volume if values == "tomogram" else 0

    @asks("Write to the memory store, uncompressed")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a volume into memory, without a codec?

        The search for chunks of nothing but the fill value, copies of a chunk.
        """
        self.array[...] = self.values


class MemoryRead(Timed):
    """Uncompressed 64-cubes of format 2 from memory: zarr's own work and no codec's."""

    core = EVERY

    def setup(self) -> None:
        self.array = _array_in_memory("stored")
        self.time_volume()

    @asks("Read from the memory store, uncompressed")
    def time_volume(self) -> None:
        """How long does it take to read a volume from memory, without a codec?

        Copies of a chunk, what zarr does for each.
        """
        self.array[...]


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
