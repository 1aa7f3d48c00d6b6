"""Are exact values the same in two runs, on every release?

    python -m evaluations.exact_twice [--tier full] [RELEASE ...]

Measures all exact benchmarks of every release twice, apart from the record, and prints for each
release how many values were identical, and how many the same as far as they are reproducible. A
rerun resumes. Exits with 1 when a value differs by more, or has another outcome.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.measure.plan import Selection
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import words
from cryoet_bench.record.record import Record
from cryoet_bench.record.summary import differences, relative_difference, repeats
from cryoet_bench.tomogram.sources import obtain
from cryoet_bench.variables import tomogram_name
from evaluations.recorded import ROOT


def main() -> int:
    """Measure, and print a row for each release."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("releases", nargs="*")
    parser.add_argument("--tier", choices=("core", "full"), default="core")
    parser.add_argument("--skip", metavar="MODULE", help="such as instructions, which take long")
    arguments = parser.parse_args()
    revisions = known_revisions(ROOT)
    chosen = revisions.named(arguments.releases) if arguments.releases else revisions.releases()
    campaign = Campaign(
        ROOT,
        revisions,
        obtain(tomogram_name()).name,
        Record(ROOT / ".asv" / "exact-twice"),
        selection=Selection(arguments.tier),
        rounds=0,
        exact_rounds=2,
        origin="evaluations.exact_twice",
    )
    chosen_cases = campaign.selection.of(campaign.suite)
    campaign.chosen = {
        name: cases
        for name, cases in chosen_cases.items()
        if not arguments.skip or not name.startswith(f"{arguments.skip}.")
    }
    print("| release | values | identical | the same (largest) | different |")
    print("|---|---|---|---|---|", flush=True)
    compared = different = 0
    with contextlib.chdir(ROOT):
        for revision in chosen:
            for _ in campaign.measure([revision]):
                pass
            journal = campaign.journal(revision)
            benchmarks = [campaign.suite[name] for name in campaign.chosen]
            apart = {
                (benchmark.name, case): relative_difference(*every[-2:])
                for benchmark in benchmarks
                for case, every in repeats(benchmark, journal).items()
            }
            beyond = {
                (benchmark.name, case): size
                for benchmark in benchmarks
                for case, size in differences(benchmark, journal).items()
            }
            moved = {name: size for name, size in apart.items() if size}
            largest = max((s for n, s in moved.items() if n not in beyond), default=0.0)
            row = f"{len(apart)} | {len(apart) - len(moved)} | {len(moved) - len(beyond)}"
            print(f"| {revision.label} | {row} ({largest:.3%}) | {len(beyond)} |", flush=True)
            for (name, case), size in beyond.items():
                print(f"  {name} {words(case)}: {size:.3%} apart", flush=True)
            compared, different = compared + len(apart), different + len(beyond)
    if not compared:
        print("nothing could be measured twice", file=sys.stderr)
        return 2
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
