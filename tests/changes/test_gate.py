"""A candidate against a release: what is judged, in which order, and how it is said."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from cryoet_bench.changes.confirmation import Block, CasePair
from cryoet_bench.changes.gate import Gate
from cryoet_bench.changes.gate_report import as_json, as_markdown, summary
from cryoet_bench.changes.judgement import GateOutcome, Judgement, Question, Sensitivity
from cryoet_bench.changes.pairing import PairedCase
from cryoet_bench.measure.plan import Selection
from cryoet_bench.record.benchmark import Benchmark
from tests.measured import campaign, last_two

BEFORE, AFTER = "zarr-3.4.2", "zarr-3.4.3"


def gate(root: Path, pattern: str, minutes: float = 3) -> Gate:
    before, after = last_two(root)
    return Gate(campaign(root, selection=Selection("core", pattern)), before, after, minutes)


def test_exact_values_and_times_are_judged_worst_first(measured: Path) -> None:
    found = gate(measured, r"track_bytes|time_read\('zstd")
    assert not list(found.measure_exact()), "the record has the exact values of both"
    list(found.measure_times())
    outcome = found.outcome()
    assert [(one.verdict, one.case) for one in outcome.judgements] == [
        ("fails", "none"),
        ("slower", "zstd"),
        ("newly available", "late"),
        ("better", "zstd"),
    ]
    slower = outcome.judgements[1]
    assert slower.ratio == pytest.approx(2, rel=0.3)
    assert (outcome.exit_code, outcome.exact, outcome.timed) == (1, 3, 1)
    assert outcome.sensitivity[0].blocks >= 4
    assert "2 regressions: 3 exact values and 1 times" in summary(outcome)


def test_without_enough_time_nothing_is_denied(measured: Path) -> None:
    found = gate(measured, r"time_read\('zstd", minutes=0.001)
    list(found.measure_times())
    outcome = found.outcome()
    assert (outcome.exit_code, outcome.missed) == (2, 1)
    assert summary(outcome).startswith("too little was measured to judge")


def test_a_candidate_that_cannot_be_imported_is_broken(fresh: Path) -> None:
    (fresh / "broken").write_text("yes")
    found = gate(fresh, "track_bytes")
    list(found.measure_exact())
    assert found.is_broken
    (only,) = found.outcome().judgements
    assert only.case == "late and 2 more cases"
    assert "cannot be imported" in only.reason
    assert found.outcome().exit_code == 1


@pytest.fixture
def outcome(measured: Path) -> GateOutcome:
    before, after = last_two(measured)
    lines = (
        Judgement("loses bits", "Round-trip error", "zstd-3, v3", "density", 0.0, 0.5),
        Judgement("fails", "Open a volume", "array, v2", reason="Boom: `x` | @all <b> \n# hi"),
        Judgement("slower", "Read", "all 8 cases", ratio=1.2, interval=(1.1, 1.3), pattern="^r"),
    )
    seen = (Sensitivity("Read", 8, 16, 0.04, None),)
    return GateOutcome(
        before, replace(after, moved=("numpy 1 to 2",)), lines, seen, 10, 8, 0, 0, 3.21
    )


def test_markdown_shows_what_a_candidate_says_as_code(outcome: GateOutcome) -> None:
    text = as_markdown(outcome, "cryoet-bench gate . --against zarr-3.4.2")
    assert text.startswith("<!-- cryoet-bench gate -->\n### `zarr 3.1.1` against")
    assert "`Open a volume: Boom: 'x' \\| @all <b> # hi`" in text
    outside = re.sub(r"`[^`]*`", "", text)
    assert "@all" not in outside
    assert "| 🔴 loses bits | Round-trip error | `zstd-3, v3` | 0 to 0.5 |  |" in text
    assert "cryoet-bench gate . --against zarr-3.4.2 --bench '^r'" in text
    assert "| Read | 8 | 16 | 4 % | - |" in text
    document = json.loads(as_json(outcome, "x"))
    assert document["exit_code"] == 1
    assert [one["is_regression"] for one in document["judgements"]] == [True] * 3


def test_of_cases_of_which_one_has_no_block_nothing_is_told_together() -> None:
    benchmark = Benchmark({"name": "read.A.time_b", "version": "1", "type": "time", "params": []})
    pair = CasePair("a", "b", benchmark.name, "1", ())
    blocks = [Block(pair, "", 2.0, "ABBA", 1, ((1.0,),), ((after,),)) for after in (1.0, 1.1)]
    cases = [PairedCase(benchmark, (), pair, 0.001, 0.03, known) for known in (blocks, blocks, [])]
    question = Question(cases, 0.001)
    assert question.judgement is None
    seen = question.sensitivity(seconds=0)
    assert (seen.blocks, seen.of_all, seen.of_one) == (4, None, None)


def test_a_case_that_leans_to_slower_is_no_good_end(outcome: GateOutcome) -> None:
    open_ = replace(outcome, judgements=(), leaning=1)
    assert open_.exit_code == 2
    assert summary(open_) == (
        "too little was measured to judge: no regression: 10 exact values and 8 times compared in "
        "3.2 min; leaning to slower and not decided: 1, so give --minutes."
    )
    assert replace(open_, leaning=0).exit_code == 0
    assert replace(open_, judgements=outcome.judgements).exit_code == 1
