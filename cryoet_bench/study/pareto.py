"""Pareto fronts: which configurations no other beats in everything, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.study.results import Results
    from cryoet_bench.study.subject import Subject

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

RESAMPLES = 1000
_FRONTS = 300  # resamples of a front, each of which compares all pairs
_SEED = 14
_FAR = 50.0  # logarithm; two rounds alone are drawn with tails that no number holds

_MEASURED = ("read_s", "write_s", "stored_bytes")
_ERROR = "nrmse"


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
    degrees = np.ones_like(values)
    for column, measure in enumerate(measures):
        if measure in found.noise:
            levels = [found.levels[subject.name, name][measure] for name in names]
            errors[:, column] = [level.error for level in levels]
            degrees[:, column] = [level.degrees or 1 for level in levels]
    noise = draw.standard_t(degrees, (count, *values.shape))
    apart = np.where(np.isfinite(errors), errors, 0) * noise
    repeated: Floats = values * np.exp(np.clip(apart, -_FAR, _FAR))
    return repeated


def shares(repeated: Floats) -> Floats:
    """Return the share of resamples in which each configuration is on the front."""
    total: Floats = np.mean([front(points) for points in repeated], axis=0)
    return total


def front_shares(found: Results, subject: Subject) -> pd.Series[float]:
    """Return the share of resamples in which each usable configuration is on the study's front.

    The front is that of read time, write time, size and error; empty where no times are known yet.
    """
    import pandas as pd  # noqa: PLC0415

    rows = found.of(subject)
    names = usable(rows, _MEASURED)
    if not names:
        return pd.Series(dtype=float)
    repeated = resampled(found, subject, _MEASURED, names, _FRONTS)
    lost = rows.loc[names, _ERROR].fillna(0.0).to_numpy(np.float64)
    error = np.broadcast_to(lost[None, :, None], (*repeated.shape[:2], 1))
    return pd.Series(shares(np.concatenate([repeated, error], axis=2)), index=names, dtype=float)


def usable(rows: Any, measures: Sequence[str]) -> list[str]:
    """Return the configurations that kept their promise and have all measures."""
    have = [measure for measure in measures if measure in rows.columns]
    if len(have) < len(measures):
        return []
    good = rows[rows["status"] == "passed"].dropna(subset=have)
    return list(good.index)
