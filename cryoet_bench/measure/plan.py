"""What is measured in which order, and how long that will take."""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Benchmark, Case, Tier
from cryoet_bench.record.journal import Journal, Outcome
from cryoet_bench.timeline.revisions import Revision

_ORDER = ("control", "size", "read", "write", "defaults", "codec")
"""Modules by how soon their answers are wanted; the others follow."""
_LACKS_A_PROGRAM = re.compile(r"needs (?!.* is here$)")
"""The reason of a case that is n/a on this machine, not on this release.

The harness names the program that it does not find: "needs rclone", "needs valgrind: install it
...". Of a package `storage.installed` says what the pins of the release brought instead, which
nobody can change: "needs zarr 3, 2.18.7 is here", "needs zarrs, none is here".
"""
_MOVE_SECONDS = 3.0
_CASE_SECONDS = 0.3


@dataclass(frozen=True)
class Selection:
    """Which cases are measured.

    Parameters
    ----------
    tier : {"core", "full"}
        The cases of a tier.
    pattern : str, optional
        Only those whose name matches, as ``asv run --bench`` has it: ``name(parameters)``; then of
        all tiers. Controls are always measured.
    exact_only : bool
        Leave out whatever is timed, controls too.
    """

    tier: Tier = "core"
    pattern: str | None = None
    exact_only: bool = False

    def of(self, suite: Mapping[str, Benchmark]) -> dict[str, tuple[Case, ...]]:
        """Return the chosen cases by benchmark, in the order in which they are measured.

        Raises
        ------
        InputError
            The pattern is no regular expression, or matches nothing.
        """
        chosen = {name: self._cases(benchmark) for name, benchmark in suite.items()}
        if self.pattern and not any(
            cases for name, cases in chosen.items() if not suite[name].is_control
        ):
            raise InputError(
                f"no benchmark matches {self.pattern!r}: docs/benchmarks.md lists them, and the "
                "pattern is searched in names such as read.Patterns.time_read('slice-xy', …)"
            )
        return {
            name: chosen[name]
            for name in sorted(chosen, key=_position)
            if chosen[name] and not (self.exact_only and suite[name].is_timed)
        }

    def _cases(self, benchmark: Benchmark) -> tuple[Case, ...]:
        if self.pattern is None or benchmark.is_control:
            return benchmark.cases_of(self.tier)
        try:
            wanted = re.compile(self.pattern)
        except re.error as error:
            raise InputError(f"{self.pattern!r} is not a regular expression: {error}") from error
        return tuple(
            case
            for case in benchmark.cases
            if wanted.search(f"{benchmark.name}({', '.join(case)})" if case else benchmark.name)
        )


@dataclass(frozen=True)
class Wanted:
    """What is to be known of a benchmark on each revision.

    Attributes
    ----------
    benchmark : Benchmark
        Which.
    cases : tuple of (tuple of str)
        Those of its cases.
    rounds : int
        How many rounds of each.
    """

    benchmark: Benchmark
    cases: tuple[Case, ...]
    rounds: int


@dataclass(frozen=True)
class Stop:
    """A revision that is visited in a round, and what is measured there.

    Attributes
    ----------
    revision : Revision
        Where the environment moves.
    round, rounds : int
        Which round of how many.
    work : tuple of (Benchmark, tuple of Case)
        What is missing.
    """

    revision: Revision
    round: int
    rounds: int
    work: tuple[tuple[Benchmark, tuple[Case, ...]], ...]


@dataclass(frozen=True)
class Progress:
    """What is being done now, and how much is left."""

    revision: Revision
    round: int
    rounds: int
    doing: str
    fraction: float
    seconds_left: float


def missing(
    benchmark: Benchmark,
    cases: Sequence[Case],
    journal: Journal,
    digest: str,
    number: int,
    *,
    retry: bool = False,
) -> tuple[Case, ...]:
    """Return the cases of a benchmark that still need their round `number`.

    What a release does not have is not measured again; what failed, and what a program of this
    machine is missing for, only on `retry`. Only what the suite of this `digest` measured is done.
    """
    outcomes = journal.outcomes(benchmark, digest)
    known = journal.round_numbers(benchmark, digest)
    return tuple(
        case
        for case in cases
        if case not in outcomes or _is_due(outcomes[case], number not in known[case], retry=retry)
    )


def _is_due(outcome: Outcome, is_new: bool, *, retry: bool) -> bool:
    """Tell whether a case with this outcome is measured in a round, new or not."""
    if outcome.status == "n/a":
        return retry and bool(_LACKS_A_PROGRAM.match(outcome.reason))
    return is_new and (retry or outcome.status != "failed")


