"""How much of a series was measured, how well, and whether its exact values repeat."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.record.journal import Journal, Measured
from cryoet_bench.record.record import Record, Series


@dataclass(frozen=True)
class Summary:
    """What there is of one series.

    Attributes
    ----------
    series : Series
        Which.
    passed, not_available, failed : int
        Cases.
    rounds : float
        Median number of rounds that count of the times that passed; 0 where there is none.
    visits, disturbed : int
        Visits, and those of them whose controls were off.
    seconds : float
        What was measured took so long.
    exact_twice, exact_differing : int
        Exact values that were measured more than once, and those that did not repeat.
    origins : tuple of str
        What measured it.
    last : str
        When, in UTC.
    """

    series: Series
    passed: int
    not_available: int
    failed: int
    rounds: float
    visits: int
    disturbed: int
    seconds: float
    exact_twice: int
    exact_differing: int
    origins: tuple[str, ...]
    last: str


def summaries(record: Record) -> Iterator[Summary]:
    """Yield what there is of each series.

    Raises
    ------
    InputError
        A journal is damaged.
    """
    suite = record.suite().values()
    for series in record.series():
        yield summarize(series, record.journal(series), suite)


def summarize(series: Series, journal: Journal, suite: Iterable[Benchmark]) -> Summary:
    """Return what there is of one series in its journal."""
    suite = list(suite)
    outcomes = [(b, outcome) for b in suite for outcome in journal.outcomes(b).values()]
    counts = Counter(outcome.status for _, outcome in outcomes)
    rounds = [len(o.rounds) for b, o in outcomes if b.is_timed and o.status == "passed"]
    repeated = [pair for b in suite if not b.is_timed for pair in repeats(b, journal).items()]
    differing = [case for b in suite if not b.is_timed for case in differences(b, journal)]
    visits = {entry.visit for entry in journal.rounds}
    return Summary(
        series=series,
        passed=counts["passed"],
        not_available=counts["n/a"],
        failed=counts["failed"],
        rounds=statistics.median(rounds) if rounds else 0,
        visits=len(visits),
        disturbed=len(visits & journal.disturbed),
        seconds=sum(entry.duration for entry in journal.rounds),
        exact_twice=len(repeated),
        exact_differing=len(differing),
        origins=tuple(sorted({journal.visits[v].origin for v in visits if v in journal.visits})),
        last=max((entry.started_at for entry in journal.rounds), default=""),
    )


def repeats(
    benchmark: Benchmark, journal: Journal, suite: str | None = None
) -> dict[Case, list[Measured]]:
    """Return all measurements of each case that one suite measured more than once.

    Parameters
    ----------
    benchmark : Benchmark
        Which.
    journal : Journal
        Of one revision.
    suite : str, optional
        Checksum of the suite; of each case the one that measured it last, where none is named.
    """
    return {
        case: [measured for _, measured in every]
        for case, every in journal.measurements(benchmark, suite).items()
        if len(every) > 1
    }


def differences(benchmark: Benchmark, journal: Journal) -> dict[Case, float]:
    """Return by how much exact values differ that are not the same, in the last two measurements.

    The difference is relative to the earlier one; infinite where only one of them has a value.
    """
    return {
        case: relative_difference(*every[-2:])
        for case, every in repeats(benchmark, journal).items()
        if not is_repeated(benchmark, *every[-2:])
    }


def is_repeated(benchmark: Benchmark, one: Measured, other: Measured) -> bool:
    """Tell whether two measurements of an exact value came to the same."""
    if one.status != other.status:
        return False
    if one.value is None or other.value is None:
        return True
    return benchmark.is_same(words(one.case), one.value, other.value)


def relative_difference(one: Measured, other: Measured) -> float:
    """Return the relative difference of two exact values; infinite where only one has one."""
    if one.status != other.status:
        return float("inf")
    if one.value is None or other.value is None or one.value == other.value:
        return 0.0
    return abs(other.value - one.value) / (abs(one.value) or 1.0)
