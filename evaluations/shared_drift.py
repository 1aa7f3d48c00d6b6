"""Does it help to take out of a visit's times what its controls have drifted?

    scripts/bench --all
    python -m evaluations.shared_drift [RECORD]

Of every release that was measured in several rounds, each time is compared with that of the round
before, so that nothing but the machine lies between. The table gives the robust spread of these
log ratios as they are, less the mean of the controls of the same two visits, and less the median
of all times of the two visits, which is all that could be shared. Exits with 1 when taking out the
controls would help, since the screen does not.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from cryoet_bench.record.benchmark import Case
from cryoet_bench.record.record import Record
from evaluations import ROOT

_NORMAL = 1.4826  # turns a median absolute deviation into a standard deviation


def drifts(record: Record) -> tuple[list[list[float]], list[float]]:
    """Return the log ratios of the times of each two neighbouring rounds, and of their controls."""
    suite = record.suite()
    controls = {name for name, one in suite.items() if one.is_control}
    times, drifted = [], []
    for series in record.series():
        journal = record.journal(series)
        levels: dict[int, dict[tuple[str, Case], float]] = defaultdict(dict)
        for name, benchmark in suite.items():
            for case, every in journal.measurements(benchmark).items():
                for entry, measured in every:
                    if measured.samples and measured.level:
                        levels[entry.round][name, case] = math.log(measured.level)
        for before, after in itertools.pairwise(levels[number] for number in sorted(levels)):
            changed = {key: after[key] - before[key] for key in before.keys() & after.keys()}
            of_controls = [value for key, value in changed.items() if key[0] in controls]
            others = [value for key, value in changed.items() if key[0] not in controls]
            if of_controls and others:
                times.append(others)
                drifted.append(statistics.fmean(of_controls))
    return times, drifted


def spread(values: list[float]) -> float:
    """Return the standard deviation of one round's times, from differences of two."""
    return _NORMAL * statistics.median(map(abs, values)) / math.sqrt(2)


def main() -> int:
    """Compare the spreads."""
    record = Record(Path(sys.argv[1])) if sys.argv[1:] else Record.of(ROOT)
    times, drifted = drifts(record)
    if not times:
        print("shared_drift: no release was measured in two rounds", file=sys.stderr)
        return 2
    pairs = list(zip(times, drifted, strict=True))
    found = {
        "as they are": [value for own, _ in pairs for value in own],
        "less the drift of the controls": [value - drift for own, drift in pairs for value in own],
        "less the median drift of all times": [
            value - statistics.median(own) for own, _ in pairs for value in own
        ],
    }
    print(f"{len(pairs)} pairs of visits, {len(found['as they are'])} times\n")
    print("| times of two rounds | spread of one |\n|---|---|")
    for name, values in found.items():
        print(f"| {name} | {spread(values):.2%} |")
    raw, less, _ = map(spread, found.values())
    return int(less < raw)


if __name__ == "__main__":
    sys.exit(main())
