"""Changes that a confirmation has found and the recorded history does not propose.

Who measures two neighbouring releases side by side sees smaller changes than a few rounds of each
show, and what was confirmed is known whoever asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cryoet_bench.changes.confirmation import Confirmation, Key
from cryoet_bench.changes.history import History
from cryoet_bench.changes.moves import Move, Moves, Path, kind_of, neighbours
from cryoet_bench.changes.subject import values
from cryoet_bench.record.benchmark import Benchmark


def unproposed(
    known: History,
    benchmarks: Iterable[Benchmark],
    paths: Sequence[Path],
    found: Moves,
    verdicts: Mapping[Key, Confirmation],
) -> Iterator[Move]:
    """Yield the times that a confirmation of neighbours has found changed, and nothing else has.

    Parameters
    ----------
    known : History
        All values.
    benchmarks : iterable of Benchmark
        Which.
    paths : sequence of sequence of Revision
        The releases that lead to the newest one of each line.
    found : Moves
        What the history proposes.
    verdicts : mapping of Key to Confirmation
        What was confirmed, or was not.
    """
    suite = {benchmark.name: benchmark for benchmark in benchmarks}
    for (older, newer, name, case), one in verdicts.items():
        benchmark = suite.get(name)
        if one.verdict != "changed" or benchmark is None or values(case) in found.at(newer, name):
            continue
        outcomes = next(known.of(benchmark), {}).get(case, {})
        steps = (step for path in paths for step in neighbours(path, outcomes))
        for before, between, after in steps:
            old = outcomes[before.name].value
            if (before.name, after.name) == (older, newer) and old is not None:
                bounds = None if one.low is None or one.high is None else (one.low, one.high)
                yield Move(
                    benchmark, case, before, after, between,
                    kind_of(benchmark, worse=one.ratio > 1), old, old * one.ratio, bounds,
                )  # fmt: skip
