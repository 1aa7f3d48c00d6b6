"""Does reading from S3 take longer by the latency of each counted round trip?

    scripts/bench RELEASE --tier full
    python -m evaluations.latency_table

Takes what has been recorded of `store.S3` and `store.RoundTrips`, and prints for each release the
times by the latency of the link. The slope of a straight line through them is the number of
latencies that a read waits for; beside it is the number of round trips that the link counted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from cryoet_bench.record.record import history
from evaluations.recorded import evaluate

if TYPE_CHECKING:
    import pandas as pd

LATENCIES = ("0 ms", "5 ms", "20 ms", "50 ms")
CASES = [
    f"{pattern}, {array}"
    for pattern in ("whole", "slice-xy")
    for array in ("cube-64 v2", "cube-64 v3", "shard-32-in-128 v3")
]


def judge(cases: pd.DataFrame) -> int:
    """Print a row for each release and case."""
    rows = [
        f"| release | case | {' | '.join(LATENCIES)} | slope | round trips | slope / trips |",
        f"|---|---|{'---|' * len(LATENCIES)}---|---|---|",
    ]
    seconds = [float(latency.removesuffix(" ms")) / 1000 for latency in LATENCIES]
    for case in CASES:
        trips = _by_release(cases, "store.RoundTrips.track_round_trips", case)
        columns = [
            _by_release(cases, "store.S3.time_read", f"{case}, {latency}") for latency in LATENCIES
        ]
        for tag, counted in trips.items():
            times = [column[tag] for column in columns if tag in column]
            if len(times) < len(LATENCIES):
                continue
            slope = float(np.polyfit(seconds, times, 1)[0])
            shown = " | ".join(f"{time * 1000:.0f} ms" for time in times)
            proportion = f"{slope:.2f} | {counted:.0f} | {slope / counted:.2f}"
            rows.append(f"| {tag} | {case} | {shown} | {proportion} |")
    print("\n".join(rows))
    return 0


def _by_release(cases: pd.DataFrame, benchmark: str, case: str) -> dict[str, float]:
    found = history(cases, benchmark, case)
    return dict(zip(found["revision"], found["value"], strict=True))


if __name__ == "__main__":
    sys.exit(evaluate(judge, __doc__))
