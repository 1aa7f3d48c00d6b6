"""What a check says: the part of a `Check` that depends on what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryoet_bench.quality.check import Verdict

AXES = "zyx"


@dataclass(frozen=True)
class Answer:
    """A verdict, and the place that a reader should look at.

    Parameters
    ----------
    verdict : {"pass", "warn", "fail"}
        Whether what was found matters.
    sentence : str
        What it means, for a microscopist.
    finding : str
        The defect's name; empty where there is none.
    where : str
        The place, in words.
    place : list of int or None
        The voxel along z, y, x that pictures go through.
    """

    verdict: Verdict
    sentence: str
    finding: str = ""
    where: str = ""
    place: list[int] | None = None

    def details(self, **found: Any) -> Mapping[str, Any]:
        """Return the details of the check: what was found, and where."""
        return {**found, "where": self.where, "place": self.place}
