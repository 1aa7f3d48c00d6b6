"""Pareto fronts: which configurations no other beats in everything, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cryoet_bench.study.subject import Subject
    from cryoet_bench.study.tables import Results

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

RESAMPLES = 1000
_SEED = 14


def front(values: npt.ArrayLike) -> Flags:
    """Return which rows are on the Pareto front; lower is better in every column.

    A row is off the front where another is nowhere worse and somewhere better; equal rows are both
    on it. Written out: `moocore`, the tests' oracle, would be a dependency for three lines.
    """
    points = np.asarray(values, np.float64)
    nowhere_worse = (points[:, None] <= points[None]).all(axis=2)
    somewhere_better = (points[:, None] < points[None]).any(axis=2)
    dominated: Flags = (nowhere_worse & somewhere_better).any(axis=0)
    return ~dominated


def resampled(
    found: Results,
    subject: Subject,
    measures: Sequence[str],
    names: Sequence[str],
    count: int = RESAMPLES,
) -> Floats:
    """Return what the measures might have been, had the study been repeated.

    Each time is its estimate times a draw of Student's distribution with its standard error, a
    parametric bootstrap: three rounds are too few to draw from themselves. Exact values stay.

    Parameters
    ----------
    found : Results
        The study.
    subject : Subject
        One of its tomograms.
    measures, names : sequence of str
        Columns of the summary, and configurations.
    count : int
        How many times.

    Returns
    -------
    numpy.ndarray, shape (count, configurations, measures)
    """
    draw = np.random.default_rng(_SEED)
    rows = found.of(subject).loc[list(names)]
    values = np.array([rows[measure].to_numpy(np.float64) for measure in measures]).T
    errors = np.zeros_like(values)
    degrees = np.full(len(measures), np.inf)
    for column, measure in enumerate(measures):
        if measure in found.noise:
            degrees[column] = found.noise[measure].degrees or 1
            errors[:, column] = [found.levels[subject.name, name][measure].error for name in names]
    finite = np.where(np.isfinite(degrees), degrees, 1e6)
    noise = draw.standard_t(finite, (count, *values.shape))
    repeated: Floats = values * np.exp(np.where(np.isfinite(errors), errors, 0) * noise)
    return repeated


def shares(repeated: Floats) -> Floats:
    """Return the share of resamples in which each configuration is on the front."""
    total: Floats = np.mean([front(points) for points in repeated], axis=0)
    return total


def usable(rows: Any, measures: Sequence[str]) -> list[str]:
    """Return the configurations that kept their promise and have all measures."""
    have = [measure for measure in measures if measure in rows.columns]
    if len(have) < len(measures):
        return []
    good = rows[rows["status"] == "passed"].dropna(subset=have)
    return list(good.index)
