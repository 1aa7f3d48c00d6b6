"""How much memory a process needs at most, everything included: interpreter, libraries, volume."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measured import CODEC, CORE_ARRAYS, tomogram
from benchmarks.question import Benchmark, asks
from cryoet_bench.harness import conditions
from cryoet_bench.storage import arrays, stores
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
