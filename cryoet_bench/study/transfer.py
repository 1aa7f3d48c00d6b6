"""Does the best choice hold on other tomograms? Winners, and the regret of one choice for all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryoet_bench.errors import InputError
from cryoet_bench.study.recommendation import Demand, Recommendation, recommend
from cryoet_bench.study.uses import UseCase

if TYPE_CHECKING:
    from cryoet_bench.study.results import Results


@dataclass(frozen=True)
class Shared:
    """One choice for several tomograms of a kind.

    Parameters
    ----------
    use : str
        Name of the use case.
    kind : str
        ``densities`` or ``labels``: they are judged apart.
    choice : str
        The configuration whose largest regret is least; empty where no configuration serves all.
    winners : mapping of str to str
        The best configuration of each tomogram.
    regret : mapping of str to float
        What the choice costs on each tomogram against its own best, as a factor less 1.
    """

    use: str
    kind: str
    choice: str
    winners: Mapping[str, str]
    regret: Mapping[str, float]


@dataclass(frozen=True)
class Transfer:
    """The choices of all uses and kinds."""

    shared: tuple[Shared, ...]

    @property
    def sentences(self) -> list[str]:
        """Return them in words."""
        sentences = []
        for one in self.shared:
            if not one.choice:
                sentences.append(f"No configuration serves all {one.kind} for {one.use}.")
                continue
            if len(one.regret) == 1:
                sentences.append(
                    f"For {one.use}, {one.choice} is best for the only volume of {one.kind}."
                )
                continue
            worst = max(one.regret, key=lambda name: one.regret[name])
            sentences.append(
                f"For {one.use}, {one.choice} serves all {len(one.regret)} volumes of {one.kind}: "
                f"it costs at most {100 * one.regret[worst]:.1f} % against the best of each (on "
                f"{worst})."
            )
        return sentences


def transfer(found: Results, cases: Sequence[UseCase]) -> Transfer:
    """Return which choice serves all tomograms of a study, for each use and kind of volume."""
    shared = []
    for case in cases:
        for kind, labels in (("densities", False), ("labels", True)):
            each = []
            for subject in found.subjects:
                if subject.labels == labels:
                    try:
                        each.append(recommend(found, subject, Demand(use=case)))
                    except InputError:
                        continue  # nothing serves this use there
            if len(each) > 1 or (each and labels):
                shared.append(_shared(case.name, kind, each))
    return Transfer(tuple(shared))


def _shared(use: str, kind: str, each: Sequence[Recommendation]) -> Shared:
    common = set.intersection(*(set(one.scores) for one in each))
    winners = {one.subject: one.choice for one in each}

    def regret(name: str) -> dict[str, float]:
        return {
            one.subject: math.exp(one.scores[name] - one.scores[one.choice]) - 1 for one in each
        }

    choice = min(sorted(common), key=lambda name: max(regret(name).values()), default="")
    return Shared(use, kind, choice, winners, regret(choice) if choice else {})
