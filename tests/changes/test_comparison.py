from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cryoet_bench.changes.comparison import CONFIDENCE, Change, compare
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.estimate import interval, noise_of, pooled
from cryoet_bench.record.journal import Journal, Measured, Round

CASES = ["a", "b", "c", "d", "e", "f"]
TIME: dict[str, Any] = {
    "name": "read.Codecs.time_volume",
    "pretty_name": "Read a volume",
    "type": "time",
    "unit": "seconds",
    "version": "1",
    "params": [[repr(case) for case in CASES]],
}
SIZE = TIME | {"name": "size.Codecs.track_bytes", "type": "track", "unit": "bytes"}


def journal(path: Path, benchmark: dict[str, Any], rounds: list[dict[str, Measured]]) -> Journal:
    """Write rounds, each a measurement by case."""
    written = Journal(path)
    for number, measured in enumerate(rounds, start=1):
        cases = tuple(
            Measured((repr(case),), m.status, m.value, m.samples, m.number, m.reason)
            for case, m in measured.items()
        )
        written.append(
            Round(
                benchmark["name"], "1", number, f"2026-01-01T00:00:{number:02d}+00:00", 1.0, cases
            )
        )
    return Journal(path)


def times(levels: np.ndarray) -> list[dict[str, Measured]]:
    """Return rounds of times; each round's minimum is its level, shape (rounds, cases)."""
    return [
        {
            case: Measured((), "passed", samples=(level * 1.5, level, level * 1.2), number=1)
            for case, level in zip(CASES, row, strict=True)
        }
        for row in levels
    ]


def peaks(values: np.ndarray) -> list[dict[str, Measured]]:
    """Return rounds of peak memory, shape (rounds, cases)."""
    return [
        {case: Measured((), "passed", value) for case, value in zip(CASES, row, strict=True)}
        for row in values
    ]


def compare_times(path: Path, before: np.ndarray, after: np.ndarray) -> dict[str, Change]:
    old = journal(path / "old.jsonl", TIME, times(before))
    new = journal(path / "new.jsonl", TIME, times(after))
    return {change.case: change for change in compare([Benchmark(TIME)], old, new)}


def test_the_interval_is_students_with_a_spread_that_a_disturbed_process_does_not_move(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(1)
    before, after = rng.lognormal(0, 0.02, (2, 4, 6))
    after[:, 5] *= [0.8, 1.3, 0.7, 1.2]  # noisier than its class: uses its own spread
    found = compare_times(tmp_path, before, after)

    def spread(columns: list[int]) -> float:
        logs = [np.log(side[:, column]) for side in (before, after) for column in columns]
        pairs = [abs(a - b) for one in logs for a, b in itertools.combinations(one, 2)]
        return float(np.median(pairs) / (stats.norm.ppf(0.75) * math.sqrt(2)))

    shared, degrees = spread([0, 1, 2, 3, 4, 5]), 0.86 * 36
    for index, case in enumerate(CASES):
        own = spread([index])
        is_shared = own**2 <= stats.f.ppf(0.99, 0.86 * 6, degrees) * shared**2
        assert is_shared == (index < 5)
        deviation, freedom = (shared, degrees) if is_shared else (own, 0.86 * 6)
        halves = [np.sort(np.log(side[:, index]))[:2].mean() for side in (before, after)]
        # Of 4 rounds and of 4: the mean of the lower two of four normal values.
        error = deviation * math.sqrt(2 * 0.33584)
        expected = stats.t.interval(0.99, freedom, halves[1] - halves[0], error)
        assert found[case].interval == pytest.approx(np.exp(expected), rel=1e-5)


def test_the_ratio_is_that_of_the_values_shown(tmp_path: Path) -> None:
    """Once a table printed before 1.0, after 1.0, ratio 0.79."""
    rng = np.random.default_rng(8)
    before, after = rng.lognormal(0, 0.3, (4, 6)), rng.lognormal(0, 0.3, (3, 6))
    for index, change in compare_times(tmp_path, before, after).items():
        column = CASES.index(index)
        assert change.before == pytest.approx(stats.gmean(np.sort(before[:, column])[:2]))
        assert change.after == pytest.approx(after[:, column].min())
        assert change.ratio == pytest.approx(change.after / change.before)  # type: ignore[operator]
        low, high = change.interval or (0, 2)
        assert low <= change.ratio <= high  # type: ignore[operator]


@pytest.mark.parametrize("rounds", [2, 3, 6])
@pytest.mark.parametrize("disturbed", [0.0, 0.1])
def test_the_interval_of_unchanged_cases_holds_1_about_as_often_as_it_says(
    rounds: int, disturbed: float
) -> None:
    """Of 2,400 unchanged cases in classes of eight, about one in a hundred excludes 1.

    Where one process in ten is slower as a whole, it is up to two.
    """
    rng = np.random.default_rng(2)
    outside = 0
    for _ in range(300):
        sides = rng.lognormal(0, 0.01, (2, 8, rounds))
        sides *= np.where(rng.random(sides.shape) < disturbed, rng.uniform(1.1, 1.25), 1)
        before, after = sides.tolist()
        shared = pooled([*before, *after])
        for one, other in zip(before, after, strict=True):
            low, high = interval(one, other, noise_of([one, other], shared), CONFIDENCE)
            outside += not low <= 1 <= high
    assert outside / 2400 <= (0.025 if disturbed else 0.016)


def test_a_planted_slowdown_stands_out_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    before, after = rng.lognormal(0, 0.01, (2, 3, 6))
    after[:, 2] *= 1.2
    after[:, 4] *= 0.8
    found = compare_times(tmp_path, before, after)
    assert {case: c.verdict for case, c in found.items() if c.stands_out} == {
        "c": "worse",
        "e": "better",
    }
    assert [c.case for c in found.values()][:2] == ["e", "c"], "the largest comes first"


def test_one_round_is_not_enough_to_tell(tmp_path: Path) -> None:
    found = compare_times(tmp_path, np.ones((1, 6)), np.full((1, 6), 2.0))
    assert {c.verdict for c in found.values()} == {"unclear"}
    assert {c.interval for c in found.values()} == {None}
    assert found["a"].ratio == pytest.approx(2)


def test_peak_memory_is_judged_like_times(tmp_path: Path) -> None:
    """asv measures a peak once in a process: each round has a value instead of samples."""
    peak = TIME | {"name": "memory.Peak.peakmem_read", "type": "peakmemory", "unit": "bytes"}
    rng = np.random.default_rng(5)
    before, after = 1e8 * rng.lognormal(0, 0.002, (2, 2, 6))
    after[:, 1] *= 1.1
    old = journal(tmp_path / "old", peak, peaks(before))
    new = journal(tmp_path / "new", peak, peaks(after))
    found = {change.case: change for change in compare([Benchmark(peak)], old, new)}
    assert {case: c.verdict for case, c in found.items() if c.stands_out} == {"b": "worse"}
    assert found["b"].ratio == pytest.approx(after[:, 1].min() / before[:, 1].min())


def test_a_difference_below_the_drift_of_machines_is_no_change(tmp_path: Path) -> None:
    after = np.full((20, 6), 1.02) * np.random.default_rng(4).lognormal(0, 1e-4, (20, 6))
    found = compare_times(tmp_path, np.ones((20, 6)), after)
    assert {c.verdict for c in found.values()} == {"same"}


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (100.0, 100.0, "same"),
        (100.0, 100.0001, "worse"),
        (100.0, 99.9, "better"),
        (0.0, 1.0, "worse"),
        (0.0, 0.0, "same"),
    ],
)
def test_exact_metrics_need_no_statistics(
    tmp_path: Path, before: float, after: float, verdict: str
) -> None:
    old = journal(tmp_path / "old", SIZE, [{"a": Measured((), "passed", before)}])
    new = journal(tmp_path / "new", SIZE, [{"a": Measured((), "passed", after)}])
    (change,) = compare([Benchmark(SIZE)], old, new)
    assert change.verdict == verdict
    assert change.interval is None
    assert (change.before, change.after) == (before, after)
    assert change.ratio == (pytest.approx(after / before) if before else None)


