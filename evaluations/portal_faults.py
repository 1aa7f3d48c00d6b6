"""Every fault at three seeded points of a fetch: does it end in true voxels or in one sentence?

Each is tried where MD5s prove the chunks; those of answers also where a multipart ETag does, where
its parts are unknown, and for spans of the MRC twin. Seconds are those of the longest fetch.

Run from the project's root: python -m evaluations.portal_faults [POINTS [PROOF ...]]
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import get_args

from cryoet_bench.errors import InputError
from tests.tomogram.portal import fault_run
from tests.tomogram.portal.fault_run import Form, Scenario, WrongEndError
from tests.tomogram.portal.proxy import Kind


def main() -> int:
    """Print a table, and return 1 when any end was a wrong one."""
    logging.disable()
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    total: Counter[str] = Counter()
    forms = [it for it in get_args(Form) if not sys.argv[2:] or it in sys.argv[2:]]
    rows = [(form, it) for form in forms for it in _scenarios(form)]
    print(f"{'proof':<14} {'fault':<16} {'voxels':>7} {'sentence':>9} {'wrong':>6} {'s':>6}")
    with tempfile.TemporaryDirectory() as scratch, fault_run.stage(Path(scratch) / "root") as on:
        for form, scenario in rows:
            ends: Counter[str] = Counter()
            longest = 0.0
            for seed in range(points):
                folder = Path(scratch) / f"{form}-{scenario}-{seed}"
                start = time.monotonic()
                try:
                    ends[fault_run.outcome(scenario, seed, on, folder, form)] += 1
                except (WrongEndError, InputError) as error:
                    ends["wrong"] += 1
                    print(f"  {form}, {scenario}, seed {seed}: {error}")
                longest = max(longest, time.monotonic() - start)
            print(
                f"{form:<14} {scenario:<16} {ends['voxels']:>7} {ends['sentence']:>9} "
                f"{ends['wrong']:>6} {longest:>6.1f}",
                flush=True,
            )
            total += ends
    print(
        f"{len(rows)} kinds x {points}: {total['voxels']} true voxels, "
        f"{total['sentence']} sentences, {total['wrong']} wrong"
    )
    return 1 if total["wrong"] else 0


def _scenarios(form: Form) -> tuple[Scenario, ...]:
    """Return what can happen to a fetch of that form."""
    ranged = ("whole for range", "shifted range")
    if form == "md5":
        return tuple(it for it in fault_run.SCENARIOS if it not in ranged)
    kinds: tuple[Kind, ...] = get_args(Kind)
    return tuple(it for it in kinds if form != "multipart" or it not in ranged)


if __name__ == "__main__":
    sys.exit(main())
