"""The results of a run: the cases of the revisions that were asked for, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.changes.comparison import Change
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.timeline.revisions import Revision, Revisions


@dataclass(frozen=True)
class Results:
    """What a run knows at its end, or when it was interrupted.

    Attributes
    ----------
    facts : dict
        Of the tomogram.
    revisions : list of Revision
        Those that were asked for, oldest first.
    cases : pandas.DataFrame
        From `Record.cases`.
    comparisons : list of (Revision, Revision, list of Change)
        Each measured revision against the one before it.
    """

    facts: dict[str, Any]
    revisions: list[Revision]
    cases: pd.DataFrame
    comparisons: list[tuple[Revision, Revision, list[Change]]]

    @classmethod
    def of(cls, campaign: Campaign, chosen: Sequence[Revision], facts: dict[str, Any]) -> Self:
        """Return what is known of some revisions on this machine."""
        from cryoet_bench.changes.comparison import compare

        cases = campaign.record.cases(chosen, machine=campaign.machine, tomogram=campaign.tomogram)
        wanted = set(cases.loc[cases["status"] == "passed", "revision"])
        measured = [revision for revision in chosen if revision.name in wanted]
        benchmarks = [campaign.suite[name] for name in campaign.chosen]
        comparisons = []
        for after in measured:
            before = _before(after, measured, campaign.revisions)
            if before:
                journals = campaign.journal(before), campaign.journal(after)
                comparisons.append((before, after, compare(benchmarks, *journals)))
        return cls(facts, list(chosen), cases, comparisons)


def _before(after: Revision, measured: Sequence[Revision], revisions: Revisions) -> Revision | None:
    """Return the measured revision that another is compared with: the nearest that it follows."""
    known = {revision.name: revision for revision in measured}
    before = revisions.before(after)
    while before and before.name not in known:
        before = revisions.before(before)
    return before and known[before.name]
