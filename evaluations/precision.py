"""How many of the changes that the record proposes does a confirmation bear out?

    cryoet-bench confirm --proposed
    python -m evaluations.precision

Prints each change of a time, what became of it, and whether the history proposes it or confirm
alone found it; then, of the history's own proposals, the share that confirm did not overturn of
those that it decided. Exits with 1 when fewer than 20 distinct changes are confirmed, with 2 when
none was decided.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from cryoet_bench.changes.finding import Finding
from cryoet_bench.changes.scope import Scope
from cryoet_bench.changes.screen import screen
from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.record.record import CONFIRMATIONS, REFERENCE, Record
from cryoet_bench.variables import DEFAULT_TOMOGRAM
from evaluations import ROOT

CONFIRMED = 20


def main() -> int:
    """Print the list and the shares of each machine's record."""
    record = Record.of(ROOT)
    machines = sorted({one.machine for one in record.series() if one.tomogram == DEFAULT_TOMOGRAM})
    codes = [_judge(record, machine) for machine in machines]
    return max(codes, default=2)


def _judge(record: Record, machine: str) -> int:
    revisions = known_revisions(ROOT)
    timed = _timed(Scope(record, revisions, machine, DEFAULT_TOMOGRAM))
    with tempfile.TemporaryDirectory() as folder:
        history = Path(folder) / "history"
        shutil.copytree(ROOT / REFERENCE, history, ignore=_confirmations)
        alone = _timed(Scope(Record(history), revisions, machine, DEFAULT_TOMOGRAM))
    proposed = {_key(one) for one in alone}
    print(
        f"{machine}\n\n| release | question | ratio | verdict | found by |\n|---|---|---|---|---|"
    )
    for one in timed:
        finder = "history" if _key(one) in proposed else "confirm"
        print(f"| {one.label} | {one.title} | {one.ratio:.3g} | {one.status} | {finder} |")
    counts = Counter(one.status for one in timed if _key(one) in proposed)
    decided = counts["confirmed"] + counts["overturned"]
    print(f"\n{counts.total()} proposed: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    if not decided:
        return 2
    confirmed = sum(one.status == "confirmed" for one in timed)
    print(f"{counts['confirmed'] / decided:.1%} of those decided were not overturned")
    print(f"{confirmed} confirmed, those that confirm alone found included")
    return int(confirmed < CONFIRMED)


def _timed(scope: Scope) -> list[Finding]:
    return [one for one in screen(scope).findings if one.timed]


def _key(one: Finding) -> tuple[str, str, str]:
    return one.revision, one.benchmark, one.kind


def _confirmations(_folder: str, names: Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith(CONFIRMATIONS)}


if __name__ == "__main__":
    sys.exit(main())
