"""Journals: what counts of what was measured, and that nothing is lost or counted twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.estimate import estimate
from cryoet_bench.record.journal import Journal, Measured, Round, Status, Visit
from cryoet_bench.record.summary import differences

CASE = ("'a'",)
TIME = Benchmark({"name": "read.time", "version": "1", "type": "time", "params": [["'a'"]]})
SIZE = Benchmark({**TIME.description, "name": "size.track", "type": "track"})


def measured(status: Status = "passed", *samples: float, **facts: Any) -> Measured:
    return Measured(CASE, status, samples=samples, **facts)


def add(
    journal: Journal, one: Measured, number: int = 1, visit: str = "", benchmark: Benchmark = TIME
) -> None:
    moment = f"2026-01-01T00:00:{len(journal.rounds):02d}+00:00"
    journal.append(Round(benchmark.name, "1", number, moment, 1.0, (one,), visit))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "machine" / "zarr-3.4.2.jsonl")


@given(st.lists(st.lists(st.floats(1e-6, 10), min_size=1, max_size=5), min_size=1, max_size=6))
def test_the_estimate_is_the_geometric_mean_of_the_lower_half(rounds: list[list[float]]) -> None:
    levels = sorted(min(samples) for samples in rounds)
    lower = [level for rank, level in enumerate(levels) if rank < max(1, len(levels) // 2)]
    assert estimate(levels[::-1]) == pytest.approx(float(stats.gmean(lower)))


@given(st.lists(st.floats(0.99, 1.01), min_size=2, max_size=9), st.floats(1.1, 9), st.data())
def test_a_disturbed_process_does_not_move_the_estimate(
    levels: list[float], factor: float, data: st.DataObject
) -> None:
    slow = data.draw(st.integers(0, len(levels) - 1))
    disturbed = [level * factor if i == slow else level for i, level in enumerate(levels)]
    assert estimate(disturbed) == pytest.approx(1, abs=0.0101)


@pytest.mark.parametrize("value", [0.0, -1.5, 3.7047, 8.0])
def test_an_exact_value_is_returned_to_the_last_bit(value: float) -> None:
    assert estimate([value, value, value]) == value


def test_a_failure_stands_until_the_case_is_measured_again(journal: Journal) -> None:
    add(journal, measured("passed", 2.0))
    add(journal, measured("failed", reason="no"), 2)
    outcome = journal.outcomes(TIME)[CASE]
    assert (outcome.status, outcome.value, outcome.reason) == ("failed", None, "no")
    add(journal, measured("passed", 8.0), 2)
    outcome = journal.outcomes(TIME)[CASE]
    assert (outcome.status, outcome.levels, outcome.value) == ("passed", [2.0, 8.0], 2.0)
    assert journal.round_numbers(TIME, "") == {CASE: {1, 2}}


def test_disturbed_and_quick_rounds_count_only_where_there_are_no_sound_ones(
    journal: Journal,
) -> None:
    journal.begin(Visit("noisy", "2026-01-01T00:00:00+00:00", "scripts/bench"))
    add(journal, measured("passed", 9.0), 1, "noisy")
    journal.disturb("noisy", {"copy": 2.0})
    journal.begin(Visit("quick", "2026-01-01T00:00:00+00:00", "asv run --quick", quick=True))
    add(journal, measured("passed", 5.0), 2, "quick")
    found = [(journal.outcomes(TIME)[CASE].value, journal.outcomes(TIME)[CASE].grade)]
    journal.begin(Visit("sound", "2026-01-01T00:00:00+00:00", "asv run"))
    add(journal, measured("passed", 1.0), 3, "sound")
    found.append((journal.outcomes(TIME)[CASE].value, journal.outcomes(TIME)[CASE].grade))
    assert found == [(5.0, "quick"), (1.0, "sound")]
    assert journal.round_numbers(TIME, "") == {CASE: {1, 3}}, "a quick round is no round"


def test_a_disturbance_does_not_touch_exact_values(journal: Journal) -> None:
    journal.begin(Visit("noisy", "2026-01-01T00:00:00+00:00", "scripts/bench"))
    add(journal, measured(value=17.0), 1, "noisy", SIZE)
    journal.disturb("noisy", {"copy": 2.0})
    assert journal.outcomes(SIZE)[CASE].value == 17.0


def test_what_is_discarded_does_not_count_and_is_not_erased(journal: Journal) -> None:
    add(journal, measured("passed", 2.0))
    add(journal, measured(value=17.0), benchmark=SIZE)
    assert journal.discard(["read.time"]) == 1
    assert journal.outcomes(TIME) == {}
    assert journal.outcomes(SIZE)[CASE].value == 17.0
    add(journal, measured("passed", 3.0))
    again = Journal(journal.path)
    assert again.outcomes(TIME)[CASE].value == 3.0
    assert journal.path.read_text().count('"read.time"') == 3, "two rounds, and what discards one"
    assert again.discard() == 2
    assert Journal(journal.path).rounds == []


def test_what_was_measured_after_it_was_discarded_elsewhere_counts(journal: Journal) -> None:
    add(journal, measured("passed", 2.0))
    committed = journal.path.rename(journal.path.with_name("committed.jsonl"))
    here = Journal(journal.path, [committed])
    assert here.discard() == 1
    later = Round("read.time", "1", 1, "2999-01-01T00:00:00+00:00", 1.0, (measured("passed", 3.0),))
    Journal(committed).append(later)
    assert Journal(journal.path, [committed]).rounds == [later]


def test_lines_that_were_merged_twice_count_once(journal: Journal) -> None:
    journal.begin(Visit("one", "2026-01-01T00:00:00+00:00", "scripts/bench"))
    add(journal, measured("passed", 2.0), 1, "one")
    whole = journal.path.read_text()
    journal.path.write_text(whole + whole)
    assert len(Journal(journal.path).outcomes(TIME)[CASE].rounds) == 1


def test_another_version_of_a_benchmark_is_another_question(journal: Journal) -> None:
    add(journal, measured("passed", 2.0))
    changed = Benchmark({**TIME.description, "version": "2"})
    assert journal.outcomes(changed) == {}


def test_rounds_of_different_suites_share_no_estimate(journal: Journal) -> None:
    rounds = [("old", 1, 2.0, 17.0), ("old", 2, 3.0, 17.0), ("new", 1, 5.0, 16.0)]
    for suite, number, seconds, size in rounds:
        visit = Visit(
            f"{suite}-{number}", "2026-01-01T00:00:00+00:00", "", project={"suite": suite}
        )
        journal.begin(visit)
        add(journal, measured("passed", seconds), number, visit.id)
        add(journal, measured(value=size), number, visit.id, SIZE)
    outcome = journal.outcomes(TIME)[CASE]
    assert (outcome.suite, outcome.levels) == ("new", [5.0])
    assert journal.outcomes(TIME, "old")[CASE].levels == [2.0, 3.0]
    done = [journal.round_numbers(TIME, suite) for suite in ("old", "new", "another")]
    assert done == [{CASE: {1, 2}}, {CASE: {1}}, {}]
    assert not differences(SIZE, journal), "no exact value failed to repeat"


def test_a_line_without_its_end_is_dropped_and_the_next_one_whole(journal: Journal) -> None:
    add(journal, measured("passed", 2.0))
    with journal.path.open("a") as file:
        file.write('{"kind": "round", "bench')
    again = Journal(journal.path)
    assert len(again.rounds) == 1
    add(again, measured("passed", 3.0), 2)
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert [line["round"] for line in lines] == [1, 2]


@pytest.mark.parametrize(
    "line",
    ["garbage", "[]", "{}", '{"kind": "else"}', '{"kind": "round"}', "<<<<<<< HEAD", "\ufffd"],
)
def test_a_damaged_line_is_one_sentence(journal: Journal, line: str) -> None:
    add(journal, measured("passed", 2.0))
    with journal.path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=r"is damaged after 1 rounds") as caught:
        Journal(journal.path)
    assert str(journal.path) in str(caught.value)
