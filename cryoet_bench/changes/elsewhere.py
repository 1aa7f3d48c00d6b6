"""What a change of a time is by a measurement side by side, on this machine or on another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryoet_bench.changes.confirmation import Confirmation
from cryoet_bench.record.benchmark import words

Outcome = Literal["holds", "reversed", "undecided", "equivalent"]
"""It changed side by side as well, changed the other way, is unclear, or is within the margin."""

_TELLING: tuple[Outcome, ...] = ("holds", "reversed", "undecided", "equivalent")
"""Of several cases the first of these is told: one case in its direction bears a change out."""


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """What a change is on another machine.

    Attributes
    ----------
    machine : str
        Its name.
    outcome : {"holds", "reversed", "undecided", "equivalent"}
        Whether it changed there as well.
    case : str
        The case that tells, in words.
    ratio : float
        Of that case there.
    interval : tuple of float or None
        Of the ratio; None before it has ends.
    margin : float
        The relative difference that did not matter there.
    """

    machine: str
    outcome: Outcome
    case: str
    ratio: float
    interval: tuple[float, float] | None
    margin: float


def outcome(verdict: Confirmation, *, is_slower: bool) -> Outcome:
    """Return what a change that made a case slower, or faster, is by a verdict on that case."""
    if verdict.verdict != "changed":
        return verdict.verdict
    return "holds" if (verdict.ratio > 1) == is_slower else "reversed"


def elsewhere(machine: str, found: Sequence[Confirmation], *, is_slower: bool) -> Elsewhere:
    """Return what a change is on another machine.

    Parameters
    ----------
    machine : str
        Its name.
    found : sequence of Confirmation
        Its verdicts on the cases that changed, at least one, the largest change first.
    is_slower : bool
        Whether they became slower.
    """
    first: dict[Outcome, Confirmation] = {}
    for one in found:
        first.setdefault(outcome(one, is_slower=is_slower), one)
    told = next(one for one in _TELLING if one in first)
    verdict = first[told]
    low, high = verdict.low, verdict.high
    return Elsewhere(
        machine=machine,
        outcome=told,
        case=words(verdict.case),
        ratio=verdict.ratio,
        interval=None if low is None or high is None else (low, high),
        margin=verdict.margin,
    )
