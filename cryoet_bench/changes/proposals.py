"""What the recorded history proposes and no confirmation has settled yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    screening = screen(record, revisions, machine, tomogram)
    found = sorted(screening.findings, key=lambda one: one.size, reverse=True)
    pairs = dict.fromkeys((one.previous, one.revision) for one in found if one.is_open)
    suite = record.suite()
    return [
        Proposal(
            (revisions.find(before), revisions.find(after)),
            _cases(
                [one for one in found if (one.previous, one.revision) == (before, after)], suite
            ),
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
    net = between(record, revisions, machine, tomogram, *pair)
    found = sorted(net.findings, key=lambda one: one.size, reverse=True)
    is_open = any(one.is_open for one in found)
    return Proposal(pair, _cases(found, record.suite()) if is_open else ())


def _cases(
    findings: Iterable[Finding], suite: Mapping[str, Benchmark]
) -> tuple[tuple[Benchmark, Case], ...]:
    return tuple(
        (suite[finding.benchmark], case.parameters)
        for finding in findings
        if finding.status != "exact"
        for case in finding.cases[:_CASES]
    )
