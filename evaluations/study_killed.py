"""Does a study that is killed again and again lose a row, or have one twice?

    python -m evaluations.study_killed [--kills 10] [--repeats 1] [--keep FOLDER]

Runs the quick matrix on the default phantom without a break, then again while it is killed at
random moments and resumed. Exits with 1 unless the second has every row of the first, none twice,
and the same exact values, and was killed as often as asked. With --keep a rerun takes the unbroken
study from that folder.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryoet_bench.study import ledger

TOMOGRAM = "phantom-10A"


def command(folder: Path, repeats: int) -> list[str]:
    """Return the command of the study into a folder."""
    return [
        sys.executable, "-m", "cryoet_bench", "study", TOMOGRAM, "--matrix", "quick",
        "--repeats", str(repeats), "--out", str(folder),
    ]  # fmt: skip


def killed(folder: Path, repeats: int, kills: int, longest: float) -> int:
    """Run a study that is killed after random times, then to its end; return the kills."""
    draw = random.Random(14)
    done = 0
    for _ in range(kills):
        started = subprocess.Popen(
            command(folder, repeats), stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            started.wait(draw.uniform(1, longest))
            break
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
            done += 1
    subprocess.run(command(folder, repeats), stdout=subprocess.DEVNULL, check=True)
    return done


def main() -> int:
    """Run both studies, and return 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--longest", type=float, default=9, help="seconds until a kill, at most")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as where:
        whole, broken = (arguments.keep or Path(where)) / "whole", Path(where, "broken")
        start = time.monotonic()
        subprocess.run(command(whole, arguments.repeats), stdout=subprocess.DEVNULL, check=True)
        took = time.monotonic() - start
        kills = killed(broken, arguments.repeats, arguments.kills, arguments.longest)
        one, other = ledger.read(whole).entries, ledger.read(broken).entries
        lines = (broken / ledger.NAME).read_bytes().count(b"\n") - 1
    lost = one.keys() - other.keys()
    differing = [
        key
        for key, entry in one.items()
        if key[0] == "exact" and (key in lost or entry.repeatable != other[key].repeatable)
    ]
    print(f"Unbroken: {len(one)} rows in {took:.0f} s. Killed {kills} times: {lines} rows.")
    twice = lines - len(other)
    print(f"Lost: {len(lost)}; twice: {twice}; exact values that differ: {len(differing)}.")
    return int(bool(lost or differing or twice) or kills < arguments.kills)


if __name__ == "__main__":
    sys.exit(main())
