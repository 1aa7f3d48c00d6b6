"""Gate: does unreleased code do worse than a release?

Exact values first, because they take seconds and have no noise. Then every time in blocks of both,
side by side: first as often as a whole question needs to be judged over its cases, then where a
verdict is nearest, until the time is up.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from cryoet_bench.changes import confirm, sequence
from cryoet_bench.changes.comparison import Change, compare
from cryoet_bench.changes.confirm import Budget, Pairing, Step, Subject
from cryoet_bench.changes.reproduction import pattern_of
from cryoet_bench.conclusion import FINDING, GOOD, NOT_DONE
from cryoet_bench.errors import InputError
from cryoet_bench.measure.plan import Progress, Selection
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.timeline.revisions import Revision

Verdict = Literal[
    "loses bits", "fails", "no longer available", "worse", "slower",
    "newly available", "works again", "better", "faster",
]  # fmt: skip

_ORDER: tuple[Verdict, ...] = get_args(Verdict)
"""Worst first."""

_REGRESSIONS = frozenset(_ORDER[:5])
_VERDICTS: Mapping[str, Verdict] = {
    "failed": "fails", "lost": "no longer available", "worse": "worse",
    "gained": "newly available", "fixed": "works again", "better": "better",
}  # fmt: skip

_ROUND_TRIP = "size.Codecs.track_max_error"
_LOSS = re.compile(r"is not what was (written|encoded)")
"""How the suite's own checks of a round trip fail."""


@dataclass(frozen=True)
class Judgement:
    """One thing that differs.

    Attributes
    ----------
    verdict : str
        What happened, in words.
    title : str
        The readable name of the benchmark.
    case : str
        The case in words; of a whole question, how many cases it has.
    unit : str
        Of both values.
    before, after : float or None
        The values, of exact metrics.
    ratio : float or None
        `after` over `before`.
    interval : tuple of float or None
        Of the ratio; None for exact metrics.
    reason : str
        Why it failed or is not available.
    pattern : str
        Matches the case among all benchmarks.
    """

    verdict: Verdict
    title: str
    case: str
    unit: str = ""
    before: float | None = None
    after: float | None = None
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    reason: str = ""
    pattern: str = ""

    @property
    def is_regression(self) -> bool:
        """Whether the candidate does worse."""
        return self.verdict in _REGRESSIONS

    @property
    def prominence(self) -> tuple[int, float, str, str]:
        """Sorts the worst first."""
        size = abs(math.log(self.ratio)) if self.ratio and self.ratio > 0 else math.inf
        return _ORDER.index(self.verdict), -size, self.title, self.case


@dataclass(frozen=True)
class Sensitivity:
    """What a question could have shown.

    Attributes
    ----------
    title : str
        The readable name of the benchmark.
    cases : int
        How many were measured.
    blocks : int
        Of all cases together.
    of_all, of_one : float or None
        The smallest slowdown, as a ratio less 1, that is found in 95 of 100 gates: one that all
        cases share, and one of a single case, given the time; None where that cannot be told.
    """

    title: str
    cases: int
    blocks: int
    of_all: float | None
    of_one: float | None


@dataclass(frozen=True)
class Outcome:
    """What a gate found.

    Attributes
    ----------
    against, candidate : Revision
        The release, and what was judged.
    judgements : tuple of Judgement
        What differs, worst first.
    sensitivity : tuple of Sensitivity
        Of each timed question.
    exact, timed : int
        How many cases were compared.
    missed : int
        Timed cases for which there was no time.
    leaning : int
        Timed cases that lean to slower, and of which the time did not suffice to tell.
    minutes : float
        What it took.
    """

    against: Revision
    candidate: Revision
    judgements: tuple[Judgement, ...]
    sensitivity: tuple[Sensitivity, ...]
    exact: int
    timed: int
    missed: int
    leaning: int
    minutes: float

    @property
    def regressions(self) -> list[Judgement]:
        """What the candidate does worse."""
        return [one for one in self.judgements if one.is_regression]

    @property
    def is_enough(self) -> bool:
        """Whether everything was measured that was asked for, and nothing is left in doubt."""
        return self.exact + self.timed > 0 and not self.missed and not self.leaning

    @property
    def exit_code(self) -> int:
        """1 for a regression, 2 where too little was measured to deny one, else 0."""
        if self.regressions:
            return FINDING
        return GOOD if self.is_enough else NOT_DONE


