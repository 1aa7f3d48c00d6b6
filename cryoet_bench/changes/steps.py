"""Where a time changed: every release against the local level of its neighbours on the line.

A row is a series (a case of a benchmark), a column a release, a value the logarithm of the
estimate; where a release has none it is NaN. The rows of one benchmark are a family: a release
that changes one of them usually changes others too, so the family is judged first.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from cryoet_bench.record.estimate import half

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

WINDOW = 5
"""How many releases on either side make the local level, at most; a step ends it."""

PRIOR = 6.0
"""Degrees of freedom that a family lends to the scale of each of its series."""

_HISTORY = 8
"""Jumps between neighbours from which on they tell the scale; before, the rounds do."""

_PENALTY = 12.0
"""What a further step must explain, in variances of a value; 2 ln(45) = 7.6 is the usual one."""

_LIMIT = 4.0
"""No series counts for more standard errors in the mean of its family."""

DISTURBED = 0.05
"""The share of processes that are slower as a whole, by up to `_DISTURBANCE`."""

_DISTURBANCE = math.log(1.3)

_OF_MEDIAN = (1.0, 0.5, 0.44867, 0.29820, 0.28683)
"""Variance of the median of one to five standard normal values.

That of three is 1 - sqrt(3)/pi. H. L. Jones, Annals of Mathematical Statistics 19 (1948),
doi:10.1214/aoms/1177730253, gives the moments of up to four in closed form; that of five is
integrated numerically.
"""

_NORMAL = 1.4826  # turns a median absolute deviation into a standard deviation
_EFFICIENCY = 0.37  # of that estimate: so many degrees of freedom is a value worth


@dataclass(frozen=True)
class Steps:
    """What every release did to the series of a family.

    Attributes
    ----------
    values : numpy.ndarray
        What was judged: logarithms, shape (series, releases); NaN where there is no value.
    before, after : numpy.ndarray
        Local levels of the same shape; NaN where there is no step to judge.
    error : numpy.ndarray
        Standard error of their difference.
    degrees : numpy.ndarray
        Degrees of freedom of the error, for each series.
    chance : numpy.ndarray
        How likely disturbed processes alone make such a step; zero where it is too large for that.
    """

    values: Floats
    before: Floats
    after: Floats
    error: Floats
    degrees: Floats
    chance: Floats

    @property
    def size(self) -> Floats:
        """The steps, as log ratios."""
        return self.after - self.before

    @property
    def score(self) -> Floats:
        """The steps in standard errors."""
        return self.size / self.error

    @cached_property
    def p_values(self) -> Floats:
        """How likely steps of this size are without any change: by Student's t, or by chance."""
        import numpy as np  # noqa: PLC0415
        from scipy import stats  # noqa: PLC0415

        usual = 2 * stats.t.sf(np.abs(self.score), self.degrees[:, None])
        found: Floats = np.maximum(usual, self.chance)
        return found

    def family_p_values(self) -> Floats:
        """Return, for each release, how likely its steps are if it changed none of the series.

        Twice the lesser of two: Simes' test, which sees a change of a few series, and a test of
        the mean step, which sees a small change of all. What the family's series share from one
        release to the next (the machine, not the sampling) widens the second.
        """
        import numpy as np  # noqa: PLC0415
        from scipy import stats  # noqa: PLC0415

        p, score = self.p_values, self.score
        known = np.isfinite(score)
        count = known.sum(axis=0)
        ranks = np.arange(1, len(p) + 1)[:, None]
        ordered = np.sort(np.where(known, p, 1), axis=0)
        simes = np.where(ranks <= count, ordered * count / ranks, 1).min(axis=0, initial=1)
        limited = np.where(known, np.clip(score, -_LIMIT, _LIMIT), 0)
        together = limited.sum(axis=0) / np.sqrt(np.maximum(count, 1))
        judged = int((count > 0).sum())
        usual = _robust(together[count > 0]) if judged >= _HISTORY else 1.0
        degrees = PRIOR + _EFFICIENCY * judged
        mean = 2 * stats.t.sf(np.abs(together) / max(1.0, usual), degrees)
        found: Floats = np.where(count > 0, np.minimum(1, 2 * np.minimum(simes, mean)), np.nan)
        return found

    def smallest(self, p_value: float, power: float) -> float:
        """Return the factor of a change of one series that is found at its newest release.

        Parameters
        ----------
        p_value : float
            That it must reach.
        power : float
            How often it does.
        """
        import numpy as np  # noqa: PLC0415
        from scipy import stats  # noqa: PLC0415

        found = []
        for error, degrees in zip(self.error, self.degrees, strict=True):
            known = error[np.isfinite(error)]
            if len(known):
                needed = stats.t.isf(p_value / 2, degrees) + stats.t.ppf(power, degrees)
                found.append(known[-1] * needed)
        return math.exp(float(np.median(found))) if found else math.inf


