from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cryoet_bench.changes.comparison import Change, compare
from cryoet_bench.record.results import Journal, Measured, Round

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
            Round(benchmark["name"], "1", number, "2026-01-01T00:00:00+00:00", 1.0, cases)
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
    return {change.case: change for change in compare([TIME], old, new)}


def test_the_interval_is_that_of_the_analysis_of_variance(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    before, after = rng.lognormal(0, 0.02, (2, 4, 6))
    found = compare_times(tmp_path, before, after)
    ratios = np.log(after / before)
    residual = ratios - ratios.mean(axis=0)
    pooled = math.sqrt((residual**2).sum() / (ratios.size - 6))
    for index, case in enumerate(CASES):
        spread = max(pooled, ratios[:, index].std(ddof=1))
        expected = stats.t.interval(
            0.99, ratios.size - 6, ratios[:, index].mean(), spread / math.sqrt(4)
        )
        assert found[case].interval == pytest.approx(np.exp(expected))
        assert found[case].ratio == pytest.approx(np.exp(ratios[:, index].mean()))


@pytest.mark.parametrize("rounds", [2, 3, 5])
def test_unchanged_releases_rarely_stand_out(tmp_path: Path, rounds: int) -> None:
    """Of 600 unchanged cases with 4 % noise, no more stand out than the confidence allows."""
    rng = np.random.default_rng(2)
    flagged = 0
    for trial in range(100):
        folder = tmp_path / str(trial)
        before, after = rng.lognormal(0, 0.04, (2, rounds, 6))
        flagged += sum(c.stands_out for c in compare_times(folder, before, after).values())
    assert flagged <= 0.015 * 600


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
    found = {change.case: change for change in compare([peak], old, new)}
    assert {case: c.verdict for case, c in found.items() if c.stands_out} == {"b": "worse"}
    assert found["b"].ratio == pytest.approx(stats.gmean(after[:, 1] / before[:, 1]))


def test_a_difference_below_the_drift_of_machines_is_no_change(tmp_path: Path) -> None:
    after = np.full((20, 6), 1.02) * np.random.default_rng(4).lognormal(0, 1e-4, (20, 6))
    found = compare_times(tmp_path, np.ones((20, 6)), after)
    assert {c.verdict for c in found.values()} == {"same"}


@pytest.mark.parametrize(
    ("before", "after", "higher_is_better", "verdict"),
    [
        (100.0, 100.0, False, "same"),
        (100.0, 100.0001, False, "worse"),
        (100.0, 99.9, False, "better"),
        (1.1, 1.2, True, "better"),
        (1.2, 1.1, True, "worse"),
        (0.0, 1.0, False, "worse"),
        (0.0, 0.0, False, "same"),
    ],
)
def test_exact_metrics_need_no_statistics(
    tmp_path: Path, before: float, after: float, higher_is_better: bool, verdict: str
) -> None:
    benchmark = SIZE | {"higher_is_better": higher_is_better}
    old = journal(tmp_path / "old", SIZE, [{"a": Measured((), "passed", before)}])
    new = journal(tmp_path / "new", SIZE, [{"a": Measured((), "passed", after)}])
    (change,) = compare([benchmark], old, new)
    assert change.verdict == verdict
    assert change.interval is None
    assert change.ratio == (pytest.approx(after / before) if before else None)


@pytest.mark.parametrize(("after", "verdict"), [(1009, "same"), (991, "same"), (1011, "worse")])
def test_a_count_may_state_its_tolerance(tmp_path: Path, after: float, verdict: str) -> None:
    old = journal(tmp_path / "old", SIZE, [{"a": Measured((), "passed", 1000.0)}])
    new = journal(tmp_path / "new", SIZE, [{"a": Measured((), "passed", after)}])
    (change,) = compare([SIZE | {"tolerance": 0.01}], old, new)
    assert change.verdict == verdict


def test_failures_and_gaps_are_told_apart(tmp_path: Path) -> None:
    passed = Measured((), "passed", 1.0)
    failed = Measured((), "failed", reason="ValueError: no")
    gap = Measured((), "n/a", reason="came later")
    old = {"a": passed, "b": failed, "c": gap, "d": gap, "e": failed}
    new = {"a": failed, "b": passed, "c": passed, "d": gap, "e": failed, "f": passed}
    changes = compare(
        [SIZE], journal(tmp_path / "old", SIZE, [old]), journal(tmp_path / "new", SIZE, [new])
    )
    assert {c.case: c.verdict for c in changes} == {
        "a": "failed",
        "b": "mended",
        "c": "n/a",
        "d": "n/a",
        "e": "failed",
        "f": "n/a",
    }
    reasons = {c.case: c.reason for c in changes}
    assert (reasons["a"], reasons["c"], reasons["f"]) == (
        "ValueError: no",
        "came later",
        "not measured",
    )
    assert [c.case for c in changes][:3] == ["a", "e", "b"]
    assert not any(c.is_control for c in changes)
