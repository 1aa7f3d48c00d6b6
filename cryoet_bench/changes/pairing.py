"""Two revisions side by side: measured in blocks of fresh processes until it is clear.

Both have an environment of their own, so a block takes two processes of each within a few seconds:
A B B A or B A A B, drawn by lot, with one hash seed. What the machine does meanwhile it does to
both, and what it does to one process it seldom does to both of a side.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Self

from cryoet_bench.changes import sequence
from cryoet_bench.changes.confirmation import Block, CasePair, Confirmation, Ledger
from cryoet_bench.errors import InputError
from cryoet_bench.harness import turn
from cryoet_bench.measure import visits
from cryoet_bench.measure.asv.processes import Laboratory
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import Benchmark, Case
from cryoet_bench.record.journal import Measured, now
from cryoet_bench.record.record import CONFIRMATIONS
from cryoet_bench.timeline.revisions import Revision

MARGIN = 0.03
"""Smaller relative differences do not matter, unless the user says otherwise."""

_ORDERS = ("ABBA", "BAAB")
_BLOCK_SECONDS = 2.0
_PLACES = ("a", "b")  # of one length: the size of its environment shifts a process's memory


class NotMeasuredError(InputError):
    """A revision cannot be measured: it cannot be installed, imported, or has no such case."""


@dataclass
class PairedCase:
    """One case of two revisions, and what is known of it so far.

    Attributes
    ----------
    benchmark : Benchmark
        Which.
    parameters : tuple of str
        Those of the case, as asv writes them.
    pair : CasePair
        How the blocks of this case are kept.
    level : float
        The probability that its interval ever fails.
    margin : float
        The relative difference that does not matter.
    blocks : list of Block
        Measured so far, in earlier runs by the same suite, too.
    problems : dict of str to Measured
        What the revisions gave that cannot run it, by their names.
    """

    benchmark: Benchmark
    parameters: Case
    pair: CasePair
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
        return self.benchmark.title_of(self.parameters)

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
class NextBlock:
    """The block that is measured next, and how far it is.

    Attributes
    ----------
    case : PairedCase
        Whose.
    decided, cases : int
        How many have a verdict, of how many.
    fraction : float
        Of the time.
    seconds_left : float
        At most.
    """

    case: PairedCase
    decided: int
    cases: int
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
    campaign : Campaign
        What is measured with, on which tomogram; the blocks are kept beside its journals.
    revisions : tuple of Revision
        The older one first.
    origin : str
        Who measures.
    """

    def __init__(
        self,
        campaign: Campaign,
        revisions: tuple[Revision, Revision],
        origin: str = "cryoet-bench confirm",
    ) -> None:
        self.machine, self.tomogram = campaign.machine, campaign.tomogram
        self.before, self.after = revisions
        self.ledger = Ledger(campaign.record.own / self.machine / self.tomogram / CONFIRMATIONS)
        self._root, self._origin, self._suite = campaign.root, origin, campaign.digest
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

    def cases(
        self,
        chosen: Iterable[tuple[Benchmark, Case]],
        *,
        margin: float = MARGIN,
        level: float = sequence.LEVEL,
    ) -> list[PairedCase]:
        """Return some cases, with what earlier runs by the same suite measured of them.

        Each gets an equal share of the level, so all of their intervals hold together.
        """
        wanted = list(chosen)
        names = self.before.name, self.after.name
        pairs = [CasePair(*names, one.name, one.version, case) for one, case in wanted]
        return [
            PairedCase(
                benchmark, case, pair, level / len(wanted), margin,
                self.ledger.blocks_by(self._suite, pair),
            )
            for (benchmark, case), pair in zip(wanted, pairs, strict=True)
        ]  # fmt: skip

    def measure(self, case: PairedCase) -> None:
        """Measure one more block, which is on the disk before this returns."""
        order = random.choice(_ORDERS)
        at, begun = now(), time.monotonic()
        found: dict[str, list[Measured]] = {"A": [], "B": []}
        number = next((block.number for block in case.blocks if block.number), None)
        for laboratory in self._laboratories.values():
            laboratory.set_hash_seed(len(case.blocks))
        for side in order:
            one = self._laboratories[side].measure(case.benchmark, case.parameters, number)
            if one.status != "passed":
                self._explain(case)
                return
            number = number or one.number
            found[side].append(one)
        block = Block(
            pair=case.pair,
            at=at,
            seconds=round(time.monotonic() - begun, 3),
            order=order,
            number=number,
            before=tuple(_samples(one) for one in found["A"]),
            after=tuple(_samples(one) for one in found["B"]),
            visits=self._visits,
        )
        self.ledger.append(block)
        case.blocks.append(block)

    def decide(self, cases: Sequence[PairedCase], budget: Budget) -> Iterator[NextBlock]:
        """Measure blocks until each case has a verdict or the time is up, yielding before each.

        The next block is always that of the case whose verdict is expected soonest, so the time
        decides as many as it can. As a first block costs least, all have one before any has two.
        """
        while waiting := [one for one in cases if one.is_open]:
            case = min(waiting, key=lambda one: one.seconds_to_verdict)
            if case.seconds > budget.left:
                return
            left = min(budget.left, sum(one.seconds_to_verdict for one in waiting))
            decided = len(cases) - len(waiting)
            yield NextBlock(case, decided, len(cases), budget.fraction, left)
            self.measure(case)

    def conclude(self, cases: Sequence[PairedCase]) -> list[Confirmation]:
        """Return the verdicts and keep those that are new; cases without a block have none."""
        known = {one.pair: one for one in self.ledger.confirmations}
        verdicts = []
        for case in cases:
            if not case.blocks or case.problems:
                continue
            reached = self._confirmation(case)
            earlier = known.get(case.pair)
            if earlier and earlier == replace(reached, at=earlier.at):
                reached = earlier
            else:
                self.ledger.append(reached)
            verdicts.append(reached)
        return verdicts

    def _explain(self, case: PairedCase) -> None:
        """Note what either revision gives where one of them cannot run a case."""
        for laboratory, revision in zip(
            self._laboratories.values(), (self.before, self.after), strict=True
        ):
            one = laboratory.measure(case.benchmark, case.parameters)
            if one.status != "passed":
                case.problems[revision.name] = one

    def _confirmation(self, case: PairedCase) -> Confirmation:
        estimate = case.estimate
        is_bounded = estimate.radius < 100
        return Confirmation(
            **vars(case.pair),
            verdict=estimate.verdict(case.margin),
            ratio=estimate.ratio,
            low=estimate.low if is_bounded else None,
            high=estimate.high if is_bounded else None,
            margin=case.margin,
            level=case.level,
            blocks=estimate.blocks,
            correlation=estimate.correlation,
            minutes=round(sum(block.seconds for block in case.blocks) / 60, 3),
            machine=self.machine,
            tomogram=self.tomogram,
            at=now(),
            before_samples=tuple(one for block in case.blocks for one in block.before),
            after_samples=tuple(one for block in case.blocks for one in block.after),
        )

    def _begin(self, laboratory: Laboratory) -> str:
        visit = visits.begun(self._root, self._origin, laboratory.installed)
        self.ledger.append(visit)
        return visit.id


def timed(campaign: Campaign) -> list[tuple[Benchmark, Case]]:
    """Return the timed cases that a campaign measures, without the controls.

    Raises
    ------
    InputError
        There are none.
    """
    suite = campaign.suite
    found = [
        (suite[name], case)
        for name, cases in campaign.chosen.items()
        if suite[name].is_timed and not suite[name].is_control
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
