"""Bisection: which release, and in a clone which commit, changed a benchmark.

Whether a step behaves as the first or as the last one is decided as confirm decides:
two environments side by side, until the interval of their ratio lies on one side of half the
change. Of an exact metric one value decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from cryoet_bench.changes import sequence
from cryoet_bench.changes.pairing import Budget, NotMeasuredError, PairedCase, Pairing
from cryoet_bench.errors import InputError
from cryoet_bench.harness import turn
from cryoet_bench.measure.asv.processes import Laboratory
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.timeline import repository
from cryoet_bench.timeline.revisions import Revision, Revisions

_ORIGIN = "cryoet-bench find"


@dataclass(frozen=True)
class Step:
    """A release or commit, from one end to the other.

    Attributes
    ----------
    label : str
        For the reader.
    revision : callable
        Returns what is measured, building it where that is needed.
    """

    label: str
    revision: Callable[[], Revision]


@dataclass(frozen=True)
class Place:
    """Where a benchmark changed.

    Attributes
    ----------
    benchmark : Benchmark
        Which.
    case : tuple of str
        Its case that changed most.
    ratio : float or None
        Of the two ends, the newer over the older; None where the older is zero.
    before, after : Step
        The last that behaves as the first, and the first that behaves as the last.
    skipped : tuple of str
        Those between the two that could not be measured: any of them may have done it.
    """

    benchmark: Benchmark
    case: Case
    ratio: float | None
    before: Step
    after: Step
    skipped: tuple[str, ...] = ()


class Scale(Protocol):
    """What tells the new behaviour from the old."""

    @property
    def benchmark(self) -> Benchmark:
        """Whose case changed."""

    @property
    def case(self) -> Case:
        """The one that changed most."""

    @property
    def ratio(self) -> float | None:
        """Of the two ends, the newer over the older; None where the older is zero."""

    def is_new(self, revision: Revision) -> bool:
        """Tell whether a revision behaves as the last one."""


def bisect(count: int, is_new: Callable[[int], bool | None]) -> tuple[int, int]:
    """Return the last old and the first new of some steps, the first being old and the last new.

    Parameters
    ----------
    count : int
        How many steps.
    is_new : callable
        Function of a step's number; None where the step cannot be judged. Its neighbours are then
        tried, and whatever lies between the two numbers returned could not be judged.
    """
    old, new = 0, count - 1
    unknown: set[int] = set()
    while left := [step for step in range(old + 1, new) if step not in unknown]:
        middle = min(left, key=lambda step: abs(2 * step - old - new))
        verdict = is_new(middle)
        if verdict is None:
            unknown.add(middle)
        elif verdict:
            new = middle
        else:
            old = middle
    return old, new


@dataclass
class Bisection:
    """The search for the step at which a benchmark changed.

    Parameters
    ----------
    campaign : Campaign
        What is measured with; its selection says which cases.
    budget : Budget
        How long it may take.
    tell : callable
        Receives, in words, what is being compared.
    """

    campaign: Campaign
    budget: Budget
    tell: Callable[[str], None]

    def run(self, steps: Sequence[Step]) -> Place:
        """Return the place among some steps, oldest first.

        Raises
        ------
        InputError
            There are fewer than two, nothing changed between the ends, they cannot be measured, or
            the time is up.
        """
        if len(steps) < 2:
            raise InputError("there is nothing between these two: name an older and a newer one")
        self.tell(f"Comparing {steps[0].label} and {steps[-1].label} ...")
        scale = self._scale(steps[0].revision(), steps[-1].revision(), len(steps))

        def is_new(number: int) -> bool | None:
            step = steps[number]
            try:
                revision = step.revision()
            except InputError as error:  # it cannot be built
                self.tell(f"{step.label} is skipped: {error}")
                return None
            try:
                found = scale.is_new(revision)
            except NotMeasuredError as error:
                self.tell(f"{step.label} is skipped: {error}")
                return None
            self.tell(f"{step.label} is like {'the last' if found else 'the first'} one.")
            return found

        old, new = bisect(len(steps), is_new)
        between = tuple(step.label for step in steps[old + 1 : new])
        return Place(scale.benchmark, scale.case, scale.ratio, steps[old], steps[new], between)

    def _scale(self, first: Revision, last: Revision, steps: int) -> Scale:
        suite = self.campaign.suite
        chosen = [
            (suite[name], case)
            for name, cases in self.campaign.chosen.items()
            if not suite[name].is_control
            for case in cases
        ]
        timed = [one for one in chosen if one[0].is_timed]
        if timed:
            level = sequence.LEVEL / (1 + math.ceil(math.log2(steps)))
            return self._time_that_changed(first, last, timed, level)
        return self._value_that_changed(first, last, chosen)

    def _time_that_changed(
        self, first: Revision, last: Revision, cases: Sequence[tuple[Benchmark, Case]], level: float
    ) -> _Time:
        """Measure both ends side by side, and return the time that differs most."""
        minutes = self.budget.left / 60 / 3  # the rest is for the steps between
        self.tell(f"Their times are measured side by side, for {minutes:.2g} min at most.")
        budget = Budget(minutes)
        with Pairing(self.campaign, (first, last), _ORIGIN) as pairing:
            paired = pairing.cases(cases, level=level)
            for _ in pairing.decide(paired, budget):
                pass
            pairing.conclude(paired)
        changed = [one for one in paired if not one.problems and _is_changed(one)]
        if not changed:
            raise InputError(
                f"none of {len(paired)} cases is confirmed to differ between {first.label} and "
                f"{last.label}: name other releases, or give more --minutes"
            )
        most = max(changed, key=lambda one: abs(one.estimate.mean))
        change = most.estimate.mean
        return _Time(
            most.benchmark, most.parameters, self.campaign, self.budget, first, change, level
        )

    def _value_that_changed(
        self, first: Revision, last: Revision, cases: Sequence[tuple[Benchmark, Case]]
    ) -> _Value:
        """Measure both ends once, and return the exact value that differs most."""
        old, new = (_values(self.campaign, one, cases) for one in (first, last))
        differing = [
            (abs(new[number] - old[number]) / (abs(old[number]) or 1.0), number)
            for number, (benchmark, case) in enumerate(cases)
            if number in old
            and number in new
            and not benchmark.is_same(words(case), old[number], new[number])
        ]
        if not differing:
            raise InputError(
                f"none of {len(cases)} exact values differs between {first.label} and "
                f"{last.label}, or has a value on both: name other releases"
            )
        _, most = max(differing)
        return _Value(*cases[most], self.campaign, old[most], new[most])


@dataclass(frozen=True)
class _Time:
    """A time or the like: the interval of its ratio to the first revision decides."""

    benchmark: Benchmark
    case: Case
    campaign: Campaign
    budget: Budget
    first: Revision
    change: float  # from the first revision to the last, as a logarithm
    level: float

    @property
    def ratio(self) -> float:
        return math.exp(self.change)

    def is_new(self, revision: Revision) -> bool:
        """Measure blocks until the interval lies on one side of half the change."""
        with Pairing(self.campaign, (self.first, revision), _ORIGIN) as pairing:
            (case,) = pairing.cases([(self.benchmark, self.case)], level=self.level)
            while True:
                estimate = case.estimate
                off = estimate.mean - self.change / 2
                if abs(off) > estimate.radius:
                    return (off > 0) == (self.change > 0)
                if case.seconds > self.budget.left:
                    raise InputError(
                        f"the time is up at {revision.label}: give more --minutes, and what was "
                        "measured so far is used"
                    )
                pairing.measure(case)
                if case.problems:
                    raise NotMeasuredError(case.reason)


def _is_changed(case: PairedCase) -> bool:
    return case.estimate.verdict(case.margin) == "changed"


@dataclass(frozen=True)
class _Value:
    """An exact metric: the end whose value is nearer decides."""

    benchmark: Benchmark
    case: Case
    campaign: Campaign
    old: float
    new: float

    @property
    def ratio(self) -> float | None:
        return self.new / self.old if self.old else None

    def is_new(self, revision: Revision) -> bool:
        """Measure the value once."""
        values = _values(self.campaign, revision, [(self.benchmark, self.case)])
        if not values:
            raise NotMeasuredError("it has no value there")
        return abs(values[0] - self.new) < abs(values[0] - self.old)


def _values(
    campaign: Campaign, revision: Revision, cases: Sequence[tuple[Benchmark, Case]]
) -> dict[int, float]:
    """Measure exact values, and return those that there are by the numbers of their cases."""
    with (
        turn.measuring(f"{_ORIGIN} in {campaign.root}"),
        Laboratory(campaign.root, campaign.tomogram, "none") as laboratory,
    ):
        problem = laboratory.move(revision) or laboratory.import_failure()
        if problem:
            raise NotMeasuredError(f"{revision.label} cannot be measured: {problem}")
        found = [laboratory.measure(*one).level for one in cases]
    return {number: level for number, level in enumerate(found) if level is not None}


def releases_between(revisions: Revisions, before: str, after: str) -> list[Step]:
    """Return the releases from one to another, on the line of the latter.

    Raises
    ------
    InputError
        The first does not lead to the second.
    """
    first, last = revisions.find(before), revisions.find(after)
    history = revisions.releases(last.line)
    if last.is_candidate:
        below = revisions.before(last)
        history = [*history[: history.index(below) + 1], last] if below else [last]
    if first not in history or last not in history[history.index(first) :]:
        raise InputError(
            f"{first.label} does not lead to {last.label} on the line {last.line}: name an older "
            "release and a newer one of its line"
        )
    chosen = history[history.index(first) : history.index(last) + 1]
    return [
        Step(revision.label, partial(revisions.find, revision.name))
        for revision in chosen
        if revision.withdrawn is None
    ]


def commits_between(
    clone: Path, before: Revision, after: Revision, propose: Callable[[str], Revision]
) -> list[Step]:
    """Return the commits from one release to another in a clone of the package.

    All of them are measured with what the newest release of the timeline has beside it.

    Parameters
    ----------
    clone : pathlib.Path
        Of the repository of the package that `after` released.
    before, after : Revision
        Two releases of the timeline.
    propose : callable
        Makes a candidate from a requirement.

    Raises
    ------
    InputError
        One of them is no release, or the clone has no tags of them.
    """
    for one in (before, after):
        if one.is_candidate:
            raise InputError(
                f"commits are found between two releases, and {one.label} is none: name releases "
                "of the timeline"
            )
    package = after.package
    versions = [before.release.pins[package], after.release.pins[package]]
    ends = [_tagged(clone, version) for version in versions]
    listed = repository.git(clone, "rev-list", "--reverse", "--first-parent", "..".join(ends))
    steps = []
    for commit in [ends[0], *listed.split()]:
        subject = repository.git(clone, "log", "-1", "--format=%h %s", commit).strip()
        spec = f"{package} @ git+{clone.resolve().as_uri()}@{commit}"
        steps.append(Step(subject, partial(propose, spec)))
    return steps


def _tagged(clone: Path, version: str) -> str:
    for tag in (f"v{version}", version):
        try:
            return repository.git(
                clone, "rev-parse", "--verify", "--quiet", f"{tag}^{{commit}}"
            ).strip()
        except InputError:
            continue
    raise InputError(f"{clone} has no tag v{version}: fetch its tags, or give another --clone")
