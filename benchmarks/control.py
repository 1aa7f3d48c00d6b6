"""Controls: work that no release of zarr or numcodecs can change.

Where these move together with a benchmark, it is the machine that moved.
"""

from __future__ import annotations

import zlib
from typing import Any

from benchmarks.measured import tomogram
from benchmarks.question import EVERY, Timed, asks
from cryoet_bench.harness import conditions
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.engines import ENGINES


class Controls(Timed):
    """Memory, compression and interpreter of the machine itself."""

    core = EVERY
    control = True

    def setup(self) -> None:
        import numpy as np  # noqa: PLC0415

        conditions.settle_codecs()
        # Not random: PCG64 and friends are numpy's, which moves with the timeline.
        self.source = np.arange(2**21, dtype=np.uint32)
        self.target = np.empty_like(self.source)
        self.text = (self.source[: 2**17] * np.uint32(2654435761)).tobytes()
        self.time_memory_copy()
        self.time_zlib()

    @asks("Control: copy 8 MiB of memory")
    def time_memory_copy(self) -> None:
        """How fast is this machine's memory now?

        The machine, its clock and its load; no release can.
        """
        for _ in range(10):
            self.target[:] = self.source

    @asks("Control: zlib on fixed bytes")
    def time_zlib(self) -> None:
        """How fast does this machine compress fixed bytes with the interpreter's own zlib?

        The machine, its clock and its load; no release can.
        """
        zlib.compress(self.text, 6)

    @asks("Control: a loop in Python")
    def time_python(self) -> None:
        """How fast is this machine's Python interpreter?

        The machine, its clock and its load; no release can.
        """
        total = 0
        for number in range(200_000):
            total += number & 7


class PinnedEngine(Timed):
    """tensorstore, the same version beside every release, on 64-cubes with blosc-lz4-5."""

    core = EVERY
    control = True

    array: Any = None

    def setup(self) -> None:
        if self.array is not None:
            return
        engine, storage = ENGINES["tensorstore"], Storage.named("blosc-lz4-5", "cube-64", "v2")
        engine.require(storage)
        conditions.settle_codecs()
        volume, folder = tomogram().data, conditions.new_folder()
        engine.create(folder, volume.shape, volume.dtype, storage)[...] = volume
        self.array = engine.open(folder, storage)
        self.time_read()

    @asks("Control: read with tensorstore")
    def time_read(self) -> None:
        """How fast does an engine that never changes read the same volume on this machine?

        The machine; tensorstore stays at one version.
        """
        self.array[...]
