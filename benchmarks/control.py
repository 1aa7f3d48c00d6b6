"""Controls: work that no release of zarr or numcodecs can change, nor any other package.

If these shift together with a benchmark, suspect the machine. They use Python's standard library
alone, because numpy moves along the timeline.
"""

from __future__ import annotations

import functools
import mmap
import os
import random
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.question import EVERY, Timed, asks
from cryoet_bench.harness import conditions

Work = Callable[[], object]


def _memory() -> Work:
    # Both fit the core's own cache however their pages lie. Copies of 256 KiB had one of two levels
    # a process, 45 % apart; those of 8 MiB share the machine's cache with other guests of the host.
    source, target = (memoryview(mmap.mmap(-1, 64 << 10)) for _ in range(2))
    source[:] = target[:] = bytes(len(source))  # pages that were never written do not exist

    def copy() -> None:
        for _ in range(128):
            target[:] = source

    return copy


def _compression() -> Work:
    text = bytes(random.Random(1).choices(range(64), k=1 << 16))
    return lambda: zlib.compress(text, 6)


def _interpreter() -> Work:
    def add() -> None:
        total = 0
        for number in range(25_000):
            total += number & 7

    return add


def _files() -> Work:
    folder = conditions.new_folder()
    names = [str(folder / str(number)) for number in range(200)]
    for name in names:
        Path(name).write_bytes(bytes(8192))

    def read() -> None:
        for name in names:
            descriptor = os.open(name, os.O_RDONLY)
            os.read(descriptor, 8192)
            os.close(descriptor)

    return read


_WORK: Mapping[str, Callable[[], Work]] = {
    "copy 128 times 64 KiB": _memory,
    "compress 64 KiB": _compression,
    "loop in Python": _interpreter,
    "read 200 files": _files,
}


@functools.cache
def _prepared(work: str) -> Work:
    """Return some work that was done once before; asv sets a case up before every sample."""
    conditions.settle_machine()
    prepared = _WORK[work]()
    prepared()
    return prepared


class Machine(Timed):
    """What a measured process asks of the machine: memory, processor, interpreter, file system."""

    cases = {"work": _WORK}
    core = EVERY
    control = True
    repeat = (10, 100, 0.1)

    def setup(self, work: str) -> None:
        self.work = _prepared(work)

    @asks("Control")
    def time_work(self, _work: str) -> None:
        """How fast is this machine now?

        The machine, its clock and its load; no release can.
        """
        self.work()
