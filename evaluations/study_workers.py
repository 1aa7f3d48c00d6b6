"""How much faster are sizes and fidelity on two Dask workers, and is a killed worker missed?

    python -m evaluations.study_workers [--rounds 2]

Examines the focused matrix on one worker, on two, and on two of which one is killed in the
middle. Two hyperthreads of one core do not do twice the work of one, so the ceiling of the machine
is measured as well, in the same rounds: how much more two plain processes do that share nothing,
each of them everything, than one alone. Exits with 1 unless two workers are at least 1.6 times
faster than one, and all give the same values.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from distributed import Client, LocalCluster

from cryoet_bench.study import campaign, matrix
from cryoet_bench.study.examination import Task, examine
from cryoet_bench.study.ledger import Entry

BAR = 1.6
TOMOGRAM = "phantom-10A"


def tasks(folder: Path) -> list[Task]:
    """Return the configurations of the focused matrix, the longest first."""
    plan = campaign.prepare([TOMOGRAM], matrix.read("focused"), folder)
    return sorted(plan.tasks(), key=lambda task: task.effort, reverse=True)


def alone(wanted: Sequence[Task], count: int) -> float:
    """Return how long plain processes of one thread take, each of them with all tasks."""
    spawned = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = [stack.enter_context(ProcessPoolExecutor(1, spawned)) for _ in range(count)]
        for some in (wanted[:2], wanted):  # imported and compiled first
            start = time.perf_counter()
            for found in [pool.map(examine, some) for pool in pools]:
                list(found)
            took = time.perf_counter() - start
    return took


def on_workers(
    wanted: Sequence[Task], count: int, *, kill: bool = False
) -> tuple[float, list[Entry]]:
    """Return how long workers of Dask took, and what they found, in the tasks' order."""
    with (
        LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(count)
        pids: dict[str, int] = client.run(os.getpid)
        # Imported and compiled first: what a worker of a long run has done as well.
        for address in pids:
            client.gather(client.map(examine, wanted[:2], workers=address, pure=False))
        if kill:
            victim = next(iter(pids.values()))
            threading.Timer(10, os.kill, (victim, signal.SIGKILL)).start()
        start = time.perf_counter()
        found = list(campaign.examined(wanted, cluster.scheduler_address))
        took = time.perf_counter() - start
    order = {task.configuration.name: at for at, task in enumerate(wanted)}
    return took, sorted(found, key=lambda entry: order[entry.configuration])


def main() -> int:
    """Measure in rounds, print a line for each, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    rounds = parser.parse_args().rounds
    # As Dask tells its workers. The study's own process has a thread a core.
    os.environ["OMP_NUM_THREADS"] = "1"
    faster, ceilings, values = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        wanted = tasks(Path(folder, "study"))
        for number in range(1, rounds + 1):
            one, two = alone(wanted, 1), alone(wanted, 2)
            (single, first), (double, second) = (on_workers(wanted, count) for count in (1, 2))
            ceilings.append(2 * one / two)
            faster.append(single / double)
            values += [first, second]
            print(
                f"Round {number}: {len(wanted)} configurations: a process {one:.1f} s, two with "
                f"all of them each {two:.1f} s; a worker {single:.1f} s, two {double:.1f} s.",
                flush=True,
            )
        values.append(on_workers(wanted, 2, kill=True)[1])
    known = [[entry.repeatable for entry in found] for found in values]
    same = all(found == known[0] for found in known)
    ceiling, gain = map(statistics.geometric_mean, (ceilings, faster))
    print(
        f"The ceiling of this machine: two processes do {ceiling:.2f} times what one does.\n"
        f"Two workers are {gain:.2f} times faster than one (bar {BAR}), {gain / ceiling:.0%} of "
        f"that; with one killed, too, {len(known[-1])} of {len(wanted)} rows; values are the same: "
        f"{same}."
    )
    return int(gain < BAR or not same)


if __name__ == "__main__":
    sys.exit(main())
