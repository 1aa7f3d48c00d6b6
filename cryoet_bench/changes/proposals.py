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
        Those of its findings that changed most, the largest finding first.
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
    found = _open(screen(record, revisions, machine, tomogram).findings)
    suite = record.suite()
    pairs = dict.fromkeys((one.previous, one.revision) for one in found)
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
    return Proposal(pair, _cases(_open(net.findings), record.suite()))


def _open(findings: Iterable[Finding]) -> list[Finding]:
    """Return those without a verdict, the largest change first."""
    found = [one for one in findings if one.status in {"proposed", "undecided"}]
    return sorted(found, key=lambda one: one.size, reverse=True)


def _cases(
    findings: Iterable[Finding], suite: Mapping[str, Benchmark]
) -> tuple[tuple[Benchmark, Case], ...]:
    return tuple(
        (suite[finding.benchmark], case.parameters)
        for finding in findings
        for case in finding.cases[:_CASES]
    )
