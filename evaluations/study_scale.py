"""What do qc, verify, a study and rewriting cost a worker, and does a killed worker lose anything?

    python -m evaluations.study_scale [--volumes 200]

Times each on one core and the phantom at 4.99 angstrom (67 MB of float32), and extrapolates to
15,000 volumes of 2.3 GB. Then examines many small volumes on a local Dask cluster, of which a
worker is killed. Exits with 1 unless every volume has its row.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import zarr
from distributed import Client, LocalCluster

from cryoet_bench.cli.study import PRICE
from cryoet_bench.quality.fidelity.profiles import PROFILES
from cryoet_bench.quality.fidelity.verification import verify
from cryoet_bench.quality.qc import inspect
from cryoet_bench.quality.qc.batch import examine_all
from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.study.cost import read_price
from cryoet_bench.tomogram.sources import obtain, open_volume
from cryoet_bench.volume import Volume

VOLUMES, MEAN_BYTES = 15_000, 2.3e9
LINK = 125e6  # bytes a second of a worker with its share of a 10 Gbit/s link of ten workers


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes the second time: compiled and cached."""
    action()
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measured(folder: Path) -> dict[str, float]:
    """Return seconds of a core for each megabyte of voxels, by what is done."""
    data = obtain("phantom-4.99A").data
    megabytes = data.nbytes / 1e6
    spacing = (4.99,) * 3
    portal, wanted = (
        Storage.named(codec, layout, storage_format)
        for codec, layout, storage_format in (
            ("blosc-lz4-5", "cube-128", "v2"),
            ("blosc-zstd-5", "cube-128", "v3"),
        )
    )
    source = arrays.create(stores.local(folder / "portal.zarr"), data.shape, data.dtype, portal)
    source[...] = data
    lossy = Volume("copy", (data.view("u4") & 0xFFFFF000).view("f4"), spacing)
    original = Volume("original", source, spacing)
    counter = iter(range(100))

    def rewrite() -> None:
        target = stores.local(folder / f"{next(counter)}.zarr")
        arrays.create(target, data.shape, data.dtype, wanted)[...] = source[...]

    actions: dict[str, Callable[[], object]] = {
        "qc": lambda: inspect(original),
        "verify, an exact copy": lambda: verify(
            original, Volume("copy", data, spacing), PROFILES["archival"]
        ),
        "verify, a lossy copy": lambda: verify(original, lossy, PROFILES["analysis"]),
        "rewriting, blosc-lz4-5 to blosc-zstd-5": rewrite,
    }
    return {name: seconds(action) / megabytes for name, action in actions.items()}


def killed(folder: Path, count: int) -> tuple[int, int]:
    """Examine small volumes on two workers of which one is killed; return rows and failures."""
    draw = np.random.default_rng(14)
    sources = []
    for number in range(count):
        path = folder / f"{number}.zarr"
        zarr.save_array(path, draw.standard_normal((24, 24, 24)).astype("f4"))
        sources.append(str(path))
    assert open_volume(sources[0]).array.shape == (24, 24, 24)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        pids: dict[str, int] = client.run(os.getpid)
        threading.Timer(4, os.kill, (next(iter(pids.values())), signal.SIGKILL)).start()
        rows = examine_all(sources, scheduler=cluster.scheduler_address)
    whole = [row for row in rows if row["obs_level"] == 0]
    return len(whole), sum(row["verdict"] == "error" for row in whole)


def main() -> int:
    """Measure, print the table, and return 1 where a volume was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, default=200)
    count = parser.parse_args().volumes
    print("| what | MB/s of a core | core-hours | link-hours | bound by | $ |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as where:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(allowed)})
        costs = measured(Path(where))
        os.sched_setaffinity(0, allowed)
    total, core_hour = VOLUMES * MEAN_BYTES, read_price(PRICE).core_hour
    for name, cost in costs.items():
        hours = cost * total / 1e6 / 3600
        passes = 2 if name.startswith(("verify", "rewriting")) else 1
        link = passes * total / 1.1 / LINK / 3600
        bound = "the core" if hours > link else "the link"
        dollars = math.ceil(max(hours, link) * core_hour)
        print(f"| {name} | {1 / cost:.0f} | {hours:,.0f} | {link:,.0f} | {bound} | {dollars:,} |")
    with tempfile.TemporaryDirectory() as where:
        start = time.perf_counter()
        rows, failures = killed(Path(where), count)
        took = time.perf_counter() - start
    print(f"{rows} of {count} volumes have a row, {failures} failed, a worker killed: {took:.0f} s")
    return int(rows != count or failures > 0)


if __name__ == "__main__":
    sys.exit(main())
