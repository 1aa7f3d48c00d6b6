"""Steps are found by their size against the noise, whatever the unit or the direction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cryoet_bench.changes import steps

ROUNDS = 3


def find(values: np.ndarray, noise: float = 0.02) -> steps.Steps:
    rows = len(values)
    rounds = np.full(values.shape, float(ROUNDS))
    return steps.find(values, rounds, np.full(rows, noise), np.full(rows, 10.0))


@given(
    st.integers(0, 1000),
    st.integers(1, 6),
    st.integers(4, 20),
    st.floats(-5, 5),
    st.floats(0.1, 10),
)
@settings(max_examples=25, deadline=None)
def test_unit_scale_and_direction_do_not_matter(
    seed: int, rows: int, columns: int, shift: float, factor: float
) -> None:
    values = np.random.default_rng(seed).normal(0, 0.02, (rows, columns))
    found = find(values)
    for other, sign in (
        (find(values + shift), 1),
        (find(-values), -1),
        (find(factor * values, factor * 0.02), 1),
    ):
        np.testing.assert_allclose(other.score, sign * found.score, rtol=1e-6, atol=1e-6)


def test_p_values_of_noise_are_uniform() -> None:
    """Of 400 families of eight series on twelve releases, one in twenty lies below 0.05."""
    rng = np.random.default_rng(3)
    found = np.concatenate(
        [find(rng.normal(0, 0.02, (8, 12))).family_p_values()[1:] for _ in range(100)]
    )
    assert np.mean(found < 0.05) <= 0.06
    assert np.mean(found < 0.001) <= 0.003


@pytest.mark.parametrize("known", [1, 2, 5])
def test_series_that_were_not_measured_do_not_count(known: int) -> None:
    """Of 81 series few have a value: p-values of noise are no smaller than they should be.

    A family of many noisy series was once a discovery wherever only one of them was measured.
    """
    rng = np.random.default_rng(11)
    values = np.full((81, 12), np.nan)
    found = []
    for _ in range(60):
        values[:known] = rng.normal(0, 0.02, (known, 12))
        found.append(find(values).family_p_values()[1:])
    assert np.mean(np.concatenate(found) < 0.05) <= 0.06


@pytest.mark.parametrize("known", [2, 4, 80])
def test_simes_test_is_on_the_series_that_have_a_value(known: int) -> None:
    """Of n p-values it is the least n p / rank; here the mean step is 0, and says nothing."""
    sizes = np.linspace(0.2, 1.5, known // 2)
    after = np.full((81, 1), np.nan)
    after[:known, 0] = [*sizes, *-sizes]
    one, degrees = np.ones((81, 1)), np.full(81, 8.0)
    found = steps.Steps(after, 0 * one, after, one, degrees, 0 * one)
    p_values = sorted(2 * stats.t.sf([*sizes, *sizes], 8))
    simes = min(known * p / rank for rank, p in enumerate(p_values, 1))
    assert found.family_p_values() == pytest.approx([min(1, 2 * simes)])


def test_what_a_family_shares_is_no_step() -> None:
    """A drift of 2 % that all series of a family share from release to release is its noise."""
    rng = np.random.default_rng(4)
    false = 0
    for _ in range(50):
        values = rng.normal(0, 0.01, (8, 24)) + rng.normal(0, 0.02, 24)
        false += int((find(values).family_p_values() < 1e-4).sum())
    assert false <= 2


def test_the_levels_end_at_the_steps_around() -> None:
    values = np.repeat([[0.0, 1.0, 0.0]], 4, axis=1) + np.random.default_rng(5).normal(
        0, 0.01, (1, 12)
    )
    found = find(values)
    np.testing.assert_allclose(found.size[0, [4, 8]], [1, -1], atol=0.05)
    assert np.abs(found.size[0, [5, 6, 7, 9, 10, 11]]).max() < 0.05


def test_no_level_rests_on_one_process() -> None:
    values = np.random.default_rng(6).normal(0, 0.01, (1, 10))
    values[0, 5] += 0.2
    one, two = np.full((1, 10), 1.0), np.full((1, 10), 2.0)
    noise = np.array([0.01]), np.array([10.0])
    assert np.isnan(steps.find(values, one, *noise).size[0, 5])
    assert steps.find(values, two, *noise).size[0, 5] == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("count", range(1, steps.WINDOW + 1))
def test_the_error_of_a_step_is_that_of_two_medians(count: int) -> None:
    """The medians of as many values on both sides of a step differ by this much."""
    values = np.zeros((1, 2 * count))
    values[0, count:] = 1.0
    values += np.random.default_rng(15).normal(0, 0.001, values.shape)
    found = find(values, noise=0.001)
    scale, _ = steps.scales(values, np.array([0.001]), np.array([10.0]))
    sides = np.random.default_rng(14).standard_normal((2, 400_000, count))
    usual = np.diff(np.median(sides, axis=2), axis=0).std()
    assert found.error[0, count] / scale[0] == pytest.approx(usual, rel=0.005)


def test_the_scale_is_shrunk_towards_that_of_the_family() -> None:
    rng = np.random.default_rng(7)
    values = np.vstack([rng.normal(0, 0.01, (9, 30)), rng.normal(0, 0.05, (1, 30))])
    scale, degrees = steps.scales(values, np.full(10, np.inf), np.zeros(10))
    own = stats.median_abs_deviation(np.diff(values[-1]), scale="normal") / np.sqrt(2)
    assert np.median(scale[:9]) == pytest.approx(0.01, rel=0.15)
    assert np.median(scale[:9]) < scale[-1] < own
    assert (degrees > steps.PRIOR).all()