def find(
    values: Floats,
    rounds: Floats,
    noise: Floats,
    noise_degrees: Floats,
    disturbed: float = DISTURBED,
) -> Steps:
    """Return the steps of a family's series.

    No level rests on a single process, which may be slower as a whole.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (series, releases).
    rounds : numpy.ndarray
        How many processes each value was measured in.
    noise : numpy.ndarray
        Standard deviation of one value as its rounds tell it, for each series; infinite if they
        tell nothing.
    noise_degrees : numpy.ndarray
        Degrees of freedom of `noise`.
    disturbed : float
        The share of processes that are slower as a whole: with none, no step is due to them.
    """
    import numpy as np  # noqa: PLC0415

    scale, degrees = scales(values, noise, noise_degrees)
    before, after, error, chance = (np.full(values.shape, np.nan) for _ in range(4))
    judged = np.flatnonzero(np.isfinite(scale) & np.isfinite(values).any(axis=1))
    starts = _starts(values[judged] / scale[judged, None])
    for row, own in zip(judged, starts, strict=True):
        known = np.flatnonzero(np.isfinite(values[row])).tolist()
        value, count = values[row, known].tolist(), rounds[row, known].tolist()
        for place in range(1, len(known)):
            first, last = _neighbours(known, own, place)
            sides = slice(first, place), slice(place, last)
            if min(sum(count[side]) for side in sides) < 2:
                continue
            old, new = (statistics.median(value[side]) for side in sides)
            variance = _of_median(place - first) + _of_median(last - place)
            column = known[place]
            before[row, column], after[row, column] = old, new
            error[row, column] = scale[row] * math.sqrt(variance)
            slower = count[sides[new > old]]
            is_small = abs(new - old) < _DISTURBANCE
            chance[row, column] = _chance(slower, disturbed) if is_small else 0.0
    return Steps(values, before, after, error, degrees, chance)


