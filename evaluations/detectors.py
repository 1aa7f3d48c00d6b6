"""Those who are asked whether the newest release of a history is slower."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryoet_bench.record.estimate import estimate

OTAVA = "apache-otava==0.8.0"


@dataclass(frozen=True)
class Release:
    """One case of one release, as a method sees it.

    Attributes
    ----------
    rounds : tuple of tuple of float
        The samples of each round, in seconds.
    at : str
        When the first was measured.
    """

    rounds: tuple[tuple[float, ...], ...]
    at: str

    @property
    def value(self) -> float:
        """The record's estimate."""
        return estimate([min(samples) for samples in self.rounds])


Method = Callable[[Sequence[Release], Release], float]
"""A function of the history and the newest release: the larger, the surer that it is slower."""


def asv_publish(history: Sequence[Release], newest: Release) -> float:
    """Return the step that asv's detection sees at the newest value, as a ratio less 1."""
    from asv.step_detect import detect_steps  # noqa: PLC0415

    steps = detect_steps([one.value for one in (*history, newest)])
    if len(steps) < 2 or steps[-1][0] != len(history):
        return 0.0
    return steps[-1][2] / steps[-2][2] - 1


def asv_compare(history: Sequence[Release], newest: Release) -> float:
    """Return asv's evidence on the pooled samples of the last two: - log10 of its p."""
    from asv._stats import mann_whitney_u  # noqa: PLC0415

    before, after = (
        [sample for one in release.rounds for sample in one] for release in (history[-1], newest)
    )
    if statistics.median(after) <= statistics.median(before):
        return 0.0
    return -math.log10(max(mann_whitney_u(before, after)[1], 1e-12))


def pandas_rule(history: Sequence[Release], newest: Release) -> float:
    """Return how far the newest value lies above the largest of the five before, less 1."""
    return newest.value / max(one.value for one in history[-5:]) - 1


METHODS: dict[str, Method] = {
    "asv publish": asv_publish,
    "asv compare": asv_compare,
    "pandas": pandas_rule,
}

_OTAVA_PROGRAM = """
import json, sys
from otava.analysis import compute_change_points
limits = [0.3, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 1e-4, 1e-5]
for line in sys.stdin:
    series = json.loads(line)
    score = 0
    for number, limit in enumerate(limits, 1):
        found = compute_change_points(series, window_len=50, max_pvalue=limit, min_magnitude=0.0)
        points = found[0] if isinstance(found, tuple) else found
        last = [p for p in points if p.index == len(series) - 1]
        if not last or series[-1] < series[-2]:
            break
        score = number
    print(score, flush=True)
"""


def otava(series: Sequence[Sequence[float]]) -> list[float]:
    """Return the strictest of ten limits at which Otava still sees a step at each newest value."""
    uv = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--isolated"]
    command = [*uv, "--python", "3.12", "--with", OTAVA, "python", "-c", _OTAVA_PROGRAM]
    text = "".join(f"{json.dumps(list(one))}\n" for one in series)
    done = subprocess.run(command, input=text, text=True, check=True, capture_output=True)
    return [float(line) for line in done.stdout.split()]
