"""A benchmark as the suite describes it: its name, its question, its unit, its cases.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Case = tuple[str, ...]
"""The parameters of a case as asv writes them, such as ``("'whole'", "'cube-64 v3'")``."""

Tier = Literal["core", "full"]

TIMED = frozenset({"time", "peakmemory"})
"""asv's types of benchmarks that have noise; the others are the same in every round."""

_WAIT = 7
"""By how many Python calls two counts differ by chance. zarr 3 waits for a thread of its own, and
where the result is there before the wait begins, `concurrent.futures.wait` of Python 3.12 calls
seven functions fewer: of 272 pairs of small counts 29 differed by one such wait, one by two."""

_ROUNDING = 1e-12
"""By how much a measure of fidelity moves when another numpy adds up in another order. One byte,
as a fraction of a tomogram, is a hundred thousand times more."""

_LAYOUT: Mapping[str, float] = {
    "gzip-1": 0.03, "gzip-5": 0.03, "numcodecs-gzip": 0.03, "blosc-lz4-5-noshuffle": 0.005,
}  # fmt: skip
"""The codecs whose instructions move with where their buffers lie in memory: between releases with
the same numcodecs and numpy by up to 1.7 % and 0.18 %, those of any other codec by less than 0.06 %
(`evaluations.instruction_layout`)."""


@dataclass(frozen=True)
class Benchmark:
    """One question of the suite. Lower values are better, always.

    Parameters
    ----------
    description : mapping
        The benchmark as asv describes it in ``benchmarks.json``, with the attributes that the
        suite gives it.
    """

    description: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Asv's name, such as ``read.Patterns.time_read``."""
        return str(self.description["name"])

    @property
    def family(self) -> str:
        """The class of the benchmark: its benchmarks do similar work, with similar noise."""
        return self.name.rpartition(".")[0]

    @property
    def version(self) -> str:
        """Values of different versions are never compared."""
        return str(self.description["version"])

    @property
    def title(self) -> str:
        """The readable name."""
        return str(self.description.get("pretty_name") or self.name)

    @property
    def question(self) -> str:
        """What it answers."""
        return str(self.description.get("question", ""))

    @property
    def unit(self) -> str:
        """Of its values; times are in seconds."""
        return str(self.description.get("unit", ""))

    @property
    def is_timed(self) -> bool:
        """Whether it has noise: exact metrics are the same in every round."""
        return self.description["type"] in TIMED

    @property
    def is_control(self) -> bool:
        """Whether no release can change it, so that the machine did."""
        return bool(self.description.get("control", False))

    def tolerance(self, case: str) -> float:
        """Return the relative difference that an exact value may have between two runs.

        Parameters
        ----------
        case : str
            Which, in words.
        """
        stated = float(self.description.get("tolerance", 0.0))
        return max(stated, _LAYOUT.get(case, 0.0)) if self.unit == "instructions" else stated

    @property
    def wait(self) -> int:
        """The one difference of two counts that is chance; 0 where none is."""
        return _WAIT if self.unit == "calls" else 0

    def is_same(self, case: str, one: float, other: float) -> bool:
        """Tell whether two exact values are the same, as far as they are reproducible.

        Parameters
        ----------
        case : str
            Whose, in words.
        one, other : float
            The values.
        """
        apart = abs(other - one)
        return apart <= self.tolerance(case) * abs(one) + _ROUNDING or apart == self.wait

    @property
    def rounds(self) -> int:
        """How many rounds are measured unless the user says otherwise; 2 is asv's own default."""
        return int(self.description.get("rounds", 2)) if self.is_timed else 1

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """All cases, in asv's order."""
        return tuple(itertools.product(*self.description["params"]))

    def cases_of(self, tier: Tier) -> tuple[Case, ...]:
        """Return the cases of a tier, in asv's order; the full tier contains all."""
        core = self.description.get("core")
        if tier == "full" or core is None:
            return self.cases
        return tuple(case for case in self.cases if words(case) in core)

    def title_of(self, case: Case) -> str:
        """Return the readable name of a case."""
        return f"{self.title}: {words(case)}" if case else self.title


def words(case: Case) -> str:
    """Return a case as the user reads it: ``blosc-zstd-5`` without its quotes."""
    return ", ".join(value.strip("'\"") for value in case)