def _chance(rounds: Sequence[float], disturbed: float) -> float:
    """Return how likely disturbed processes make the level of some releases, from their rounds.

    The lower half of a release's rounds must have one, and so must half of the releases.
    """
    each = [_tail(int(number), disturbed, int(number) - half(int(number)) + 1) for number in rounds]
    return _tail(len(each), statistics.fmean(each), (len(each) + 1) // 2)


@cache
def _tail(count: int, chance: float, least: int) -> float:
    """Return the probability of at least so many of some independent events."""
    return math.fsum(
        math.comb(count, number) * chance**number * (1 - chance) ** (count - number)
        for number in range(least, count + 1)
    )


def scales(values: Floats, noise: Floats, noise_degrees: Floats) -> tuple[Floats, Floats]:
    """Return the standard deviation of one value of each series, and its degrees of freedom.

    A series' own scale is that of its jumps between neighbours, robust against the few that are
    changes; while there are few neighbours, that of its rounds. It is shrunk towards the median
    of its family, the moderated variance of Smyth (2004, doi:10.2202/1544-6115.1027).
    """
    import numpy as np  # noqa: PLC0415

    own, degrees = noise.copy(), noise_degrees.astype(float)
    for row, value in enumerate(values):
        jumps = np.diff(value[np.isfinite(value)])
        if len(jumps) >= _HISTORY:
            own[row], degrees[row] = _robust(jumps) / math.sqrt(2), _EFFICIENCY * len(jumps)
    usable = np.isfinite(own) & (degrees > 0)
    if not usable.any():
        return np.full(len(values), np.nan), degrees
    shared = float(np.median(own[usable]))
    own, degrees = np.where(usable, own, 0), np.where(usable, degrees, 0)
    squares = degrees * own**2 + PRIOR * shared**2
    total = degrees + PRIOR
    scale = np.sqrt(squares / total)
    return np.where(scale > 0, scale, np.nan), total


def _robust(values: Floats) -> float:
    """Return the standard deviation of some values, of which a few are outliers."""
    import numpy as np  # noqa: PLC0415

    if not len(values):
        return 0.0
    return float(_NORMAL * np.median(np.abs(values - np.median(values))))


def _starts(scaled: Floats) -> list[set[int]]:
    """Return at which columns a new level starts, in each series or in all of them together."""
    import numpy as np  # noqa: PLC0415

    rows = len(scaled)
    if rows < 2:
        return _partition(scaled)
    known = np.isfinite(scaled)
    centred = np.where(known, scaled - np.nanmedian(scaled, axis=1, keepdims=True), 0)
    count = known.sum(axis=0)
    together = centred.sum(axis=0) / np.sqrt(np.maximum(count, 1))
    usual = max(1.0, _robust(np.diff(together[count > 0])) / math.sqrt(2))
    together[count == 0] = np.nan
    (shared,) = _partition(together[None, :] / usual)
    return [own | shared for own in _partition(scaled)]


def _partition(scaled: Floats) -> list[set[int]]:
    """Return at which columns a new level of each series starts, given values of variance 1.

    Optimal partitioning (Jackson and others 2005, doi:10.1109/LSP.2001.838216), of all series at
    once.
    """
    import numpy as np  # noqa: PLC0415

    rows, columns = scaled.shape
    known = np.isfinite(scaled)
    filled = np.where(known, scaled, 0.0)
    total, square, count = (
        np.concatenate([np.zeros((rows, 1)), np.cumsum(terms, axis=1)], axis=1)
        for terms in (filled, filled**2, known)
    )
    best = np.zeros((rows, columns + 1))
    origin = np.zeros((rows, columns + 1), dtype=int)
    for end in range(1, columns + 1):
        number = count[:, [end]] - count[:, :end]
        squares = square[:, [end]] - square[:, :end]
        spread = squares - (total[:, [end]] - total[:, :end]) ** 2 / np.maximum(number, 1)
        cost = best[:, :end] + spread + _PENALTY
        origin[:, end] = cost.argmin(axis=1)
        best[:, end] = cost.min(axis=1)
    found = []
    for row in range(rows):
        starts, end = set(), columns
        while end > 0:
            end = int(origin[row, end])
            starts.add(end)
        found.append(starts)
    return found


def _neighbours(known: Sequence[int], starts: set[int], place: int) -> tuple[int, int]:
    """Return where the levels before and from a place on begin and end, among known columns."""
    first = place - 1
    while first > max(0, place - WINDOW) and not _between(known[first - 1], known[first], starts):
        first -= 1
    last = place + 1
    while last < min(len(known), place + WINDOW) and not _between(
        known[last - 1], known[last], starts
    ):
        last += 1
    return first, last


def _between(before: int, column: int, starts: set[int]) -> bool:
    """Tell whether a new level starts after one column, up to another."""
    return any(start in starts for start in range(before + 1, column + 1))


def _of_median(count: int) -> float:
    """Return the variance of the median of some normal values, in variances of one of them."""
    return _OF_MEDIAN[count - 1]