def itinerary(
    revisions: Sequence[Revision],
    wanted: Sequence[Wanted],
    journals: Mapping[str, Journal],
    digest: str,
    *,
    retry: bool = False,
    shuffled: bool = False,
) -> list[Stop]:
    """Return the stops to make: newest revision first, then back and forth, or shuffled.

    Neighbouring rounds of a revision lie as far apart as the other revisions allow. Of a whole
    history the order is shuffled within each round, so drift of the machine does not look like one.

    Parameters
    ----------
    revisions : sequence of Revision
        Oldest first.
    wanted : sequence of Wanted
        In the order in which it is measured.
    journals : mapping of str to Journal
        By the revision's name.
    digest : str
        Checksum of the suite: what another one measured is measured again.
    retry : bool
        Measure again what failed, and what a program of this machine was missing for.
    shuffled : bool
        Visit the revisions of each round in an order that chance decides, the same in every run.
    """
    last = max((one.rounds for one in wanted), default=0)
    stops = []
    for number in range(1, last + 1):
        order = list(revisions if number % 2 == 0 else reversed(revisions))
        if shuffled:
            random.Random(number).shuffle(order)
        for revision in order:
            journal = journals[revision.name]
            work = tuple(
                (one.benchmark, cases)
                for one in wanted
                if number <= one.rounds
                and (
                    cases := missing(one.benchmark, one.cases, journal, digest, number, retry=retry)
                )
            )
            if any(not benchmark.is_control for benchmark, _ in work):
                stops.append(Stop(revision, number, last, work))
    return stops


class Clock:
    """How much is left, from how long each benchmark took so far.

    Parameters
    ----------
    stops : sequence of Stop
        What is to be done.
    seconds : mapping of str to float
        Of a case of each benchmark on this tomogram, where known.
    """

    def __init__(self, stops: Sequence[Stop], seconds: Mapping[str, float]) -> None:
        self._left: dict[str, int] = {}
        for stop in stops:
            for benchmark, cases in stop.work:
                self._left[benchmark.name] = self._left.get(benchmark.name, 0) + len(cases)
        self._moves, self._move_seconds = len(stops), _MOVE_SECONDS
        # What was known before weighs as much as one visit. The first case of a visit may prepare
        # what the others only look up, so a mean over fewer cases says little.
        visit: dict[str, int] = {}
        for stop in stops:
            for benchmark, cases in stop.work:
                visit[benchmark.name] = max(visit.get(benchmark.name, 0), len(cases))
        self._took = {
            name: (seconds[name] * count, count) for name, count in visit.items() if name in seconds
        }
        self._total = max(sum(self._left.values()), 1)
        self._last = time.monotonic()

    def moved(self) -> None:
        """Note that the environment has moved."""
        now = time.monotonic()
        self._moves -= 1
        self._move_seconds = (self._move_seconds + now - self._last) / 2
        self._last = now

    def start(self) -> None:
        """Note that something begins."""
        self._last = time.monotonic()

    def did(self, name: str) -> None:
        """Note that a case of a benchmark was measured."""
        self._left[name] -= 1
        now = time.monotonic()
        seconds, cases = self._took.get(name, (0.0, 0))
        self._took[name] = seconds + now - self._last, cases + 1
        self._last = now

    def skip(self, stop: Stop) -> None:
        """Note that a stop is not made."""
        self._moves -= 1
        for benchmark, cases in stop.work:
            self.drop(benchmark.name, len(cases))

    def drop(self, name: str, cases: int) -> None:
        """Note that cases need not be measured after all."""
        self._left[name] -= cases

    def progress(self, stop: Stop, doing: str) -> Progress:
        """Return what is being done now, and how much is left."""
        known = {name: took / cases for name, (took, cases) in self._took.items()}
        usual = statistics.fmean(known.values()) if known else _CASE_SECONDS
        seconds = sum(n * known.get(name, usual) for name, n in self._left.items())
        done = 1 - sum(self._left.values()) / self._total
        left = seconds + self._moves * self._move_seconds
        return Progress(stop.revision, stop.round, stop.rounds, doing, done, left)


def seconds_per_case(
    journals: Iterable[Journal], others: Iterable[tuple[Journal, float]]
) -> dict[str, float]:
    """Return how long a case of each benchmark takes on a tomogram.

    Parameters
    ----------
    journals : iterable of Journal
        Of this tomogram.
    others : iterable of (Journal, float)
        Of other tomograms, with this one's voxels by theirs.
    """
    own = _pooled((journal, 1.0) for journal in journals)
    return _pooled((journal, max(voxels, 1.0)) for journal, voxels in others) | own


def _pooled(journals: Iterable[tuple[Journal, float]]) -> dict[str, float]:
    """Return the mean over all rounds of some journals, each with its factor."""
    total: dict[str, tuple[float, int]] = {}
    for journal, factor in journals:
        for entry in journal.rounds:
            seconds, cases = total.get(entry.benchmark, (0.0, 0))
            seconds += factor * entry.duration
            total[entry.benchmark] = seconds, cases + len(entry.cases)
    return {name: seconds / cases for name, (seconds, cases) in total.items() if cases}


def _position(name: str) -> tuple[int, str]:
    module = name.partition(".")[0]
    return (_ORDER.index(module) if module in _ORDER else len(_ORDER), name)
