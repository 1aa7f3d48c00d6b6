"""A check: one question about a volume, what was measured, and the verdict in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["n/a", "pass", "warn", "fail"]
_ORDER: tuple[Verdict, ...] = ("n/a", "pass", "warn", "fail")


@dataclass(frozen=True)
class Check:
    """One question that was asked of a volume, and its answer.

    Parameters
    ----------
    key : str
        Stable identifier, e.g. ``outliers``; tables and machines select by it.
    title : str
        The question's name for people.
    value : float, int, str or None
        What was measured; None where it could not be.
    unit : str
        Unit of the value, empty for pure numbers.
    threshold : str
        The rule that the value was held against, in words.
    verdict : {"n/a", "pass", "warn", "fail"}
        The answer; "n/a" where the question could not be answered or makes no sense here.
    sentence : str
        What it means, for a microscopist.
    finding : str
        The defect's name where one was recognised, e.g. ``duplicated-slice``; empty otherwise.
    details : mapping of str to plain values
        Further measures, as JSON can hold them.
    """

    key: str
    title: str
    value: float | int | str | None
    unit: str
    threshold: str
    verdict: Verdict
    sentence: str
    finding: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def several(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 voxel`` and ``2,000 voxels``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the gravest of some verdicts, "pass" where nothing speaks against it."""
    return max(verdicts, key=_ORDER.index, default="pass").replace("n/a", "pass")  # type: ignore[return-value]


def judge(value: float, warn: float, fail: float) -> Verdict:
    """Return the verdict on a value that is the worse the larger it is; limits are still good.

    A value that is not a number is a failure.
    """
    if value <= warn:
        return "pass"
    return "warn" if value <= fail else "fail"