@dataclass(frozen=True)
class Exact(Selection):
    """The exact cases of a selection."""

    def of(self, suite: Mapping[str, Benchmark]) -> dict[str, tuple[Case, ...]]:
        """Return the chosen cases by benchmark."""
        return {n: cases for n, cases in super().of(suite).items() if not suite[n].is_timed}


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
    margin: float = confirm.MARGIN
    _found: list[Judgement] = field(default_factory=list)
    _subjects: list[Subject] = field(default_factory=list)
    _exact: int = 0

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
        chosen = self.campaign.selection
        exact = Campaign(
            self.campaign.root, self.campaign.revisions, self.campaign.tomogram,
            self.campaign.record, Exact(chosen.tier, chosen.pattern), origin="cryoet-bench gate",
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
        self._found += [_exact(one) for one in changes if one.stands_out]

    @property
    def is_broken(self) -> bool:
        """Whether nothing of the candidate works, so that there is no time to measure."""
        failures = sum(one.verdict == "fails" for one in self._found)
        return failures > 0 and failures == self._exact

    def measure_times(self) -> Iterator[Step]:
        """Measure the times of both side by side, yielding before each block.

        Raises
        ------
        InputError
            One of the two cannot be installed or imported.
        """
        try:
            chosen = confirm.timed(self.campaign.chosen, self.campaign.suite)
        except InputError:  # only exact values were asked for
            return
        where = self.campaign.machine, self.campaign.tomogram
        revisions = self.against, self.candidate
        with Pairing(
            self.campaign.root, self.campaign.record, where, revisions, "cryoet-bench gate"
        ) as pairing:
            # One half of the level is for the questions, the other for their cases.
            self._subjects = pairing.subjects(chosen, margin=self.margin, level=sequence.LEVEL / 2)
            yield from self._sweep(pairing)
            yield from confirm.measure(pairing, self._subjects, self._budget)
            pairing.conclude(self._subjects)

    def _sweep(self, pairing: Pairing) -> Iterator[Step]:
        """Measure every case as often as its question needs to be judged as a whole."""
        questions = self._questions()
        least = sequence.least_blocks(self._level(questions))
        rounds = {name: math.ceil(least / len(cases)) for name, cases in questions.items()}
        total = sum(len(cases) * rounds[name] for name, cases in questions.items())
        done = 0
        for number in range(max(rounds.values(), default=0)):
            for subject in self._subjects:
                if number >= rounds[subject.benchmark.name]:
                    continue
                done += 1
                if len(subject.blocks) > number or subject.problems:
                    continue
                if subject.seconds > self._budget.left:
                    return
                budget = self._budget
                yield Step(subject, done, total, budget.fraction, budget.left)
                pairing.measure(subject)

    def outcome(self) -> Outcome:
        """Return what was found so far."""
        questions = self._questions()
        level = self._level(questions)
        found = [*self._found]
        for subject in self._subjects:
            found += _timed(subject)
        sensitivity = []
        for cases in questions.values():
            values = _whole(cases)
            found += _question(cases, values, level, self.margin)
            sensitivity.append(_sensitivity(cases, values, level, self._budget.left))
        measured = [one for one in self._subjects if one.blocks or one.problems]
        return Outcome(
            self.against,
            self.candidate,
            tuple(sorted(_merged(found), key=lambda one: one.prominence)),
            tuple(sensitivity),
            exact=self._exact,
            timed=sum(bool(one.blocks) for one in measured),
            missed=len(self._subjects) - len(measured),
            leaning=sum(one.is_open and one.estimate.leans(one.margin) for one in measured),
            minutes=self._budget.spent / 60,
        )

    def _questions(self) -> dict[str, list[Subject]]:
        questions: dict[str, list[Subject]] = {}
        for subject in self._subjects:
            if not subject.problems:
                questions.setdefault(subject.benchmark.name, []).append(subject)
        return questions

    @staticmethod
    def _level(questions: Mapping[str, Sequence[Subject]]) -> float:
        return sequence.LEVEL / 2 / max(len(questions), 1)


def _exact(change: Change) -> Judgement:
    verdict = _VERDICTS[change.verdict]
    if (verdict == "worse" and change.benchmark == _ROUND_TRIP) or (
        verdict == "fails" and _LOSS.search(change.reason)
    ):
        verdict = "loses bits"
    return Judgement(
        verdict,
        change.title,
        change.case,
        change.unit,
        change.before,
        change.after,
        change.ratio,
        reason=change.reason,
        pattern=pattern_of(change.benchmark, change.case),
    )


def _timed(subject: Subject) -> Iterable[Judgement]:
    """Yield what the blocks of one case show, if it is anything."""
    words_ = words(subject.case)
    pattern = pattern_of(subject.benchmark.name, words_)
    title, unit = subject.benchmark.title, subject.benchmark.unit
    if subject.problems:
        after = subject.problems.get(subject.pair.after)
        if after and subject.pair.before not in subject.problems:
            verdict: Verdict = "fails" if after.status == "failed" else "no longer available"
            if _LOSS.search(after.reason):
                verdict = "loses bits"
            yield Judgement(verdict, title, words_, unit, reason=after.reason, pattern=pattern)
        return
    estimate = subject.estimate
    if estimate.verdict(subject.margin) == "changed":
        yield Judgement(
            "slower" if estimate.ratio > 1 else "faster",
            title,
            words_,
            unit,
            ratio=estimate.ratio,
            interval=(estimate.low, estimate.high),
            pattern=pattern,
        )


def _whole(cases: Sequence[Subject]) -> list[float]:
    """Return the log ratios of a question: of each case equally many blocks."""
    common = min(len(one.blocks) for one in cases)
    return [one.blocks[number].log_ratio for number in range(common) for one in cases]


def _question(
    cases: Sequence[Subject], values: Sequence[float], level: float, margin: float
) -> Iterable[Judgement]:
    """Yield what all cases of a question show together, if it is anything."""
    if len(cases) < 2:
        return
    estimate = sequence.estimate(values, level)
    if estimate.verdict(margin) == "changed":
        benchmark = cases[0].benchmark
        yield Judgement(
            "slower" if estimate.ratio > 1 else "faster",
            benchmark.title,
            f"all {len(cases)} cases",
            benchmark.unit,
            ratio=estimate.ratio,
            interval=(estimate.low, estimate.high),
            pattern=pattern_of(benchmark.name),
        )


def _sensitivity(
    cases: Sequence[Subject], values: Sequence[float], level: float, seconds: float
) -> Sensitivity:
    """Return what a question could have shown, with so many seconds left for one more look."""
    groups = [one.log_ratios for one in cases if len(one.blocks) > 1]
    between = values if len(groups) < 2 else [x - statistics.fmean(g) for g in groups for x in g]
    of_all = of_one = None
    if len(between) > 1:
        deviation = statistics.stdev(between)
        if math.isfinite(sequence.radius(len(values), 1.0, level)):
            of_all = math.expm1(sequence.detectable(len(values), deviation, level))
        longest = max(len(one.blocks) for one in cases)
        affordable = longest + int(seconds / max(cases[0].seconds, 0.1))
        single = min(affordable, sequence.FARTHEST)
        if math.isfinite(sequence.radius(single, 1.0, cases[0].level)):
            of_one = math.expm1(sequence.detectable(single, deviation, cases[0].level))
    blocks = sum(len(one.blocks) for one in cases)
    return Sensitivity(cases[0].benchmark.title, len(cases), blocks, of_all, of_one)


def _merged(found: Sequence[Judgement]) -> list[Judgement]:
    """Return the judgements, those that fail for one reason as one."""
    alike: dict[tuple[str, str], list[Judgement]] = {}
    merged = []
    for one in found:
        if one.verdict in {"loses bits", "fails"} and one.reason:
            alike.setdefault((one.verdict, one.reason), []).append(one)
        else:
            merged.append(one)
    for group in alike.values():
        first = group[0]
        if len(group) == 1:
            merged.append(first)
        else:
            case = f"{first.case} and {len(group) - 1} more cases"
            merged.append(
                Judgement(
                    first.verdict, first.title, case, reason=first.reason, pattern=first.pattern
                )
            )
    return merged
