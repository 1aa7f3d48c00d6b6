"""How many of the changes that the record proposes does a confirmation bear out?

    cryoet-bench confirm --proposed
    python -m evaluations.precision

Prints each proposal of a time and what became of it, and the share that confirm did not overturn of
those that it decided. Exits with 1 when fewer than 20 distinct changes are confirmed, with 2 when
none was decided.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from cryoet_bench.changes.scope import Scope
from cryoet_bench.changes.screen import screen
from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.record.record import Record
from cryoet_bench.variables import DEFAULT_TOMOGRAM

ROOT = Path(__file__).parents[1]
CONFIRMED = 20


def main() -> int:
    """Print the list and the shares of each machine's record."""
    record = Record.of(ROOT)
    machines = sorted({one.machine for one in record.series() if one.tomogram == DEFAULT_TOMOGRAM})
    codes = [_judge(record, machine) for machine in machines]
    return max(codes, default=2)


def _judge(record: Record, machine: str) -> int:
    screening = screen(Scope(record, known_revisions(ROOT), machine, DEFAULT_TOMOGRAM))
    timed = [one for one in screening.findings if one.timed]
    print(f"{machine}\n\n| release | question | ratio | verdict |\n|---|---|---|---|")
    for one in timed:
        print(f"| {one.label} | {one.title} | {one.ratio:.3g} | {one.status} |")
    counts = Counter(one.status for one in timed)
    decided = counts["confirmed"] + counts["overturned"]
    print(f"\n{len(timed)} proposed: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    if not decided:
        return 2
    print(f"{counts['confirmed'] / decided:.1%} of those decided were not overturned")
    return int(counts["confirmed"] < CONFIRMED)


if __name__ == "__main__":
    sys.exit(main())
