#!/usr/bin/env python
"""Are exact values the same in two runs, on every release?

    .venv/bin/python evaluations/timeline_table.py ONE track_
    .venv/bin/python evaluations/timeline_table.py OTHER track_
    .venv/bin/python evaluations/exact_twice.py ONE OTHER

Reads what two tables of the timeline have kept, and says for each release how many values were
the same to the last bit, and how many within the tolerance that their benchmark states. Exits
with 1 when a value differs by more, or has another outcome.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asv_runner.discovery import disc_benchmarks

from cryoet_bench.timeline import releases

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Pair:
    """One value of one release, from both runs."""

    benchmark: str
    case: str
    first: tuple[str, Any]
    second: tuple[str, Any]

    @property
    def difference(self) -> float:
        """The relative difference; infinite where the outcomes cannot be compared."""
        (status, one), (other_status, other) = self.first, self.second
        if status != other_status:
            return float("inf")
        if status != "passed" or one == other:
            return 0.0
        return abs(other - one) / (abs(one) or 1.0)


def pairs(first: Path, second: Path, exact: set[str]) -> Iterator[Pair]:
    """Yield the exact values of two files of outcomes; a case that only one has is not skipped."""
    one, other = (json.loads(path.read_text("utf-8")) for path in (first, second))
    for benchmark in sorted((one.keys() | other.keys()) & exact):
        cases, others = one.get(benchmark, {}), other.get(benchmark, {})
        for case in sorted(cases.keys() | others.keys()):
            found = [tuple(run.get(case, ("not measured", None))) for run in (cases, others)]
            yield Pair(benchmark, case, found[0], found[1])


def main(one: Path, other: Path) -> int:
    """Print a row for each release that both folders have."""
    suite = [b for b in disc_benchmarks(str(ROOT / "benchmarks")) if b.type == "track"]
    tolerances = {benchmark.name: benchmark.func.tolerance for benchmark in suite}
    print("| release | values | identical | within tolerance (largest) | different |")
    print("|---|---|---|---|---|")
    compared = different = 0
    for release in releases.load().releases:
        files = [folder / f"{release.tag}.json" for folder in (one, other)]
        if not all(map(Path.exists, files)):
            continue
        found = list(pairs(*files, set(tolerances)))
        moved = [pair for pair in found if pair.difference]
        within = [pair for pair in moved if pair.difference <= tolerances[pair.benchmark]]
        beyond = [pair for pair in moved if pair.difference > tolerances[pair.benchmark]]
        largest = max((pair.difference for pair in within), default=0.0)
        row = f"{len(found)} | {len(found) - len(moved)} | {len(within)} ({largest:.2%})"
        print(f"| {release.label} | {row} | {len(beyond)} |", flush=True)
        for pair in beyond:
            print(f"  {pair.benchmark}({pair.case}): {pair.first} and {pair.second}")
        compared, different = compared + 1, different + len(beyond)
    if not compared:
        print(f"there is no release that both {one} and {other} have", file=sys.stderr)
        return 2
    return int(different > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("one", type=Path, help="folder of a table")
    parser.add_argument("other", type=Path, help="folder of another")
    arguments = parser.parse_args()
    sys.exit(main(arguments.one, arguments.other))
