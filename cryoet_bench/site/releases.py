"""What the page of a release shows, machine by machine and tomogram by tomogram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cryoet_bench.changes.finding import Finding
from cryoet_bench.record.overview import Overview, overviews
from cryoet_bench.site.sheet import Sheet
from cryoet_bench.site.verdict import ARRIVALS, known, undated
from cryoet_bench.timeline.revisions import Revision, Revisions


@dataclass(frozen=True)
class Part:
    """What one sheet knows of a release.

    Attributes
    ----------
    sheet : Sheet
        The machine and tomogram.
    revision : Revision
        The release, or a candidate.
    """

    sheet: Sheet
    revision: Revision

    @property
    def counts(self) -> Mapping[str, int] | None:
        """How many cases passed, are n/a and failed; None where it was not measured."""
        return self.sheet.coverage.get(self.revision.name)

    @property
    def missing(self) -> int:
        """How many cases of the suite were not measured of it."""
        asked = sum(len(one.cases) for one in self.sheet.suite.values())
        return asked - sum((self.counts or {}).values())

    @property
    def is_first(self) -> bool:
        """Whether no earlier release was measured, so that there is nothing to compare it with."""
        return self.revision in self.sheet.measured[:1]

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Why cases failed, and how many."""
        return [one for one in self.sheet.failures if one["revision"] == self.revision.name]

    @property
    def known(self) -> list[Finding]:
        """What is known to have changed, and is worth telling."""
        return [one for one in known(self._findings) if not one.is_slight]

    @property
    def slight(self) -> list[Finding]:
        """Exact values that moved a little."""
        return [one for one in known(self._findings) if one.is_slight]

    @property
    def arrivals(self) -> list[Finding]:
        """What the release brought or made work again."""
        return [one for one in self._findings if one.holds and one.kind in ARRIVALS]

    @property
    def proposed(self) -> list[Finding]:
        """What may have changed."""
        return self._of("proposed")

    @property
    def undated(self) -> list[Finding]:
        """What it changed, or any of many before it that were not measured."""
        return undated(self.sheet, self.revision)

    @property
    def overturned(self) -> list[Finding]:
        """What was measured again and is the same."""
        return self._of("overturned")

    @property
    def undecided(self) -> list[Finding]:
        """What was measured again, and is still unclear."""
        return self._of("undecided")

    @property
    def overviews(self) -> Iterator[Overview]:
        """Its values, a table each for codecs, layouts and access patterns."""
        cases = self.sheet.cases
        own = cases[(cases["revision"] == self.revision.name) & (cases["status"] == "passed")]
        return overviews(own, self.sheet.facts) if self.sheet.facts else iter(())

    @property
    def _findings(self) -> list[Finding]:
        return self.sheet.changes(self.revision.name)

    def _of(self, status: str) -> list[Finding]:
        return [one for one in self._findings if one.status == status]


def after(revision: Revision, revisions: Revisions) -> Revision | None:
    """Return the release that follows on the line."""
    line = [one for one in revisions.releases() if one.line == revision.line]
    later = line[line.index(revision) + 1 :] if revision in line else []
    return later[0] if later else None
