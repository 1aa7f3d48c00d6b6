"""Confirm: two revisions side by side, measured in blocks of fresh processes until it is clear.

Both have an environment of their own, so a block takes two processes of each within a few seconds:
A B B A or B A A B, drawn by lot, with one hash seed. What the machine does meanwhile it does to
both, and what it does to one process it seldom does to both of a side.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryoet_bench.changes import sequence
from cryoet_bench.changes.confirmation import Block, Confirmation, Ledger, Pair
from cryoet_bench.errors import InputError
from cryoet_bench.harness import turn
from cryoet_bench.measure import suite
from cryoet_bench.measure.asv.processes import Laboratory
from cryoet_bench.record.benchmark import Benchmark, Case
from cryoet_bench.record.journal import Measured, Visit, now
from cryoet_bench.record.record import CONFIRMATIONS, Record
from cryoet_bench.timeline.revisions import Revision

MARGIN = 0.03
"""Smaller relative differences do not matter, unless the user says otherwise."""

ORDERS = ("ABBA", "BAAB")
_BLOCK_SECONDS = 2.0
_PLACES = ("a", "b")  # of one length: the size of its environment shifts a process's memory


class NotMeasuredError(InputError):
    """A revision cannot be measured: it cannot be installed, imported, or has no such case."""


@dataclass
class Subject:
    """One case of two revisions, and what is known of it so far.

    Attributes
    ----------
    benchmark : Benchmark
        Which.
    case : tuple of str
        One of its cases.
    pair : Pair
        How the blocks of this case are kept.
    level : float
        The probability that its interval ever fails.
    margin : float
        The relative difference that does not matter.
    blocks : list of Block
        Measured so far, in earlier runs, too.
    problems : dict of str to Measured
        What the revisions gave that cannot run it, by their names.
    """

    benchmark: Benchmark
    case: Case
    pair: Pair
    level: float
    margin: float
    blocks: list[Block] = field(default_factory=list)
    problems: dict[str, Measured] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why one of the revisions cannot run it, or nothing."""
        for revision, one in self.problems.items():
            what = "not available" if one.status == "n/a" else "failed"
            return f"{what} on {revision}: {one.reason}".removesuffix(": ")
        return ""

    @property
    def title(self) -> str:
        """The readable name."""
        return self.benchmark.title_of(self.case)

    @property
    def log_ratios(self) -> list[float]:
        """Of the blocks, in their order."""
        return [block.log_ratio for block in self.blocks]

    @property
    def estimate(self) -> sequence.Estimate:
        """The ratio so far."""
        return sequence.estimate(self.log_ratios, self.level)

    @property
    def is_open(self) -> bool:
        """Whether another block may bring a verdict."""
        return not self.problems and self.estimate.verdict(self.margin) == "undecided"

    @property
    def seconds(self) -> float:
        """What one more block is expected to take."""
        if not self.blocks:
            return _BLOCK_SECONDS
        return sum(block.seconds for block in self.blocks) / len(self.blocks)

    @property
    def seconds_to_verdict(self) -> float:
        """What a verdict is expected to take."""
        needed = sequence.blocks_to_verdict(self.log_ratios, self.level, self.margin)
        if self.estimate.is_correlated:  # until new blocks outweigh those that were alike
            needed = max(needed, len(self.blocks))
        return needed * self.seconds


@dataclass(frozen=True)
class Step:
    """What is measured next, and how far it is.

    Attributes
    ----------
    subject : Subject
        Whose block.
    decided, subjects : int
        How many have a verdict, of how many.
    fraction : float
        Of the time.
    seconds_left : float
        At most.
    """

    subject: Subject
    decided: int
    subjects: int
    fraction: float
    seconds_left: float


class Budget:
    """The time that may be spent, from now on.

    Parameters
    ----------
    minutes : float
        How long.
    """

    def __init__(self, minutes: float) -> None:
        self._begin, self._seconds = time.monotonic(), 60 * minutes

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._begin

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(0.0, self._seconds - self.spent)

    @property
    def fraction(self) -> float:
        """How much of it was spent, 0 to 1."""
        return min(1.0, self.spent / self._seconds) if self._seconds else 1.0


