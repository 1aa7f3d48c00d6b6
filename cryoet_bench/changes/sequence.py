"""How far the mean of some log ratios may lie from what was seen: an interval for every moment.

A measurement that stops as soon as it likes what it sees needs an interval that holds at all
moments at once, a confidence sequence. This one is for normal values of unknown variance.

For values x_1 … x_n, their sum S and their sum of squares V,

    M_n = sqrt(c / (n + c)) (1 - S² / ((n + c) V))^(-n/2)

is the likelihood ratio of "the mean is not 0" over "it is 0", where the scale has the right Haar
prior on both sides and the standardized mean the prior N(0, 1/c). It is a test martingale, so it
exceeds 1/a at any moment with probability a at most (Ville). The interval is every m for which the
values less m have not exceeded it.

Sources: T. L. Lai, "On confidence sequences", Annals of Statistics 4 (1976); the normal mixture in
place of his flat one: H. Wang and A. Ramdas, "Anytime-valid t-tests and confidence sequences for
Gaussian means with unknown variance", Sequential Analysis 44 (2025), arXiv:2310.03722.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from cryoet_bench.changes.confirmation import Verdict

LEVEL = 0.01
"""The probability that any interval of one command does not hold."""

_PRIOR = 0.1
"""c: changes of about three standard deviations of a block are what the interval is tuned for."""

_SPREAD, _SPREAD_DEGREES = 0.025, 2
"""What a block's log ratio is taken to vary by before anything is known; for predictions only."""

_NORMAL_95 = 1.645

FARTHEST = 200
"""Blocks beyond which no verdict is predicted."""


@dataclass(frozen=True)
class Estimate:
    """A ratio and how far to trust it, from the log ratios of blocks.

    Attributes
    ----------
    mean, error : float
        Of the log ratios, and its standard error; infinite for fewer than two.
    radius : float
        Half the width of its interval; infinite where there are too few blocks.
    blocks : int
        How many.
    correlation : float or None
        Of neighbouring blocks; None for fewer than three, or where nothing varies.
    """

    mean: float
    error: float
    radius: float
    blocks: int
    correlation: float | None

    @property
    def ratio(self) -> float:
        """The geometric mean of the blocks' ratios."""
        return math.exp(self.mean)

    @property
    def low(self) -> float:
        """Lower end of the ratio's interval."""
        return math.exp(self.mean - self.radius)

    @property
    def high(self) -> float:
        """Upper end of the ratio's interval."""
        return math.exp(min(self.mean + self.radius, 700.0))

    @property
    def is_correlated(self) -> bool:
        """Whether neighbouring blocks are too alike to count as independent.

        The limit is two standard errors of the correlation of independent values.
        """
        return self.correlation is not None and self.correlation > 2 / math.sqrt(self.blocks)

    def leans(self, margin: float, chance: float) -> bool:
        """Tell whether the ratio looks larger by more than does not matter.

        By Student's test, whose verdict holds at one moment only: too weak for a finding, and too
        much to say that nothing was seen.

        Parameters
        ----------
        margin : float
            The relative difference that does not matter.
        chance : float
            The probability at most that equal revisions look so.
        """
        from scipy.special import stdtrit  # noqa: PLC0415

        if self.blocks < 2:
            return False
        least = float(stdtrit(self.blocks - 1, 1 - chance)) * self.error
        return self.mean > max(math.log1p(margin), least)

    def verdict(self, margin: float) -> Verdict:
        """Return the verdict against a relative difference that does not matter.

        A difference that is surely there and surely within the margin is equivalent. As the
        interval narrows, a true difference of less than half the margin ends as equivalent and a
        larger one as changed.
        """
        if self.is_correlated or math.isinf(self.radius):
            return "undecided"
        if abs(self.mean) + self.radius <= math.log1p(margin):
            return "equivalent"
        return "changed" if abs(self.mean) > self.radius else "undecided"


def estimate(values: Sequence[float], level: float) -> Estimate:
    """Return the ratio that some log ratios have in the mean.

    Parameters
    ----------
    values : sequence of float
        Log ratios of blocks, in the order of their measurement.
    level : float
        The probability that the interval ever fails to hold the true mean.
    """
    if not values:
        return Estimate(0.0, math.inf, math.inf, 0, None)
    mean = statistics.fmean(values)
    squares = sum((value - mean) ** 2 for value in values)
    count = len(values)
    error = math.sqrt(squares / (count - 1) / count) if count > 1 else math.inf
    return Estimate(mean, error, radius(count, squares, level), count, correlation(values))


def evidence(values: Sequence[float]) -> float:
    """Return M_n, the evidence against a mean of 0: at any moment an e-value."""
    total, squares, count = sum(values), sum(value**2 for value in values), len(values)
    if not squares:
        return 1.0
    share = 1 - total**2 / ((count + _PRIOR) * squares)
    return math.sqrt(_PRIOR / (count + _PRIOR)) * math.pow(share, -count / 2)


def radius(count: int, squares: float, level: float) -> float:
    """Return half the width of the interval: M_n = 1/level, solved for the mean.

    Parameters
    ----------
    count : int
        How many values.
    squares : float
        Their squared deviations from their mean, summed.
    level : float
        The probability that the interval ever fails.
    """
    wide = count + _PRIOR
    share = 1 - (level**2 * _PRIOR / wide) ** (1 / count)
    room = count - share * wide
    if room <= 0:
        return math.inf
    return math.sqrt(share * wide * squares / (count * room))


def correlation(values: Sequence[float]) -> float | None:
    """Return the correlation of neighbouring values."""
    if len(values) < 3:
        return None
    mean = statistics.fmean(values)
    off = [value - mean for value in values]
    squares = sum(value**2 for value in off)
    return sum(map(float.__mul__, off, off[1:])) / squares if squares else None


def least_blocks(level: float) -> int:
    """Return how many blocks an interval needs at least to have ends."""
    return next(count for count in range(2, FARTHEST) if math.isfinite(radius(count, 1.0, level)))


def detectable(count: int, deviation: float, level: float) -> float:
    """Return the smallest log ratio that is found in 95 of 100 cases.

    Parameters
    ----------
    count : int
        How many blocks.
    deviation : float
        Standard deviation of a block's log ratio.
    level : float
        The probability that the interval ever fails.
    """
    half = radius(count, deviation**2 * (count - 1), level)
    return half + _NORMAL_95 * deviation / math.sqrt(count)


def blocks_to_verdict(values: Sequence[float], level: float, margin: float) -> int:
    """Return how many more blocks are likely to be needed for a verdict.

    It decides what is measured next, and nothing else.
    """
    count = len(values)
    mean = statistics.fmean(values) if values else math.inf
    squares = sum((value - mean) ** 2 for value in values) if values else 0.0
    degrees = max(count - 1, 0) + _SPREAD_DEGREES
    variance = (squares + _SPREAD_DEGREES * _SPREAD**2) / degrees
    inside = math.log1p(margin)
    for number in range(count + 1, FARTHEST):
        half = radius(number, variance * (number - 1), level)
        if abs(mean) > half or abs(mean) + half <= inside:
            return number - count
    return FARTHEST
