"""Do the changes that were confirmed on a recorded machine hold on this one?

    python -m evaluations.another_machine epyc-2-cores [--seconds 20] [RELEASE ...]

Measures each case that `cryoet-bench confirm` found changed there side by side here, the newest
release first, for so many seconds a case at most. Prints both ratios of each, and how many hold.
The verdicts are kept in results/ as those of `confirm` are; a rerun resumes. Exits with 1 when one
does not hold, with 2 when none was decided.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from cryoet_bench.changes.confirmation import Confirmation, confirmations
from cryoet_bench.changes.pairing import Budget, NotMeasuredError, Pairing
from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.conclusion import conclude
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.record import REFERENCE, Record
from cryoet_bench.timeline.revisions import Revision
from cryoet_bench.tomogram.sources import obtain
from cryoet_bench.variables import DEFAULT_TOMOGRAM
from evaluations import ROOT

Outcome = Literal["holds", "too small to tell", "equivalent", "reversed", "undecided"]


@dataclass(frozen=True)
class Replication:
    """One case that changed there, and what it does here.

    Attributes
    ----------
    there, here : Confirmation
        The verdicts on it.
    """

    there: Confirmation
    here: Confirmation

    @property
    def outcome(self) -> Outcome:
        """Whether the change holds; one within the margin there may be equivalent here as well."""
        if self.here.verdict == "undecided":
            return "undecided"
        if self.here.verdict == "changed":
            is_same_way = (self.there.ratio > 1) == (self.here.ratio > 1)
            return "holds" if is_same_way else "reversed"
        is_small = abs(self.there.ratio - 1) <= self.here.margin
        return "too small to tell" if is_small else "equivalent"


def changed(campaign: Campaign, machine: str) -> list[Confirmation]:
    """Return what is confirmed on a machine and can be measured by the suite as it is now."""
    committed = Record(ROOT / REFERENCE)
    return [
        one
        for one in confirmations(committed, machine, campaign.tomogram)
        if one.verdict == "changed"
        and (known := campaign.suite.get(one.benchmark)) is not None
        and known.version == one.version
    ]


def pairs(
    campaign: Campaign, found: Sequence[Confirmation], releases: Sequence[str]
) -> Iterator[tuple[tuple[Revision, Revision], list[Confirmation]]]:
    """Yield two revisions and what changed between them, the newest pair first."""
    find = campaign.revisions.find

    def pair(one: Confirmation) -> tuple[Revision, Revision]:
        return find(one.before), find(one.after)

    def newness(one: Confirmation) -> tuple[str, str, str]:
        return find(one.after).date.isoformat(), one.after, one.before

    for both, cases in groupby(sorted(found, key=newness, reverse=True), key=pair):
        if not releases or both[1].name in releases:
            yield both, list(cases)


def replicated(
    campaign: Campaign,
    both: tuple[Revision, Revision],
    found: Sequence[Confirmation],
    seconds: float,
) -> list[Replication]:
    """Measure some cases of two revisions side by side here.

    Raises
    ------
    NotMeasuredError
        One of the revisions cannot be installed or imported here.
    """
    there = {one.pair: one for one in found}
    with Pairing(campaign, both, "evaluations.another_machine") as pairing:
        cases = pairing.cases((campaign.suite[one.benchmark], one.case) for one in found)
        for _ in pairing.decide(cases, Budget(seconds * len(cases) / 60)):
            pass
        return [Replication(there[one.pair], one) for one in pairing.conclude(cases)]


def row(revision: Revision, one: Replication, title: str) -> str:
    """Return a line of the table."""
    low, high = one.here.low, one.here.high
    interval = "" if low is None or high is None else f"{low:.3f}-{high:.3f}"
    return (
        f"| {revision.label} | {title} | {one.there.ratio:.3f} | {one.here.ratio:.3f} "
        f"| {interval} | {one.outcome} |"
    )


def main() -> int:
    """Measure, and print a row for each case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("machine", help="whose confirmed changes, such as epyc-2-cores")
    parser.add_argument("releases", nargs="*", help="only those of these releases")
    parser.add_argument("--seconds", type=float, default=20.0, help="a case at most (default: 20)")
    arguments = parser.parse_args()
    tomogram = obtain(DEFAULT_TOMOGRAM)
    record = Record.of(ROOT)
    record.describe_tomogram(tomogram.facts)
    campaign = Campaign(ROOT, known_revisions(ROOT), tomogram.name, record)
    if campaign.machine == arguments.machine:
        parser.error(f"this is {arguments.machine}: run it on another machine")
    if not (found := changed(campaign, arguments.machine)):
        parser.error(f"nothing is confirmed on {arguments.machine}: name a machine of record/")
    print(f"| release | case | on {arguments.machine} | on {campaign.machine} | interval | |")
    print("|---|---|---|---|---|---|", flush=True)
    counts: Counter[Outcome] = Counter()
    with contextlib.chdir(ROOT):
        for both, cases in pairs(campaign, found, arguments.releases):
            try:
                done = replicated(campaign, both, cases, arguments.seconds)
            except NotMeasuredError as error:
                print(f"{error}; going on without it", file=sys.stderr)
                continue
            for one in done:
                title = campaign.suite[one.here.benchmark].title_of(one.here.case)
                print(row(both[1], one, title), flush=True)
            counts.update(one.outcome for one in done)
    decided = counts.total() - counts["undecided"]
    print(f"\n{counts.total()} changes: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    if not decided:
        return 2
    print(f"{counts['holds'] / decided:.1%} of those decided hold")
    return int(counts["equivalent"] + counts["reversed"] > 0)


if __name__ == "__main__":
    sys.exit(conclude(main))
