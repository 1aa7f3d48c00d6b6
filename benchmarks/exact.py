"""How exact values are measured: all cases of a class in one process, each with its own failure."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from benchmarks.question import Benchmark, Case
from cryoet_bench import variables
from cryoet_bench.storage.installed import UnavailableError

Values = Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """The exact values of one case, or why there are none."""

    values: Values | None
    reason: str = ""
    available: bool = True

    @classmethod
    def of(cls, measure: Callable[..., Values], case: Case) -> Outcome:
        """Measure one case."""
        try:
            return cls(measure(*case))
        except UnavailableError as error:
            return cls(None, str(error), available=False)
        except Exception:  # noqa: BLE001  (raised again by the case's own track)
            return cls(None, traceback.format_exc())

    def __getitem__(self, metric: str) -> float:
        """Return one value of a case that succeeded."""
        assert self.values is not None
        return self.values[metric]

    def check(self) -> None:
        """Raise the reason unless there are values.

        Raises
        ------
        NotImplementedError
            The case is not available on this release.
        RuntimeError
            It failed; the message is the traceback of the failure.
        """
        if not self.available:
            raise NotImplementedError(self.reason)
        if self.values is None:
            raise RuntimeError(self.reason)


Outcomes = dict[Case, Outcome]


class Exact(Benchmark):
    """A class of tracks: values without noise.

    asv starts a process for every value that it tracks. Exact values need none of their own, so
    ``setup_cache`` measures the cases of the chosen tier in one process, and a track looks its
    value up; a case of no such tier is measured where it is asked for. Each class defines its
    own ``setup_cache``, because asv knows one by its place in the source.

    Attributes
    ----------
    measure : callable
        Function of a case that returns its values by metric, as a static method.
    """

    timeout = 300
    measure: ClassVar[Callable[..., Values]]

    def outcomes(self) -> Outcomes:
        """Measure all cases of the chosen tier."""
        tiers: dict[str, Callable[[], Iterable[Case]]] = {
            "full": self.every_case, "core": self.core_cases, "none": tuple,
        }  # fmt: skip
        return self.measure_all(tiers[os.environ.get(variables.TIER, "core")]())

    def measure_all(self, cases: Iterable[Case]) -> Outcomes:
        """Measure some cases in this process."""
        return {case: Outcome.of(self.measure, case) for case in cases}

    def setup(self, found: Outcomes, *case: str) -> None:
        self.outcome = found.get(case) or self.measure_all([case])[case]
        self.outcome.check()
