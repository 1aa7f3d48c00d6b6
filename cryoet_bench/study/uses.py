"""What volumes are stored for: the use cases that a recommendation is made for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.errors import InputError, require_known
from cryoet_bench.quality.fidelity.profiles import profile_named
from cryoet_bench.study import whole
from cryoet_bench.study.schema import read_toml
from cryoet_bench.study.trial import ACCESS

MEASURES = (
    "stored_bytes", "whole_objects", "read_peak_bytes", "write_peak_bytes", "read_s", "write_s",
    *(f"{access.replace('-', '_')}_s" for access in ACCESS),
)  # fmt: skip
"""What a use may weigh by: measures that are never 0."""


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
    store : str
        Where such volumes lie: one of `whole.STORES`.
    """

    name: str
    purpose: str
    profile: str
    weights: Mapping[str, float]
    store: str = "local"


def use_cases() -> dict[str, UseCase]:
    """Return the use cases that come with this package, by name."""
    return read_use_cases(None)


def read_use_cases(path: Path | None) -> dict[str, UseCase]:
    """Return the use cases of a TOML file by name; those of this package without one.

    Raises
    ------
    InputError
        It cannot be read, or a use case is incomplete, or weighs by nothing or by what no study
        measures.
    """
    place = path or Path(__file__).with_name("use_cases.toml")
    content = read_toml(place, "the use cases")
    if not content:
        raise InputError(f"there are no use cases in {place}: give each a table of its own")
    cases = {}
    for name, facts in content.items():
        try:
            cases[name] = UseCase(name, **facts)
            weights = cases[name].weights.values()
            good = min(weights) >= 0 < sum(weights) < math.inf
        except (TypeError, ValueError, AttributeError):
            good = False
        if not good:
            raise InputError(
                f"the use case {name!r} in {place} needs a purpose, a profile and weights of "
                "measures that are not negative"
            )
        if unknown := [measure for measure in cases[name].weights if measure not in MEASURES]:
            raise InputError(
                f"the use case {name!r} in {place} weighs by {', '.join(unknown)}: choose from "
                f"{', '.join(MEASURES)}"
            )
        profile_named(cases[name].profile)
        whole.require_store(cases[name].store)
    return cases


def use_named(name: str, cases: Mapping[str, UseCase]) -> UseCase:
    """Return a use case.

    Raises
    ------
    InputError
        There is none of that name.
    """
    require_known(name, cases, "use case")
    return cases[name]
