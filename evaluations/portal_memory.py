"""How much memory fetching a region of 1 GiB needs, beyond what the program itself needs.

Run from the project's root: python -m evaluations.portal_memory
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console

from cryoet_bench.tomogram.portal import Report, fetch
from cryoet_bench.tomogram.portal.request import parse
from tests.tomogram.portal import server, volumes
from tests.tomogram.portal.volumes import Stored

LARGE = Stored(
    id=17002,
    dataset=10445,
    run="TS_100_3",
    spacing=4.99,
    processing="filtered",
    shape=(256, 1024, 1024),
    kept=[(0, y, x) for y in range(4) for x in range(4)],
)
CHUNK = 256**3 * 4


def resident() -> dict[str, int]:
    """Return the process's memory now, in bytes: anonymous, and with what is mapped from files."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    facts = dict(line.split(":", 1) for line in lines)
    anonymous, mapped = (int(facts[it].split()[0]) << 10 for it in ("RssAnon", "RssFile"))
    return {"anonymous": anonymous, "all": anonymous + mapped}


def measured(options: str) -> None:
    """Fetch, and print what it took as JSON."""
    before = resident()
    peak, done = dict(before), threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            for key, size in resident().items():
                peak[key] = max(peak[key], size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.monotonic()
    fetch(parse(f"portal:10445/TS_100_3/{options}"), Report(Console(quiet=True)))
    seconds = time.monotonic() - start
    done.set()
    watcher.join()
    print(json.dumps({it: peak[it] - before[it] for it in peak} | {"seconds": seconds}))


def main() -> int:
    """Print the table, and return 1 when 1 GiB needs above two chunks more than the result."""
    over = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        LARGE.write(Path(scratch))
        with server.serving(Path(scratch), volumes.tables([LARGE])) as portal:
            os.environ.update(portal.environment)
            print("region     result   anonymous   with mapped files   over the result    time")
            for name, options in (("64-cube", "subset=64"), ("1 GiB", "region=whole")):
                os.environ["CRYOET_BENCH_CACHE"] = f"{scratch}/cache-{name[:2]}"
                command = [sys.executable, __file__, options]
                taken = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
                result = 64**3 * 4 if name == "64-cube" else 2**30
                over = max(0, taken["all"] - result) / CHUNK
                print(
                    f"{name:<8} {result >> 20:>5} MiB {taken['anonymous'] >> 20:>7} MiB "
                    f"{taken['all'] >> 20:>15} MiB {over:>10.2f} chunks {taken['seconds']:>6.1f} s"
                )
    return 0 if over <= 2 else 1


if __name__ == "__main__":
    sys.exit(measured(sys.argv[1]) if len(sys.argv) > 1 else main())
