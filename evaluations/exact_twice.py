"""Are exact values the same in two runs, on every release, or on two machines?

    python -m evaluations.exact_twice [--tier full] [--skip MODULE] [RELEASE ...]
    python -m evaluations.exact_twice --recorded epyc-2-cores [RELEASE ...]

Measures all exact benchmarks of every release twice, apart from the record, and prints for each
release how many values were identical, and how many the same as far as they are reproducible. With
`--recorded` it measures once, and compares with the record of a machine. A rerun resumes. Exits
with 1 when a value differs by more, or has another outcome, with 2 when nothing was measured.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator

from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.measure.plan import Selection
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import Benchmark, Case, Tier, words
from cryoet_bench.record.journal import Measured
from cryoet_bench.record.record import REFERENCE, Record, Series
from cryoet_bench.record.summary import is_repeated, relative_difference, repeats
from cryoet_bench.timeline.revisions import Revision
from cryoet_bench.tomogram.sources import obtain
from cryoet_bench.variables import tomogram_name
from evaluations import ROOT


def campaign_of(tier: Tier, skip: str | None, passes: int) -> Campaign:
    """Return what measures the exact benchmarks of a tier, without those of one module."""
    revisions = known_revisions(ROOT)
    found = Campaign(
        ROOT,
        revisions,
        obtain(tomogram_name()).name,
        Record(ROOT / ".asv" / "exact-twice"),
        selection=Selection(tier),
        rounds=0,
        exact_rounds=passes,
        origin="evaluations.exact_twice",
    )
    chosen = found.selection.of(found.suite)
    found.chosen = {
        name: cases for name, cases in chosen.items() if not skip or not name.startswith(f"{skip}.")
    }
    return found


def pairs(
    campaign: Campaign, revision: Revision, recorded: str | None
) -> Iterator[tuple[Benchmark, Case, Measured, Measured]]:
    """Yield the cases of a revision that were measured twice, with both measurements."""
    here = campaign.journal(revision)
    for benchmark in (campaign.suite[name] for name in campaign.chosen):
        if recorded is None:
            for case, every in repeats(benchmark, here).items():
                yield benchmark, case, every[-2], every[-1]
            continue
        series = Series(recorded, campaign.tomogram, revision.name)
        there = Record(ROOT / REFERENCE).journal(series).measurements(benchmark)
        for case, every in here.measurements(benchmark).items():
            if case in there:
                yield benchmark, case, there[case][-1][1], every[-1][1]


def compared(campaign: Campaign, revision: Revision, recorded: str | None) -> tuple[int, int]:
    """Print a revision's row; return how many of its values were compared, and how many differ."""
    found = list(pairs(campaign, revision, recorded))
    apart = {(it.name, case): relative_difference(*both) for it, case, *both in found}
    beyond = {
        (it.name, case): apart[it.name, case]
        for it, case, *both in found
        if not is_repeated(it, *both)
    }
    moved = {name: size for name, size in apart.items() if size}
    largest = max((size for name, size in moved.items() if name not in beyond), default=0.0)
    row = f"{len(apart)} | {len(apart) - len(moved)} | {len(moved) - len(beyond)}"
    print(f"| {revision.label} | {row} ({largest:.3%}) | {len(beyond)} |", flush=True)
    for (name, case), size in beyond.items():
        print(f"  {name} {words(case)}: {size:.3%} apart", flush=True)
    return len(apart), len(beyond)


def main() -> int:
    """Measure, and print a row for each release."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("releases", nargs="*")
    parser.add_argument("--tier", choices=("core", "full"), default="core")
    parser.add_argument("--skip", metavar="MODULE", help="such as instructions, which take long")
    parser.add_argument("--recorded", metavar="MACHINE", help="compare with its record")
    arguments = parser.parse_args()
    campaign = campaign_of(arguments.tier, arguments.skip, 1 if arguments.recorded else 2)
    known = campaign.revisions
    chosen = known.named(arguments.releases) if arguments.releases else known.releases()
    print("| release | values | identical | the same (largest) | different |")
    print("|---|---|---|---|---|", flush=True)
    values = different = 0
    with contextlib.chdir(ROOT):
        for revision in chosen:
            for _ in campaign.measure([revision]):
                pass
            more, off = compared(campaign, revision, arguments.recorded)
            values, different = values + more, different + off
    if not values:
        print("nothing could be measured twice", file=sys.stderr)
        return 2
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