class Pairing:
    """Two revisions in two environments side by side, on one tomogram on this machine.

    Parameters
    ----------
    root : pathlib.Path
        The folder of ``asv.conf.json``, which is also the working folder while measuring.
    record : Record
        Beside whose journals the blocks are kept.
    where : tuple of str
        The machine and the tomogram.
    revisions : tuple of Revision
        The older one first.
    origin : str
        Who measures.
    """

    def __init__(
        self,
        root: Path,
        record: Record,
        where: tuple[str, str],
        revisions: tuple[Revision, Revision],
        origin: str = "cryoet-bench confirm",
    ) -> None:
        self.machine, self.tomogram = where
        self.before, self.after = revisions
        self.ledger = Ledger(record.own / self.machine / self.tomogram / CONFIRMATIONS)
        self._root, self._origin = root, origin
        self._visits: tuple[str, ...] = ()
        self._laboratories: dict[str, Laboratory] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Install both revisions.

        Raises
        ------
        NotMeasuredError
            One of them cannot be installed or imported.
        InputError
            This machine is measuring already.
        """
        with ExitStack() as stack:
            stack.enter_context(turn.measuring(f"{self._origin} in {self._root}"))
            for side, place, revision in zip("AB", _PLACES, (self.before, self.after), strict=True):
                laboratory = stack.enter_context(
                    Laboratory(self._root, self.tomogram, "none", place)
                )
                self._laboratories[side] = laboratory
                problem = laboratory.move(revision) or laboratory.import_failure()
                if problem:
                    raise NotMeasuredError(f"{revision.label} cannot be measured: {problem}")
            self._visits = tuple(self._begin(one) for one in self._laboratories.values())
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def subjects(
        self,
        chosen: Iterable[tuple[Benchmark, Case]],
        *,
        margin: float = MARGIN,
        level: float = sequence.LEVEL,
    ) -> list[Subject]:
        """Return some cases, with what earlier runs measured of them.

        Each gets an equal share of the level, so all of their intervals hold together.
        """
        wanted = list(chosen)
        names = self.before.name, self.after.name
        pairs = [Pair(*names, one.name, one.version, case) for one, case in wanted]
        return [
            Subject(
                benchmark, case, pair, level / len(wanted), margin,
                list(self.ledger.blocks.get(pair, ())),
            )
            for (benchmark, case), pair in zip(wanted, pairs, strict=True)
        ]  # fmt: skip

    def measure(self, subject: Subject) -> None:
        """Measure one more block, which is on the disk before this returns."""
        order = random.choice(ORDERS)
        at, begun = now(), time.monotonic()
        found: dict[str, list[Measured]] = {"A": [], "B": []}
        number = next((block.number for block in subject.blocks if block.number), None)
        for laboratory in self._laboratories.values():
            laboratory.set_hash_seed(len(subject.blocks))
        for side in order:
            one = self._laboratories[side].measure(subject.benchmark, subject.case, number)
            if one.status != "passed":
                self._explain(subject)
                return
            number = number or one.number
            found[side].append(one)
        block = Block(
            pair=subject.pair,
            at=at,
            seconds=round(time.monotonic() - begun, 3),
            order=order,
            number=number,
            before=tuple(_samples(one) for one in found["A"]),
            after=tuple(_samples(one) for one in found["B"]),
            visits=self._visits,
        )
        self.ledger.append(block)
        subject.blocks.append(block)

    def conclude(self, subjects: Sequence[Subject]) -> list[Confirmation]:
        """Return the verdicts and keep those that are new; subjects without a block have none."""
        known = {one.pair: one for one in self.ledger.confirmations}
        verdicts = []
        for subject in subjects:
            if not subject.blocks or subject.problems:
                continue
            reached = self._confirmation(subject)
            earlier = known.get(subject.pair)
            if earlier and (earlier.blocks, earlier.level, earlier.margin) == (
                reached.blocks, reached.level, reached.margin,
            ):  # fmt: skip
                reached = earlier
            else:
                self.ledger.append(reached)
            verdicts.append(reached)
        return verdicts

    def _explain(self, subject: Subject) -> None:
        """Note what either revision gives where one of them cannot run a case."""
        for laboratory, revision in zip(
            self._laboratories.values(), (self.before, self.after), strict=True
        ):
            one = laboratory.measure(subject.benchmark, subject.case)
            if one.status != "passed":
                subject.problems[revision.name] = one

    def _confirmation(self, subject: Subject) -> Confirmation:
        estimate = subject.estimate
        is_bounded = estimate.radius < 100
        return Confirmation(
            **vars(subject.pair),
            verdict=estimate.verdict(subject.margin),
            ratio=estimate.ratio,
            low=estimate.low if is_bounded else None,
            high=estimate.high if is_bounded else None,
            margin=subject.margin,
            level=subject.level,
            blocks=estimate.blocks,
            correlation=estimate.correlation,
            minutes=round(sum(block.seconds for block in subject.blocks) / 60, 3),
            machine=self.machine,
            tomogram=self.tomogram,
            at=now(),
            before_samples=tuple(one for block in subject.blocks for one in block.before),
            after_samples=tuple(one for block in subject.blocks for one in block.after),
        )

    def _begin(self, laboratory: Laboratory) -> str:
        installed = laboratory.installed
        visit = Visit(
            id=uuid.uuid4().hex[:12],
            started_at=now(),
            origin=self._origin,
            installed=tuple(vars(one) for one in installed.distributions) if installed else (),
            project=suite.state(self._root),
            conditions=laboratory.conditions,
        )
        self.ledger.append(visit)
        return visit.id


def measure(pairing: Pairing, subjects: Sequence[Subject], budget: Budget) -> Iterator[Step]:
    """Measure blocks until each subject has a verdict or the time is up, yielding before each.

    The next block is always that of the subject whose verdict is expected soonest, so the time
    decides as many as it can. As a first block costs least, all have one before any has two.
    """
    while waiting := [subject for subject in subjects if subject.is_open]:
        subject = min(waiting, key=lambda one: one.seconds_to_verdict)
        if subject.seconds > budget.left:
            return
        expected = sum(one.seconds_to_verdict for one in waiting)
        left = min(budget.left, expected)
        decided = len(subjects) - len(waiting)
        yield Step(subject, decided, len(subjects), budget.fraction, left)
        pairing.measure(subject)


def timed(
    chosen: dict[str, tuple[Case, ...]], known: dict[str, Benchmark]
) -> list[tuple[Benchmark, Case]]:
    """Return the timed cases among some chosen ones, without the controls.

    Raises
    ------
    InputError
        There are none.
    """
    found = [
        (known[name], case)
        for name, cases in chosen.items()
        if known[name].is_timed and not known[name].is_control
        for case in cases
    ]
    if not found:
        raise InputError(
            "none of these benchmarks is a time: exact values need no confirmation, "
            "'cryoet-bench changes' compares them"
        )
    return found


def _samples(one: Measured) -> tuple[float, ...]:
    return one.samples or ((one.level,) if one.level is not None else ())
