"""What the recorded history proposes and no confirmation has decided yet.

Of two rounds both may have been disturbed, so the screen tells only of changes that this does not
explain. Here it is no reason to pass one over: to measure it side by side takes seconds, and what
is confirmed becomes a finding. So are times whose exact companion moved by more than a
confirmation calls equivalent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from cryoet_bench.changes.companions import COMPANIONS
from cryoet_bench.changes.confirmation import CASES, Key, confirmations
from cryoet_bench.changes.finding import Finding, Screening
from cryoet_bench.changes.pairing import MARGIN
from cryoet_bench.changes.scope import Scope
from cryoet_bench.changes.screen import between, screen
from cryoet_bench.changes.subject import values
from cryoet_bench.record.benchmark import Benchmark, Case
from cryoet_bench.timeline.revisions import Revision

_NONE = 0.0
"""As if no process were disturbed."""

SUSPICIOUS = 1 + MARGIN / 2
"""By what factor an exact metric has to move to cast doubt on the times that it explains.

Of a time that changed by less a confirmation says that it is equivalent.
"""


@dataclass(frozen=True)
class Proposal:
    """Two revisions, and what is to be measured of them side by side.

    Attributes
    ----------
    pair : tuple of Revision
        The older one first.
    cases : tuple of (Benchmark, tuple of str)
        Those of its findings that changed most, the largest finding first. What was decided is
        among them, so that each keeps its share of the level.
    """

    pair: tuple[Revision, Revision]
    cases: tuple[tuple[Benchmark, Case], ...]


def proposals(scope: Scope) -> list[Proposal]:
    """Return what is to be measured, release by release: the largest change of a time first.

    Raises
    ------
    InputError
        The description of the suite or the confirmations are damaged.
    """
    found = _found(partial(screen, scope))
    suite, decided = scope.record.suite(), _decided(scope)
    proposed = []
    for names in dict.fromkeys((one.previous, one.revision) for one in _by_size(found)):
        pair = scope.revisions.find(names[0]), scope.revisions.find(names[1])
        own = [one for one in found if (one.previous, one.revision) == names]
        if cases := _open_cases(own, suite, pair, decided):
            proposed.append(Proposal(pair, cases))
    return proposed


def proposed_between(scope: Scope, pair: tuple[Revision, Revision]) -> Proposal:
    """Return what a record proposes to have changed between two revisions.

    Neighbours on a line are judged by the history around them, as ``cryoet-bench changes`` does;
    other revisions by their own rounds.

    Parameters
    ----------
    scope : Scope
        What is judged.
    pair : tuple of Revision
        Releases or candidates, the older one first.

    Raises
    ------
    InputError
        The description of the suite is damaged.
    """
    for one in proposals(scope):
        if one.pair == pair:
            return one
    found = _found(partial(between, scope, *pair))
    return Proposal(pair, _open_cases(found, scope.record.suite(), pair, _decided(scope)))


def _found(look: Callable[..., Screening]) -> list[Finding]:
    """Return what would be found if no process were disturbed, and whatever else is open.

    The former have more cases, so that those of them that changed most need not be those that
    decide what is reported.
    """
    reported = [one for one in look().findings if one.is_open]
    return [*look(disturbed=_NONE).findings, *reported]


def _by_size(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings, those of times first, the largest of each first."""
    return sorted(findings, key=lambda one: (one.status == "exact", -one.size))


def _decided(scope: Scope) -> set[Key]:
    known = confirmations(scope.record, scope.machine, scope.tomogram)
    return {one.key for one in known if one.is_decided}


def _open_cases(
    findings: Sequence[Finding],
    suite: Mapping[str, Benchmark],
    pair: tuple[Revision, Revision],
    decided: Container[Key],
) -> tuple[tuple[Benchmark, Case], ...]:
    """Return the cases to measure of what was found between two revisions; none if all is known."""
    cases = {
        (finding.benchmark, case.parameters): None
        for finding in _by_size(findings)
        if finding.status != "exact"
        for case in finding.cases[:CASES]
    }
    suspected = [one for one in _suspected(findings, suite) if one not in cases]
    before, after = pair
    is_decided = all((before.name, after.name, *one) in decided for one in suspected)
    if is_decided and not any(one.is_open for one in findings):
        return ()
    return tuple((suite[name], case) for name, case in (*cases, *suspected))


def _suspected(
    findings: Sequence[Finding], suite: Mapping[str, Benchmark]
) -> Iterator[tuple[str, Case]]:
    """Yield times whose exact companion moved, of each question those where it moved most."""
    moved = {
        (finding.benchmark, values(case.parameters)): abs(math.log(case.ratio))
        for finding in findings
        if finding.status == "exact"
        for case in finding.cases
        if case.ratio
    }
    for name, companions in COMPANIONS.items():
        if name not in suite or not suite[name].is_timed:
            continue
        sizes = {
            case: max(moved.get((one.benchmark, one.case(values(case))), 0) for one in companions)
            for case in suite[name].cases_of("core")
        }
        most = sorted(sizes, key=sizes.__getitem__, reverse=True)[:CASES]
        yield from ((name, case) for case in most if sizes[case] > math.log(SUSPICIOUS))
