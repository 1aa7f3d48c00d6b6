"""Blocks and verdicts are kept, found again, and survive what happens to files."""

from __future__ import annotations

import lzma
from dataclasses import replace
from pathlib import Path

import pytest

from cryoet_bench.changes.confirmation import (
    Block,
    CasePair,
    Confirmation,
    Ledger,
    Verdict,
    confirmations,
)
from cryoet_bench.errors import InputError
from cryoet_bench.record.journal import PACKED, Visit
from cryoet_bench.record.record import CONFIRMATIONS, Record

PAIR = CasePair(
    "zarr-3.4.1", "zarr-3.4.2", "read.Patterns.time_read", "1", ("'whole'", "'cube-64'")
)
BLOCK = Block(
    pair=PAIR,
    at="2026-11-25T10:00:00.000+00:00",
    seconds=4.5,
    order="ABBA",
    number=2,
    before=((0.011, 0.010), (0.012, 0.010)),
    after=((0.013, 0.012), (0.013, 0.014)),
    visits=("a", "b"),
)
VERDICT = Confirmation(
    **vars(PAIR),
    verdict="changed",
    ratio=1.2,
    low=1.1,
    high=1.3,
    margin=0.03,
    level=0.01,
    blocks=1,
    correlation=None,
    minutes=0.075,
    machine="vm",
    tomogram="phantom-10A",
    at="2026-11-25T10:00:05.000+00:00",
)


def ledger(folder: Path) -> Ledger:
    return Ledger(folder / "vm" / "phantom-10A" / CONFIRMATIONS)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / "results", (tmp_path / "record",))


def test_a_verdict_comes_back_with_the_samples_of_its_blocks(record: Record) -> None:
    written = ledger(record.own)
    written.append(Visit("a", "2026-11-25T09:59:00.000+00:00", "cryoet-bench confirm"))
    written.append(BLOCK)
    written.append(VERDICT)
    written.append(replace(BLOCK, at="2026-11-25T11:00:00.000+00:00"))
    (found,) = confirmations(record, "vm", "phantom-10A")
    assert found == replace(VERDICT, before_samples=BLOCK.before, after_samples=BLOCK.after)
    again = ledger(record.own)
    assert len(again.blocks[PAIR]) == 2, "a later run continues with them"
    assert set(again.visits) == {"a"}


def test_a_verdict_rests_on_blocks_of_one_suite(record: Record) -> None:
    written = ledger(record.own)
    for suite in ("old", "new"):
        for name in (f"{suite}-a", f"{suite}-b"):
            written.append(Visit(name, BLOCK.at, "cryoet-bench confirm", project={"suite": suite}))
    later = replace(BLOCK, visits=("new-a", "new-b"), before=BLOCK.after, after=BLOCK.before)
    for entry in (replace(BLOCK, visits=("old-a", "old-b")), later, VERDICT):
        written.append(entry)
    assert ledger(record.own).blocks_by("new", PAIR) == [later]
    (found,) = confirmations(record, "vm", "phantom-10A")
    assert (found.before_samples, found.after_samples) == (later.before, later.after)


def test_the_latest_verdict_of_both_folders_counts(record: Record) -> None:
    ledger(record.own).append(VERDICT)
    later = replace(VERDICT, verdict="equivalent", at="2026-11-26T10:00:00.000+00:00")
    ledger(record.others[0]).append(later)
    assert [one.verdict for one in confirmations(record, "vm", "phantom-10A")] == ["equivalent"]
    assert not confirmations(record, "vm", "another")
    assert not record.series(), "it is no journal of a revision"


@pytest.mark.parametrize(
    ("earlier", "later", "margins", "stands"),
    [
        ("changed", "undecided", (0.03, 0.03), True),  # asked of more cases, or by a new suite
        ("equivalent", "undecided", (0.03, 0.03), True),
        ("equivalent", "undecided", (0.03, 0.01), True),
        ("changed", "equivalent", (0.03, 0.05), True),
        ("equivalent", "changed", (0.03, 0.05), True),
        ("changed", "equivalent", (0.03, 0.03), False),
        ("equivalent", "changed", (0.03, 0.01), False),
        ("undecided", "undecided", (0.03, 0.05), False),
        ("undecided", "changed", (0.03, 0.05), False),
    ],
)
def test_what_was_decided_stands(
    record: Record, earlier: Verdict, later: Verdict, margins: tuple[float, float], stands: bool
) -> None:
    at = "2026-11-26T10:00:00.000+00:00"
    first = replace(VERDICT, verdict=earlier, margin=margins[0])
    other = replace(VERDICT, case=("'whole'", "'other'"), at="2026-11-25T12:00:00.000+00:00")
    second = replace(VERDICT, verdict=later, margin=margins[1], at=at)
    for one in (first, other, second):
        ledger(record.own).append(one)
    found = confirmations(record, "vm", "phantom-10A")
    assert found == ([first, other] if stands else [other, second])


def test_one_block_of_a_new_suite_takes_no_verdict_back(record: Record) -> None:
    written = ledger(record.own)
    for suite in ("old", "new"):
        written.append(Visit(suite, BLOCK.at, "cryoet-bench confirm", project={"suite": suite}))
    unclear = replace(VERDICT, verdict="undecided", at="2026-11-26T10:00:00.000+00:00")
    old, new = (replace(BLOCK, visits=(suite,)) for suite in ("old", "new"))
    for entry in (old, VERDICT, replace(new, before=BLOCK.after), unclear):
        written.append(entry)
    (found,) = confirmations(record, "vm", "phantom-10A")
    assert (found.verdict, found.before_samples) == ("changed", BLOCK.before)


def test_files_that_were_merged_twice_count_once(record: Record) -> None:
    ledger(record.own).append(BLOCK)
    path = ledger(record.own).path
    path.write_bytes(path.read_bytes() * 2)
    assert ledger(record.own).blocks[PAIR] == [BLOCK]


def test_a_torn_line_is_cut_off_and_a_damaged_one_is_named(record: Record) -> None:
    ledger(record.own).append(BLOCK)
    path = ledger(record.own).path
    path.write_bytes(path.read_bytes() + b'{"kind":"block","pai')
    ledger(record.own).append(VERDICT)
    assert ledger(record.own).confirmations[0].blocks == 1
    path.write_bytes(path.read_bytes() + b'{"kind":"block"}\n')
    with pytest.raises(InputError, match=r"line 3 of .*confirmations\.jsonl is no confirmation"):
        confirmations(record, "vm", "phantom-10A")


@pytest.mark.parametrize("content", [b"no archive", lzma.compress(b"{}\n")[:-5]])
def test_a_packed_file_that_is_torn_is_one_sentence(record: Record, content: bytes) -> None:
    path = record.others[0] / "vm" / "phantom-10A" / (CONFIRMATIONS + PACKED)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"confirmations\.jsonl\.xz is no confirmation"):
        confirmations(record, "vm", "phantom-10A")
