"""Measure revisions: rounds outermost, revisions interleaved inside, one case at a time.

``asv run`` keeps results only after a whole round of a release. Here every benchmark is on the
disk as soon as it was measured, so a run can be killed at any moment and resumed.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cryoet_bench.harness import turn
from cryoet_bench.measure import controls, machine, suite, visits
from cryoet_bench.measure.asv import files
from cryoet_bench.measure.asv.processes import Laboratory
from cryoet_bench.measure.plan import (
    Clock,
    Progress,
    Selection,
    Stop,
    Wanted,
    itinerary,
    missing,
    seconds_per_case,
)
from cryoet_bench.record.journal import Journal, Measured, Round, now
from cryoet_bench.record.record import Record, Series

if TYPE_CHECKING:
    from cryoet_bench.record.benchmark import Benchmark, Case
    from cryoet_bench.timeline.revisions import Revision, Revisions

REPEATS = 2
"""How many times a disturbed visit is repeated before it is recorded as disturbed."""


@dataclass
class Campaign:
    """Revisions measured on one tomogram on this machine.

    Parameters
    ----------
    root : pathlib.Path
        The folder of ``asv.conf.json``, which is also the working folder while measuring.
    revisions : Revisions
        Where revisions come from.
    tomogram : str
        Name of the cached tomogram; it is a part of every series.
    record : Record
        Where rounds are kept.
    selection : Selection
        Which cases.
    rounds : int, optional
        Rounds of the timed benchmarks, where not their own number.
    exact_rounds : int
        Rounds of the exact benchmarks.
    arms : int
        How many rounds in a row share a hash seed, as all revisions of a round do.
    retry : bool
        Measure again what failed in an earlier run, and what a program was missing for.
    shuffled : bool
        Visit the revisions of a round in an order that chance decides, as for a whole history.
    origin : str
        Who measures.
    not_installed : dict of str to str
        Why revisions could not be measured at all, by name; they are tried again next time.
    disturbed : list of Stop
        Whose visits stayed disturbed.
    """

    root: Path
    revisions: Revisions
    tomogram: str
    record: Record
    selection: Selection = field(default_factory=Selection)
    rounds: int | None = None
    exact_rounds: int = 1
    arms: int = 1
    retry: bool = False
    shuffled: bool = False
    origin: str = "scripts/bench"
    not_installed: dict[str, str] = field(default_factory=dict)
    disturbed: list[Stop] = field(default_factory=list)

    @cached_property
    def machine(self) -> str:
        """The name of this machine in the record."""
        return machine.identify(self.record)

    @cached_property
    def laboratory(self) -> Laboratory:
        """The one environment, which moves from revision to revision."""
        return Laboratory(self.root, self.tomogram, self._prepared_tier)

    @cached_property
    def digest(self) -> str:
        """The checksum of the suite: what another one measured is measured again."""
        return suite.digest(self.root)

    @cached_property
    def suite(self) -> dict[str, Benchmark]:
        """All benchmarks, as they describe themselves beside one revision of the timeline."""
        described = self.record.suite(self.digest)
        known = described or self.laboratory.discover(self.revisions.last(3)[::-1])
        # The record shows its cases as the suite has them that described itself last.
        if not described or self.record.suite() != known:
            self.record.describe_suite(known, self.digest)
        return known

    @cached_property
    def chosen(self) -> dict[str, tuple[Case, ...]]:
        """The cases to measure, by benchmark."""
        return self.selection.of(self.suite)

    def series(self, revision: Revision) -> Series:
        """Return the series of a revision."""
        return Series(self.machine, self.tomogram, revision.name)

    def journal(self, revision: Revision) -> Journal:
        """Return the rounds of a revision measured so far."""
        return self.record.journal(self.series(revision))

    def measure(self, revisions: Sequence[Revision]) -> Iterator[Progress]:
        """Measure what is missing of some revisions, yielding before each case what comes.

        Raises
        ------
        InputError
            The record is damaged, another run is measuring on this machine, or no revision can be
            installed now.
        """
        with self._turn(), self.laboratory:
            machine.introduce(self.machine)
            journals = {revision.name: self.journal(revision) for revision in revisions}
            wanted = [
                Wanted(self.suite[name], cases, self._rounds(self.suite[name]))
                for name, cases in self.chosen.items()
            ]
            stops = itinerary(
                revisions, wanted, journals, self.digest, retry=self.retry, shuffled=self.shuffled
            )
            clock = Clock(stops, self._seconds())
            retried: set[tuple[str, str, Case]] = set()
            for stop in stops:
                yield from self._visit(stop, journals[stop.revision.name], clock, retried)
            self.write_asv_files()

    def write_asv_files(self) -> None:
        """Bring asv's files up to the record."""
        results_dir = self.root / str(self.laboratory.configuration.results_dir)
        files.refresh(self.record, self.revisions.by_commit.values(), results_dir)

    def _turn(self) -> AbstractContextManager[object]:
        return turn.measuring(f"{self.origin} in {self.root}")

    def _visit(
        self,
        stop: Stop,
        journal: Journal,
        clock: Clock,
        retried: set[tuple[str, str, Case]],
    ) -> Iterator[Progress]:
        # A failure or a gap found since the plan was made is not measured again in later rounds.
        work = [
            (benchmark, list(self._missing(benchmark, planned, journal, stop, retried)))
            for benchmark, planned in stop.work
        ]
        revision = stop.revision
        if revision.name in self.not_installed or not any(
            cases for benchmark, cases in work if not benchmark.is_control
        ):
            clock.skip(stop)
            return
        yield clock.progress(stop, "installing")
        clock.start()
        problem = self.laboratory.move(revision, math.ceil(stop.round / self.arms))
        if problem:
            self.not_installed[revision.name] = problem
            clock.skip(stop)
            return
        broken = self.laboratory.import_failure()
        clock.moved()
        timed = [(b, cases) for b, cases in work if b.is_timed and cases]
        for attempt in itertools.count():
            visit = self._begin(journal)
            yield from self._measure(stop, work, visit, journal, clock, broken, attempt)
            retried |= {(revision.name, b.name, case) for b, cases in work for case in cases}
            slower = self._slower(stop, journal, visit)
            if not controls.is_disturbed(slower):
                return
            journal.disturb(visit, slower)
            if attempt == REPEATS or broken or not timed:
                self.disturbed.append(stop)
                return
            work = timed  # exact values have no noise, so they stand

    def _measure(
        self,
        stop: Stop,
        work: Sequence[tuple[Benchmark, Sequence[Case]]],
        visit: str,
        journal: Journal,
        clock: Clock,
        broken: str,
        attempt: int,
    ) -> Iterator[Progress]:
        planned = {benchmark.name: cases for benchmark, cases in stop.work}
        for benchmark, pending in work:
            started_at, started = now(), time.monotonic()
            measured = []
            if not attempt:
                clock.drop(benchmark.name, len(planned[benchmark.name]) - len(pending))
            clock.start()
            for case in pending:
                yield clock.progress(stop, benchmark.title_of(case))
                measured.append(self._case(benchmark, case, journal, broken))
                if not attempt:
                    clock.did(benchmark.name)
            if measured:
                seconds = round(time.monotonic() - started, 3)
                journal.append(
                    Round(
                        benchmark.name,
                        benchmark.version,
                        stop.round,
                        started_at,
                        seconds,
                        tuple(measured),
                        visit,
                    )
                )

    def _case(self, benchmark: Benchmark, case: Case, journal: Journal, broken: str) -> Measured:
        if broken:
            return Measured(case, "failed", reason=broken)
        # All rounds of a case make the same number of calls per sample.
        outcome = journal.outcomes(benchmark, self.digest).get(case)
        rounds = outcome.rounds if outcome else ()
        number = next((one.number for one in rounds if one.number), None)
        return self.laboratory.measure(benchmark, case, number)

    def _missing(
        self,
        benchmark: Benchmark,
        planned: Sequence[Case],
        journal: Journal,
        stop: Stop,
        retried: set[tuple[str, str, Case]],
    ) -> tuple[Case, ...]:
        again = [
            case for case in planned if (stop.revision.name, benchmark.name, case) not in retried
        ]
        first = missing(benchmark, again, journal, self.digest, stop.round, retry=self.retry)
        rest = [case for case in planned if case not in again]
        return (*first, *missing(benchmark, rest, journal, self.digest, stop.round))

    def _begin(self, journal: Journal) -> str:
        """Open a visit in the journal, with all that was in force, and return its name."""
        visit = visits.begun(self.root, self.origin, self.laboratory.installed)
        journal.begin(visit)
        return visit.id

    def _slower(self, stop: Stop, journal: Journal, visit: str) -> dict[str, float]:
        """Measure the controls once more, and return how much slower than usual they are."""
        if not any(benchmark.is_timed and not benchmark.is_control for benchmark, _ in stop.work):
            return {}
        at_start = [entry for entry in journal.rounds if entry.visit == visit]
        slower = {}
        for control in self._controls:
            for case in self.chosen[control.name]:
                ends = [self.laboratory.measure(control, case).level]
                ends += [
                    one.level
                    for entry in at_start
                    if entry.benchmark == control.name
                    for one in entry.cases
                    if one.case == case
                ]
                usual = self._usual.setdefault((control.name, case), [])
                usual += [level for level in ends if level]
                if any(ends):
                    worst = max(level for level in ends if level)
                    slower[control.title_of(case)] = worst / controls.quiet_level(usual)
        return slower

    @cached_property
    def _controls(self) -> list[Benchmark]:
        return [b for b in self.suite.values() if b.is_control and b.name in self.chosen]

    @cached_property
    def _usual(self) -> dict[tuple[str, Case], list[float]]:
        """The levels of the controls so far on this machine."""
        journals = [
            self.record.journal(series)
            for series in self.record.series()
            if series.machine == self.machine
        ]
        return controls.known_levels(self._controls, journals, self.digest)

    def _seconds(self) -> dict[str, float]:
        sizes = {
            name: float(math.prod(facts["shape"]))
            for name, facts in self.record.tomograms().items()
        }
        here = sizes.get(self.tomogram)
        own, others = [], []
        for series in self.record.series():
            if series.machine != self.machine:
                continue
            journal = self.record.journal(series)
            if series.tomogram == self.tomogram:
                own.append(journal)
            elif here and series.tomogram in sizes:
                others.append((journal, here / sizes[series.tomogram]))
        return seconds_per_case(own, others)

    def _rounds(self, benchmark: Benchmark) -> int:
        if not benchmark.is_timed:
            return self.exact_rounds
        return benchmark.rounds if self.rounds is None else self.rounds

    @property
    def _prepared_tier(self) -> str:
        return "none" if self.selection.pattern else self.selection.tier
