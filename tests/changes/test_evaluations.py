"""The programs behind the claims about confirm and gate, on values known beforehand."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest

from cryoet_bench.changes.confirmation import Block, Pair
from cryoet_bench.timeline import candidate
from evaluations import honest_interval, planted

PAIR = Pair("a", "a", "b", "1", ())


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
