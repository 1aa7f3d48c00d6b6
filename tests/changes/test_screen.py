"""The screen finds what was planted, blames the right release, and bears any record."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from cryoet_bench.changes.confirmation import Confirmation, Ledger, Verdict
from cryoet_bench.changes.finding import Finding
from cryoet_bench.changes.notes import as_html, as_markdown, gather
from cryoet_bench.record.benchmark import Case
from cryoet_bench.record.record import CONFIRMATIONS
from cryoet_bench.timeline.releases import Timeline
from cryoet_bench.timeline.repository import build
from cryoet_bench.timeline.revisions import Revisions
from tests.changes.recorded import (
    BYTES,
    CALLS,
    MACHINE,
    READ,
    REQUESTS,
    TAGS,
    TOMOGRAM,
    Invented,
    benchmark,
    exact,
    release,
    times,
)

ALL, SHARDED = [1.5] * 8, [1, 1, 1, 1.5] * 2


def told(invented: Invented) -> list[tuple[str, str]]:
    return [(one.revision, one.kind) for one in invented.screen().findings]


def only(invented: Invented) -> Finding:
    (finding,) = invented.screen().findings
    return finding


def test_a_step_of_a_time_is_found_where_it_was_planted(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.6": [1.08] * 8}))
    finding = only(invented)
    assert (finding.revision, finding.previous, finding.kind) == ("zarr-3.6", "zarr-3.5", "slower")
    assert finding.ratio == pytest.approx(1.08, abs=0.02)
    low, high = finding.interval or (0, 0)
    assert 1 < low < 1.08 < high
    assert (finding.status, finding.is_worse, finding.holds) == ("proposed", True, False)
    assert finding.subject == "", "all cases changed"


def test_the_newest_release_needs_no_successors(invented: Invented) -> None:
    invented.measure(READ, times({TAGS[-1]: [0.9] * 8}))
    assert (only(invented).revision, only(invented).kind) == (TAGS[-1], "faster")


def test_a_few_cases_of_a_family_are_found_and_named(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.6": SHARDED}))
    finding = only(invented)
    assert [case.case for case in sorted(finding.cases, key=lambda one: one.case)] == [
        "slice-xy, shard-32-in-128 v3",
        "whole, shard-32-in-128 v3",
    ]
    assert finding.judged == 8
    assert finding.subject == "sharded layouts"
    assert finding.stored == ("shard-32-in-128",)


def test_nothing_is_found_in_what_does_not_change(invented: Invented) -> None:
    """Twenty families of eight series on twelve releases: at most one false family."""
    for number in range(20):
        name = f"read{number}.Patterns.time_read"
        one = type(READ)({**READ.description, "name": name})
        invented.measure(one, times({}, seed=number))
    assert len(invented.screen().findings) <= 1


def test_what_is_undone_is_reported_and_marked(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.4": ALL, "zarr-3.8": [1 / 1.5] * 8}))
    back, forth = invented.screen().findings
    assert (forth.revision, forth.undone_in, forth.undone_label) == (
        "zarr-3.4",
        "zarr-3.8",
        "zarr 3.8",
    )
    assert back.undone_in is None
    assert "undone in zarr 3.8" in forth.sentence


def test_a_part_that_is_taken_back_is_not_undone(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.4": [2.0] * 8, "zarr-3.8": [0.7] * 8}))
    assert {one.undone_in for one in invented.screen().findings} == {None}


def test_exact_values_are_compared_by_equality_or_their_tolerance(invented: Invented) -> None:
    invented.measure(REQUESTS, exact({"zarr-3.2": [1, 1, 1, 1.01] * 2}))
    invented.measure(CALLS, exact({"zarr-3.3": [1.009] * 8, "zarr-3.7": [0.9] * 8}))
    found = {one.benchmark: one for one in invented.screen().findings}
    requests, calls = found[REQUESTS.name], found[CALLS.name]
    assert (requests.revision, requests.kind, len(requests.cases)) == (
        "zarr-3.2",
        "more requests",
        2,
    )
    assert (calls.revision, calls.kind, calls.status) == ("zarr-3.7", "fewer calls", "exact")
    assert calls.ratio == pytest.approx(0.9)
    assert calls.interval is None


def test_an_exact_value_that_was_not_the_same_twice_proves_nothing(invented: Invented) -> None:
    values = exact({})
    values["zarr-3.5"] += [[100.0] * 7 + [140.0]]
    invented.measure(REQUESTS, values)
    screening = invented.screen()
    assert not screening.findings
    (skipped,) = screening.skipped
    assert (skipped.what, skipped.count) == ("zarr-3.5", 1)
    assert skipped.reason == "exact values that were not the same twice"


def test_a_time_is_told_with_the_exact_metric_that_explains_it(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.6": SHARDED}))
    invented.measure(CALLS, exact({"zarr-3.6": [1, 1, 1, 6.0] * 2}))
    finding = next(one for one in invented.screen().findings if one.timed)
    assert finding.companion == "Python calls 100 to 600 (whole, shard-32-in-128 v3)"
    assert finding.companion in finding.sentence
    assert finding.layer == "zarr"


def test_a_metric_that_moves_the_other_way_explains_nothing(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.6": SHARDED}))
    invented.measure(CALLS, exact({"zarr-3.6": [1, 1, 1, 0.5] * 2}))
    finding = next(one for one in invented.screen().findings if one.timed)
    assert finding.companion == "no count or size explains it"


def test_a_time_without_explanation_says_so(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.6": SHARDED}))
    assert only(invented).companion == "no count or size was measured that could explain it"
    invented.measure(CALLS, exact({}))
    assert only(invented).companion == "no count or size explains it"


def test_a_trade_off_is_one_sentence(invented: Invented) -> None:
    invented.measure(REQUESTS, exact({"zarr-3.6": [1, 1, 1, 0.25] * 2}))
    invented.measure(BYTES, exact({"zarr-3.6": [1, 1, 1, 1.7] * 2}))
    (group,) = invented.screen().groups
    assert group.is_trade_off
    assert group.holds
    assert group.sentence == (
        "A trade-off of zarr 3.6, sharded layouts: 4x fewer requests; but 70 % more bytes moved"
    )
    assert {one.group for one in group.findings} == {group.id}


def test_a_trade_off_names_what_all_of_it_shares(invented: Invented) -> None:
    """Once it named the shortest description of any of its changes."""
    invented.measure(REQUESTS, exact({"zarr-3.6": [1, 1, 1, 1, 1, 1, 1, 0.25]}))
    invented.measure(BYTES, exact({"zarr-3.6": [1, 1, 1, 1.7, 1, 1, 1, 1]}))
    (group,) = invented.screen().groups
    assert group.sentence.startswith("A trade-off of zarr 3.6, sharded layouts: ")


def test_opposite_changes_of_different_layouts_are_no_trade_off(invented: Invented) -> None:
    invented.measure(REQUESTS, exact({"zarr-3.6": [1, 1, 1, 0.25] * 2}))
    invented.measure(BYTES, exact({"zarr-3.6": [1.7, 1, 1, 1] * 2}))
    assert not any(group.is_trade_off for group in invented.screen().groups)


def test_a_broken_release_is_one_finding_and_is_passed_over(invented: Invented) -> None:
    values: dict[str, list[list[float | str]]] = {**exact({"zarr-3.7": [2] * 8})}
    values["zarr-3.6"] = [["Traceback\n\nModuleNotFoundError: No module named 'crc32c'"] * 8]
    invented.measure(REQUESTS, values)
    fixed, more, failing = invented.screen().findings
    assert [(one.revision, one.kind) for one in (failing, fixed, more)] == [
        ("zarr-3.6", "newly failing"),
        ("zarr-3.7", "newly fixed"),
        ("zarr-3.7", "more requests"),
    ]
    assert "No module named 'crc32c'" in failing.sentence
    assert "Traceback" not in failing.sentence
    assert failing.undone_in == "zarr-3.7"
    assert (more.previous, more.unmeasured) == ("zarr-3.5", ("zarr 3.6",))
    assert "since zarr 3.7 (or zarr 3.6: not measured)" in more.sentence


def test_what_becomes_available_or_is_lost_is_reported(invented: Invented) -> None:
    values: dict[str, list[list[float | str]]] = {**exact({})}
    for tag in TAGS[:3]:
        values[tag] = [[*[100.0] * 7, ""]]
    values[TAGS[-1]] = [["", *[100.0] * 7]]
    invented.measure(REQUESTS, values)
    assert told(invented) == [(TAGS[-1], "lost"), (TAGS[3], "newly available")]


def test_a_maintenance_release_is_compared_with_where_its_line_left(invented: Invented) -> None:
    values = exact({"zarr-3.8": [5] * 8})
    values["zarr-2.9"] = [[200.0] * 8]
    invented.measure(REQUESTS, values)
    found = {one.revision: one for one in invented.screen().findings}
    assert (found["zarr-2.9"].previous, found["zarr-2.9"].ratio) == ("zarr-3.5", 2.0)
    assert found["zarr-2.9"].line == "zarr-2"
    assert found["zarr-3.8"].previous == "zarr-3.7"
    (own,) = invented.screen(line="zarr-2").findings
    assert own.revision == "zarr-2.9"


def test_what_different_suites_measured_is_not_compared(invented: Invented) -> None:
    values = exact({"zarr-3.6": [2] * 8})
    invented.measure(REQUESTS, {tag: values[tag] for tag in TAGS[:6]}, suite="old")
    invented.measure(REQUESTS, {tag: values[tag] for tag in TAGS[6:]}, suite="new")
    screening = invented.screen()
    assert not screening.findings
    (skipped,) = screening.skipped
    assert (skipped.what, skipped.count) == ("zarr 3.6", 8)
    assert "another version of the suite" in skipped.reason


def test_a_release_that_both_suites_measured_links_them(invented: Invented) -> None:
    values = exact({"zarr-3.6": [2] * 8})
    invented.measure(REQUESTS, {tag: values[tag] for tag in TAGS[:6]}, suite="old")
    invented.measure(REQUESTS, {tag: values[tag] for tag in TAGS[5:]}, suite="new")
    assert told(invented) == [("zarr-3.6", "more requests")]
    assert not invented.screen().skipped


SLOWER: tuple[Verdict, float] = ("changed", 1.5)
FASTER: tuple[Verdict, float] = ("changed", 0.7)
SAME: tuple[Verdict, float] = ("equivalent", 1.0)
UNCLEAR: tuple[Verdict, float] = ("undecided", 1.2)


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ({}, "proposed"),
        ({0: SLOWER}, "confirmed"),
        ({0: SAME, 1: UNCLEAR, 7: SLOWER}, "confirmed"),
        ({0: SAME}, "undecided"),  # the others that changed most were not measured
        ({0: FASTER, 1: SAME}, "undecided"),
        ({5: SAME, 6: SAME, 7: SAME}, "undecided"),
        ({0: SAME, 1: UNCLEAR, 2: SAME}, "undecided"),
        ({0: UNCLEAR}, "undecided"),
        ({0: SAME, 1: SAME, 2: SAME}, "overturned"),
        ({0: SAME, 1: FASTER, 2: SAME, 7: UNCLEAR}, "overturned"),
    ],
)
def test_a_confirmation_decides_a_proposal(
    invented: Invented, verdicts: dict[int, tuple[Verdict, float]], status: str
) -> None:
    """By the place of a case among those that changed, the one that changed most first."""
    invented.measure(READ, times({"zarr-3.6": ALL}))
    cases = only(invented).cases
    ledger = confirmed_here(invented)
    for place, (verdict, ratio) in verdicts.items():
        conclude(ledger, cases[place].parameters, verdict, ratio)
    assert only(invented).status == status


def test_a_finding_of_one_case_takes_one_verdict(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.6": [1.5, *[1] * 7]}))
    (case,) = only(invented).cases
    conclude(confirmed_here(invented), case.parameters, *SAME)
    assert only(invented).status == "overturned"


def test_damaged_verdicts_decide_nothing_and_are_named(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.6": ALL}))
    conclude(confirmed_here(invented), only(invented).cases[0].parameters, *SLOWER)
    damaged = invented.path("zarr-3.6").with_name(CONFIRMATIONS)
    damaged.write_text("{}\n")
    screening = invented.screen()
    assert [one.status for one in screening.findings] == ["proposed"]
    assert [one.what for one in screening.skipped] == [f"confirmations of {MACHINE}"]


@pytest.mark.parametrize(
    ("verdicts", "outcome", "shown"),
    [
        ([("changed", 1.4), ("changed", 1.6)], "holds", 1.4),
        ([("changed", 0.5), ("changed", 1.2)], "holds", 1.2),
        ([("equivalent", 1.01), ("changed", 0.7)], "reversed", 0.7),
        ([("equivalent", 0.99)], "equivalent", 0.99),
        ([("equivalent", 1.0), ("undecided", 1.2)], "undecided", 1.2),
        ([("equivalent", 1.3), ("undecided", 1.1)], "undecided", 1.1),
    ],
)
def test_a_finding_says_what_it_is_on_another_machine(
    invented: Invented, verdicts: list[tuple[Verdict, float]], outcome: str, shown: float
) -> None:
    invented.measure(READ, times({"zarr-3.6": ALL}))
    invented.measure(REQUESTS, exact({"zarr-3.6": [2] * 8}))
    cases = {one.benchmark: one.cases for one in invented.screen().findings}
    ledger = on_another(invented, TOMOGRAM)
    for name in (READ.name, REQUESTS.name):
        for case, (verdict, ratio) in zip(cases[name], verdicts, strict=False):
            ledger.append(
                Confirmation(
                    "zarr-3.5", "zarr-3.6", name, "1", case.parameters, verdict, ratio, ratio - 0.1,
                    ratio + 0.1, 0.03, 0.01, 8, None, 1.0, "lab", TOMOGRAM,
                    "2026-01-01T00:00:00+00:00",
                )
            )  # fmt: skip
    found = {one.benchmark: one for one in invented.screen().findings}
    assert found[READ.name].status == "proposed", "another machine decides nothing here"
    assert found[REQUESTS.name].elsewhere == (), "what is exact is the same everywhere"
    (there,) = found[READ.name].elsewhere
    assert (there.machine, there.outcome, there.ratio) == ("lab", outcome, shown)
    assert there.interval == pytest.approx((shown - 0.1, shown + 0.1))
    number = next(place for place, (_, ratio) in enumerate(verdicts) if ratio == shown)
    assert there.case == cases[READ.name][number].case
    assert "lab" not in found[READ.name].sentence, "which goes upstream"
    releases = invented.revisions.releases()
    written = gather(invented.screen(), releases, "Changes", "a phantom")
    assert "on lab" in as_markdown(written)
    assert "on lab" in as_html(written)


def test_verdicts_on_another_tomogram_say_nothing(invented: Invented) -> None:
    invented.measure(READ, times({"zarr-3.6": ALL}))
    case = only(invented).cases[0]
    on_another(invented, "mine").append(
        Confirmation(
            "zarr-3.5", "zarr-3.6", READ.name, "1", case.parameters, "changed", 1.5, 1.4, 1.6,
            0.03, 0.01, 8, None, 1.0, "lab", "mine", "2026-01-01T00:00:00+00:00",
        )
    )  # fmt: skip
    assert only(invented).elsewhere == ()


@pytest.mark.parametrize(
    ("field", "value"), [("ratio", 0), ("ratio", "2"), ("low", -1.0), ("ratio", 1e999), ("at", 5)]
)
def test_damaged_verdicts_of_another_machine_are_named(
    invented: Invented, field: str, value: object
) -> None:
    invented.measure(READ, times({"zarr-3.6": ALL}))
    case = only(invented).cases[0]
    ledger = on_another(invented, TOMOGRAM)
    verdict = {
        **asdict(
            Confirmation(
                "zarr-3.5", "zarr-3.6", READ.name, "1", case.parameters, "changed", 1.5, 1.4, 1.6,
                0.03, 0.01, 8, None, 1.0, "lab", TOMOGRAM, "2026-01-01T00:00:00+00:00",
            )
        ),
        field: value,
    }  # fmt: skip
    ledger.path.parent.mkdir(parents=True)
    ledger.path.write_text(json.dumps({"kind": "confirmation", **verdict}) + "\n")
    screening = invented.screen()
    assert [one.elsewhere for one in screening.findings] == [()]
    assert [one.what for one in screening.skipped] == ["confirmations of lab"]


def confirmed_here(invented: Invented) -> Ledger:
    """Return the verdicts of the machine that is screened, none yet."""
    return Ledger(invented.path("zarr-3.6").with_name(CONFIRMATIONS))


def conclude(ledger: Ledger, case: Case, verdict: Verdict, ratio: float) -> None:
    """Write a verdict on what zarr 3.6 made of a read."""
    ledger.append(
        Confirmation(
            "zarr-3.5", "zarr-3.6", READ.name, "1", case, verdict, ratio, None, None,
            0.03, 0.01, 8, None, 1.0, MACHINE, TOMOGRAM, "2026-01-01T00:00:00+00:00",
        )
    )  # fmt: skip


def on_another(invented: Invented, tomogram: str) -> Ledger:
    """Return the verdicts of another machine, none yet."""
    invented.record.describe_machine("lab", {"cpu": "another"})
    return Ledger(invented.record.own / "lab" / tomogram / CONFIRMATIONS)


def test_a_confirmed_change_that_nothing_proposed_is_a_finding(invented: Invented) -> None:
    invented.measure(READ, times({}))
    assert not invented.screen().findings
    ledger = Ledger(invented.path("zarr-3.6").with_name(CONFIRMATIONS))
    for before, case, ratio in (("zarr-3.5", 0, 1.05), ("zarr-3.5", 1, 1.0), ("zarr-3.2", 2, 1.4)):
        verdict: Verdict = "equivalent" if ratio == 1 else "changed"
        ledger.append(
            Confirmation(
                before, "zarr-3.6", READ.name, "1", READ.cases[case], verdict, ratio,
                ratio - 0.01, ratio + 0.01, 0.03, 0.01, 8, None, 1.0, MACHINE, TOMOGRAM,
                "2026-01-01T00:00:00+00:00",
            )
        )  # fmt: skip
    finding = only(invented)
    assert (finding.revision, finding.kind, finding.status) == ("zarr-3.6", "slower", "confirmed")
    assert [case.parameters for case in finding.cases] == [READ.cases[0]]
    assert finding.ratio == pytest.approx(1.05)
    assert finding.interval == pytest.approx((1.04, 1.06))


def test_a_confirmed_change_outlives_the_suite_that_measured_its_releases(
    invented: Invented,
) -> None:
    values = times({})
    invented.measure(READ, values, suite="old")
    conclude(confirmed_here(invented), READ.cases[0], "changed", 1.05)
    known = only(invented)
    invented.measure(READ, {tag: values[tag] for tag in TAGS[8:]}, suite="new")
    assert only(invented) == known
    invented.measure(READ, {tag: values[tag] for tag in TAGS[5:]}, suite="new")
    assert [len(one.cases) for one in invented.screen().findings] == [1], "and is found once"


@pytest.mark.parametrize(
    ("name", "step", "found"),
    [
        ("codec.Chunk.time_decode", "zarr-3.3", set()),
        ("codec.Chunk.time_decode", "numcodecs-2.0", {"slower"}),
        ("instructions.Chunk.track_decode", "zarr-3.3", set()),
        ("instructions.Chunk.track_decode", "numcodecs-2.0", {"more instructions"}),
    ],
)
def test_a_codec_alone_changes_where_numcodecs_moves(
    tmp_path: Path, name: str, step: str, found: set[str]
) -> None:
    invented = moving_numcodecs(tmp_path, last=11)
    tags = [one.name for one in invented.revisions.releases()]
    steady = times({}).values()
    factors = [2 if tags.index(tag) >= tags.index(step) else 1 for tag in tags]
    values = {
        tag: [[factor * level for level in row] for row in rounds]
        for tag, factor, rounds in zip(tags, factors, steady, strict=True)
    }
    counts = {tag: [[100.0 * factor] * 8] for tag, factor in zip(tags, factors, strict=True)}
    if name.startswith("codec"):
        invented.measure(benchmark(name), values)
    else:
        invented.measure(benchmark(name, "track", unit="instructions"), counts)
    assert {one.kind for one in invented.screen().findings} == found
    assert all(one.revision == step for one in invented.screen().findings)
    invented.measure(REQUESTS, counts)
    assert (step, "more requests") in told(invented), "what zarr does may change at any release"


def test_a_codec_is_judged_where_the_release_of_numcodecs_was_not_measured(
    tmp_path: Path,
) -> None:
    """The first release of zarr with another numcodecs shows what that changed."""
    invented = moving_numcodecs(tmp_path, last=12)
    every = invented.revisions.releases()
    measured = [one.name for one in every if one.package == "zarr"]
    steady = times({"zarr-3.6": ALL}).values()
    decode = benchmark("codec.Chunk.time_decode")
    invented.measure(decode, dict(zip(measured, steady, strict=True)))
    finding = only(invented)
    assert (finding.revision, finding.kind) == ("zarr-3.7", "slower")
    assert finding.previous == "zarr-3.5"
    assert finding.unmeasured == ("numcodecs 2.0",)


def moving_numcodecs(root: Path, last: int) -> Invented:
    """Return an empty record of zarr 3.0 to 3.`last`, with numcodecs 2.0 in place of zarr 3.6."""
    releases = [release(f"3.{number}", 10 * number) for number in range(6)]
    releases += [release("2.0", 60, "numcodecs", other="3.5")]
    releases += [release(f"3.{number}", 10 * number, other="2.0") for number in range(7, last + 1)]
    timeline = Timeline(tuple(releases))
    build(timeline, root / "timeline")
    return Invented(root, Revisions(timeline, root / "timeline"))


def _garbage(path: Path) -> None:
    path.write_text(path.read_text() + "<<<<<<< HEAD\n")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00 no journal\n")


def _other_release(path: Path) -> None:
    path.rename(path.with_name("zarr-99.0.jsonl"))


def _twice(path: Path) -> None:
    path.write_text(path.read_text() * 2)


def _edit(path: Path, change: Callable[[dict[str, object]], None]) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        for case in line.get("cases", []):
            change(case)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _negative(path: Path) -> None:
    _edit(path, lambda case: case.update(samples=[-1.0, 2.0]))


def _words(path: Path) -> None:
    _edit(path, lambda case: case.update(samples=["fast"]))


def _mixed(path: Path) -> None:
    _edit(path, lambda case: case.update(samples=[1.0, "fast"]))


def _infinite(path: Path) -> None:
    _edit(path, lambda case: case.update(samples=[float("inf")]))


def _other_version(path: Path) -> None:
    path.write_text(path.read_text().replace('"version": "3.3"', '"version": "2.1"'))


@pytest.mark.parametrize(
    ("damage", "words", "count"),
    [
        (_garbage, "is damaged after 3 rounds", 1),
        (_no_text, "is damaged after 0 rounds", 1),
        (_other_release, "not in the timeline", 1),
        (_negative, "impossible values", 8),
        (_words, "impossible values", 8),
        (_mixed, "impossible values", 8),
        (_infinite, "impossible values", 8),
        (_other_version, "another version of zarr was installed", 3),
    ],
)
def test_a_damaged_journal_is_named_counted_and_hides_nothing_else(
    invented: Invented, damage: Callable[[Path], None], words: str, count: int
) -> None:
    values = times({"zarr-3.6": ALL})
    for tag in TAGS:
        installed = ({"name": "zarr", "version": tag.removeprefix("zarr-")},)
        invented.measure(READ, {tag: values[tag]}, installed=installed)
    damage(invented.path("zarr-3.3"))
    screening = invented.screen()
    assert [one.revision for one in screening.findings] == ["zarr-3.6"]
    (skipped,) = screening.skipped
    assert words in skipped.reason
    assert str(invented.root) not in skipped.reason
    assert skipped.count == count
    assert skipped.what in {"zarr-3.3", "zarr-99.0"}


def _copied(path: Path) -> None:
    path.write_text(path.read_text() + path.read_text().replace("s1 ", "copy "))


@pytest.mark.parametrize("damage", [_twice, _copied, _cut])
def test_a_round_counts_once_and_a_torn_line_not_at_all(
    invented: Invented, damage: Callable[[Path], None]
) -> None:
    invented.measure(READ, times({"zarr-3.6": ALL}))
    before = invented.screen()
    damage(invented.path("zarr-3.3"))
    after = invented.screen()
    assert told(invented) == [("zarr-3.6", "slower")]
    assert not after.skipped
    if damage is not _cut:
        assert after == before


def test_an_empty_record_has_no_findings(invented: Invented) -> None:
    assert not invented.screen().findings
