"""When two exact values are the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.record.benchmark import Benchmark

VOXELS = 128**3


def exact(unit: str, tolerance: float = 0.0) -> Benchmark:
    return Benchmark({"name": "x.X.track_x", "type": "track", "unit": unit, "tolerance": tolerance})


@given(st.integers(1, 4 * VOXELS))
def test_a_byte_more_is_a_change(stored: int) -> None:
    per_voxel, of_raw = exact("bytes/voxel"), exact("of raw")
    assert not exact("bytes").is_same("none", stored, stored + 1)
    assert not per_voxel.is_same("none", stored / VOXELS, (stored + 1) / VOXELS)
    assert not of_raw.is_same("none", stored / (4 * VOXELS), (stored + 1) / (4 * VOXELS))


@given(st.integers(0, 2**32))
def test_another_order_of_a_sum_is_none(seed: int) -> None:
    error = np.random.default_rng(seed).normal(0, 0.01, VOXELS // 512)
    one = math.sqrt(math.fsum(error**2) / error.size)
    other = math.sqrt(float(np.cumsum(error[::-1] ** 2)[-1]) / error.size)
    assert exact("SD").is_same("none", one, other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(2e9, 2.0019e9, True), (2e9, 2.0021e9, False), (0.0, 0.0, True), (0.0, 1.0, False)],
)
def test_a_tolerance_is_relative(one: float, other: float, same: bool) -> None:
    assert exact("instructions", 0.001).is_same("zstd-5", one, other) == same


@pytest.mark.parametrize(("unit", "same"), [("calls", True), ("requests", False)])
def test_one_wait_of_python_is_chance(unit: str, same: bool) -> None:
    assert exact(unit).is_same("none", 395, 402) == same
    assert not exact(unit).is_same("none", 395, 403)


@pytest.mark.parametrize(
    ("unit", "case", "same"),
    [
        ("instructions", "gzip-5", True),
        ("instructions", "numcodecs-gzip", True),
        ("instructions", "blosc-zstd-5", False),
        ("calls", "gzip-5", False),
    ],
)
def test_zlib_counts_where_its_buffers_lie(unit: str, case: str, same: bool) -> None:
    assert exact(unit, 0.001).is_same(case, 2_000_000, 2_022_000) == same
    assert not exact(unit, 0.001).is_same(case, 2_000_000, 2_070_000)


def test_lz4_counts_where_it_copies() -> None:
    counted, case = exact("instructions", 0.001), "blosc-lz4-5-noshuffle"
    assert counted.is_same(case, 2_000_000, 2_004_000)
    assert not counted.is_same(case, 2_000_000, 2_011_000)
    assert not counted.is_same("blosc-lz4-5", 2_000_000, 2_004_000)
