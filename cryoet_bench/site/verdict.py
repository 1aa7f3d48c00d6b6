"""What the newest release of a package did, in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryoet_bench.changes.aspect_changes import AspectChange
from cryoet_bench.changes.aspects import Facet
from cryoet_bench.changes.finding import Finding
from cryoet_bench.site.sheet import Cell, Sheet
from cryoet_bench.timeline.revisions import Revision

ARRIVALS = frozenset({"newly available", "newly fixed"})
"""Kinds of findings that are listed shortly: there is nothing to compare them with."""


@dataclass(frozen=True)
class Verdict:
    """The newest release of a package on the main line, against what it followed.

    Attributes
    ----------
    sheet : Sheet
        Where it was measured.
    package : str
        Its name.
    newest : Revision
        Its newest release.
    follows : Revision or None
        The measured release before it, of any package.
    numbers : list of tuple
        Each facet of the overview, what the release changed in it, and the pair of the release that
        it follows and itself.
    """

    sheet: Sheet
    package: str
    newest: Revision
    follows: Revision | None
    numbers: list[tuple[Facet, Cell, AspectChange]]

    @property
    def worse(self) -> list[Finding]:
        """What is known to have become worse."""
        return [one for one in self._telling if one.is_worse]

    @property
    def better(self) -> list[Finding]:
        """What is known to have become better."""
        return [one for one in self._telling if not one.is_worse]

    @property
    def slight(self) -> list[Finding]:
        """Exact values that moved a little."""
        return [one for one in known(self._findings) if one.is_slight]

    @property
    def proposed(self) -> list[Finding]:
        """What may have changed, and was not confirmed yet."""
        return [one for one in self._findings if one.status == "proposed"]

    @property
    def undated(self) -> list[Finding]:
        """What it is known to have changed, or any of many before it that were not measured."""
        return [one for one in undated(self.sheet, self.newest) if one.holds]

    @property
    def _telling(self) -> list[Finding]:
        return [one for one in known(self._findings) if not one.is_slight]

    @property
    def _findings(self) -> list[Finding]:
        return self.sheet.changes(self.newest.name)


def verdict(sheet: Sheet, package: str) -> Verdict | None:
    """Return what the newest release of a package did; None where none was measured."""
    newest = sheet.newest(package)
    if newest is None:
        return None
    earlier = sheet.main[: sheet.main.index(newest)]
    follows = earlier[-1] if earlier else None
    numbers = [
        (facet, sheet.cell(facet, newest), pair)
        for facet in sheet.facets
        if follows and (pair := sheet.pairs.compare(facet, follows.name, newest.name))
    ]
    return Verdict(sheet, package, newest, follows, numbers)


def known(findings: Sequence[Finding]) -> list[Finding]:
    """Return the exact and confirmed changes, without `ARRIVALS`."""
    return [one for one in findings if one.holds and one.kind not in ARRIVALS]


def undated(sheet: Sheet, release: Revision) -> list[Finding]:
    """Return what a release changed, or any of many before it that were not measured."""
    return [
        one
        for one in sheet.screening.of(release.name)
        if not one.is_dated and one.status != "overturned" and one.kind not in ARRIVALS
    ]


def is_small(finding: Finding) -> bool:
    """Return whether a change is below 10 %."""
    return finding.magnitude == "small"


def of_the_last_year(findings: Sequence[Finding], sheet: Sheet) -> list[Finding]:
    """Return the changes of the twelve months before the newest measured release."""
    newest = max(one.date for one in sheet.measured)
    return [one for one in findings if one.date > newest - timedelta(days=365)]
