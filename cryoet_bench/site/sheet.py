"""What one machine measured on one tomogram: all that the pages show of it.

Machines and tomograms are never mixed, so a page shows one sheet at a time.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any, Literal

from cryoet_bench.changes.aspect_changes import AspectChanges
from cryoet_bench.changes.aspects import ASPECTS, Aspect, Facet, facets
from cryoet_bench.changes.confirmation import Confirmation, confirmations
from cryoet_bench.changes.elsewhere import Outcome, outcome
from cryoet_bench.changes.finding import ChangedCase, Finding, Group, Screening
from cryoet_bench.changes.scope import Scope
from cryoet_bench.changes.screen import screen
from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Benchmark, words
from cryoet_bench.record.record import Record, Series, coverage, failures
from cryoet_bench.site.extent import Extent
from cryoet_bench.timeline.releases import MAIN
from cryoet_bench.timeline.revisions import Revision, Revisions

if TYPE_CHECKING:
    import pandas as pd


_ORDER = ("changed", "undecided", "equivalent", None)
"""Of the cases of a finding, by what was measured of them side by side."""


State = Literal["none", "alone", "undated", "compared"]


@dataclass(frozen=True)
class Cell:
    """What a release changed in one facet, for the overview.

    Attributes
    ----------
    findings : tuple of Finding
        Those that count (neither overturned nor undecided), with their cases in the facet alone.
    state : {"none", "alone", "undated", "compared"}
        Whether the release has a value of it, and an earlier one has; undated where it differs from
        the last one measured, and any of many between may have done that.
    """

    findings: tuple[Finding, ...]
    state: State

    @property
    def direction(self) -> str:
        """Return "worse", "better", "mixed", or "same" where there is no finding."""
        if not self.findings:
            return "same"
        sure = [one for one in self.findings if one.holds]
        kinds = {one.is_worse for one in sure or self.findings}
        return "mixed" if len(kinds) > 1 else "worse" if True in kinds else "better"

    @property
    def holds(self) -> bool:
        """Whether any of it is exact or confirmed."""
        return any(one.holds for one in self.findings)

    @property
    def leading(self) -> Finding:
        """The largest of those that are best known."""
        return max(self.findings, key=lambda one: (one.holds, one.ratio is not None, one.size))


@dataclass(frozen=True)
class Sheet:
    """What one machine measured on one tomogram.

    Attributes
    ----------
    number : int
        Of the sheet, for addresses: names of machines and tomograms may hold any character.
    machine, tomogram : str
        Their names.
    facts : mapping
        Of the tomogram; empty where they were not recorded.
    machine_facts : mapping
        Of the machine.
    cases : pandas.DataFrame
        From `Record.cases`, of this machine and tomogram.
    suite : mapping of str to Benchmark
        What can be measured, by name.
    revisions : list of Revision
        All of the timeline, candidates included, oldest first.
    screening : Screening
        What changed.
    pairs : AspectChanges
        Any two revisions, aspect by aspect.
    confirmations : list of Confirmation
        The verdicts of measurements side by side.
    others : mapping of str to mapping
        The facts of the other machines of the record, by name.
    """

    number: int
    machine: str
    tomogram: str
    facts: Mapping[str, Any]
    machine_facts: Mapping[str, Any]
    cases: pd.DataFrame
    suite: Mapping[str, Benchmark]
    revisions: list[Revision]
    screening: Screening
    pairs: AspectChanges
    confirmations: list[Confirmation]
    others: Mapping[str, Mapping[str, Any]]

    @property
    def title(self) -> str:
        """The tomogram and the machine."""
        return f"{self.tomogram} on {self.machine}"

    @cached_property
    def measured(self) -> list[Revision]:
        """The revisions with a value, oldest first."""
        names = set(self.cases.loc[self.cases["status"] == "passed", "revision"])
        return [one for one in self.revisions if one.name in names]

    @cached_property
    def main(self) -> list[Revision]:
        """The measured releases of the main line, oldest first."""
        return [one for one in self.measured if one.line == MAIN and not one.is_candidate]

    @cached_property
    def facets(self) -> list[Facet]:
        """The facets of the overview of which anything was measured."""
        return [
            facet
            for facet in facets()
            if not facet.aspect.companion and any(self._measured(facet).values())
        ]

    @cached_property
    def aspects(self) -> list[tuple[Aspect, list[Facet]]]:
        """The facets of the overview by aspect: the columns of the matrix under their headings."""
        return [
            (aspect, list(own))
            for aspect, own in itertools.groupby(self.facets, key=lambda facet: facet.aspect)
        ]

    @cached_property
    def absent(self) -> list[Aspect]:
        """The aspects that the suite has cases of, and of which nothing was measured yet."""
        shown = {facet.aspect for facet in self.facets}
        asked = [(one.name, words(case)) for one in self.suite.values() for case in one.cases]
        return [
            aspect
            for aspect in ASPECTS
            if not aspect.companion
            and aspect not in shown
            and any(aspect.covers(*one) for one in asked)
        ]

    @cached_property
    def trade_offs(self) -> Mapping[str, Group]:
        """What releases gave and took, by group."""
        return {one.id: one for one in self.screening.groups if one.is_trade_off}

    def changes(self, release: str) -> list[Finding]:
        """Return what a release changed, as far as the ones before it were measured."""
        return [one for one in self.screening.of(release) if one.is_dated]

    def anchor(self, finding: Finding) -> str:
        """Return what names a finding on the page of its release, which all sheets share."""
        return finding.id if self.number == 0 else f"{finding.id}.{self.number}"

    def judged(self, finding: Finding) -> list[tuple[ChangedCase, Confirmation | None]]:
        """Return the cases of a finding, those first that changed side by side."""
        found = [(one, self._verdicts.get(_key(finding, one))) for one in finding.cases]
        return sorted(found, key=lambda one: _ORDER.index(one[1].verdict if one[1] else None))

    @cached_property
    def _verdicts(self) -> dict[tuple[object, ...], Confirmation]:
        return {(one.before, one.after, one.benchmark, one.case): one for one in self.confirmations}

    @cached_property
    def tally(self) -> Mapping[str, Counter[Outcome]]:
        """By other machine, what the changes that are confirmed here are there."""
        counts: dict[str, Counter[Outcome]] = {}
        for finding in self.screening.findings:
            for there in finding.elsewhere if finding.status == "confirmed" else ():
                counts.setdefault(there.machine, Counter())[there.outcome] += 1
        return counts

    def cell(self, facet: Facet, revision: Revision) -> Cell:
        """Return what a release changed in a facet."""
        parts = [
            part
            for one in self.screening.of(revision.name)
            if one.status in {"exact", "confirmed", "proposed"}
            and (part := self._within(facet, one)) is not None
        ]
        return Cell(
            tuple(one for one in parts if one.is_dated),
            self._state(facet, revision, any(not one.is_dated for one in parts)),
        )

    def _within(self, facet: Facet, finding: Finding) -> Finding | None:
        """Return a finding with its cases in a facet alone, None where it has none there."""
        outcomes = {
            case: outcome(verdict, is_slower=finding.is_worse) if verdict else None
            for case, verdict in self.judged(finding)
            if facet.covers(case.benchmark, case.case)
        }
        cases = tuple(case for case, one in outcomes.items() if one in {None, "holds", "undecided"})
        if not cases:
            return None
        ratios = [case.ratio for case in cases if case.ratio]
        is_open = finding.status == "confirmed" and "holds" not in outcomes.values()
        return replace(
            finding,
            cases=cases,
            ratio=geometric_mean(ratios) if ratios and finding.ratio is not None else None,
            status="proposed" if is_open else finding.status,
            subject="",
        )

    def _state(self, facet: Facet, revision: Revision, undated: bool) -> State:
        values = self._measured(facet)
        if not values[revision.name]:
            return "none"
        earlier = (one for one in self.measured if one.date < revision.date)
        if not any(values[one.name] for one in earlier):
            return "alone"
        return "undated" if undated else "compared"

    def newest(self, package: str) -> Revision | None:
        """Return the newest measured release of a package on the main line."""
        own = [one for one in self.main if one.package == package]
        return own[-1] if own else None

    def last_2(self) -> Revision | None:
        """Return the newest measured release that brings zarr 2 on the main line."""
        own = [one for one in self.main if any(pin.startswith("zarr==2.") for pin in one.pins)]
        return own[-1] if own else None

    @cached_property
    def coverage(self) -> Mapping[str, Mapping[str, int]]:
        """How many cases passed, are n/a and failed, by revision."""
        counts = coverage(self.cases).droplevel(["machine", "tomogram"])
        return {
            str(name): {str(k): int(v) for k, v in row.items()} for name, row in counts.iterrows()
        }

    @cached_property
    def failures(self) -> list[dict[str, Any]]:
        """Why cases failed, and how many, by revision."""
        return [
            {str(key): value for key, value in row.items()}
            for row in failures(self.cases).to_dict("records")
        ]

    @cached_property
    def noise(self) -> list[float]:
        """Spreads between rounds that half and nine in ten of the timed cases stay below.

        As shares of a value; empty where everything was measured once.
        """
        spreads = self.cases.loc[self.cases["timed"], "spread"].dropna()
        return [float(spreads.quantile(share)) for share in (0.5, 0.9)] if len(spreads) else []

    @cached_property
    def rounds(self) -> list[tuple[str, int, int, int]]:
        """What a time rests on, for the core of the suite and for its other cases.

        Each with the usual number of rounds, the fewest and the most.
        """
        timed = self.cases[
            self.cases["timed"] & ~self.cases["control"] & (self.cases["status"] == "passed")
        ]
        parts = (
            ("of the core of the suite", timed.loc[timed["core"], "rounds"]),
            ("of its other cases", timed.loc[~timed["core"], "rounds"]),
        )
        return [
            (name, int(own.median()), int(own.min()), int(own.max()))
            for name, own in parts
            if len(own)
        ]

    @cached_property
    def counted(self) -> Extent:
        """How much was measured of what is exact."""
        return self.extent(*(one for one in self.suite.values() if not one.is_timed))

    @cached_property
    def timed(self) -> Extent:
        """How much was measured of what has noise."""
        return self.extent(*(one for one in self.suite.values() if one.is_timed))

    @cached_property
    def lacking(self) -> list[tuple[Benchmark, Extent]]:
        """The benchmarks that were not measured whole, and how much of them was."""
        found = [(one, self.extent(one)) for one in self.suite.values()]
        return [(one, extent) for one, extent in found if not extent.is_whole]

    def extent(self, *benchmarks: Benchmark) -> Extent:
        """Return how much of some benchmarks was measured."""
        counts = [count for one in benchmarks for count in self._releases.get(one.name, ())]
        return Extent(
            cases=sum(len(one.cases) for one in benchmarks),
            measured=len(counts),
            fewest=min(counts, default=0),
            most=max(counts, default=0),
            releases=len(self.measured),
        )

    @cached_property
    def _releases(self) -> Mapping[str, list[int]]:
        """By benchmark, how many releases each of its cases was measured in."""
        names = [one.name for one in self.measured]
        own = self.cases[self.cases["revision"].isin(names)]
        counts = own.groupby(["benchmark", "case"]).size()
        return {str(name): list(each) for name, each in counts.groupby(level="benchmark")}

    def of(self, benchmark: Benchmark) -> pd.DataFrame:
        """Return the cases of a benchmark."""
        return self._by_benchmark.get(benchmark.name, self.cases.iloc[:0])

    @cached_property
    def _by_benchmark(self) -> dict[str, pd.DataFrame]:
        return {str(name): own for name, own in self.cases.groupby("benchmark", sort=False)}

    def _measured(self, facet: Facet) -> Mapping[str, bool]:
        return self._measured_facets[facet.key]

    @cached_property
    def _measured_facets(self) -> Mapping[str, Mapping[str, bool]]:
        names = [one.name for one in self.revisions]
        known = set(self.pairs.revisions)
        return {
            facet.key: {
                name: name in known and self.pairs.compare(facet, name, name) is not None
                for name in names
            }
            for facet in facets()
        }


def sheets(record: Record, revisions: Revisions) -> Iterator[Sheet]:
    """Yield the sheet of each machine and tomogram, the one with most measured releases first.

    Raises
    ------
    InputError
        A journal is damaged.
    """
    every = list(revisions.by_commit.values())
    suite = record.suite()
    cases = record.cases(every)
    known = record.tomograms()
    counts = cases.groupby(["machine", "tomogram"])["revision"].nunique()
    order = counts.sort_values(ascending=False, kind="stable").index
    for number, (machine, tomogram) in enumerate(order):
        own = cases[(cases["machine"] == machine) & (cases["tomogram"] == tomogram)]
        names = set(own["revision"])
        journals = {
            one.name: record.journal(Series(machine, tomogram, one.name))
            for one in every
            if one.name in names
        }
        yield Sheet(
            number=number,
            machine=machine,
            tomogram=tomogram,
            facts=known.get(tomogram, {}),
            machine_facts=record.machine(machine),
            cases=own,
            suite=suite,
            revisions=every,
            screening=screen(Scope(record, revisions, machine, tomogram)),
            pairs=AspectChanges(list(suite.values()), journals, facets()),
            confirmations=_confirmations(record, machine, tomogram),
            others={name: _facts(record, name) for name in record.machines() if name != machine},
        )


def _facts(record: Record, machine: str) -> dict[str, Any]:
    try:
        return record.machine(machine)
    except InputError:  # another machine's; this one's pages do without
        return {}


def _confirmations(record: Record, machine: str, tomogram: str) -> list[Confirmation]:
    try:
        return confirmations(record, machine, tomogram)
    except InputError:  # the screening reports it
        return []


def _key(finding: Finding, case: ChangedCase) -> tuple[object, ...]:
    return finding.previous, finding.revision, case.benchmark, case.parameters
