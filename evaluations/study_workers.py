#!/usr/bin/env python
"""How much faster are sizes and fidelity on two Dask workers, and is a killed worker missed?

    .venv/bin/python -m evaluations.study_workers

Measures the exact part of twelve lossy configurations on one worker, on two, and on two of which
one is killed in the middle. Exits with 1 unless two are at least 1.6 times faster than one,
and all three give the same values.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

from cryoet_bench.study import campaign, matrix
from cryoet_bench.study.examination import Task
from cryoet_bench.study.ledger import Entry

BAR = 1.6
COUNT = 12
TOMOGRAM = "phantom-10A"


def tasks(folder: Path) -> list[Task]:
    """Return the lossy configurations of the focused matrix."""
    plan = campaign.prepare([TOMOGRAM], matrix.read("focused"), folder)
    lossy = [
        task
        for task in plan.tasks()
        if task.configuration.kept_bits is not None or task.configuration.voxel != "same"
    ]
    return lossy[:COUNT]


def examined(wanted: list[Task], workers: int, *, kill: bool = False) -> tuple[float, list[Entry]]:
    """Return how long some workers took, and what they found, in the tasks' order."""
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        # Compiled and imported first: what a worker of a long run has done as well.
        client.wait_for_workers(workers)
        pids: dict[str, int] = client.run(os.getpid)
        list(campaign.examined(wanted[: 2 * workers], cluster.scheduler_address))
        if kill:
            victim = next(iter(pids.values()))
            threading.Timer(3, os.kill, (victim, signal.SIGKILL)).start()
        start = time.perf_counter()
        found = list(campaign.examined(wanted, cluster.scheduler_address))
        took = time.perf_counter() - start
    order: dict[str, int] = {task.configuration.name: at for at, task in enumerate(wanted)}
    return took, sorted(found, key=lambda entry: order[entry.configuration])


def main() -> int:
    """Measure three times, and return 1 where a bar is missed."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = tasks(Path(folder, "study"))
        runs: dict[str, Any] = {}
        for name, workers, kill in (
            ("one worker", 1, False),
            ("two workers", 2, False),
            ("two, one killed", 2, True),
        ):
            took, found = runs[name] = examined(wanted, workers, kill=kill)
            print(f"{name}: {len(found)} configurations in {took:.1f} s", flush=True)
    faster = runs["one worker"][0] / runs["two workers"][0]
    values = [[entry.repeatable for entry in found] for _, found in runs.values()]
    same = values[0] == values[1] == values[2]
    print(f"Two workers are {faster:.2f} times faster (bar {BAR}); values are the same: {same}.")
    return int(faster < BAR or not same)


if __name__ == "__main__":
    sys.exit(main())
