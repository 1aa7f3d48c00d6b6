"""Gate: does unreleased code do worse than a release?

Exact values first, because they take seconds and have no noise. Then every time in blocks of both,
side by side: first as often as a whole question needs to be judged over its cases, then where a
verdict is nearest, until the time is up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cryoet_bench.changes import sequence
from cryoet_bench.changes.comparison import compare
from cryoet_bench.changes.judgement import (
    GateOutcome,
    Judgement,
    Question,
    of_case,
    of_exact,
    worst_first,
)
from cryoet_bench.changes.pairing import MARGIN, Budget, NextBlock, PairedCase, Pairing, timed
from cryoet_bench.errors import InputError
from cryoet_bench.measure.plan import Progress
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import words
from cryoet_bench.timeline.revisions import Revision

_ORIGIN = "cryoet-bench gate"

_SHARE = sequence.LEVEL / 2
"""One half of the level is for the questions, the other for their cases."""

_IN_DOUBT = 0.05
"""The share of harmless candidates, at most, that end with a case that leans to slower."""


@dataclass
class Gate:
    """A candidate against a release.

    Parameters
    ----------
    campaign : Campaign
        What is measured with, on which tomogram; its selection says which cases.
    against, candidate : Revision
        The release, and what is judged.
    minutes : float
        How long it may take.
    margin : float
        The relative difference of a time that does not matter.
    """

    campaign: Campaign
    against: Revision
    candidate: Revision
    minutes: float
    margin: float = MARGIN
    _found: list[Judgement] = field(default_factory=list, init=False)
    _exact: int = field(default=0, init=False)
    _timed: list[PairedCase] = field(default_factory=list, init=False)
    _budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count the time."""
        self._budget = Budget(self.minutes)

    def measure_exact(self) -> Iterator[Progress]:
        """Measure the exact values of both, what the record has not yet, yielding before each.

        Raises
        ------
        InputError
            One of the two cannot be installed.
        """
        exact = Campaign(
            self.campaign.root, self.campaign.revisions, self.campaign.tomogram,
            self.campaign.record, replace(self.campaign.selection, exact_only=True),
            origin=_ORIGIN,
        )  # fmt: skip
        yield from exact.measure([self.against, self.candidate])
        for revision in (self.against, self.candidate):
            if problem := exact.not_installed.get(revision.name):
                raise InputError(f"{revision.label} cannot be installed: {problem}")
        benchmarks = [exact.suite[name] for name in exact.chosen]
        journals = exact.journal(self.against), exact.journal(self.candidate)
        wanted = {(name, words(case)) for name, cases in exact.chosen.items() for case in cases}
        changes = [
            one for one in compare(benchmarks, *journals) if (one.benchmark, one.case) in wanted
        ]
        self._exact = sum(one.verdict not in {"n/a", "not measured"} for one in changes)
        self._found += [of_exact(one) for one in changes if one.stands_out]

    @property
    def is_broken(self) -> bool:
        """Whether nothing of the candidate works, so that there is no time to measure."""
        failures = sum(one.verdict == "fails" for one in self._found)
        return failures > 0 and failures == self._exact

    def measure_times(self) -> Iterator[NextBlock]:
        """Measure the times of both side by side, yielding before each block.

        Raises
        ------
        InputError
            One of the two cannot be installed or imported.
        """
        try:
            chosen = timed(self.campaign)
        except InputError:  # only exact values were asked for
            return
        with Pairing(self.campaign, (self.against, self.candidate), _ORIGIN) as pairing:
            self._timed = pairing.cases(chosen, margin=self.margin, level=_SHARE)
            yield from self._sweep(pairing)
            yield from pairing.decide(self._timed, self._budget)
            pairing.conclude(self._timed)

    def _sweep(self, pairing: Pairing) -> Iterator[NextBlock]:
        """Measure every case as often as its question needs to be judged as a whole."""
        questions = self._questions()
        rounds = {one.benchmark.name: one.least_rounds for one in questions}
        total = sum(len(one.cases) * one.least_rounds for one in questions)
        done, budget = 0, self._budget
        for number in range(max(rounds.values(), default=0)):
            for case in self._timed:
                if number >= rounds[case.benchmark.name]:
                    continue
                done += 1
                if len(case.blocks) > number or case.problems:
                    continue
                if case.seconds > budget.left:
                    return
                yield NextBlock(case, done, total, budget.fraction, budget.left)
                pairing.measure(case)

    def outcome(self) -> GateOutcome:
        """Return what was found so far."""
        questions = self._questions()
        of_times = [*map(of_case, self._timed), *(one.judgement for one in questions)]
        measured = [one for one in self._timed if one.blocks or one.problems]
        chance = _IN_DOUBT / max(len(measured), 1)
        return GateOutcome(
            self.against,
            self.candidate,
            worst_first([*self._found, *filter(None, of_times)]),
            tuple(one.sensitivity(self._budget.left) for one in questions),
            exact=self._exact,
            timed=sum(bool(one.blocks) for one in measured),
            missed=len(self._timed) - len(measured),
            leaning=sum(one.is_open and one.estimate.leans(one.margin, chance) for one in measured),
            minutes=self._budget.spent / 60,
        )

    def _questions(self) -> list[Question]:
        together: dict[str, list[PairedCase]] = {}
        for case in self._timed:
            if not case.problems:
                together.setdefault(case.benchmark.name, []).append(case)
        return [Question(cases, _SHARE / len(together)) for cases in together.values()]
