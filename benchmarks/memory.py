"""How much memory is needed: by a whole process, and by Python while it writes.

The resident peak of a process is what the operating system counts: interpreter, libraries, volume
and operation; subtract that of a process that has only loaded the volume. The traced peak is what
Python and numpy hold during the operation alone, without what a codec's library asks of the system
itself. Traced peaks are the same twice, with one worker and one request at a time; resident peaks
of a single operation are not, up to a factor 1.6 apart (``evaluations/peak_memory.py``).
"""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import CODEC, CORE_ARRAYS, Stored, tomogram
from benchmarks.question import EVERY, Benchmark, asks
from cryoet_bench.harness import conditions, counting
from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.access import WRITES
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.installed import UnavailableError


def _folder(array: str) -> Path:
    return Path.cwd() / array.replace(" ", "-")


def _write(array: str, folder: Path) -> None:
    volume = tomogram().data
    storage = Storage.named(CODEC, *array.split())
    arrays.create(stores.local(folder), volume.shape, volume.dtype, storage)[...] = volume


class Peak(Benchmark):
    """Greatest resident memory of a process that does one thing with blosc-lz4-5."""

    cases = {"array": CORE_ARRAYS}

    def setup_cache(self) -> list[str]:
        conditions.settle()
        written = []
        for array in CORE_ARRAYS:
            try:
                _write(array, _folder(array))
            except UnavailableError:
                continue
            written.append(array)
        return written

    def setup(self, written: list[str], array: str) -> None:
        del written
        Storage.named(CODEC, *array.split()).require()
        conditions.settle()

    @asks("Peak memory of loading a volume")
    def peakmem_reference(self, _written: list[str], _array: str) -> None:
        """How much memory does a process need that has a volume and does nothing with it?

        What the libraries load.
        """
        tomogram()

    @asks("Peak memory of reading a volume")
    def peakmem_read(self, _written: list[str], array: str) -> None:
        """How much memory does a process need to read a volume?

        What the libraries load, copies of chunks, buffers.
        """
        arrays.open_array(stores.local(_folder(array)))[...]

    @asks("Peak memory of writing a volume")
    def peakmem_write(self, _written: list[str], array: str) -> None:
        """How much memory does a process need to load a volume and write it?

        What the libraries load, copies of chunks, buffers.
        """
        _write(array, conditions.new_folder())


def _written(pattern: str, array: str) -> Values:
    stored, way = Stored(Storage.named(CODEC, *array.split())), WRITES[pattern]
    with conditions.one_request_at_a_time():
        stored.write()
        target = stored.open(writable=True)

        def write() -> None:
            way.write(target, stored.volume, stored.storage.layout)

        write()
        # Not the least: now and then Python's garbage collector runs in the middle of a write.
        return {"traced_peak": statistics.median(counting.traced_peak(write) for _ in range(7))}


class Written(Exact):
    """What is held while a stored volume or a part of it is replaced, with blosc-lz4-5."""

    cases = {"pattern": ("one-chunk", "one-object", "whole"), "array": CORE_ARRAYS}
    core = EVERY
    measure = staticmethod(_written)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Peak traced memory of a write", unit="bytes", tolerance=0.01)
    def track_traced_peak(self, *_case: object) -> float:
        """How much memory does Python hold at once while a chunk, an object or a volume is written?

        Copies of chunks and shards that zarr makes on the way to the store.
        """
        return self.outcome["traced_peak"]
