"""The one estimate of a value from its rounds, and of how two of them differ.

A round of a time is one process, and its least sample is what the process takes undisturbed. But
5 to 10 % of the processes run alongside another guest of the host and are slower as a whole, by a
tenth to a third, and nothing ever makes a process faster. So the estimate is the geometric mean of
the lower half of the rounds: of two or three the least, of six the mean of three. Table, history,
site, gate and asv's files all show this number.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_CLEARLY = 0.99
"""A case has noise of its own where its variance is larger than its class's at this confidence."""

_VARIANCES = (
    1.0, 0.68169, 0.55947, 0.33584, 0.30193, 0.22395, 0.20822, 0.16824, 0.15917, 0.13481
)  # fmt: skip
"""Of the mean of the lower half of one to ten standard normal values.

That of two is 1 - 1/pi, of three 1 + (2 sqrt(3) - 9) / (4 pi). H. L. Jones, Annals of Mathematical
Statistics 19 (1948), doi:10.1214/aoms/1177730253, gives the moments of up to four in closed form;
the others are integrated numerically.
"""

_MANY = 1 - 1 / math.pi
"""What that variance times the number in the half tends to, from below: of eleven it is 0.64.

The variance of the influence function of the mean below the median; Huber, Robust Statistics, 1981,
section 3.3, gives it for any linear combination of order statistics.
"""

_MEDIAN_OF_DIFFERENCES = statistics.NormalDist(0, math.sqrt(2)).inv_cdf(0.75)
"""Median of the absolute difference of two standard normal values."""

_EFFICIENCY = 0.86
"""Of that median as an estimate of the spread, against the standard deviation: Bickel and Lehmann,
Descriptive statistics for nonparametric models IV: Spread, 1979."""


def estimate(levels: Sequence[float]) -> float:
    """Return the geometric mean of the lower half of the rounds' levels.

    Where one of them is not positive it is their arithmetic mean.

    Raises
    ------
    ValueError
        There is no round.
    """
    if not levels:
        raise ValueError("no rounds")
    lower = sorted(levels)[: half(len(levels))]
    if lower[0] == lower[-1]:  # exact values stay exact
        return lower[0]
    return statistics.geometric_mean(lower) if lower[0] > 0 else statistics.fmean(lower)


def variance(rounds: int) -> float:
    """Return the variance of an estimate's logarithm, in variances of a round's."""
    return _VARIANCES[rounds - 1] if rounds <= len(_VARIANCES) else _MANY / half(rounds)


def half(rounds: int) -> int:
    """Return how many rounds are the lower half."""
    return max(1, rounds // 2)


@dataclass(frozen=True)
class Noise:
    """The spread of the rounds of a case.

    Attributes
    ----------
    deviation : float
        Standard deviation of the natural logarithm of a round's level.
    degrees : float
        Degrees of freedom that it was estimated with.
    """

    deviation: float
    degrees: float


def pooled(series: Iterable[Sequence[float]]) -> Noise:
    """Return the noise that all series of a class share, from the levels of their rounds.

    Few rounds say little about one case, so the cases lend each other their spread: the median
    over all pairs of rounds of one case, which a disturbed process in ten does not move.
    """
    series = [levels for levels in series if len(levels) > 1 and min(levels) > 0]
    degrees = sum(len(levels) - 1 for levels in series)
    if not degrees:
        return Noise(math.inf, 0)
    found = [
        abs(math.log(one / other))
        for levels in series
        for one, other in itertools.combinations(levels, 2)
    ]
    return Noise(statistics.median(found) / _MEDIAN_OF_DIFFERENCES, _EFFICIENCY * degrees)


def noise_of(series: Sequence[Sequence[float]], shared: Noise) -> Noise:
    """Return the noise of one case: that of its class, or its own where that is clearly larger.

    Clearly is the F-test of two variances.

    Parameters
    ----------
    series : sequence of sequence of float
        The levels of the case, on each revision that is compared.
    shared : Noise
        Of its class.
    """
    own = pooled(series)
    if not own.degrees or not shared.degrees:
        return shared
    from scipy.stats import f  # noqa: PLC0415  (heavy, and asv's interpreter may not have it)

    limit = float(f.ppf(_CLEARLY, own.degrees, shared.degrees))
    return own if own.deviation**2 > limit * shared.deviation**2 else shared


def interval(
    before: Sequence[float], after: Sequence[float], noise: Noise, confidence: float
) -> tuple[float, float]:
    """Return Student's interval of the ratio of two estimates.

    Parameters
    ----------
    before, after : sequence of float
        The levels of the rounds, at least two each, all positive.
    noise : Noise
        Of each of them.
    confidence : float
        Such as 0.99.
    """
    from scipy.stats import t  # noqa: PLC0415  (heavy, and asv's interpreter may not have it)

    ratio = math.log(estimate(after) / estimate(before))
    error = noise.deviation * math.sqrt(variance(len(before)) + variance(len(after)))
    reach = float(t.ppf(0.5 + confidence / 2, noise.degrees)) * error
    return math.exp(ratio - reach), math.exp(ratio + reach)
