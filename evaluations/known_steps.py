#!/usr/bin/env python
"""Does the timeline show the changes that are known, and blame the right release?

    .venv/bin/python evaluations/known_steps.py results/MACHINE

Takes what `scripts/bench --all` has recorded. Of each known change it looks for the largest step
of the benchmark that should show it, and names the release that step falls on. Exits with 1 when
a step is smaller than it was, or falls on another release.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from _record import evaluate

from cryoet_bench.record.history import History, largest_step


@dataclass(frozen=True)
class Known:
    """A change that upstream made.

    Attributes
    ----------
    suspects : tuple of str
        Tags of the releases that may have made it.
    least, most : float
        Between what the ratio of after to before lies.
    """

    what: str
    benchmark: str
    case: str
    suspects: tuple[str, ...]
    least: float
    most: float


KNOWN = [
    Known(
        "zarr 3 is written anew: Python calls of reading 64 chunks",
        "cost.Reads.track_python_calls",
        "whole, cube-32 v2",
        ("zarr-3.0.8",),  # the first of zarr 3 that is not withdrawn
        5.0,
        float("inf"),
    ),
    Known(
        "requests for parts of a shard are joined: one slice",
        "cost.Reads.track_requests",
        "slice-xy, shard-32-in-128 v3",
        ("zarr-3.3.0",),
        0.0,
        0.9,
    ),
    Known(
        "Blosc receives the element size: stored bytes at zarr 3's defaults",
        "size.Codecs.track_bytes_per_voxel",
        "zarr-blosc, v3",
        ("numcodecs-0.16.1",),
        0.0,
        0.99,
    ),
    Known(
        "a shard is not encoded whole any more: writing one inner chunk",
        "write.Patterns.time_write",
        "one-chunk, shard-32-in-128 v3",
        ("zarr-3.1.4", "zarr-3.1.5", "zarr-3.1.6"),
        0.0,
        0.5,
    ),
]


def judge(recorded: History) -> int:
    """Print a row for each known change."""
    histories = [recorded.of(known.benchmark, known.case) for known in KNOWN]
    print("| change | before | after | ratio | blamed | |\n|---|---|---|---|---|---|")
    missed = 0
    for known, values in zip(KNOWN, histories, strict=True):
        step = largest_step(values)
        right = step.suspect.tag in known.suspects and known.least <= step.ratio <= known.most
        missed += not right
        print(
            f"| {known.what} | {step.before.value:.5g} ({step.before.release.label}) "
            f"| {step.after.value:.5g} | {step.ratio:.3g} | {step.suspect.label} "
            f"| {'as known' if right else 'not as known'} |"
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(evaluate(judge, __doc__))
