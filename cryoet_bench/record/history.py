"""The recorded history of a case: its value on every measured release of the timeline."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.measure.run import TOMOGRAM_VARIABLE
from cryoet_bench.record.results import load, result_files, words
from cryoet_bench.timeline.releases import Release, Timeline
from cryoet_bench.timeline.repository import commits


@dataclass(frozen=True)
class Value:
    """What a case gave on a release; of times, the median of all samples."""

    release: Release
    value: float


@dataclass(frozen=True)
class Step:
    """A change from a measured release to the next, which is the suspect."""

    before: Value
    after: Value

    @property
    def suspect(self) -> Release:
        """The release that moved."""
        return self.after.release

    @property
    def ratio(self) -> float:
        """The value on the suspect by the one before; infinite where that was zero."""
        return self.after.value / self.before.value if self.before.value else math.inf


@dataclass(frozen=True)
class History:
    """Recorded results of one machine and one tomogram.

    Parameters
    ----------
    folder : pathlib.Path
        The machine's results, such as ``results/vm``.
    repository : pathlib.Path
        The timeline's git repository, which knows the releases' commits.
    timeline : Timeline
        The releases in their order.
    tomogram : str
        Name of what was measured on.
    """

    folder: Path
    repository: Path
    timeline: Timeline
    tomogram: str

    def of(self, benchmark: str, case: str = "") -> list[Value]:
        """Return the values of a case in the order of the timeline.

        Releases without a value (not available, failed, not measured) are left out.

        Parameters
        ----------
        benchmark : str
            asv's name of it.
        case : str
            Its parameters in words, such as ``whole, cube-64 v3``.

        Raises
        ------
        InputError
            A result file is damaged, or there is no value at all.
        """
        found = dict(self._values(benchmark, case))
        tags = commits(self.repository)
        values = [
            Value(release, found[tags[release.tag]])
            for release in self.timeline.releases
            if tags.get(release.tag) in found
        ]
        if not values:
            raise InputError(
                f"no release has a value of {benchmark}({case}) on {self.tomogram} "
                f"in {self.folder}: measure some with scripts/bench"
            )
        return values

    def _values(self, benchmark: str, case: str) -> Iterator[tuple[str, float]]:
        for path in result_files(self.folder.parent):
            if path.parent != self.folder:
                continue
            results = load(path)
            known = results.get_all_result_keys()
            if results.env_vars.get(TOMOGRAM_VARIABLE) != self.tomogram or benchmark not in known:
                continue
            params = results.get_result_params(benchmark)
            values = results.get_result_value(benchmark, params)
            for parameters, value in zip(itertools.product(*params), values, strict=True):
                if words(parameters) == case and value is not None and not math.isnan(value):
                    yield results.commit_hash, value


def largest_step(values: Sequence[Value]) -> Step:
    """Return the largest relative change between neighbours.

    Raises
    ------
    InputError
        There are fewer than two values.
    """
    if len(values) < 2:
        raise InputError("a step needs two measured releases: measure more with scripts/bench")
    steps = [Step(before, after) for before, after in itertools.pairwise(values)]
    return max(steps, key=lambda step: abs(math.log(step.ratio)) if step.ratio > 0 else math.inf)