@pytest.mark.parametrize(("after", "verdict"), [(1009, "same"), (991, "same"), (1011, "worse")])
def test_a_count_may_state_its_tolerance(tmp_path: Path, after: float, verdict: str) -> None:
    old = journal(tmp_path / "old", SIZE, [{"a": Measured((), "passed", 1000.0)}])
    new = journal(tmp_path / "new", SIZE, [{"a": Measured((), "passed", after)}])
    (change,) = compare([Benchmark(SIZE | {"tolerance": 0.01})], old, new)
    assert change.verdict == verdict


@pytest.mark.parametrize(("after", "verdict"), [(486, "same"), (472, "same"), (485, "worse")])
def test_a_wait_that_was_over_early_is_no_change_of_calls(
    tmp_path: Path, after: float, verdict: str
) -> None:
    old = journal(tmp_path / "old", SIZE, [{"a": Measured((), "passed", 479.0)}])
    new = journal(tmp_path / "new", SIZE, [{"a": Measured((), "passed", after)}])
    (change,) = compare([Benchmark(SIZE | {"tolerance": 0.01, "unit": "calls"})], old, new)
    assert change.verdict == verdict
    (change,) = compare([Benchmark(SIZE | {"tolerance": 0.01})], old, new)
    assert change.verdict == ("better" if after < 479 else "worse")


def test_failures_and_gaps_are_told_apart(tmp_path: Path) -> None:
    passed = Measured((), "passed", 1.0)
    failed = Measured((), "failed", reason="ValueError: no")
    gap = Measured((), "n/a", reason="came later")
    old = {"a": passed, "b": failed, "c": gap, "d": gap, "e": failed, "f": passed}
    new = {"a": failed, "b": passed, "c": passed, "d": gap, "e": failed, "f": gap}
    changes = compare(
        [Benchmark(SIZE)],
        journal(tmp_path / "old", SIZE, [old]),
        journal(tmp_path / "new", SIZE, [new]),
    )
    assert {c.case: c.verdict for c in changes} == {
        "a": "failed",
        "b": "fixed",
        "c": "gained",
        "d": "n/a",
        "e": "n/a",
        "f": "lost",
    }
    reasons = {c.case: c.reason for c in changes}
    assert (reasons["a"], reasons["c"], reasons["f"]) == (
        "ValueError: no",
        "came later",
        "came later",
    )
    assert {c.case for c in changes if c.is_regression} == {"a", "f"}
    assert [c.case for c in changes][:2] == ["a", "f"]
    assert not any(c.is_control for c in changes)


def test_a_case_that_only_one_release_has_does_not_vanish(tmp_path: Path) -> None:
    passed = Measured((), "passed", 1.0)
    old = journal(tmp_path / "old", SIZE, [{"a": passed, "b": passed}])
    new = journal(tmp_path / "new", SIZE, [{"b": passed, "c": passed}])
    found = {c.case: (c.before, c.after, c.verdict) for c in compare([Benchmark(SIZE)], old, new)}
    assert found == {
        "a": (1.0, None, "not measured"),
        "b": (1.0, 1.0, "same"),
        "c": (None, 1.0, "not measured"),
    }
