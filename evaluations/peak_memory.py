"""Which peak of memory is the same twice: what Python holds, or what the process occupies?

    python -m evaluations.peak_memory FOLDER [PROCESSES]

Writes one chunk, one stored object (a full shard) and the volume, in fresh processes (5 unless
PROCESSES says otherwise) on each of three releases, with one worker, one request at a time and the
allocator fixed. For each it prints two medians of seven writes: the traced peak is what Python and
numpy held above what they held before; the resident peak is what the operating system counts for
the process above what it counted before, after free memory was given back. Next to each value is
the factor between the largest and the smallest of the processes. Linux with glibc only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measured import CORE_ARRAYS
from cryoet_bench.harness import conditions
from evaluations import _installed

PATTERNS = ("one-chunk", "one-object", "whole")

PROGRAM = """
import ctypes, gc, statistics, sys
from pathlib import Path
from benchmarks.measured import CODEC, Stored
from benchmarks.memory import Written
from cryoet_bench.harness import conditions
from cryoet_bench.storage.access import WRITES
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.installed import UnavailableError

def occupied():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

def resident_peak(action):
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = occupied()
    action()
    return occupied() - before

def resident(pattern, array):
    stored, way = Stored(Storage.named(CODEC, *array.split())), WRITES[pattern]
    with conditions.one_request_at_a_time():
        stored.write()
        target = stored.open(writable=True)
        write = lambda: way.write(target, stored.volume, stored.storage.layout)
        write()
        return statistics.median(resident_peak(write) for _ in range(7))

pattern, array, kind = sys.argv[1:]
try:
    if kind == "traced":
        print(Written.measure(pattern, array)["traced_peak"])
    else:
        print(resident(pattern, array))
except UnavailableError:
    pass
"""


def peaks(python: Path, processes: int, *case: str) -> list[float]:
    """Return the peak in each of some processes; nothing where a release cannot write so."""
    found = []
    for seed in range(processes):
        done = subprocess.run(
            [str(python), "-c", PROGRAM, *case], capture_output=True, text=True, check=True,
            env=conditions.environment(os.environ, hash_seed=seed),
        )  # fmt: skip
        found += [float(line) for line in done.stdout.split()]
    return found


def main(folder: str, processes: int = 5) -> None:
    """Measure and print."""
    _installed.provide_tomogram()
    print("| release | write | array | traced | largest / least | resident | largest / least |")
    print("|---|---|---|---|---|---|---|")
    for tag in _installed.RELEASES:
        python = _installed.python(Path(folder).resolve(), tag)
        for pattern in PATTERNS:
            for array in CORE_ARRAYS:
                cells = []
                for kind in ("traced", "resident"):
                    if found := peaks(python, processes, pattern, array, kind):
                        least, most = min(found), max(found)
                        cells += [f"{least / 2**20:.2f} MiB", f"{most / max(least, 1):.3f}"]
                if cells:
                    print(f"| {tag} | {pattern} | {array} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
