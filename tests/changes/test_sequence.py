"""The interval that holds at every moment, against other ways to compute it."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from ville._boundaries import normal_mixture

from cryoet_bench.changes import sequence

VALUES = st.lists(st.floats(-0.5, 0.5, allow_subnormal=False), min_size=4, max_size=12)


def test_the_evidence_is_the_mixture_integrated_numerically() -> None:
    """Both sides integrated over the scale, the alternative over the effect as well."""
    values = np.array([0.03, 0.05, -0.01, 0.04])

    def density(scale: float, effect: float) -> float:
        z = values / scale - effect
        return float(np.exp(-0.5 * z @ z) / scale ** (len(values) + 1))

    def prior(effect: float) -> float:
        return math.sqrt(0.1 / (2 * math.pi)) * math.exp(-0.05 * effect**2)

    null, _ = integrate.quad(density, 1e-3, 1, args=(0.0,), limit=400)
    other, _ = integrate.dblquad(
        lambda scale, effect: density(scale, effect) * prior(effect), -12, 12, 1e-3, 1
    )
    assert sequence.evidence(values.tolist()) == pytest.approx(other / null, rel=1e-3)


@pytest.mark.parametrize(
    ("values", "leans"),
    [
        ([0.08, 0.14, 0.09, 0.12, 0.1, 0.07], True),
        ([-0.08, -0.14, -0.09, -0.12, -0.1, -0.07], False),  # to faster
        ([0.01, 0.02, 0.01, 0.02, 0.01, 0.02], False),  # within the margin
        ([0.3, -0.2, 0.25, -0.15, 0.2, -0.1], False),  # anything may be
        ([0.3], False),
    ],
)
def test_what_leans_to_slower(values: list[float], leans: bool) -> None:
    assert sequence.estimate(values, 1e-4).leans(0.03, 0.001) is leans


def test_equal_revisions_lean_as_seldom_as_is_said() -> None:
    values = np.random.default_rng(20).normal(0, 0.05, (2000, 4))
    leaning = sum(sequence.estimate(row.tolist(), 1e-4).leans(0.0, 0.05) for row in values)
    low, high = stats.binom.interval(0.999, 2000, 0.05)
    assert low <= leaning <= high


@given(VALUES, st.sampled_from([0.01, 1e-4]))
def test_at_the_ends_of_the_interval_the_evidence_is_one_over_the_level(
    values: list[float], level: float
) -> None:
    found = sequence.estimate(values, level)
    squares = sum((value - found.mean) ** 2 for value in values)
    if math.isinf(found.radius) or squares < 1e-9:
        return
    for end in (found.mean - found.radius, found.mean + found.radius):
        shifted = [value - end for value in values]
        assert sequence.evidence(shifted) == pytest.approx(1 / level, rel=1e-4)


def test_of_many_values_it_is_the_normal_mixture_of_ville() -> None:
    """With thousands of values the unknown variance is known, and ville's boundary is the same."""
    for count in (2_000, 50_000):
        half = sequence.radius(count, float(count), 0.01)
        boundary = float(normal_mixture(np.array([float(count)]), 0.01, 0.1)[0])
        assert half * count == pytest.approx(boundary, rel=0.01)


def test_it_is_seldom_wrong_at_any_moment() -> None:
    draw = random.Random(20261125)
    wrong = 0
    for _ in range(600):
        values = [draw.gauss(0, 0.03) for _ in range(25)]
        wrong += any(
            abs(found.mean) > found.radius
            for found in (sequence.estimate(values[:n], 0.05) for n in range(2, 26))
        )
    assert wrong / 600 < 0.05


def test_a_verdict_needs_an_interval_that_excludes_one_or_lies_within_the_margin() -> None:
    near = [0.001, -0.002, 0.0, 0.002, -0.001, 0.001, -0.001, 0.0]
    assert sequence.estimate(near, 0.01).verdict(0.03) == "equivalent"
    slow = [value + 0.2 for value in near]
    found = sequence.estimate(slow, 0.01)
    assert found.verdict(0.03) == "changed"
    assert found.low < math.exp(0.2) < found.high
    assert sequence.estimate(slow[:3], 0.01).verdict(0.03) == "undecided", "three blocks are few"
    assert sequence.estimate([], 0.01).verdict(0.03) == "undecided"


def test_values_that_follow_their_neighbours_get_no_verdict() -> None:
    drifting = [0.10 + 0.004 * n for n in range(20)]
    found = sequence.estimate(drifting, 0.01)
    expected = np.array(drifting) - np.mean(drifting)
    assert found.correlation == pytest.approx(expected[1:] @ expected[:-1] / (expected @ expected))
    assert found.is_correlated
    assert found.verdict(0.03) == "undecided"


def test_the_prediction_is_near_what_is_needed() -> None:
    draw = random.Random(5)
    needed = []
    for _ in range(40):
        values = [draw.gauss(0.1, 0.025) for _ in range(60)]
        needed.append(
            next(
                n
                for n in itertools.count(1)
                if sequence.estimate(values[:n], 0.01).verdict(0.03) != "undecided"
            )
        )
    predicted = 2 + sequence.blocks_to_verdict([0.08, 0.12], 0.01, 0.03)
    assert abs(predicted - statistics.median(needed)) <= 2
    assert sequence.blocks_to_verdict([], 0.01, 0.03) == 4
