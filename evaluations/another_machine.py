"""Do the changes that were confirmed on a recorded machine hold on this one?

    python -m evaluations.another_machine epyc-2-cores [--seconds 20] [RELEASE ...]

Measures each case that `cryoet-bench confirm` found changed there side by side here, the newest
release first. Prints both ratios of each, and how many hold. The verdicts are kept in results/ as
those of `confirm` are; a rerun resumes. Exits with 1 when one changed the other way, or by less
than the margin where it was more there; with 2 when none was decided.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from cryoet_bench.changes.confirmation import Confirmation, confirmations
from cryoet_bench.changes.elsewhere import Outcome, outcome
from cryoet_bench.changes.pairing import Budget, NotMeasuredError, Pairing
from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.conclusion import conclude
from cryoet_bench.measure import suite
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.record import REFERENCE, Record
from cryoet_bench.timeline.revisions import Revision
from cryoet_bench.tomogram.sources import obtain
from cryoet_bench.variables import DEFAULT_TOMOGRAM
from evaluations import ROOT


@dataclass(frozen=True)
class Replication:
    """One case that changed there, and what it does here.

    Attributes
    ----------
    title : str
        The readable name of the case.
    there : Confirmation
        The verdict on it there.
    here : Confirmation or None
        The verdict on it here; None where it could not be measured.
    reason : str
        Why not.
    """

    title: str
    there: Confirmation
    here: Confirmation | None
    reason: str

    @property
    def outcome(self) -> Outcome | None:
        """What the change is here; None where it could not be measured."""
        return outcome(self.here, is_slower=self.there.ratio > 1) if self.here else None

    @property
    def is_contrary(self) -> bool:
        """Whether it is surely something else here than there."""
        within = self.here is not None and abs(self.there.ratio - 1) <= self.here.margin
        return self.outcome == "reversed" or (self.outcome == "equivalent" and not within)

    @property
    def row(self) -> str:
        """The cells of the table but the release."""
        if self.here is None:
            return f"{self.title} | {self.there.ratio:.3f} | | | not measured: {self.reason}"
        low, high = self.here.low, self.here.high
        interval = "" if low is None or high is None else f"{low:.3f}-{high:.3f}"
        ratios = f"{self.there.ratio:.3f} | {self.here.ratio:.3f} | {interval}"
        return f"{self.title} | {ratios} | {self.outcome}"


def changed(campaign: Campaign, machine: str) -> list[Confirmation]:
    """Return what is confirmed on a machine and is a case of the suite as it is now."""
    known = {(one.name, one.version, case) for one in campaign.suite.values() for case in one.cases}
    return [
        one
        for one in confirmations(Record(ROOT / REFERENCE), machine, campaign.tomogram)
        if one.verdict == "changed" and (one.benchmark, one.version, one.case) in known
    ]


def pairs(
    campaign: Campaign, found: Sequence[Confirmation], releases: Sequence[Revision]
) -> Iterator[tuple[tuple[Revision, Revision], list[Confirmation]]]:
    """Yield two revisions and what changed between them, the newest pair first."""
    find = campaign.revisions.find

    def pair(one: Confirmation) -> tuple[Revision, Revision]:
        return find(one.before), find(one.after)

    def newness(one: Confirmation) -> tuple[str, str, str]:
        return find(one.after).date.isoformat(), one.after, one.before

    for both, cases in groupby(sorted(found, key=newness, reverse=True), key=pair):
        if not releases or both[1] in releases:
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
        here = {one.pair: one for one in pairing.conclude(cases)}
    return [
        Replication(
            one.title, there[one.pair], here.get(one.pair), one.reason or "no time was left"
        )
        for one in cases
    ]


def main() -> int:
    """Measure, and print a row for each case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("machine", help="whose confirmed changes, such as epyc-2-cores")
    parser.add_argument("releases", nargs="*", help="only those of these releases")
    parser.add_argument(
        "--seconds", type=float, default=20.0,
        help="for each case, shared by those of two releases (default: 20)",
    )  # fmt: skip
    arguments = parser.parse_args()
    if not 0 < arguments.seconds < math.inf:
        parser.error("--seconds must be above 0")
    if suite.state(ROOT)["clean"] is False:
        parser.error("commit or undo the changes of the checkout: no record takes its verdicts")
    tomogram = obtain(DEFAULT_TOMOGRAM)
    record, revisions = Record.of(ROOT), known_revisions(ROOT)
    record.describe_tomogram(tomogram.facts)
    campaign = Campaign(ROOT, revisions, tomogram.name, record)
    if campaign.machine == arguments.machine:
        parser.error(f"this is {arguments.machine}: run it on another machine")
    releases = revisions.named(arguments.releases) if arguments.releases else []
    found = list(pairs(campaign, changed(campaign, arguments.machine), releases))
    if not found:
        parser.error(f"nothing is confirmed of that on {arguments.machine}: see record/")
    print(f"| release | case | on {arguments.machine} | on {campaign.machine} | interval | |")
    print("|---|---|---|---|---|---|", flush=True)
    done: list[Replication] = []
    with contextlib.chdir(ROOT):
        for both, cases in found:
            try:
                own = replicated(campaign, both, cases, arguments.seconds)
            except NotMeasuredError as error:
                print(f"{error}; going on without it", file=sys.stderr)
                continue
            for one in own:
                print(f"| {both[1].label} | {one.row} |", flush=True)
            done += own
    counts = Counter(one.outcome or "not measured" for one in done)
    print(f"\n{len(done)} changes: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    decided = counts["holds"] + counts["reversed"] + counts["equivalent"]
    if not decided:
        return 2
    contrary = sum(one.is_contrary for one in done)
    print(f"{counts['holds']} of the {decided} decided hold, {contrary} are contrary")
    return int(contrary > 0)


if __name__ == "__main__":
    sys.exit(conclude(main))
