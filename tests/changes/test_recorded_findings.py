"""What is said of the committed record: commands that can be typed, causes of large changes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cryoet_bench.changes.confirmation import confirmations
from cryoet_bench.changes.finding import Screening
from cryoet_bench.changes.scope import Scope
from cryoet_bench.changes.screen import screen
from cryoet_bench.measure.plan import Selection
from cryoet_bench.record.record import REFERENCE, Record
from cryoet_bench.timeline.revisions import Revisions
from cryoet_bench.variables import DEFAULT_TOMOGRAM
from tests import synthetic

ROOT = Path(__file__).parents[2]
RECORD = Record(ROOT / "nowhere", (ROOT / REFERENCE,))


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Revisions:
    return synthetic.timeline(tmp_path_factory.mktemp("timeline"))


@pytest.fixture(scope="module")
def screening(timeline: Revisions) -> Screening:
    (machine,) = {one.machine for one in RECORD.series()}
    return screen(Scope(RECORD, timeline, machine, DEFAULT_TOMOGRAM))


def test_each_command_names_releases_and_benchmarks_that_exist(
    screening: Screening, timeline: Revisions
) -> None:
    commands = {finding.command for finding in screening.findings}
    assert commands
    for command in commands:
        program, *words = shlex.split(command)
        assert program in {"cryoet-bench", "scripts/bench"}
        names = words[1:3] if program == "cryoet-bench" else words[:2]
        assert [timeline.find(name).name for name in names] == names
        (pattern,) = [words[words.index("--bench") + 1]]
        chosen = Selection("core", pattern).of(RECORD.suite())
        assert any(not RECORD.suite()[name].is_control for name in chosen), command


def test_the_twenty_largest_changes_have_a_cause(screening: Screening) -> None:
    """Of those that are known for sure; a codec's or zarr's own changelog gives it."""
    sure = [one for one in screening.findings if one.holds and one.ratio]
    largest = sorted(sure, key=lambda one: one.size, reverse=True)[:20]
    assert not [one.id for one in largest if one.cause is None]


def test_the_documents_state_how_many_changes_hold_on_the_second_processor() -> None:
    there, here = (
        {one.pair: one for one in confirmations(RECORD, machine, DEFAULT_TOMOGRAM)}
        for machine in ("epyc-2-cores", "epyc-2-cores-2")
    )
    changed = {pair: one for pair, one in there.items() if one.verdict == "changed"}
    assert changed.keys() <= here.keys()
    found = [(one.ratio > 1, here[pair]) for pair, one in changed.items()]
    decided = [(slower, one) for slower, one in found if one.verdict != "undecided"]
    hold = sum(one.verdict == "changed" and (one.ratio > 1) == slower for slower, one in decided)
    method, readme = ((ROOT / name).read_text("utf-8") for name in ("docs/method.md", "README.md"))
    assert f"All {len(found)} cases that are confirmed" in method
    assert f"Of the {len(decided)} that were decided there, {hold} changed in the same" in method
    assert f"All {len(found)} cases whose time" in readme
    assert f"of {len(decided)} decided there, {hold} hold" in readme
    contrary = [
        pair for pair, one in changed.items() if not (
            here[pair].verdict == "undecided"
            or (here[pair].verdict == "changed" and (here[pair].ratio > 1) == (one.ratio > 1))
        )
    ]  # fmt: skip
    assert all(pair.benchmark.startswith("codec.") for pair in contrary), "codecs alone"
    assert all(0.949 < changed[pair].ratio < 1.05 for pair in contrary), "by 5 % at most"
