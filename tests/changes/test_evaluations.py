"""The programs behind the claims about confirm and gate, on values known beforehand."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest

from cryoet_bench.changes.confirmation import Block, CasePair, Confirmation, Verdict
from cryoet_bench.timeline import candidate
from evaluations import (
    another_machine,
    detection_power,
    detectors,
    honest_interval,
    planted,
    slowdowns,
)

PAIR = CasePair("a", "a", "b", "1", ())


def block(before: float, after: float) -> Block:
    return Block(PAIR, "", 1.0, "ABBA", 1, ((before,), (before,)), ((after,), (after,)))


def test_a_planted_wheel_is_whole_and_another(tmp_path: Path) -> None:
    wheel = tmp_path / "zarr-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("zarr/__init__.py", "x = 1\n")
        archive.writestr("zarr-1.0.dist-info/RECORD", "")
    first = planted.plant(wheel, "zarr/__init__.py", "y = 2", tmp_path / "first")
    again = planted.plant(wheel, "zarr/__init__.py", "y = 2", tmp_path / "again")
    other = planted.plant(wheel, "zarr/__init__.py", "y = 3", tmp_path / "other")
    assert candidate._digest(first) == candidate._digest(again)
    assert candidate._digest(first) != candidate._digest(other)
    with zipfile.ZipFile(first) as archive:
        assert archive.read("zarr/__init__.py").decode() == "x = 1\n\ny = 2\n"


def test_resampled_confirmations_find_what_is_multiplied_in() -> None:
    draw = random.Random(1)
    blocks = [block(1.0, 1.0 + draw.gauss(0, 0.02)) for _ in range(40)]
    for statistic in (honest_interval.least, honest_interval.mean):
        verdict, count, seconds = honest_interval.confirmation(blocks, statistic, 0.2, draw)
        assert (verdict, seconds) == ("changed", count)
    assert honest_interval.least(block(1.0, 2.0), True) == pytest.approx(-0.693, abs=1e-3)


def test_a_large_planted_step_stands_out_for_every_method() -> None:
    draw = random.Random(3)

    def measured(number: int, factor: float) -> detectors.Release:
        level = factor * (1 + draw.gauss(0, 0.01))
        rounds = tuple(
            tuple(level * (1 + abs(draw.gauss(0, 0.01))) for _ in range(10)) for _ in range(2)
        )
        return detectors.Release(rounds, f"2026-11-25T{number:02}")

    copies = {slowdowns.Copy(number=number): measured(number, 1.0) for number in range(14)} | {
        slowdowns.Copy("decode", 0.5): measured(20, 1.5)
    }
    known = {("codec.Chunk.time_decode", ("'zstd-3'",)): copies}
    tried = list(detection_power.trials(known))
    assert [len(one.history) for one in tried] == [detection_power.HISTORY] * 15
    for method in detectors.METHODS.values():
        scores = [method(one.history, one.newest) for one in tried]
        assert max(scores) == scores[-1]
        assert scores[-1] > detection_power.limit(scores[:-1], 0.01)


def verdict(found: Verdict, ratio: float) -> Confirmation:
    return Confirmation(
        *("a", "b", "codec.Chunk.time_decode", "1", ("'zstd-3'",), found, ratio, ratio - 0.005),
        *(ratio + 0.005, 0.03, 0.01, 8, None, 1.0, "lab", "phantom-10A", "2026-01-01"),
    )


@pytest.mark.parametrize(
    ("there", "here", "outcome", "is_contrary"),
    [
        (1.2, verdict("changed", 1.1), "holds", False),
        (0.8, verdict("changed", 0.9), "holds", False),
        (0.8, verdict("changed", 1.1), "reversed", True),
        (1.2, verdict("equivalent", 1.01), "equivalent", True),
        (1.02, verdict("equivalent", 1.01), "equivalent", False),
        (1.2, verdict("undecided", 0.9), "undecided", False),
        (1.2, None, None, False),
    ],
)
def test_a_change_holds_on_another_machine_or_is_contrary(
    there: float, here: Confirmation | None, outcome: str | None, is_contrary: bool
) -> None:
    one = another_machine.Replication("Decode", verdict("changed", there), here, "no valgrind")
    assert (one.outcome, one.is_contrary) == (outcome, is_contrary)
    assert one.row.endswith(outcome or "not measured: no valgrind")
