"""The newest release against the one before: every case, its ratio, and what stands out.

Exact metrics have no noise: any difference is real, beyond the ``tolerance`` that a benchmark
states for what it counts. Times are compared round by round, because the rounds of both releases
were measured one shortly after the other, each in a fresh process with a level of its own.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cryoet_bench.record.results import Case, Journal, Measured, is_timed, title, words

Verdict = Literal["worse", "better", "same", "unclear", "failed", "mended", "n/a"]

CONFIDENCE = 0.99
SMALLEST = 0.03
"""Smaller shifts of a time (ratio - 1) are no change: a machine drifts as much between visits."""
ENOUGH_DEGREES = 3


@dataclass(frozen=True)
class Change:
    """One case of a benchmark on two releases.

    Attributes
    ----------
    name, title : str
        asv's name of the benchmark, and the readable one.
    case : str
        The case in words.
    unit : str
        Of both values.
    before, after : float or None
        Seconds, bytes and so on; None where there is no value.
    ratio : float or None
        `after` over `before`; of times, the mean over paired rounds.
    interval : tuple of float or None
        Confidence interval of the ratio; None for exact metrics, and with too few rounds.
    verdict : str
        "unclear" is a time measured too few times to tell.
    reason : str
        Why it failed or is not available.
    """

    name: str
    title: str
    case: str
    unit: str
    before: float | None
    after: float | None
    ratio: float | None
    interval: tuple[float, float] | None
    verdict: Verdict
    reason: str = ""

    @property
    def stands_out(self) -> bool:
        """Whether it should be shown first."""
        return self.verdict in {"worse", "better", "failed", "mended"}

    @property
    def is_control(self) -> bool:
        """Whether no release can change it, so that the machine did."""
        return self.name.startswith("control.")


def compare(
    benchmarks: Iterable[Mapping[str, Any]], before: Journal, after: Journal
) -> list[Change]:
    """Compare all cases that either release has, those that stand out most first."""
    pairs = [(benchmark, before.of(benchmark), after.of(benchmark)) for benchmark in benchmarks]
    differences: dict[str, list[list[float]]] = {}
    for benchmark, old, new in pairs:
        differences.setdefault(_family(benchmark), []).extend(
            _log_ratios(old.get(case, ()), measured)
            for case, measured in new.items()
            if is_timed(benchmark)
        )
    noise = {family: _pooled_noise(values) for family, values in differences.items()}
    changes = [
        _compare_case(benchmark, case, old.get(case, ()), measured, noise[_family(benchmark)])
        for benchmark, old, new in pairs
        for case, measured in new.items()
    ]
    return sorted(changes, key=_prominence)


def _family(benchmark: Mapping[str, Any]) -> str:
    """Return the class of a benchmark: its benchmarks do similar work, with similar noise."""
    return str(benchmark["name"]).rpartition(".")[0]


def _compare_case(
    benchmark: Mapping[str, Any],
    case: Case,
    before: Sequence[Measured],
    after: Sequence[Measured],
    noise: tuple[float, int],
) -> Change:
    old, new = _outcome(before), _outcome(after)
    verdict, ratio, interval = _status_verdict(old, new), None, None
    if verdict is None and is_timed(benchmark):
        verdict, ratio, interval = _judge_times(_log_ratios(before, after), *noise)
    elif verdict is None:
        ratio = _ratio(old.value, new.value)
        tolerance = float(benchmark.get("tolerance", 0))
        verdict = _judge_exact(old.value, new.value, tolerance)
    if verdict in {"worse", "better"} and benchmark.get("higher_is_better"):
        verdict = "better" if verdict == "worse" else "worse"
    return Change(
        str(benchmark["name"]),
        title(benchmark),
        words(case),
        str(benchmark.get("unit", "")),
        old.value,
        new.value,
        ratio,
        interval,
        verdict,
        new.reason or old.reason,
    )


def _outcome(rounds: Sequence[Measured]) -> Measured:
    """Return one measurement that stands for all rounds of a case."""
    for measured in rounds:
        if measured.status != "passed":
            return measured
    if not rounds:
        return Measured((), "n/a", reason="not measured")
    levels = [measured.level for measured in rounds if measured.level is not None]
    return Measured(rounds[0].case, "passed", value=statistics.median(levels))


def _status_verdict(old: Measured, new: Measured) -> Verdict | None:
    if new.status == "failed":
        return "failed"
    if old.status == "failed" and new.status == "passed":
        return "mended"
    if "passed" == old.status == new.status:
        return None
    return "n/a"


def _log_ratios(before: Sequence[Measured], after: Sequence[Measured]) -> list[float]:
    """Return the log ratio of each round that both releases have."""
    return [
        math.log(new.level / old.level)
        for old, new in zip(before, after, strict=False)
        if old.level and new.level
    ]


def _pooled_noise(differences: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Return the standard deviation of one paired log ratio, and its degrees of freedom.

    Few rounds say little about one case, so all cases of a class lend each other their
    spread: the pooled variance of the analysis of variance.
    """
    squares, degrees = 0.0, 0
    for values in differences:
        if len(values) > 1:
            mean = statistics.fmean(values)
            squares += sum((value - mean) ** 2 for value in values)
            degrees += len(values) - 1
    return (math.sqrt(squares / degrees) if degrees else math.inf), degrees


def _judge_times(
    values: Sequence[float], noise: float, degrees: int
) -> tuple[Verdict, float | None, tuple[float, float] | None]:
    """Return the verdict on a time, its ratio and that ratio's interval.

    Student's interval of the mean, with the pooled noise or the case's own, whichever is larger.
    """
    if not values:
        return "unclear", None, None
    mean = statistics.fmean(values)
    if degrees < ENOUGH_DEGREES or len(values) < 2:
        return "unclear", math.exp(mean), None
    from scipy.stats import t  # noqa: PLC0415  (heavy, and only needed here)

    spread = max(noise, statistics.stdev(values))
    half = float(t.ppf(0.5 + CONFIDENCE / 2, degrees)) * spread / math.sqrt(len(values))
    interval = (math.exp(mean - half), math.exp(mean + half))
    if interval[0] > 1 and mean > math.log1p(SMALLEST):
        return "worse", math.exp(mean), interval
    if interval[1] < 1 and mean < -math.log1p(SMALLEST):
        return "better", math.exp(mean), interval
    return "same", math.exp(mean), interval


def _ratio(old: float | None, new: float | None) -> float | None:
    return new / old if old and new is not None else None


def _judge_exact(old: float | None, new: float | None, tolerance: float) -> Verdict:
    """Return the verdict on a counted value; some are only reproducible to a `tolerance`."""
    before, after = old or 0.0, new or 0.0
    if abs(after - before) <= tolerance * abs(before):
        return "same"
    return "worse" if after > before else "better"


def _prominence(change: Change) -> tuple[int, float, str, str]:
    order: list[Verdict] = ["failed", "mended", "worse", "better", "unclear", "same", "n/a"]
    kind = order.index(change.verdict)
    if change.verdict == "better":  # what stands out is sorted by size, whichever its direction
        kind = order.index("worse")
    size = abs(math.log(change.ratio)) if change.ratio else 0.0
    return kind, -size, change.title, change.case
