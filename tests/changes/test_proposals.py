"""What is measured to settle proposals: the largest findings first, three cases of each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cryoet_bench.changes.confirmation import Confirmation, Ledger
from cryoet_bench.changes.finding import ChangedCase, Screening, Status
from cryoet_bench.changes.proposals import proposals, proposed_between
from cryoet_bench.changes.steps import DISTURBED
from cryoet_bench.record.record import CONFIRMATIONS
from tests.changes.recorded import MACHINE, READ, REQUESTS, TOMOGRAM, Invented, exact, times

SLOWER = [1.1, 1.2, 1.5, 1.4, 1.1, 1.1, 1.1, 1.3]


def names(invented: Invented) -> list[tuple[str, str]]:
    found = proposals(invented.scope)
    return [(one.pair[0].name, one.pair[1].name) for one in found]


def test_the_largest_finding_comes_first_with_the_cases_that_changed_most(
    invented: Invented,
) -> None:
    invented.measure(READ, times({"zarr-3.3": SLOWER, "zarr-3.8": [2.0] * 8}))
    invented.measure(REQUESTS, exact({"zarr-3.6": [3] * 8}))
    found = proposals(invented.scope)
    pairs = [("zarr-3.7", "zarr-3.8"), ("zarr-3.2", "zarr-3.3"), ("zarr-3.5", "zarr-3.6")]
    assert names(invented) == pairs
    assert {case for _, case in found[1].cases} == {READ.cases[number] for number in (2, 3, 7)}


def test_what_disturbed_processes_may_have_made_is_measured_to_find_out(
    invented: Invented,
) -> None:
    newest = [1.2, *[1.0] * 7]
    invented.measure(READ, times({"zarr-3.11": newest}, rounds=2))
    assert not invented.screen().findings
    (found,) = proposals(invented.scope)
    assert found.pair[1].name == "zarr-3.11"
    assert found.cases == ((READ, READ.cases[0]),)


def test_times_are_measured_whose_exact_companion_moved(invented: Invented) -> None:
    invented.measure(READ, times({}))
    invented.measure(
        REQUESTS, exact({"zarr-3.4": [1.01] * 8, "zarr-3.6": [1, 1, 2, 3, 1.2, 4, 1, 1]})
    )
    (found,) = proposals(invented.scope)
    assert [one.name for one in found.pair] == ["zarr-3.5", "zarr-3.6"]
    assert found.cases == tuple((READ, READ.cases[number]) for number in (5, 3, 2))
    ledger = Ledger(invented.path("zarr-3.6").with_name(CONFIRMATIONS))
    for _, case in found.cases:
        ledger.append(
            Confirmation(
                "zarr-3.5", "zarr-3.6", READ.name, "1", case, "equivalent", 1.0, None, None,
                0.03, 0.01, 8, None, 1.0, MACHINE, TOMOGRAM, "2026-01-01T00:00:00+00:00",
            )
        )  # fmt: skip
    assert not names(invented)


def test_what_is_decided_is_not_measured_again(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.6": [1.5] * 8}))
    ledger = Ledger(invented.path("zarr-3.6").with_name(CONFIRMATIONS))

    def conclude(verdict: str, at: int) -> None:
        ledger.append(
            Confirmation(
                "zarr-3.5", "zarr-3.6", READ.name, "1", READ.cases[0], verdict, 1.5, None, None,
                0.03, 0.01, 8, None, 1.0, MACHINE, TOMOGRAM, f"2026-01-0{at}T00:00:00+00:00",
            )  # type: ignore[arg-type]
        )  # fmt: skip

    conclude("undecided", 1)
    assert names(invented) == [("zarr-3.5", "zarr-3.6")], "there is more to measure"
    conclude("changed", 2)
    assert not names(invented)
    conclude("undecided", 3)
    assert not names(invented), "what was decided stands"


def test_cases_that_decide_what_is_reported_are_measured_too(
    invented: Invented, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if disturbed processes explained the largest steps of a finding, and not the others."""
    invented.measure(READ, times({"zarr-3.6": SLOWER}))
    screening = invented.screen()
    (finding,) = screening.findings

    def only(status: Status, cases: tuple[ChangedCase, ...]) -> Screening:
        one = replace(finding, status=status, cases=cases)
        return replace(screening, groups=(replace(screening.groups[0], findings=(one,)),))

    reported = only("undecided", finding.cases[2:])
    undisturbed = only("overturned", finding.cases)
    monkeypatch.setattr(
        "cryoet_bench.changes.proposals.screen",
        lambda _, disturbed=DISTURBED: reported if disturbed else undisturbed,
    )
    (found,) = proposals(invented.scope)
    assert {case for _, case in found.cases} == {one.parameters for one in finding.cases[:5]}


def test_neighbours_are_judged_by_the_history_and_others_by_their_rounds(
    invented: Invented,
) -> None:
    invented.measure(READ, times({"zarr-3.3": SLOWER, "zarr-3.8": [2.0] * 8}))
    find = invented.revisions.find
    near = proposed_between(invented.scope, (find("zarr-3.2"), find("zarr-3.3")))
    assert near == proposals(invented.scope)[1]
    far = proposed_between(invented.scope, (find("zarr-3.1"), find("zarr-3.9")))
    assert READ.cases[2] in [case for _, case in far.cases]
    assert not proposed_between(invented.scope, (find("zarr-3.4"), find("zarr-3.5"))).cases
