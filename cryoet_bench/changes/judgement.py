"""What a candidate does otherwise than a release, and how small a slowdown would have shown.

Exact values are judged one by one. Times are judged twice: every case by its own blocks, and all
cases of a question by theirs together, which shows what each of them is too noisy to show.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from cryoet_bench.changes import sequence
from cryoet_bench.changes.comparison import Change
from cryoet_bench.changes.pairing import PairedCase
from cryoet_bench.changes.reproduction import pattern_of
from cryoet_bench.conclusion import FINDING, GOOD, NOT_DONE
from cryoet_bench.record.benchmark import Benchmark, words
from cryoet_bench.timeline.revisions import Revision

Regression = Literal["loses bits", "fails", "no longer available", "worse", "slower"]
Improvement = Literal["newly available", "works again", "better", "faster"]
Verdict = Literal[Regression, Improvement]
"""Worst first."""

_ORDER: tuple[Verdict, ...] = get_args(Verdict)
_VERDICTS: Mapping[str, Verdict] = {
    "failed": "fails", "lost": "no longer available", "worse": "worse",
    "gained": "newly available", "fixed": "works again", "better": "better",
}  # fmt: skip
"""Those of a comparison of exact values, as a gate says them."""

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
        return self.verdict in get_args(Regression)

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
class GateOutcome:
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
class Question:
    """The times of all cases of a benchmark together.

    Attributes
    ----------
    cases : sequence of PairedCase
        Those that both revisions can run.
    level : float
        The probability that the interval of their common ratio ever fails.
    """

    cases: Sequence[PairedCase]
    level: float

    @property
    def benchmark(self) -> Benchmark:
        """Which."""
        return self.cases[0].benchmark

    @property
    def least_rounds(self) -> int:
        """How many blocks of each case it takes to judge them together."""
        return math.ceil(sequence.least_blocks(self.level) / len(self.cases))

    @property
    def log_ratios(self) -> list[float]:
        """Of all cases: of each equally many blocks."""
        common = min(len(one.blocks) for one in self.cases)
        return [one.blocks[number].log_ratio for number in range(common) for one in self.cases]

    @property
    def judgement(self) -> Judgement | None:
        """What its cases show together; None for nothing, or for a single case."""
        if len(self.cases) < 2:
            return None
        estimate = sequence.estimate(self.log_ratios, self.level)
        everything, pattern = f"all {len(self.cases)} cases", pattern_of(self.benchmark.name)
        return _of_times(self.benchmark, everything, pattern, estimate, self.cases[0].margin)

    def sensitivity(self, seconds: float) -> Sensitivity:
        """Return what it could have shown, with so many seconds left for one more look."""
        counts = [len(one.blocks) for one in self.cases]
        of_all = of_one = None
        deviations = self._deviations()
        if len(deviations) > 1:
            deviation, one = statistics.stdev(deviations), self.cases[0]
            affordable = max(counts) + int(seconds / max(one.seconds, 0.1))
            of_all = _detectable(len(self.log_ratios), deviation, self.level)
            of_one = _detectable(min(affordable, sequence.FARTHEST), deviation, one.level)
        return Sensitivity(self.benchmark.title, len(self.cases), sum(counts), of_all, of_one)

    def _deviations(self) -> list[float]:
        """Return the log ratios less the mean of their case, where several cases have two."""
        groups = [one.log_ratios for one in self.cases if len(one.blocks) > 1]
        if len(groups) < 2:
            return self.log_ratios
        return [value - statistics.fmean(group) for group in groups for value in group]


def of_exact(change: Change) -> Judgement:
    """Return the judgement on an exact value that stands out."""
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


def of_case(case: PairedCase) -> Judgement | None:
    """Return what the blocks of one case show; None for nothing."""
    label = words(case.parameters)
    pattern = pattern_of(case.benchmark.name, label)
    if not case.problems:
        return _of_times(case.benchmark, label, pattern, case.estimate, case.margin)
    problem = case.problems.get(case.pair.after)
    if problem is None or case.pair.before in case.problems:
        return None
    verdict: Verdict = "fails" if problem.status == "failed" else "no longer available"
    if _LOSS.search(problem.reason):
        verdict = "loses bits"
    title, unit = case.benchmark.title, case.benchmark.unit
    return Judgement(verdict, title, label, unit, reason=problem.reason, pattern=pattern)


def worst_first(found: Iterable[Judgement]) -> tuple[Judgement, ...]:
    """Return judgements in their order, what fails for one reason as one."""
    return tuple(sorted(_merged(found), key=lambda one: one.prominence))


def _of_times(
    benchmark: Benchmark, case: str, pattern: str, estimate: sequence.Estimate, margin: float
) -> Judgement | None:
    if estimate.verdict(margin) != "changed":
        return None
    return Judgement(
        "slower" if estimate.ratio > 1 else "faster",
        benchmark.title,
        case,
        benchmark.unit,
        ratio=estimate.ratio,
        interval=(estimate.low, estimate.high),
        pattern=pattern,
    )


def _detectable(blocks: int, deviation: float, level: float) -> float | None:
    """Return the smallest slowdown that so many blocks show; None for too few."""
    if not blocks or math.isinf(sequence.radius(blocks, 1.0, level)):
        return None
    return math.expm1(sequence.detectable(blocks, deviation, level))


def _merged(found: Iterable[Judgement]) -> Iterator[Judgement]:
    """Yield judgements, those that fail for one reason as one."""
    alike: dict[tuple[Verdict, str], list[Judgement]] = {}
    for one in found:
        if one.verdict in {"loses bits", "fails"} and one.reason:
            alike.setdefault((one.verdict, one.reason), []).append(one)
        else:
            yield one
    for first, *others in alike.values():
        if not others:
            yield first
            continue
        case = f"{first.case} and {len(others)} more case{'s' * (len(others) > 1)}"
        yield Judgement(
            first.verdict, first.title, case, reason=first.reason, pattern=first.pattern
        )
