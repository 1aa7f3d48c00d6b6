"""What a fetch transfers, counted at the server: a subset at full size, and after kills.

Run from the project's root: python -m evaluations.portal_cost [KILLS]
"""

from __future__ import annotations

import os
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from rich.console import Console

from cryoet_bench.tomogram.portal import Report, obtain
from tests.tomogram.portal import fault_run, proxy, server, volumes
from tests.tomogram.portal.volumes import Stored

FULL_SIZE = Stored(
    id=17004,
    dataset=10445,
    run="TS_100_3",
    spacing=10.012,
    processing="filtered",
    shape=(184, 630, 630),
    kept=[(0, y, x) for y, x in product((0, 1), repeat=2)],
)


def subset(scratch: Path) -> None:
    """Print the bytes of an aligned and of a centred 128-cube of a (184, 630, 630) volume."""
    FULL_SIZE.write(scratch)
    with (
        server.serving(scratch, volumes.tables([FULL_SIZE])) as portal,
        proxy.running(portal.s3) as counter,
    ):
        os.environ.update(portal.environment | {"AWS_ENDPOINT_URL": counter.url})
        os.environ["CRYOET_BENCH_CACHE"] = str(scratch / "cache")
        for what, option in (
            ("planned 128-cube", "subset=128"),
            ("centred 128-cube", "region=28:156,251:379,251:379"),
        ):
            counter.reset()
            tomogram = obtain(f"portal:10445/TS_100_3/{option}", report=Report(Console(quiet=True)))
            chunks = counter.chunk_bytes()
            print(
                f"{what}: {len(chunks)} chunks, {sum(chunks.values()):,} bytes, "
                f"{counter.sent.total() - sum(chunks.values()):,} bytes of metadata, "
                f"region {tomogram.provenance['region']}"
            )


def kills(scratch: Path, number: int) -> int:
    """Kill fetches after seeded numbers of bytes, resume them, and count each chunk's bytes."""
    rng = np.random.default_rng(4)
    worst, most = 0.0, 0
    with fault_run.stage(scratch / "root") as on:
        sizes = fault_run.chunk_sizes(on)
        for run in range(number):
            moment = int(rng.integers(sum(sizes.values())))
            sent = fault_run.killed_and_resumed(on, moment, scratch / f"kill-{run}")
            ratios = [size / sizes[key] for key, size in sent.items()]
            again = sum(it > 1 for it in ratios)
            worst, most = max(worst, *ratios), max(most, again)
            print(
                f"killed at {moment:>9,} bytes: {again} of 8 chunks sent a second time", flush=True
            )
    print(f"{number} kills: no chunk was sent more than {worst:.2f} times, {most} chunks at most")
    return 0 if worst <= 2 else 1


def main() -> int:
    """Print both, and return 1 when a chunk was sent more than twice."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as scratch:
        subset(Path(scratch) / "full")
        return kills(Path(scratch), number)


if __name__ == "__main__":
    sys.exit(main())
