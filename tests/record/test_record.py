"""The one query: what table, history, site and findings are made of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.journal import Journal, Measured, Round
from cryoet_bench.record.overview import overviews
from cryoet_bench.record.record import Record, Series, coverage, failures, history
from cryoet_bench.timeline.repository import build
from cryoet_bench.timeline.revisions import Revisions
from tests import toy

CASES = [["'none'", "'zstd'"], ["'v2'"]]
SIZE: dict[str, Any] = {
    "name": "size.Codecs.track_bytes_per_voxel",
    "version": "1",
    "type": "track",
    "unit": "bytes/voxel",
    "pretty_name": "Stored size",
    "param_names": ["codec", "format"],
    "params": CASES,
    "core": ["zstd, v2"],
}
READ = {**SIZE, "name": "read.Codecs.time_volume", "type": "time", "unit": "seconds"}


def measure(journal: Journal, name: str, number: int, *values: float | None) -> None:
    cases = tuple(
        Measured(
            (codec, "'v2'"),
            "n/a" if value is None else "passed",
            None if "time" in name else value,
            () if value is None or "time" not in name else (value * 1.5, value),
        )
        for codec, value in zip(CASES[0], values, strict=True)
    )
    journal.append(Round(name, "1", number, f"2026-01-0{number}T00:00:00+00:00", 1.0, cases))


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    build(toy.TIMELINE, tmp_path / "timeline")
    return Revisions(toy.TIMELINE, tmp_path / "timeline")


@pytest.fixture
def record(tmp_path: Path, revisions: Revisions) -> Record:
    """Three releases, of which one codec lacks the second; times of the newest alone."""
    made = Record(tmp_path / "results", (tmp_path / "record",))
    made.describe_suite({it["name"]: Benchmark(it) for it in (SIZE, READ)}, "digest")
    values = [(4.0, 3.0), (4.0, None), (4.0, 3.3)]
    for revision, sizes in zip(revisions.releases(), values, strict=True):
        journal = made.journal(Series("vm", "phantom-10A", revision.name))
        measure(journal, SIZE["name"], 1, *sizes)
    measure(journal, READ["name"], 1, 0.010, 0.020)
    measure(journal, READ["name"], 2, 0.010, 0.080)
    return made


def test_values_come_in_the_order_of_the_timeline(record: Record, revisions: Revisions) -> None:
    cases = record.cases(revisions.releases())
    found = history(cases, SIZE["name"], "zstd, v2")
    assert found["revision"].tolist() == ["zarr-3.1.0", "zarr-3.1.1"], "one release lacks the case"
    assert found["value"].tolist() == [3.0, 3.3]
    assert found["label"].tolist() == ["zarr 3.1.0", "zarr 3.1.1"]
    assert found["core"].all()


def test_a_time_is_the_one_estimate_and_its_spread(record: Record, revisions: Revisions) -> None:
    cases = record.cases(revisions.releases())
    row = history(cases, READ["name"], "zstd, v2").iloc[0]
    assert row["value"] == pytest.approx(0.020)
    assert row["spread"] == pytest.approx(math.log(4) / math.sqrt(2))
    assert (row["rounds"], row["grade"], bool(row["timed"])) == (2, "sound", True)


def test_what_was_never_measured_is_one_sentence(record: Record, revisions: Revisions) -> None:
    cases = record.cases(revisions.releases())
    with pytest.raises(InputError, match=r"no release has a value of size\.track\(c\)"):
        history(cases, "size.track", "c")


def test_counts_and_reasons(record: Record, revisions: Revisions) -> None:
    newest = revisions.last(1)[0]
    journal = record.journal(Series("vm", "phantom-10A", newest.name))
    failed = Measured(("'none'", "'v2'"), "failed", reason="ValueError: no")
    journal.append(Round(READ["name"], "1", 3, "2026-01-05T00:00:00+00:00", 1.0, (failed,)))
    cases = record.cases(revisions.releases())
    table = coverage(cases)
    counts = [tuple(row) for row in table.itertuples(index=False)]
    assert counts == [(2, 0, 0), (1, 1, 0), (3, 0, 1)]
    assert failures(cases)[["revision", "reason", "count"]].values.tolist() == [
        ["zarr-3.1.1", "ValueError: no", 1]
    ]


def test_machines_and_tomograms_are_never_mixed(record: Record, revisions: Revisions) -> None:
    newest = revisions.last(1)[0]
    for machine, tomogram in (("other", "phantom-10A"), ("vm", "mine-0123abcd")):
        journal = record.journal(Series(machine, tomogram, newest.name))
        measure(journal, SIZE["name"], 1, 1.0, 1.0)
    every = record.cases([newest])
    assert set(zip(every["machine"], every["tomogram"], strict=True)) == {
        ("vm", "phantom-10A"), ("other", "phantom-10A"), ("vm", "mine-0123abcd"),
    }  # fmt: skip
    own = record.cases([newest], machine="vm", tomogram="phantom-10A")
    assert history(own, SIZE["name"], "none, v2")["value"].tolist() == [4.0]


def test_the_reference_machine_stands_beside_this_one(
    record: Record, revisions: Revisions, tmp_path: Path
) -> None:
    newest = revisions.last(1)[0]
    reference = Record(tmp_path / "record")
    measure(
        reference.journal(Series("reference", "phantom-10A", newest.name)),
        SIZE["name"], 1, 4.0, 3.0,
    )  # fmt: skip
    assert {series.machine for series in record.series()} == {"reference", "vm"}
    assert set(record.cases([newest])["machine"]) == {"reference", "vm"}


def test_the_overview_derives_the_ratio(record: Record, revisions: Revisions) -> None:
    newest = revisions.last(1)[0]
    cases = record.cases([newest])
    (found,) = overviews(cases, {"dtype": "float32"})
    assert found.title == "By codec, in 64-cubes"
    assert found.headings == ["ratio", "bytes/voxel", "read"]
    # Four bytes a voxel, of which 3.3 are stored; the best ratio first.
    assert found.rows == {"zstd, v2": ["1.212", "3.3", "20 ms"], "none, v2": ["1", "4", "10 ms"]}
    assert list(found.rows) == ["zstd, v2", "none, v2"]


def test_what_was_being_written_is_no_series(record: Record) -> None:
    known = record.series()
    torn = record.own / "vm" / "phantom-10A" / ".new-1" / "zarr-3.1.1.jsonl.xz"
    torn.parent.mkdir()
    torn.write_bytes(b"torn")
    torn.parent.with_name("zarr-3.1.1.jsonl.orig").touch()
    assert record.series() == known


def test_two_machines_of_one_name_are_never_mixed(record: Record, tmp_path: Path) -> None:
    record.describe_machine("vm", {"cpu": "AMD EPYC"})
    Record(tmp_path / "record").describe_machine("vm", {"cpu": "AMD EPYC"})
    assert record.machine("vm") == {"cpu": "AMD EPYC"}
    Record(tmp_path / "record").describe_machine("vm", {"cpu": "Intel Xeon"})
    with pytest.raises(InputError, match=r"results/vm and .*record/vm are of different machines"):
        record.machine("vm")


@pytest.fixture
def committed(record: Record, tmp_path: Path) -> Record:
    """What came with the checkout; so far the suite that this machine described, too."""
    made = Record(tmp_path / "record")
    made.describe_suite({SIZE["name"]: Benchmark(SIZE)}, "digest")
    return made


def test_a_newer_suite_that_came_with_the_checkout_counts(
    record: Record, committed: Record
) -> None:
    """Once the values of its new benchmarks were shown nowhere."""
    described = {it["name"]: Benchmark(it) for it in (SIZE, READ, {**READ, "name": "new.Time"})}
    committed.describe_suite(described, "newer")
    assert record.suite() == described
    assert record.suite("digest").keys() == {SIZE["name"], READ["name"]}, "if asked for by digest"
    assert record.suite("another") == {}


@pytest.mark.parametrize("newer", ["newer", "digest"])
def test_the_suite_that_this_machine_described_last_counts(
    record: Record, committed: Record, newer: str
) -> None:
    mine = {READ["name"]: Benchmark({**READ, "version": "2"})}
    record.describe_suite(mine, newer)
    assert record.suite() == mine


def test_a_suite_that_was_taken_back_counts_where_it_measures(
    record: Record, committed: Record
) -> None:
    known = record.suite()
    committed.describe_suite({}, "newer")
    assert record.suite() == {}
    record.describe_suite(known, "digest")
    assert record.suite() == known
    committed.describe_suite({}, "newest")
    assert record.suite() == {}


def test_unrelated_suites_leave_it_at_this_machines(record: Record, tmp_path: Path) -> None:
    known = record.suite()
    Record(tmp_path / "record").describe_suite({}, "unrelated")
    assert record.suite() == known


@pytest.mark.parametrize("name", ["tomograms.json", "vm/machine.json"])
def test_damaged_facts_are_one_sentence(record: Record, name: str) -> None:
    path = record.own / name
    path.write_text("[1]")
    with pytest.raises(InputError, match=r"\.json is damaged \(it holds no facts\)"):
        _ = (record.tomograms(), record.machine("vm"))


@pytest.mark.parametrize(
    "text",
    ["{", "[1", "\x00", "[" * 100_000, "7", '{"a": 1}', '{"digest": "a", "benchmarks": [{}]}'],
)
def test_a_damaged_description_is_one_sentence(record: Record, text: str) -> None:
    (record.own / "suite.json").write_text(text)
    with pytest.raises(InputError, match=r"suite\.json is damaged"):
        record.suite()
