"""How exact values are measured: all cases of a class at once, each with its own failure."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from cryoet_bench.storage.installed import UnavailableError


@dataclass(frozen=True)
class Outcome:
    """The exact values of one case, or why there are none."""

    values: Mapping[str, float] | None
    reason: str = ""
    available: bool = True

    def __getitem__(self, metric: str) -> float:
        """Return one value of a case that went well."""
        assert self.values is not None
        return self.values[metric]

    def check(self) -> None:
        """Do nothing when there are values.

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


Outcomes = dict[tuple[str, ...], Outcome]


def outcomes(
    params: Iterable[Iterable[str]], measure: Callable[..., Mapping[str, float]]
) -> Outcomes:
    """Measure all combinations of parameters in this one process.

    asv starts a process for every value it tracks. Exact values need none of their own, so a
    class measures its cases in ``setup_cache`` and its tracks only look the values up.
    """
    found: Outcomes = {}
    for case in itertools.product(*params):
        try:
            found[case] = Outcome(measure(*case))
        except UnavailableError as error:
            found[case] = Outcome(None, str(error), available=False)
        except Exception:  # noqa: BLE001  (raised again by the case's own track)
            found[case] = Outcome(None, traceback.format_exc())
    return found


class Exact:
    """A class of tracks; it defines ``setup_cache``, which asv knows by its place in the source."""

    version = "1"
    timeout = 300
    params: ClassVar[tuple[list[str], ...]]

    def setup(self, found: Outcomes, *case: str) -> None:
        self.outcome = found[case]
        self.outcome.check()
