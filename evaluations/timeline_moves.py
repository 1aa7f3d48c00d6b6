"""How long does an environment take from one release of the timeline to the next?

    python -m evaluations.timeline_moves [MOVES]

It moves one environment over the newest releases (10 moves unless said otherwise) as asv does
here, with uv, and another one with pip, and prints both medians. The package cache is warmed by
a first pass that is not counted.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from cryoet_bench.timeline import environment, installers, releases


def seconds(folder: Path, uv: str | None, moves: int) -> list[float]:
    """Return the seconds of each move."""
    timeline = releases.load()
    python = installers.find_python(uv)
    home = environment.Environment(folder, uv)
    times = []
    for counted in (False, True):
        home.create(python)
        for release in timeline.history()[-moves - 1 :]:
            started = time.perf_counter()
            home.install([*release.requirements.splitlines(), *timeline.beside(release.tag)])
            if counted:
                times.append(time.perf_counter() - started)
    return times[1:]  # the first fills an empty environment


def main(moves: int = 10) -> None:
    """Measure and print."""
    medians = {}
    for name, uv in (("uv", installers.find_uv()), ("pip", None)):
        with tempfile.TemporaryDirectory() as folder:
            times = seconds(Path(folder, "env"), uv, moves)
        medians[name] = statistics.median(times)
        print(f"{name}: median {medians[name]:.2f} s, slowest {max(times):.2f} s, {moves} moves")
    print(f"uv is {medians['pip'] / medians['uv']:.1f} times faster than pip")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
