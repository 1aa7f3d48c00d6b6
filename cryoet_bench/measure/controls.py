"""Whether a visit was disturbed: its controls against what this machine does when it is quiet."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from cryoet_bench.record.benchmark import Benchmark, Case
from cryoet_bench.record.journal import Journal

LIMIT = 1.15
"""Controls that are slower by this factor on the whole are a disturbance."""

LIMIT_OF_ONE = 1.4
"""So is one of them that is slower by this factor."""

_QUIET = 0.25
"""The quantile of the known levels that counts as quiet: a disturbance only ever slows down."""


def known_levels(
    controls: Iterable[Benchmark], journals: Sequence[Journal], suite: str
) -> dict[tuple[str, Case], list[float]]:
    """Return the levels of the controls in the sound rounds of some journals, in seconds.

    Parameters
    ----------
    controls : iterable of Benchmark
        Which.
    journals : sequence of Journal
        All of one machine.
    suite : str
        Checksum of the suite whose rounds count, as another one's controls may do other work.
    """
    known: dict[tuple[str, Case], list[float]] = {}
    for control in controls:
        for journal in journals:
            for case, outcome in journal.outcomes(control, suite).items():
                if outcome.status == "passed" and outcome.grade == "sound":
                    known.setdefault((control.name, case), []).extend(outcome.levels)
    return known


def quiet_level(levels: Sequence[float]) -> float:
    """Return what a control takes on the quiet machine, from its levels so far."""
    ordered = sorted(levels)
    return ordered[math.floor(_QUIET * (len(ordered) - 1))]


def is_disturbed(slower: Mapping[str, float]) -> bool:
    """Tell whether the controls of a visit are off.

    Parameters
    ----------
    slower : mapping of str to float
        How many times longer than on the quiet machine each control took.
    """
    if not slower:
        return False
    overall = statistics.geometric_mean(slower.values())
    return overall > LIMIT or max(slower.values()) > LIMIT_OF_ONE
