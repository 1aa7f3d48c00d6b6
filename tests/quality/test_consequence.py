from __future__ import annotations

from cryoet_bench.quality.check import Check, Verdict
from cryoet_bench.quality.consequence import _CAUSES, _LATE, advice, by_consequence
from evaluations.defects import OF_VOLUMES


def check(verdict: Verdict, finding: str) -> Check:
    return Check("key", "Title", None, "", "", verdict, "It is so.", finding)


def test_the_cause_comes_before_what_follows_from_it() -> None:
    found = [
        check("pass", ""), check("warn", "no-spacing"), check("fail", "repeated-value"),
        check("n/a", ""), check("fail", "empty-block"), check("fail", "missing-chunk"),
        check("fail", "of a later version"), check("warn", "hot-voxels"),
    ]  # fmt: skip
    assert [it.finding for it in by_consequence(found) if it.finding] == [
        "missing-chunk", "empty-block", "of a later version", "repeated-value", "hot-voxels",
        "no-spacing",
    ]  # fmt: skip
    assert [it.verdict for it in by_consequence(found)][-2:] == ["pass", "n/a"]


def test_what_names_no_cause_comes_after_what_does() -> None:
    found = [check("fail", ""), check("fail", "mirrored-block"), check("fail", "no-spacing")]
    order = [it.finding for it in by_consequence(found)]
    assert order == ["mirrored-block", "no-spacing", ""]


def test_use_it() -> None:
    assert str(advice([check("pass", ""), check("n/a", "")])) == "yes"
    assert str(advice([check("warn", "oversampled")])) == "yes"
    assert str(advice([check("warn", "no-spacing")])) == "after fixing: write the voxel spacing"
    assert str(advice([check("fail", "empty-block"), check("warn", "no-spacing")])) == "no"
    # An empty block alone is lost; that of a chunk which can be copied again is not.
    lost = [check("fail", "empty-block"), check("fail", "missing-chunk")]
    assert str(advice(lost)) == "after fixing: copy the missing chunks again"


def test_every_planted_defect_has_its_place() -> None:
    assert {finding for defect in OF_VOLUMES for finding in defect.findings} <= {*_CAUSES, *_LATE}
    wrapped = [check("fail", "wrapped"), check("warn", "several-modes"), check("warn", "no-wedge")]
    assert str(advice(wrapped)).startswith("after fixing: convert the original again")
