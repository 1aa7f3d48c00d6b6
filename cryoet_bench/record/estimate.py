"""The one estimate of a value from its rounds, and of how two of them differ.

A round of a time is one process. Its least sample is what the process takes undisturbed; the
estimate is the geometric mean of these over the rounds, so the ratio of two estimates is the mean
ratio of their rounds. Table, history, site, gate and asv's files all show this number.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

OWN = 0.99
"""A case has noise of its own where its variance is larger than its class's at this confidence."""


def estimate(levels: Sequence[float]) -> float:
    """Return the geometric mean of the rounds' levels; their mean where one is not positive.

    Raises
    ------
    ValueError
        There is no round.
    """
    if not levels:
        raise ValueError("no rounds")
    if min(levels) == max(levels):  # exact values stay exact
        return levels[0]
    if min(levels) <= 0:
        return statistics.fmean(levels)
    return statistics.geometric_mean(levels)


@dataclass(frozen=True)
class Noise:
    """The spread of one log ratio of two rounds.

    Attributes
    ----------
    deviation : float
        Standard deviation of the natural logarithm.
    degrees : int
        Degrees of freedom that it was estimated with.
    """

    deviation: float
    degrees: int


def log_ratios(before: Sequence[float], after: Sequence[float]) -> list[float]:
    """Return the log ratios of the rounds, paired in the order in which they were interleaved.

    Where one side has more rounds, each round is paired with the mean of the other side, so that
    the mean of the result is the log ratio of the two estimates in any case.
    """
    old, new = [math.log(v) for v in before if v > 0], [math.log(v) for v in after if v > 0]
    if not old or not new:
        return []
    if len(old) == len(new):
        return [b - a for a, b in zip(old, new, strict=True)]
    if len(new) > len(old):
        return [value - statistics.fmean(old) for value in new]
    return [statistics.fmean(new) - value for value in old]


def pooled(groups: Sequence[Sequence[float]]) -> Noise:
    """Return the noise that all cases of a class share.

    Few rounds say little about one case, so the cases lend each other their spread: the pooled
    variance of the analysis of variance.
    """
    squares, degrees = 0.0, 0
    for values in groups:
        if len(values) > 1:
            mean = statistics.fmean(values)
            squares += sum((value - mean) ** 2 for value in values)
            degrees += len(values) - 1
    return Noise(math.sqrt(squares / degrees) if degrees else math.inf, degrees)


def noise_of(values: Sequence[float], shared: Noise) -> Noise:
    """Return the noise of one case: that of its class, or its own where that is clearly larger.

    Clearly is the F-test of two variances.
    """
    if len(values) < 2 or not shared.degrees:
        return shared
    from scipy.stats import f  # noqa: PLC0415  (heavy, and asv's interpreter may not have it)

    own = Noise(statistics.stdev(values), len(values) - 1)
    limit = float(f.ppf(OWN, own.degrees, shared.degrees))
    return own if own.deviation**2 > limit * shared.deviation**2 else shared


def interval(values: Sequence[float], noise: Noise, confidence: float) -> tuple[float, float]:
    """Return Student's interval of a ratio from its log ratios.

    Parameters
    ----------
    values : sequence of float
        Log ratios of the rounds.
    noise : Noise
        Of one of them.
    confidence : float
        Such as 0.99.
    """
    from scipy.stats import t  # noqa: PLC0415  (heavy, and asv's interpreter may not have it)

    mean = statistics.fmean(values)
    quantile = float(t.ppf(0.5 + confidence / 2, noise.degrees))
    half = quantile * noise.deviation / math.sqrt(len(values))
    return math.exp(mean - half), math.exp(mean + half)
