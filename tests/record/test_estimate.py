"""How far an estimate is from the truth: by simulation, and by integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cryoet_bench.record.estimate import estimate, variance


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 5, 6, 10, 40])
def test_the_variance_is_that_of_estimates(rounds: int) -> None:
    levels = np.random.default_rng(rounds).lognormal(0, 1, (20_000, rounds)).tolist()
    usual = np.var([math.log(estimate(one)) for one in levels])
    assert variance(rounds) == pytest.approx(usual, rel=0.04)  # four standard errors


@pytest.mark.parametrize("rounds", range(1, 11))
def test_the_variance_of_few_rounds_is_exact(rounds: int) -> None:
    assert variance(rounds) == pytest.approx(integrated(rounds), abs=6e-6)


@pytest.mark.parametrize("rounds", [11, 12, 15, 24, 39])
def test_the_variance_of_many_rounds_is_a_little_too_large(rounds: int) -> None:
    assert 1 < variance(rounds) / integrated(rounds) < 1.06


def test_the_variance_of_very_many_rounds() -> None:
    """The values below the median are half-normal, and the median varies, too."""
    below = stats.halfnorm
    assert 500 * variance(1000) == pytest.approx(below.var() + below.mean() ** 2 / 2)


def integrated(rounds: int) -> float:
    """Return the variance of the mean of the lower half of standard normal values.

    Given the least value above the half, those of the half are independent, each normal and cut
    off there: the mean of their variance, and the variance of their mean.
    """
    if rounds == 1:
        return 1.0
    half = rounds // 2
    shares = (np.arange(100_000) + 0.5) / 100_000
    below = stats.beta(half + 1, rounds - half).ppf(shares)  # the share of values below that one
    edge = stats.norm.ppf(below)
    mean = -stats.norm.pdf(edge) / below
    spread = 1 + edge * mean - mean**2
    return float(spread.mean() / half + mean.var())
