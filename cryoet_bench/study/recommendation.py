"""The recommendation: what to write for a use, how sure that is, and what an error costs."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.harness.s3 import Way
from cryoet_bench.quality.fidelity.profiles import profile_named
from cryoet_bench.storage.concurrency import CONCURRENCY
from cryoet_bench.study.pareto import resampled, usable

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.study.subject import Subject
    from cryoet_bench.study.tables import Results

Floats = npt.NDArray[np.float64]

CLEAR = 0.8
"""Share of resamples that a choice has to win: below it there is no clear winner."""

_TIED = 0.05  # a configuration that wins a twentieth of the resamples is one of those that tie
STORES = {
    "local": Way(latency=1e-4, bandwidth=1e9),
    "s3": Way(latency=0.03, bandwidth=1e8),
}
"""What a store adds to times that were measured in memory: a file server behind 10 Gbit/s, and an
object store in the region behind 1 Gbit/s."""


@dataclass(frozen=True)
class UseCase:
    """What a volume is stored for.

    Parameters
    ----------
    name, purpose : str
        For people.
    profile : str
        Profile of verify that the copy has to pass.
    weights : mapping of str to float
        Of the logarithms of measures; lower is better in all of them.
    """

    name: str
    purpose: str
    profile: str
    weights: Mapping[str, float]


def use_cases() -> dict[str, UseCase]:
    """Return the use cases that come with this package, by name."""
    return read_use_cases(None)


def read_use_cases(path: Path | None) -> dict[str, UseCase]:
    """Return the use cases of a TOML file by name; those of this package without one.

    Raises
    ------
    InputError
        It cannot be read, or a use case is incomplete or weighs by nothing.
    """
    place = path or Path(__file__).with_name("use_cases.toml")
    try:
        content = tomllib.loads(place.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the use cases {place} cannot be read as TOML: {error}") from error
    cases = {}
    for name, facts in content.items():
        try:
            cases[name] = UseCase(name, **facts)
            good = min(cases[name].weights.values()) >= 0 < sum(cases[name].weights.values())
        except (TypeError, ValueError, AttributeError):
            good = False
        if not good:
            raise InputError(
                f"the use case {name!r} in {place} needs a purpose, a profile and weights of "
                "measures that are not negative"
            )
        profile_named(cases[name].profile)
    return cases


def use_named(name: str, cases: Mapping[str, UseCase]) -> UseCase:
    """Return a use case.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name in cases:
        return cases[name]
    close = difflib.get_close_matches(name, cases, n=1)
    hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(cases)}"
    raise InputError(f"there is no use case {name!r}: {hint}")


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What a recommendation has to keep to.

    Parameters
    ----------
    use : UseCase
        What the volume is stored for.
    store : str or None
        ``local`` or ``s3``, of `STORES`; None is where the study measured.
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
    def setting(self) -> str:
        """What the store adds to measured times, in words."""
        way = STORES[self.store or "local"]
        return (
            f"To times that were measured in memory a store adds {1000 * way.latency:g} ms a round "
            f"trip and {1000 / way.bandwidth * 1e6:g} ms a megabyte ({self.store or 'local'})."
        )


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

    @property
    def is_clear(self) -> bool:
        """Whether there is a clear winner."""
        return self.certainty >= CLEAR  # which not-a-number is not

    @property
    def sentence(self) -> str:
        """The recommendation in words."""
        use = self.demand.use
        if math.isnan(self.certainty):
            return (
                f"{self.choice} was best for {use.name} ({use.purpose}) in one round, which does "
                "not tell how sure that is: measure with --repeats 3."
            )
        if not self.is_clear:
            others = " and ".join(self.tied) if len(self.tied) > 1 else self.choice
            return (
                f"No clear winner for {use.name}: {others} are alike within the noise. "
                f"{self.choice} was best in {self.certainty:.0%} of the resamples, and to be wrong "
                f"costs {self.regret:.1%}."
            )
        next_one = f" Next is {self.runner_up}." if self.runner_up else " Nothing else qualifies."
        return (
            f"Write {self.choice} for {use.name} ({use.purpose}): best in {self.certainty:.0%} of "
            f"the resamples.{next_one} To be wrong costs {self.regret:.1%}."
        )


def recommend(found: Results, subject: Subject, demand: Demand) -> Recommendation:
    """Return what to write of the configurations of a study.

    Raises
    ------
    InputError
        The study has none of the measures, or no configuration keeps to the demand.
    """
    rows = found.of(subject)
    weights = {name: w for name, w in demand.use.weights.items() if _has(rows, name)}
    if not weights or not any(name in found.noise for name in weights):
        raise InputError(
            f"the study measured none of the times that {demand.use.name} asks for "
            f"({', '.join(demand.use.weights)}): let it finish, or measure with --access"
        )
    rejected, names = _candidates(rows, demand, list(weights))
    if not names:
        told = "; ".join(f"{count} {reason}" for reason, count in rejected.items() if count)
        raise InputError(f"no configuration keeps to what was asked for: {told}")
    total = sum(weights.values())
    shares = np.array([weight / total for weight in weights.values()])
    repeated = resampled(found, subject, list(weights), names)
    repeated += _waiting(rows.loc[names], list(weights), found.store, demand.store)
    best = rows.loc[names, list(weights)].to_numpy(np.float64)
    best = best + _waiting(rows.loc[names], list(weights), found.store, demand.store)
    weighed = dict(zip(weights, shares.tolist(), strict=True))
    advice = decide(demand, subject.name, names, best, repeated, weighed, rejected)
    known = all(found.noise[name].degrees for name in weights if name in found.noise)
    return advice if known else dataclasses.replace(advice, certainty=math.nan)


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
    return rejected, usable(left, measures)


def _waiting(
    rows: pd.DataFrame, measures: list[str], measured_on: str, wanted: str | None
) -> Floats:
    """Return the seconds that a store adds to times that were measured in memory.

    A model: requests wait for the latency, as many at a time as zarr sends; then come the bytes.
    """
    waiting = np.zeros((len(rows), len(measures)))
    if measured_on.startswith("s3"):  # its distance is in the times already
        return waiting
    way = STORES[wanted or measured_on]
    for column, measure in enumerate(measures):
        if not measure.endswith("_s"):
            continue
        access = {"read_s": "volume"}.get(measure, measure.removesuffix("_s"))
        asked, moved = f"{access}_requests", f"{access}_fetched_bytes"
        if measure == "write_s":
            asked, moved = "objects", "stored_bytes"
        trips = np.ceil(rows[asked].to_numpy(np.float64) / CONCURRENCY)
        seconds = rows[moved].to_numpy(np.float64) / way.bandwidth
        waiting[:, column] = trips * way.latency + seconds
    return waiting
