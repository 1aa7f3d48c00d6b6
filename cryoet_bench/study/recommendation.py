"""The recommendation: what to write for a use, how sure that is, and what being wrong costs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.quality.check import several
from cryoet_bench.study import whole
from cryoet_bench.study.pareto import resampled, usable
from cryoet_bench.study.uses import UseCase

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.study.results import Results
    from cryoet_bench.study.subject import Subject

Floats = npt.NDArray[np.float64]

CLEAR = 0.8
"""Share of resamples that a choice has to win: below it there is no clear winner."""

_TIED = 0.05  # a configuration that wins a twentieth of the resamples is one of those that tie
_PARTIAL = 0.5  # with less than half of its weight measured, a use is judged by something else
_NAMED = 3  # so many of those that tie are named in a sentence
_ROUNDS = 4  # that the one estimator makes the most of


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a recommendation has to keep to.

    Parameters
    ----------
    use : UseCase
        What the volume is stored for.
    store : str or None
        Takes the place of the use case's store.
    min_fsc : float or None
        Least Fourier shell correlation within the band.
    profile : str or None
        Takes the place of the use case's profile.
    lossless : bool
        Every bit is kept.
    """

    use: UseCase
    store: str | None = None
    min_fsc: float | None = None
    profile: str | None = None
    lossless: bool = False

    @property
    def place(self) -> str:
        """The store that volumes lie on."""
        return self.store or self.use.store


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What to write.

    Parameters
    ----------
    demand : Demand
        What was asked for.
    subject : str
        Tomogram that it was measured on.
    choice, runner_up : str
        Names of configurations; the runner-up is empty where the choice is the only one.
    certainty : float
        Share of resamples in which the choice is best.
    tied : tuple of str
        Configurations that are best in a twentieth of the resamples at least, the choice first.
    regret : float
        What the choice is expected to cost against the best one, as a factor less 1: the mean over
        the resamples.
    scores : mapping of str to float
        Weighted mean logarithm of the measures, of all candidates, least best.
    weights : mapping of str to float
        Of the measures that the study has.
    against : mapping of str to float
        Measures of the runner-up divided by those of the choice.
    rejected : mapping of str to int
        How many configurations were left out, by reason.
    unmeasured : mapping of str to float
        Weights of the measures that the use asks for and the study has not.
    setting : str
        What the times hold, in words.
    """

    demand: Demand
    subject: str
    choice: str
    runner_up: str
    certainty: float
    tied: tuple[str, ...]
    regret: float
    scores: Mapping[str, float]
    weights: Mapping[str, float]
    against: Mapping[str, float]
    rejected: Mapping[str, int]
    unmeasured: Mapping[str, float] = field(default_factory=dict)
    setting: str = ""

    @property
    def is_clear(self) -> bool:
        """Whether there is a clear winner, by measures that make up most of the weight."""
        return round(self.certainty, 2) >= CLEAR and not self.is_partial  # NaN is not

    @property
    def is_partial(self) -> bool:
        """Whether what the use is mostly about was not measured."""
        return sum(self.unmeasured.values()) > _PARTIAL

    @property
    def verdict(self) -> str:
        """How sure the choice is, in a few words."""
        if self.is_partial:
            return "not measured"
        if math.isnan(self.certainty):
            return "unknown"
        return f"{100 * self.certainty:.0f} %{'' if self.is_clear else ', no clear winner'}"

    @property
    def sentence(self) -> str:
        """The recommendation in words."""
        use = self.demand.use
        if self.is_partial:
            patterns = [name.removesuffix("_s").replace("_", "-") for name in self.unmeasured]
            return (
                f"{self.choice} is the best for {use.name} by what was measured, but "
                f"{' and '.join(patterns)} were not, which are "
                f"{100 * sum(self.unmeasured.values()):.0f} % of this use: measure them with "
                f"--access {','.join(patterns)}."
            )
        if math.isnan(self.certainty):
            return (
                f"{self.choice} was the best for {use.name} ({use.purpose}) in the only round, "
                f"which does not show how sure that is: measure with --repeats {_ROUNDS}."
            )
        lag = f" On average over all of them it is {100 * self.regret:.1f} % behind the best."
        behind = lag if self.regret >= 5e-4 else ""
        often = f"{100 * self.certainty:.0f} % of the resamples"
        if not self.is_clear:
            return (
                f"No clear winner for {use.name}: {_listed(self.tied)} differ by no more than the "
                f"noise. {self.choice} was the best in {often}.{behind}"
            )
        following = f"Next is {self.runner_up}." if self.runner_up else "Nothing else qualifies."
        return (
            f"Write {self.choice} for {use.name} ({use.purpose}): the best in {often}.{behind} "
            f"{following}"
        )


def recommend(found: Results, subject: Subject, demand: Demand) -> Recommendation:
    """Return what to write of the configurations of a study.

    Raises
    ------
    InputError
        The study has none of the measures, no configuration keeps to the demand, or the times
        were measured at another distance than the store's.
    """
    if demand.store and found.store != "local":
        raise InputError(
            f"the study measured on {found.store}, and its times hold that distance: leave "
            "--store out, or measure with --store local"
        )
    rows = found.of(subject)
    wanted = demand.use.weights
    known = {name: weight for name, weight in wanted.items() if _has(rows, name)}
    if not any(name in found.noise for name in known):
        raise InputError(
            f"the study measured none of the times that {demand.use.name} asks for "
            f"({', '.join(wanted)}): let it finish, or measure with --access"
        )
    rejected, names = _candidates(rows, demand, list(known))
    if not names:
        reasons = "; ".join(f"{count} {reason}" for reason, count in rejected.items() if count)
        raise InputError(f"no configuration keeps to what was asked for: {reasons}")
    factors, waiting = _at_full_size(found, subject, demand, names, list(known))
    advice = decide(
        demand,
        subject.name,
        names,
        rows.loc[names, list(known)].to_numpy(np.float64) * factors + waiting,
        resampled(found, subject, list(known), names) * factors + waiting,
        {name: weight / sum(known.values()) for name, weight in known.items()},
        rejected,
    )
    repeated = all(found.noise[name].degrees for name in known if name in found.noise)
    return dataclasses.replace(
        advice,
        certainty=advice.certainty if repeated else math.nan,
        unmeasured={name: weight for name, weight in wanted.items() if name not in known},
        setting=_setting(found, demand),
    )


def decide(
    demand: Demand,
    subject: str,
    names: list[str],
    measured: Floats,
    repeated: Floats,
    weights: Mapping[str, float],
    rejected: Mapping[str, int],
) -> Recommendation:
    """Return the recommendation that measures and their resamples give.

    Parameters
    ----------
    demand, subject, rejected
        As in `Recommendation`.
    names : list of str
        The candidates.
    measured : numpy.ndarray, shape (candidates, measures)
        Their measures, positive.
    repeated : numpy.ndarray, shape (resamples, candidates, measures)
        The same, resampled.
    weights : mapping of str to float
        Of the measures, in their order; they add up to 1.
    """
    share = np.array(list(weights.values()))
    scores = np.log(measured) @ share
    resampled_scores = np.log(repeated) @ share
    order = np.argsort(scores, kind="stable")
    choice = int(order[0])
    wins = np.bincount(resampled_scores.argmin(axis=1), minlength=len(names)) / len(repeated)
    lost = np.exp(resampled_scores[:, choice] - resampled_scores.min(axis=1)) - 1
    second = int(order[1]) if len(order) > 1 else None
    against = (
        {}
        if second is None
        else dict(zip(weights, (measured[second] / measured[choice]).tolist(), strict=True))
    )
    tied = sorted(np.flatnonzero(wins >= _TIED), key=lambda one: (one != choice, scores[one]))
    return Recommendation(
        demand=demand,
        subject=subject,
        choice=names[choice],
        runner_up="" if second is None else names[second],
        certainty=float(wins[choice]),
        tied=tuple(dict.fromkeys([names[choice], *(names[one] for one in tied)])),
        regret=float(lost.mean()),
        scores={names[one]: float(scores[one]) for one in order},
        weights=weights,
        against=against,
        rejected=rejected,
    )


def _has(rows: pd.DataFrame, measure: str) -> bool:
    return measure in rows.columns and bool(rows[measure].notna().any())


def _candidates(
    rows: pd.DataFrame, demand: Demand, measures: list[str]
) -> tuple[dict[str, int], list[str]]:
    """Return how many configurations are left out, by reason, and the names of the others."""
    profile = demand.profile or demand.use.profile
    # Where everything failed nothing was compared.
    columns = dict.fromkeys([*rows.columns, f"verify_{profile}", "bit_exact", "fsc_minimum"])
    rows = rows.reindex(columns=list(columns))
    asked: dict[str, Any] = {
        "broke their promise or failed": rows["status"] != "passed",
        f"do not pass verify's profile {profile}": rows[f"verify_{profile}"] == "fail",
    }
    if demand.lossless:
        asked["lose something"] = rows["bit_exact"] != 1
    if demand.min_fsc is not None:
        asked[f"have an FSC below {demand.min_fsc:g}"] = ~(rows["fsc_minimum"] >= demand.min_fsc)
    rejected, left = {}, rows
    for reason, out in asked.items():
        now = out.loc[left.index]
        rejected[reason] = int(now.sum())
        left = left[~now]
    names = usable(left, measures)
    rejected["have no times"] = len(left) - len(names)
    return rejected, names


def _at_full_size(
    found: Results, subject: Subject, demand: Demand, names: list[str], measures: list[str]
) -> tuple[Floats, Floats]:
    """Return what measures of the box are multiplied by for the whole volume, and what is added.

    Exact measures stay as they are.
    """
    factors = np.ones((len(names), len(measures)))
    waiting = np.zeros_like(factors)
    rows = found.of(subject)
    for line, name in enumerate(names):
        row: Any = rows.loc[name]
        configuration = found.configuration(subject, name)
        for column, measure in enumerate(measures):
            if measure not in found.noise:
                continue
            access = measure.removesuffix("_s")
            more = factors[line, column] = whole.times_more(access, configuration, subject)
            if found.store == "local":
                waiting[line, column] = whole.waiting(row, access, more, demand.place)
    return factors, waiting


def _setting(found: Results, demand: Demand) -> str:
    if found.store != "local":
        return f"Times of slices and reads are of the whole volume, as measured on {found.store}."
    way = whole.STORES[demand.place]
    place = "S3" if demand.place == "s3" else f"{demand.place} storage"
    return (
        f"Times of slices and reads are of the whole volume on {place}: as measured in memory, "
        f"plus {1000 * way.latency:g} ms for each round trip and {1e9 / way.bandwidth:g} ms for "
        "each megabyte."
    )


def _listed(tied: tuple[str, ...]) -> str:
    """Return the first of those that tie in words, and how many others there are."""
    first, others = tied[:_NAMED], len(tied) - _NAMED
    if others > 0:
        return f"{', '.join(first)} and {several(others, 'other')}"
    if len(tied) == 1:
        return f"{tied[0]} and several others"
    return f"{', '.join(first[:-1])} and {first[-1]}"
