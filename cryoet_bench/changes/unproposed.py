"""Changes that a confirmation has found and the recorded history does not propose.

Who measures two neighbouring releases side by side sees smaller changes than a few rounds of each
show, and what was confirmed is known whoever asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cryoet_bench.changes.confirmation import Confirmation, Key
from cryoet_bench.changes.history import History, Values
from cryoet_bench.changes.moves import Move, Moves, Path, kind_of, neighbours
from cryoet_bench.changes.subject import values
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.timeline.revisions import Revision


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
        histories = (cases.get(case, {}) for cases in known.of(benchmark))
        step = _step(histories, paths, (older, newer))
        if step is not None:
            before, between, after, old = step
            bounds = None if one.low is None or one.high is None else (one.low, one.high)
            yield Move(
                benchmark, case, before, after, between,
                kind_of(benchmark, worse=one.ratio > 1), old, old * one.ratio, bounds,
            )  # fmt: skip


def _step(
    histories: Iterable[Values], paths: Sequence[Path], names: tuple[str, str]
) -> tuple[Revision, tuple[Revision, ...], Revision, float] | None:
    """Return two neighbours of a line by name, what lies between them, and the older one's value.

    The histories are one for each suite, the newest first; a suite need not have measured both.
    """
    for outcomes, path in itertools.product(histories, paths):
        for before, between, after in neighbours(path, outcomes):
            old = outcomes[before.name].value
            if (before.name, after.name) == names and old is not None:
                return before, between, after, old
    return None
