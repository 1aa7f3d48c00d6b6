"""Where a time changed: every release against the local level of its neighbours on the line.

A row is a series (a case of a benchmark), a column a release, a value the logarithm of the
estimate; a release that has none is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

WINDOW = 5
"""How many releases on either side make the local level."""

_PENALTY = 10.0
"""What a further step must explain, in variances of a value: above 2 ln(45), the usual one."""

_PRIOR = 6.0
"""Degrees of freedom that a class lends to each of its series."""

_NORMAL = 1.4826  # median absolute deviation of the normal distribution, inverted


@dataclass(frozen=True)
class Steps:
    """The step of every series at every release.

    Attributes
    ----------
    size : numpy.ndarray
        Log ratio of the level from there on to the level before; NaN where there is none.
    error : numpy.ndarray
        Its standard error.
    degrees : numpy.ndarray
        Of freedom of each series' scale, shape (series, 1).
    """

    size: Floats
    error: Floats
    degrees: Floats

    @property
    def score(self) -> Floats:
        """The step in standard errors."""
        return self.size / self.error


def find(values: Floats, noise: Floats, noise_degrees: Floats) -> Steps:
    """Return the steps of the series of one class.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (series, releases).
    noise : numpy.ndarray
        Standard deviation of one value, from its rounds, for each series; NaN if unknown.
    noise_degrees : numpy.ndarray
        Degrees of freedom of `noise`.
    """
    import numpy as np  # noqa: PLC0415

    scale, degrees = moderated(values, noise, noise_degrees)
    starts = _segments(values / scale[:, None])
    size, error = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    for row, value in enumerate(values):
        known = np.flatnonzero(np.isfinite(value))
        for place in range(1, len(known)):
            before, after = _neighbours(known, starts[row], place)
            size[row, known[place]] = np.median(value[after]) - np.median(value[before])
            spread = np.sqrt(_of_median(len(before)) + _of_median(len(after)))
            error[row, known[place]] = scale[row] * spread
    return Steps(size, error, degrees[:, None])


def moderated(values: Floats, noise: Floats, noise_degrees: Floats) -> tuple[Floats, Floats]:
    """Return the standard deviation of one value of each series, and its degrees of freedom.

    Each series' own scale, robust against the few releases that changed it, is shrunk towards
    that of its class (the moderated variance of Smyth 2004, doi:10.2202/1544-6115.1027).
    """
    import numpy as np  # noqa: PLC0415

    own = np.full(len(values), np.nan)
    degrees = np.zeros(len(values))
    for row, value in enumerate(values):
        known = value[np.isfinite(value)]
        if len(known) > 3:
            jumps = np.diff(known)
            own[row] = _NORMAL * np.median(np.abs(jumps - np.median(jumps))) / np.sqrt(2)
            degrees[row] = 0.37 * len(jumps)
    pooled = np.where(np.isfinite(own), own, noise)
    degrees = np.where(np.isfinite(own), degrees, noise_degrees)
    usable = np.isfinite(pooled) & (pooled > 0)
    if not usable.any():
        return np.full(len(values), np.nan), degrees
    shared = float(np.median(pooled[usable]))
    mixed = np.where(usable, degrees * pooled**2 + _PRIOR * shared**2, _PRIOR * shared**2)
    total = np.where(usable, degrees, 0) + _PRIOR
    return np.sqrt(mixed / total), total


def _segments(scaled: Floats) -> list[set[int]]:
    """Return, for each series, the columns at which a new level starts.

    Optimal partitioning (Jackson et al. 2005, doi:10.1109/LSP.2001.838216) of all series at once.
    """
    import numpy as np  # noqa: PLC0415

    rows, columns = scaled.shape
    known = np.isfinite(scaled)
    filled = np.where(known, scaled, 0.0)
    total = np.concatenate([np.zeros((rows, 1)), np.cumsum(filled, axis=1)], axis=1)
    square = np.concatenate([np.zeros((rows, 1)), np.cumsum(filled**2, axis=1)], axis=1)
    count = np.concatenate([np.zeros((rows, 1)), np.cumsum(known, axis=1)], axis=1)
    best = np.zeros((rows, columns + 1))
    origin = np.zeros((rows, columns + 1), dtype=int)
    best[:, 0] = -_PENALTY
    for end in range(1, columns + 1):
        number = count[:, [end]] - count[:, :end]
        sums = total[:, [end]] - total[:, :end]
        squares = square[:, [end]] - square[:, :end]
        cost = best[:, :end] + squares - sums**2 / np.maximum(number, 1) + _PENALTY
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


def _neighbours(
    known: npt.NDArray[np.int_], starts: set[int], place: int
) -> tuple[list[int], list[int]]:
    """Return the columns that make the levels before and from a release on."""
    before: list[int] = []
    for column in known[:place][::-1][:WINDOW]:
        before.append(int(column))
        if column in starts:
            break
    after: list[int] = []
    for column in known[place:][:WINDOW]:
        if after and column in starts:
            break
        after.append(int(column))
    return before, after


def _of_median(count: int) -> float:
    """Return the variance of the median of some normal values, in variances of one."""
    return 1 / count if count < 3 else 1.2533**2 / (count + 1)
