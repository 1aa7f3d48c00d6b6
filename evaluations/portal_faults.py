"""Every fault at twenty seeded points of a fetch: does it end in true voxels or in one sentence?

Run from the project's root: .venv/bin/python evaluations/portal_faults.py [POINTS]
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections import Counter
from pathlib import Path

from cryoet_bench.errors import InputError
from tests.tomogram.portal import fault_run
from tests.tomogram.portal.fault_run import WrongEndError


def main() -> int:
    """Print a table, and return 1 when any end was a wrong one."""
    logging.disable()
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    wrong = 0
    print(f"{'fault':<16} {'voxels':>8} {'sentence':>9} {'wrong':>6}   of {points} points")
    with tempfile.TemporaryDirectory() as scratch, fault_run.stage(Path(scratch) / "root") as on:
        for scenario in fault_run.SCENARIOS:
            ends: Counter[str] = Counter()
            for seed in range(points):
                folder = Path(scratch) / f"{scenario}-{seed}"
                try:
                    ends[fault_run.outcome(scenario, seed, on, folder)] += 1
                except (WrongEndError, InputError) as error:
                    ends["wrong"] += 1
                    print(f"  {scenario}, seed {seed}: {error}")
            print(
                f"{scenario:<16} {ends['voxels']:>8} {ends['sentence']:>9} {ends['wrong']:>6}",
                flush=True,
            )
            wrong += ends["wrong"]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
