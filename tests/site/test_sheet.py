"""What a cell of the overview says of a release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cryoet_bench.changes.aspects import Facet, facets
from cryoet_bench.changes.confirmation import Confirmation, Verdict
from cryoet_bench.changes.finding import ChangedCase, Finding, Screening, Status
from cryoet_bench.changes.screen import Group
from cryoet_bench.site.sheet import Sheet
from cryoet_bench.timeline.revisions import Revision

READ = "read.Patterns.time_read"
BEFORE, AFTER = "zarr-3.1.0", "zarr-3.1.1"
SLICE_2, SLICE_3 = "slice-xy, cube-64 v2", "slice-xy, cube-64 v3"


def facet(key: str) -> Facet:
    (found,) = [one for one in facets() if one.key == key]
    return found


def finding(status: Status, ratios: dict[str, float], between: Sequence[str] = ()) -> Finding:
    cases = tuple(
        ChangedCase(benchmark=READ, case=case, parameters=(case,), before=1.0, after=r, ratio=r)
        for case, r in ratios.items()
    )
    return Finding(
        id="x", group="x", revision=AFTER, label="zarr 3.1.1",
        date=datetime(2025, 8, 1, tzinfo=UTC), line="main", previous=BEFORE,
        previous_label="zarr 3.1.0", unmeasured=tuple(between),
        package="zarr", benchmark=READ, title="Read part of a volume", unit="seconds",
        family="read.Patterns", kind="slower", timed=True, ratio=9.9, status=status, cases=cases,
        judged=9, subject="sharded layouts",
    )  # fmt: skip


def verdict(case: str, found: Verdict, ratio: float = 1.2) -> Confirmation:
    return Confirmation(
        BEFORE, AFTER, READ, "1", (case,), found, ratio, None, None, 0.03, 0.01, 8, None, 1.0, "vm",
        "phantom-10A", "2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def revision(name: str, day: int) -> Revision:
    date = datetime(2025, 7, day, tzinfo=UTC)
    return cast("Revision", SimpleNamespace(name=name, date=date, line="main"))


def sheet(findings: Sequence[Finding], verdicts: Sequence[Confirmation], measured: set[str]) -> Any:
    every = [revision(BEFORE, 1), revision(AFTER, 20)]
    groups = tuple(Group(id="x", findings=(one,), sentence="") for one in findings)
    found = Sheet(
        number=0, machine="vm", tomogram="phantom-10A", facts={}, machine_facts={},
        cases=cast("Any", None), suite={}, revisions=every,
        screening=Screening(machine="vm", tomogram="phantom-10A", groups=groups),
        pairs=cast("Any", None), confirmations=list(verdicts), others={},
    )  # fmt: skip
    known = {one.key: {name: name in measured for name in (BEFORE, AFTER)} for one in facets()}
    vars(found)["_measured_facets"] = known
    vars(found)["measured"] = [one for one in every if one.name in measured]
    return found


def test_a_cell_tells_of_its_own_cases_alone() -> None:
    """Once a green -9.8 % of shards stood in the column of format 2."""
    own = sheet([finding("exact", {SLICE_2: 1.21, SLICE_3: 4.0})], [], {BEFORE, AFTER})
    after = own.revisions[1]
    cell = own.cell(facet("slice-v2"), after)
    assert (cell.direction, cell.leading.ratio) == ("worse", pytest.approx(1.21))
    assert cell.leading.subject == "", "which is that of all cases"
    assert own.cell(facet("slice-v3"), after).leading.ratio == pytest.approx(4.0)
    assert own.cell(facet("boxes-v2"), after).direction == "same"


@pytest.mark.parametrize(
    ("of_2", "holds", "direction"),
    [("changed", True, "worse"), (None, False, "worse"), ("equivalent", False, "same")],
)
def test_a_cell_holds_where_its_own_cases_were_confirmed(
    of_2: Verdict | None, *, holds: bool, direction: str
) -> None:
    verdicts = [verdict(SLICE_3, "changed"), *([verdict(SLICE_2, of_2)] if of_2 else [])]
    own = sheet([finding("confirmed", {SLICE_2: 1.2, SLICE_3: 4.0})], verdicts, {BEFORE, AFTER})
    cell = own.cell(facet("slice-v2"), own.revisions[1])
    assert (cell.holds, cell.direction) == (holds, direction)
    assert own.cell(facet("slice-v3"), own.revisions[1]).holds


def test_a_case_that_went_the_other_way_side_by_side_is_no_part_of_it() -> None:
    verdicts = [verdict(SLICE_3, "changed"), verdict(SLICE_2, "changed", 0.9)]
    own = sheet([finding("confirmed", {SLICE_2: 1.2, SLICE_3: 4.0})], verdicts, {BEFORE, AFTER})
    assert own.cell(facet("slice-v2"), own.revisions[1]).direction == "same"
    assert own.cell(facet("slice-v3"), own.revisions[1]).holds


def test_what_is_sure_decides_the_direction() -> None:
    better = finding("exact", {SLICE_2: 0.5})
    vars(better)["kind"] = "faster"
    own = sheet([finding("proposed", {SLICE_2: 1.2}), better], [], {BEFORE, AFTER})
    assert own.cell(facet("slice-v2"), own.revisions[1]).direction == "better"


@pytest.mark.parametrize(
    ("measured", "between", "state"),
    [
        ({BEFORE, AFTER}, (), "compared"),
        ({BEFORE, AFTER}, ("a", "b", "c"), "undated"),
        ({AFTER}, (), "alone"),
        ({BEFORE}, (), "none"),
    ],
)
def test_no_change_is_said_only_of_what_was_compared(
    measured: set[str], between: Sequence[str], state: str
) -> None:
    findings = [finding("exact", {SLICE_2: 1.2}, between)] if between else []
    own = sheet(findings, [], measured)
    cell = own.cell(facet("slice-v2"), own.revisions[1])
    assert (cell.state, cell.direction) == (state, "same")
