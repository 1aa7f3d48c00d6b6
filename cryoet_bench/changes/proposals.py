"""What the recorded history proposes and no confirmation has settled yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryoet_bench.changes.finding import Finding
from cryoet_bench.changes.screen import between, screen
from cryoet_bench.record.benchmark import Benchmark, Case
from cryoet_bench.record.record import Record
from cryoet_bench.timeline.revisions import Revision, Revisions

_CASES = 3
"""Cases of a finding that are measured: one that changed confirms it."""


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


def proposals(record: Record, revisions: Revisions, machine: str, tomogram: str) -> list[Proposal]:
    """Return what a record proposes, release by release, the one with the largest finding first.

    Parameters
    ----------
    record : Record
        What was measured.
    revisions : Revisions
        All of the timeline.
    machine, tomogram : str
        Measured on which.

    Raises
    ------
    InputError
        The description of the suite is damaged.
    """
    found = screen(record, revisions, machine, tomogram).findings
    pairs = dict.fromkeys((one.previous, one.revision) for one in _by_size(found) if one.is_open)
    return [
        Proposal(
            (revisions.find(before), revisions.find(after)),
            _cases([o for o in found if (o.previous, o.revision) == (before, after)], record),
        )
        for before, after in pairs
    ]


def proposed_between(
    record: Record,
    revisions: Revisions,
    machine: str,
    tomogram: str,
    pair: tuple[Revision, Revision],
) -> Proposal:
    """Return what a record proposes to have changed between two revisions.

    Neighbours on a line are judged by the history around them, as ``cryoet-bench changes`` does;
    other revisions by their own rounds.

    Parameters
    ----------
    record : Record
        What was measured.
    revisions : Revisions
        All of the timeline.
    machine, tomogram : str
        Measured on which.
    pair : tuple of Revision
        Releases or candidates, the older one first.

    Raises
    ------
    InputError
        The description of the suite is damaged.
    """
    for one in proposals(record, revisions, machine, tomogram):
        if one.pair == pair:
            return one
    found = between(record, revisions, machine, tomogram, *pair).findings
    return Proposal(pair, _cases(found, record) if any(one.is_open for one in found) else ())


def _by_size(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: one.size, reverse=True)


def _cases(findings: Iterable[Finding], record: Record) -> tuple[tuple[Benchmark, Case], ...]:
    suite = record.suite()
    return tuple(
        (suite[finding.benchmark], case.parameters)
        for finding in _by_size(findings)
        if finding.status != "exact"
        for case in finding.cases[:_CASES]
    )
