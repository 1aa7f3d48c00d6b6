"""Two revisions against each other: every case, its ratio, and what stands out.

Exact metrics have no noise: any difference is real, beyond what a few of them cannot reproduce.
Times are compared by the one estimate of each and the noise of their rounds, each of which is a
fresh process with a level of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.record.estimate import Noise, interval, noise_of, pooled
from cryoet_bench.record.journal import Journal, Outcome

Shift = Literal["worse", "better", "same"]
StatusChange = Literal["failed", "fixed", "lost", "gained"]
Verdict = Literal[Shift, StatusChange, "unclear", "n/a", "not measured"]

STATUS_CHANGES: Mapping[tuple[str, str], StatusChange] = {
    ("passed", "failed"): "failed",
    ("n/a", "failed"): "failed",
    ("failed", "passed"): "fixed",
    ("passed", "n/a"): "lost",
    ("n/a", "passed"): "gained",
}
"""By the statuses of both revisions: what became of a case that one of them has no value of."""

CONFIDENCE = 0.99
SMALLEST = 0.03
"""Smaller shifts of a time (ratio - 1) are no change: a machine drifts as much between visits."""
ENOUGH_DEGREES = 3


@dataclass(frozen=True)
class Change:
    """One case of a benchmark on two revisions.

    Attributes
    ----------
    benchmark, title : str
        asv's name of the benchmark, and the readable one.
    case : str
        The case in words.
    unit : str
        Of both values.
    before, after : float or None
        Seconds, bytes and so on: the estimates. None where there is no value.
    ratio : float or None
        `after` over `before`.
    interval : tuple of float or None
        Confidence interval of the ratio; None for exact metrics, and with too few rounds.
    verdict : str
        "unclear" is a time measured too few times to tell; "lost" and "gained" are cases that
        only the older or only the newer revision has.
    is_control : bool
        Whether no release can change it, so that the machine did.
    same_suite : bool
        Whether one version of the suite measured both; where not, the suite may be what changed.
    reason : str
        Why it failed or is not available.
    """

    benchmark: str
    title: str
    case: str
    unit: str
    before: float | None
    after: float | None
    ratio: float | None
    interval: tuple[float, float] | None
    verdict: Verdict
    is_control: bool = False
    same_suite: bool = True
    reason: str = ""

    @property
    def stands_out(self) -> bool:
        """Whether the user should see it first."""
        return self.verdict in {"worse", "better", "failed", "fixed", "lost", "gained"}

    @property
    def is_regression(self) -> bool:
        """Whether the newer revision does worse."""
        return self.verdict in {"worse", "failed", "lost"} and not self.is_control


def compare(benchmarks: Iterable[Benchmark], before: Journal, after: Journal) -> list[Change]:
    """Compare all cases that either revision has, those that stand out most first."""
    pairs = [(one, before.outcomes(one), after.outcomes(one)) for one in benchmarks]
    series: dict[str, list[list[float]]] = {}
    for benchmark, old, new in pairs:
        if benchmark.is_timed:
            found = series.setdefault(benchmark.family, [])
            found += [side[case].levels for case in old.keys() & new.keys() for side in (old, new)]
    noise = {family: pooled(levels) for family, levels in series.items()}
    changes = [
        _compare_case(benchmark, case, old.get(case), new.get(case), noise)
        for benchmark, old, new in pairs
        for case in dict.fromkeys((*old, *new))
    ]
    return sorted(changes, key=_prominence)


def _compare_case(
    benchmark: Benchmark,
    case: Case,
    before: Outcome | None,
    after: Outcome | None,
    noise: dict[str, Noise],
) -> Change:
    old, new = before.value if before else None, after.value if after else None
    verdict, bounds = _status_verdict(before, after), None
    ratio = new / old if old and new is not None else None
    if verdict is None and benchmark.is_timed and before and after:
        verdict, bounds = _judge_times(before.levels, after.levels, noise[benchmark.family])
    elif verdict is None:
        verdict = _judge_exact(benchmark, words(case), old or 0.0, new or 0.0)
    reasons = [one.reason for one in (after, before) if one and one.reason]
    return Change(
        benchmark=benchmark.name,
        title=benchmark.title,
        case=words(case),
        unit=benchmark.unit,
        before=old,
        after=new,
        ratio=ratio,
        interval=bounds,
        verdict=verdict,
        is_control=benchmark.is_control,
        same_suite=not (before and after) or before.suite == after.suite,
        reason=reasons[0] if reasons else "",
    )


def _status_verdict(before: Outcome | None, after: Outcome | None) -> Verdict | None:
    """Return the verdict where one of the two has no value, else None."""
    if before is None or after is None:
        return "not measured"
    if before.status == after.status == "passed":
        return None
    return STATUS_CHANGES.get((before.status, after.status), "n/a")


def shift(ratio: float, bounds: tuple[float, float]) -> Shift:
    """Return the verdict on the ratio of two times, from its interval and its size."""
    low, high = bounds
    if low > 1 and ratio > 1 + SMALLEST:
        return "worse"
    if high < 1 and ratio < 1 / (1 + SMALLEST):
        return "better"
    return "same"


def _judge_times(
    before: list[float], after: list[float], shared: Noise
) -> tuple[Verdict, tuple[float, float] | None]:
    """Return the verdict on a time, and the interval of its ratio."""
    noise = noise_of([before, after], shared)
    if min(len(before), len(after)) < 2 or noise.degrees < ENOUGH_DEGREES:
        return "unclear", None
    low, high = interval(before, after, noise, CONFIDENCE)
    return shift(math.sqrt(low * high), (low, high)), (low, high)


def _judge_exact(benchmark: Benchmark, case: str, before: float, after: float) -> Verdict:
    if benchmark.is_same(case, before, after):
        return "same"
    return "worse" if after > before else "better"


def _prominence(change: Change) -> tuple[int, float, str, str]:
    order: list[Verdict] = [
        "failed", "lost", "worse", "fixed", "gained", "unclear", "same", "not measured", "n/a",
    ]  # fmt: skip
    # What stands out is sorted by size, whichever its direction.
    kind = order.index("worse" if change.verdict == "better" else change.verdict)
    size = abs(math.log(change.ratio)) if change.ratio and change.ratio > 0 else math.inf
    return kind, -size, change.title, change.case
