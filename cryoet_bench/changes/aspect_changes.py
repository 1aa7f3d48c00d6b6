"""Any two releases against each other, one aspect at a time.

An aspect has many cases that a release moves together. Its value is their geometric mean, over the
cases that one suite measured on both releases, and its noise the spread of that mean between the
rounds of one release: what all cases of a round share (the drift of the machine) is in it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from cryoet_bench.changes.aspects import Facet
from cryoet_bench.changes.comparison import CONFIDENCE, ENOUGH_DEGREES, Shift, shift
from cryoet_bench.record.benchmark import Benchmark, Tier, words
from cryoet_bench.record.estimate import Noise, estimate, interval, pooled
from cryoet_bench.record.journal import Journal, Outcome

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.intp]

Verdict = Literal[Shift, "unclear"]


@dataclass(frozen=True)
class AspectChange:
    """One aspect on two releases.

    Attributes
    ----------
    ratio : float
        Geometric mean of the cases' ratios, the newer over the older.
    verdict : str
        "unclear" is a time measured too few times to tell.
    interval : tuple of float or None
        Of the ratio; None for exact metrics.
    before : float or None
        Of times, the geometric mean of the cases of the older, in seconds.
    """

    ratio: float
    verdict: Verdict
    interval: tuple[float, float] | None = None
    before: float | None = None


@dataclass(frozen=True)
class _Levels:
    """One facet, by revision and case.

    Attributes
    ----------
    values : numpy.ndarray
        Natural logarithms of the estimates, NaN where there is none.
    rounds : list of int
        How many rounds each revision has.
    noise : Noise
        Of the mean over the cases in one round.
    timed : bool
        Whether the metric has noise.
    tolerance : numpy.ndarray
        Relative difference within which two exact values of a case are the same.
    wait : numpy.ndarray
        The one difference of two counts of a case that is chance.
    suites : numpy.ndarray
        A number for each suite that measured, of the shape of the values.
    """

    values: Floats
    rounds: list[int]
    noise: Noise
    timed: bool
    tolerance: Floats
    wait: Floats
    suites: Integers


class AspectChanges:
    """Each of some revisions against each other one.

    Parameters
    ----------
    benchmarks : sequence of Benchmark
        Of the suite.
    journals : mapping of str to Journal
        By the name of the revision, in the order of the timeline.
    facets : sequence of Facet
        What is compared.
    """

    def __init__(
        self,
        benchmarks: Sequence[Benchmark],
        journals: Mapping[str, Journal],
        facets: Sequence[Facet],
    ) -> None:
        self.revisions = list(journals)
        self.facets = list(facets)
        self._levels = _levels(benchmarks, journals, facets)
        self._tables: dict[str, list[list[AspectChange | None]]] = {}

    def compare(self, facet: Facet, before: str, after: str) -> AspectChange | None:
        """Return how one revision compares with another; None where no suite measured both."""
        old, new = (self.revisions.index(name) for name in (before, after))
        return self.all_of(facet)[old][new]

    def all_of(self, facet: Facet) -> list[list[AspectChange | None]]:
        """Return every revision (inner) against every other (outer), in their order."""
        if facet.key not in self._tables:
            self._tables[facet.key] = _table(self._levels[facet.key])
        return self._tables[facet.key]

    def best(self, facet: Facet) -> str | None:
        """Return the revision that no other betters; None where nothing was measured."""
        table = self.all_of(facet)
        measured = [k for k, row in enumerate(table) if row[k] is not None]
        if not measured:
            return None

        def lead(k: int) -> float:
            ratios = [change.ratio for change in table[k] if change is not None]
            return sum(map(math.log, ratios)) / len(ratios)

        return self.revisions[max(measured, key=lead)]


def _levels(
    benchmarks: Sequence[Benchmark], journals: Mapping[str, Journal], facets: Sequence[Facet]
) -> dict[str, _Levels]:
    import numpy as np  # noqa: PLC0415

    measured: dict[str, list[dict[str, Outcome]]] = {}
    for benchmark in benchmarks:
        known = [journal.outcomes(benchmark) for journal in journals.values()]
        measured[benchmark.name] = [
            {words(case): outcome for case, outcome in one.items() if outcome.value}
            for one in known
        ]
    found = {}
    for facet in facets:
        own = [one for one in benchmarks if one.name in facet.aspect.benchmarks]
        cases = _cases(facet, own)
        values = np.full((len(journals), len(cases)), np.nan)
        suites: list[list[str]] = []
        series = []
        for row in range(len(journals)):
            outcomes = [measured[benchmark.name][row].get(case) for benchmark, case in cases]
            levels = [one.levels for one in outcomes if one]
            values[row, [bool(one) for one in outcomes]] = [
                math.log(estimate(one)) for one in levels
            ]
            suites.append([one.suite if one else "" for one in outcomes])
            series.append(
                [statistics.geometric_mean(one) for one in zip(*levels, strict=False)]
            )  # of the rounds that all cases have
        found[facet.key] = _Levels(
            values=values,
            rounds=[len(one) for one in series],
            noise=pooled(series),
            timed=any(benchmark.is_timed for benchmark in own),
            tolerance=np.array([benchmark.tolerance(case) for benchmark, case in cases]),
            wait=np.array([benchmark.wait for benchmark, _ in cases], float),
            suites=np.unique(suites, return_inverse=True)[1].reshape(values.shape),
        )
    return found


def _cases(facet: Facet, benchmarks: Sequence[Benchmark]) -> list[tuple[Benchmark, str]]:
    """Return the cases of a facet; of times those of the core, where it has any.

    Other times are measured in fewer rounds, and a mean is as sure as the rounds that all have.
    """

    def of(tier: Tier) -> list[tuple[Benchmark, str]]:
        return [
            (one, case)
            for one in benchmarks
            for case in map(words, one.cases_of(tier))
            if facet.covers(one.name, case)
        ]

    is_timed = any(one.is_timed for one in benchmarks)
    return (of("core") if is_timed else []) or of("full")


def _table(levels: _Levels) -> list[list[AspectChange | None]]:
    import numpy as np  # noqa: PLC0415

    steps = levels.values[None, :, :] - levels.values[:, None, :]
    shared = ~np.isnan(steps) & (levels.suites[None, :, :] == levels.suites[:, None, :])
    count = shared.sum(axis=2)
    mean = np.where(shared, steps, 0.0).sum(axis=2) / np.maximum(count, 1)
    older = np.where(shared, levels.values[:, None, :], 0.0).sum(axis=2) / np.maximum(count, 1)
    exact = np.exp(levels.values)
    apart = np.abs(exact[None, :, :] - exact[:, None, :])
    same = (np.abs(np.expm1(steps)) <= levels.tolerance + 1e-12) | np.isclose(apart, levels.wait)
    moved = (shared & ~same).any(axis=2)

    def change(old: int, new: int) -> AspectChange | None:
        if not count[old, new]:
            return None
        if not levels.timed:
            return _exact(float(mean[old, new]), bool(moved[old, new]))
        uncertain = half(levels.rounds[old], levels.rounds[new])
        return _timed(float(mean[old, new]), uncertain, math.exp(older[old, new]))

    @cache
    def half(before: int, after: int) -> float:
        """Return half the width of the interval of a logarithm, from the numbers of rounds."""
        if min(before, after) < 2 or levels.noise.degrees < ENOUGH_DEGREES:
            return math.inf
        _, high = interval([1.0] * before, [1.0] * after, levels.noise, CONFIDENCE)
        return math.log(high)

    every = range(len(levels.values))
    return [[change(old, new) for new in every] for old in every]


def _exact(mean: float, moved: bool) -> AspectChange:
    if not moved:
        return AspectChange(math.exp(mean), "same")
    return AspectChange(math.exp(mean), "worse" if mean > 0 else "better")


def _timed(mean: float, half: float, before: float) -> AspectChange:
    ratio = math.exp(mean)
    if math.isinf(half):
        return AspectChange(ratio, "unclear", None, before)
    bounds = math.exp(mean - half), math.exp(mean + half)
    return AspectChange(ratio, shift(ratio, bounds), bounds, before)
