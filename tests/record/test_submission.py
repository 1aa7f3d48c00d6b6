"""What is packed is all that was measured, in a form that every command reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.measure.suite import digest
from cryoet_bench.record.journal import Journal, Visit, lines, now
from cryoet_bench.record.record import Record, Series
from cryoet_bench.record.submission import pack
from cryoet_bench.record.summary import summaries, summarize
from tests.measured import campaign, last_two


def test_the_packed_record_says_what_the_journals_said(measured: Path) -> None:
    mine = campaign(measured)
    names = [revision.name for revision in last_two(measured)]
    verdicts = measured / "results" / mine.machine / "phantom-10A" / "confirmations.jsonl"
    project = f'"project":{{"suite":"{digest(measured)}"}}'
    visit = f'{{"kind":"visit","id":"both",{project}}}'
    visits = f"{visit}\n{visit.replace('both', 'candidate')}\n"
    pair = '{"before":"zarr-3.1.0","after":"zarr-3.1.1"}'
    block = f'{{"kind":"block","pair":{pair},"visits":["both"]}}\n'
    unreleased = block.replace("zarr-3.1.1", "candidate/zarr-1").replace('th"]', 'th","candidate"]')
    candidate = '{"kind":"confirmation","before":"zarr-3.1.0","after":"candidate/zarr-1"}\n'
    verdicts.write_text(f"{visits}{block}{unreleased}{candidate}")
    releases = ["zarr-3.1.0", *names]
    packed = pack(mine.record, mine.machine, "phantom-10A", releases, digest(measured))
    assert [series.revision for series in packed.series] == names
    committed = Record(measured / "record")
    cases = mine.record.cases(last_two(measured))
    (measured / "results").rename(measured / "kept")
    assert committed.cases(last_two(measured)).equals(cases)
    assert committed.machine(mine.machine) == Record(measured / "kept").machine(mine.machine)
    assert committed.tomograms() == Record(measured / "kept").tomograms()
    (path,) = committed.confirmation_paths(mine.machine, "phantom-10A")
    kept = [visit.encode(), block.strip().encode()]
    assert lines(path) == kept, "without that on a candidate"
    assert [series.revision for series in committed.series()] == names
    assert packed.size == sum(
        path.stat().st_size for path in (measured / "record" / mine.machine).rglob("*.*")
        if path.is_file()
    )  # fmt: skip


def test_packing_again_changes_nothing_and_loses_nothing(measured: Path) -> None:
    mine = campaign(measured)
    before, after = last_two(measured)
    names = [before.name, after.name]
    pack(mine.record, mine.machine, "phantom-10A", names, digest(measured))
    files = {path: path.read_bytes() for path in (measured / "record").rglob("*.xz")}
    pack(mine.record, mine.machine, "phantom-10A", names, digest(measured))
    assert files == {path: path.read_bytes() for path in files}
    rounds = mine.journal(after).rounds
    (measured / "results" / mine.machine / "phantom-10A" / f"{after.name}.jsonl").unlink()
    assert mine.journal(after).rounds == rounds, "the committed ones still count"
    assert not list(campaign(measured).measure([after])), "and are not measured again"


def test_what_is_recorded_stays_where_less_is_known_here(measured: Path) -> None:
    mine = campaign(measured)
    before, after = last_two(measured)
    names = [before.name, after.name]
    pack(mine.record, mine.machine, "phantom-10A", names, digest(measured))
    packed = {path: lines(path) for path in (measured / "record").rglob("*.xz")}
    (measured / "results").rename(measured / "kept")
    journal = mine.journal(after)
    again = replace(journal.rounds[0], started_at=now())
    journal.append(again)
    pack(mine.record, mine.machine, "phantom-10A", names, digest(measured))
    for path, known in packed.items():
        added = lines(path)[len(known) :]
        assert lines(path) == known + added
        assert len(added) == path.name.startswith(after.name)
    assert Record(measured / "record").suite(digest(measured))


def test_a_visit_that_was_interrupted_before_its_first_round_is_left_out(measured: Path) -> None:
    mine = campaign(measured)
    first = "zarr-3.1.0"
    series = Series(mine.machine, "phantom-10A", first)
    mine.record.journal(series).begin(Visit("v", now(), "scripts/bench"))
    names = [first, *(one.name for one in last_two(measured))]
    packed = pack(mine.record, mine.machine, "phantom-10A", names, digest(measured))
    assert [one.revision for one in (*packed.series, *packed.left)] == names[1:]
    assert not list((measured / "record").rglob(f"{first}*"))


def test_no_suite_is_described_by_the_words_of_another(measured: Path) -> None:
    mine = campaign(measured)
    _, after = last_two(measured)
    packed = pack(mine.record, mine.machine, "phantom-10A", [after.name], digest(measured))
    assert packed.is_new_suite
    description = (measured / "record" / "suite.json").read_bytes()
    packed = pack(mine.record, mine.machine, "phantom-10A", [after.name], "f" * 16)
    assert not packed.is_new_suite, "it never described itself"
    mine.record.describe_suite({}, digest(measured))
    pack(mine.record, mine.machine, "phantom-10A", [after.name], digest(measured))
    assert (measured / "record" / "suite.json").read_bytes() == description


@pytest.mark.parametrize("changes", [{"suite": "f" * 16}, {"clean": False}])
def test_what_would_be_refused_stays_here_and_is_counted(
    measured: Path, changes: dict[str, object]
) -> None:
    mine = campaign(measured)
    before, after = last_two(measured)
    folder = measured / "results" / mine.machine / "phantom-10A"
    pack(mine.record, mine.machine, "phantom-10A", [before.name], digest(measured))
    for name in (before.name, after.name):
        journal = Journal(folder / f"{name}.jsonl")
        kept = next(iter(journal.visits.values()))
        refused = replace(kept, id="refused", project={**kept.project, **changes})
        journal.begin(refused)
        journal.append(replace(journal.rounds[0], visit="refused", started_at=now()))
    here = {path: path.read_bytes() for path in folder.iterdir()}
    names = [before.name, after.name]
    packed = pack(mine.record, mine.machine, "phantom-10A", names, digest(measured))
    assert (packed.refused, len(packed.series)) == ({"refused"}, 2)
    assert not any(b"refused" in line for path in _packed(measured) for line in lines(path))
    assert here == {path: path.read_bytes() for path in folder.iterdir()}


def test_where_all_would_be_refused_it_says_what_to_do(measured: Path) -> None:
    """Once it said that nothing was measured, and to run what skips that as done."""
    mine = campaign(measured)
    _, after = last_two(measured)
    path = mine.journal(after).path
    path.write_text(path.read_text().replace('"clean":null', '"clean":false'))
    visits = len(Journal(path).visits)
    assert visits == 2
    with pytest.raises(InputError) as raised:
        pack(mine.record, mine.machine, "phantom-10A", [after.name], digest(measured))
    assert "(2 visits left out)" in str(raised.value)
    assert "'cryoet-bench record discard RELEASE'" in str(raised.value)
    assert not (measured / "record").exists()
    mine.journal(after).discard()
    list(campaign(measured).measure([after]))
    packed = pack(mine.record, mine.machine, "phantom-10A", [after.name], digest(measured))
    assert [one.revision for one in packed.series] == [after.name]


def test_verdicts_alone_are_packed(measured: Path) -> None:
    """A lab may measure releases side by side and no history."""
    mine = campaign(measured)
    releases = ["zarr-3.1.0", "zarr-3.1.1"]
    mine.record.describe_machine("lab", {"cpu": "another"})
    with pytest.raises(InputError, match="no release was measured on phantom-10A on lab"):
        pack(mine.record, "lab", "phantom-10A", releases, digest(measured))
    pair = {"before": releases[0], "after": releases[1]}
    text = [
        {"kind": "visit", "id": "both", "project": {"suite": digest(measured)}},
        {"kind": "block", "pair": pair, "visits": ["both", "both"]},
        {"kind": "confirmation", **pair},
    ]
    verdicts = measured / "results" / "lab" / "phantom-10A" / "confirmations.jsonl"
    verdicts.parent.mkdir(parents=True)
    verdicts.write_text("".join(f"{json.dumps(one)}\n" for one in text))
    packed = pack(mine.record, "lab", "phantom-10A", releases, digest(measured))
    assert (packed.series, packed.verdicts) == ((), 1)
    committed = Record(measured / "record")
    assert committed.machine("lab") == {"cpu": "another"}
    (path,) = committed.confirmation_paths("lab", "phantom-10A")
    assert [json.loads(line) for line in lines(path)] == text


def test_a_verdict_is_left_out_with_the_blocks_it_rests_on(measured: Path) -> None:
    mine = campaign(measured)
    _, after = last_two(measured)
    pair = {"before": "zarr-3.1.0", "after": "zarr-3.1.1", "version": "1", "case": []}
    text = [
        {"kind": "visit", "id": "good", "project": {"suite": digest(measured)}},
        {"kind": "visit", "id": "refused", "project": {"suite": "f" * 16}},
        {"kind": "block", "pair": {**pair, "benchmark": "kept"}, "visits": ["good", "good"]},
        {"kind": "block", "pair": {**pair, "benchmark": "left"}, "visits": ["good", "good"]},
        {"kind": "block", "pair": {**pair, "benchmark": "left"}, "visits": ["good", "refused"]},
        {"kind": "confirmation", **pair, "benchmark": "left"},
        {"kind": "confirmation", **pair, "benchmark": "kept"},
    ]
    verdicts = measured / "results" / mine.machine / "phantom-10A" / "confirmations.jsonl"
    verdicts.write_text("".join(f"{json.dumps(one)}\n" for one in text))
    names = ["zarr-3.1.0", after.name]
    assert pack(
        mine.record, mine.machine, "phantom-10A", names, digest(measured)
    ).refused == {"refused"}  # fmt: skip
    (path,) = Record(measured / "record").confirmation_paths(mine.machine, "phantom-10A")
    assert [json.loads(line) for line in lines(path)] == [text[0], text[2], text[6]]


def _packed(root: Path) -> list[Path]:
    return sorted((root / "record").rglob("*.xz"))


def test_nothing_is_packed_over_another_machine_or_from_a_damaged_file(measured: Path) -> None:
    mine = campaign(measured)
    _, after = last_two(measured)
    committed = Record(measured / "record")
    committed.describe_machine(mine.machine, {"cpu": "another"})
    with pytest.raises(InputError, match="are of different machines"):
        pack(mine.record, mine.machine, "phantom-10A", [after.name], digest(measured))
    assert not list(committed.own.rglob("*.xz"))
    committed.describe_machine(mine.machine, Record(mine.record.own).machine(mine.machine))
    verdicts = measured / "results" / mine.machine / "phantom-10A" / "confirmations.jsonl"
    verdicts.write_text("[]\n")
    with pytest.raises(InputError, match=r"confirmations\.jsonl is damaged"):
        pack(mine.record, mine.machine, "phantom-10A", [after.name], digest(measured))
    assert not list(committed.own.rglob("*.xz"))


def test_what_is_no_release_on_the_phantom_is_left_out(measured: Path) -> None:
    mine = campaign(measured)
    before, after = last_two(measured)
    packed = pack(mine.record, mine.machine, "phantom-10A", [before.name], digest(measured))
    assert packed.left == (Series(mine.machine, "phantom-10A", after.name),)
    with pytest.raises(InputError, match="no release was measured on mine"):
        pack(mine.record, mine.machine, "mine", [before.name], digest(measured))


def test_exact_values_that_do_not_repeat_are_counted(measured: Path) -> None:
    mine = campaign(measured, exact_rounds=2)
    _, after = last_two(measured)
    list(mine.measure([after]))
    (found,) = (one for one in summaries(mine.record) if one.series.revision == after.name)
    assert found.exact_twice > 0
    assert (found.exact_differing, found.failed, found.disturbed) == (0, 1, 0)
    journal = mine.journal(after)
    changed = next(r for r in reversed(journal.rounds) if r.benchmark.endswith("track_bytes"))
    case = changed.cases[0]
    object.__setattr__(case, "value", (case.value or 0) + 1)
    assert summarize(found.series, journal, mine.suite.values()).exact_differing == 1
