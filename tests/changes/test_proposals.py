"""What is measured to settle proposals: the largest findings first, three cases of each."""

from __future__ import annotations

from cryoet_bench.changes.confirmation import Confirmation, Ledger
from cryoet_bench.changes.proposals import proposals, proposed_between
from cryoet_bench.record.record import CONFIRMATIONS
from tests.changes.recorded import MACHINE, READ, REQUESTS, TOMOGRAM, Invented, exact, times

SLOWER = [1.1, 1.2, 1.5, 1.4, 1.1, 1.1, 1.1, 1.3]


def names(invented: Invented) -> list[tuple[str, str]]:
    found = proposals(invented.record, invented.revisions, MACHINE, TOMOGRAM)
    return [(one.pair[0].name, one.pair[1].name) for one in found]


def test_the_largest_finding_comes_first_with_the_cases_that_changed_most(
    invented: Invented,
) -> None:
    invented.measure(READ, times({"zarr-3.3": SLOWER, "zarr-3.8": [2.0] * 8}))
    invented.measure(REQUESTS, exact({"zarr-3.6": [3] * 8}))
    found = proposals(invented.record, invented.revisions, MACHINE, TOMOGRAM)
    assert names(invented) == [("zarr-3.7", "zarr-3.8"), ("zarr-3.2", "zarr-3.3")]
    assert {case for _, case in found[1].cases} == {READ.cases[number] for number in (2, 3, 7)}


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


def test_neighbours_are_judged_by_the_history_and_others_by_their_rounds(
    invented: Invented,
) -> None:
    invented.measure(READ, times({"zarr-3.3": SLOWER, "zarr-3.8": [2.0] * 8}))
    where = invented.record, invented.revisions, MACHINE, TOMOGRAM
    find = invented.revisions.find
    near = proposed_between(*where, (find("zarr-3.2"), find("zarr-3.3")))
    assert near == proposals(*where)[1]
    far = proposed_between(*where, (find("zarr-3.1"), find("zarr-3.9")))
    assert READ.cases[2] in [case for _, case in far.cases]
    assert not proposed_between(*where, (find("zarr-3.4"), find("zarr-3.5"))).cases
