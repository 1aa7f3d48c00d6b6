"""What a run still has to measure, and how long that will take."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from cryoet_bench.harness import instructions, s3
from cryoet_bench.measure.plan import Clock, Stop, missing, seconds_per_case
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.journal import Journal, Measured, Round, Status
from cryoet_bench.storage import arrays, installed
from tests import synthetic

CASES = tuple((str(number),) for number in range(17))
COUNTED = Benchmark({"name": "instructions.Chunk.track_decode", "version": "1", "type": "track"})
FIRST, OTHERS, MOVE = 70.0, 0.05, 3.0
"""Seconds: the first case of a visit counts for all, the others look their value up."""
VISIT = FIRST + OTHERS * (len(CASES) - 1) + MOVE


def known(path: Path, status: Status, reason: str = "") -> Journal:
    """Return a journal in which one case ended like this in its first round."""
    value = 1.0 if status == "passed" else None
    measured = Measured(CASES[0], status, value=value, reason=reason)
    found = Journal(path / "journal.jsonl")
    found.append(Round(COUNTED.name, "1", 1, "2026-11-26T00:00:00", 1.0, (measured,), ""))
    return found


def is_missing(journal: Journal, number: int, *, retry: bool) -> bool:
    return bool(missing(COUNTED, CASES[:1], journal, "", number, retry=retry))


def without_a_program(require: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> str:
    """Return why a machine without any program cannot measure something."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(NotImplementedError) as raised:
        require()
    return str(raised.value)


@pytest.mark.parametrize("module", [instructions, s3])
def test_what_lacked_a_program_is_measured_again_on_demand(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once n/a was final, even where it was the machine that lacked something."""
    monkeypatch.setattr(installed, "require", lambda *_: None)
    journal = known(tmp_path, "n/a", without_a_program(module.require, monkeypatch))
    assert [is_missing(journal, number, retry=True) for number in (1, 2)] == [True, True]
    assert [is_missing(journal, number, retry=False) for number in (1, 2)] == [False, False]


@pytest.mark.parametrize(
    "lacking",
    [
        lambda: installed.require("a-package-of-that-name", 3),
        lambda: installed.require("a-package-of-that-name"),
        lambda: installed.require("pytest", 999),
        lambda: arrays.Storage.named("zstd-3", "shard-32-in-128", "v2").require(),
    ],
)
def test_what_a_release_does_not_have_is_never_measured_again(
    lacking: Callable[[], None], tmp_path: Path
) -> None:
    with pytest.raises(NotImplementedError) as raised:
        lacking()
    journal = known(tmp_path, "n/a", str(raised.value))
    assert not is_missing(journal, 1, retry=True)
    assert not is_missing(known(tmp_path, "n/a"), 2, retry=True), "nobody knows why"


def test_a_failure_is_measured_again_on_demand_and_a_value_is_not(tmp_path: Path) -> None:
    failed = known(tmp_path / "failed", "failed", "needs a miracle")
    assert is_missing(failed, 1, retry=True)
    assert not is_missing(failed, 2, retry=False)
    passed = known(tmp_path / "passed", "passed")
    assert [is_missing(passed, number, retry=True) for number in (1, 2)] == [False, True]


class Hands:
    """The time of day, which goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(time, "monotonic", hands)
    return hands


@pytest.fixture
def stops(tmp_path: Path) -> list[Stop]:
    revision = synthetic.releases(tmp_path)[-1]
    return [Stop(revision, number, 10, ((COUNTED, CASES),)) for number in range(1, 11)]


def visited(clock: Clock, stop: Stop, hands: Hands) -> float:
    """Make a visit, and return how much is left by the clock then."""
    clock.start()
    hands.now += MOVE
    clock.moved()
    for number, _case in enumerate(CASES):
        hands.now += OTHERS if number else FIRST
        clock.did(COUNTED.name)
    return clock.progress(stop, "").seconds_left


@pytest.mark.parametrize("known", [{}, {COUNTED.name: (VISIT - MOVE) / len(CASES)}])
def test_a_slow_first_case_counts_in_all_visits(
    known: dict[str, float], stops: list[Stop], hands: Hands
) -> None:
    clock = Clock(stops, known)
    if known:
        assert clock.progress(stops[0], "").seconds_left == pytest.approx(10 * VISIT)
    for done, stop in enumerate(stops, 1):
        assert visited(clock, stop, hands) == pytest.approx((10 - done) * VISIT)


def test_what_was_known_weighs_as_one_visit(stops: list[Stop], hands: Hands) -> None:
    twice = 2 * (VISIT - MOVE)
    clock = Clock(stops, {COUNTED.name: twice / len(CASES)})
    left = visited(clock, stops[0], hands)
    assert left == pytest.approx(9 * (1.5 * (VISIT - MOVE) + MOVE))


def test_the_mean_is_over_all_that_was_measured(tmp_path: Path) -> None:
    def journal(name: str, seconds: float, cases: int) -> Journal:
        found = Journal(tmp_path / f"{name}.jsonl")
        measured = tuple(Measured(case, "passed", value=1.0) for case in CASES[:cases])
        found.append(Round(COUNTED.name, "1", 1, "2026-11-26T00:00:00", seconds, measured, ""))
        return found

    here = [journal("release", 70.0, 10), journal("without", 2.0, 2)]
    larger = [(journal("larger", 10.0, 1), 0.5), (journal("smaller", 10.0, 1), 4.0)]
    assert seconds_per_case(here, []) == {COUNTED.name: pytest.approx(72 / 12)}
    assert seconds_per_case([], larger) == {COUNTED.name: pytest.approx((10 + 40) / 2)}
    assert seconds_per_case(here, larger) == seconds_per_case(here, [])
