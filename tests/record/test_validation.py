"""Broken submissions are refused with one sentence each, and a good one passes."""

from __future__ import annotations

import copy
import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cryoet_bench.record import validation
from cryoet_bench.record.record import REFERENCE, Record
from cryoet_bench.record.validation import Rules, Seen, faults
from tests.record.submitted import (
    CALLS,
    INSTRUCTIONS,
    MACHINE,
    MOVED,
    OTHER,
    PAST,
    TIME,
    VISIT,
    Lines,
    case_of,
    good,
    installed,
    pack,
    submit,
)


def test_a_good_submission_passes(tmp_path: Path, rules: Rules) -> None:
    assert faults(submit(tmp_path, good()), rules) == []


def _set(*path: int | str, to: Any) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        place: Any = lines
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


def _without(*path: int | str) -> Callable[[Lines], None]:
    def change(lines: Lines) -> None:
        place: Any = lines
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def _add(**changes: Any) -> Callable[[Lines], None]:
    """Add a copy of the timed round with other facts."""

    def change(lines: Lines) -> None:
        lines.append({**copy.deepcopy(lines[1]), **changes})

    return change


LATER = "2025-08-01T00:00:09+00:00"
BROKEN_LINES: dict[str, tuple[Callable[[Lines], None], str]] = {
    "unknown kind": (_set(1, "kind", to="sum"), "line 2 is not of the record's form"),
    "unknown field": (_set(1, "extra", to=1), "line 2 is not of the record's form: round.extra"),
    "missing field": (_without(1, "duration"), "round.duration: Field required"),
    "number as a text": (_set(1, "round", to="1"), "round.round: Input should be a valid integer"),
    "value as a text": (_set(2, "cases", 0, "value", to="395"), "value: Input should be a v"),
    "truth for a number": (_set(2, "cases", 0, "value", to=True), "value: Input should be a valid"),
    "no end of digits": (_set(2, "cases", 0, "value", to=10**400), "value: Input should be"),
    "seconds since 1970": (_set(0, "started_at", to=1754006400), "visit.started_at: Value error"),
    "the same as a text": (_set(0, "started_at", to="1754006400"), "visit.started_at: Value error"),
    "the end of time": (_set(0, "started_at", to="9999-12-31T23:59:59Z"), "cannot have happened"),
    "its beginning": (_set(1, "started_at", to="0001-01-01T00:00:00+14:00"), "during its visit"),
    "time of nought": (_set(1, "cases", 0, "samples", 0, to=0), "greater than 0"),
    "time of eleven days": (_set(1, "cases", 0, "samples", 0, to=1e6), "less than 100000"),
    "a hundred times raw": (
        lambda lines: lines[2].update(
            benchmark=MOVED["name"], cases=[case_of("none", value=8.4e8)]
        ),
        "840000000.0 bytes cannot be",
    ),
    "an order to CI": (
        _set(1, "benchmark", to="x\n::error::y\u2028z"), "no such benchmark in version",
    ),
    "a name without end": (_set(1, "visit", to="x" * 4000), "belongs to no visit"),
    "text for a number": (_set(1, "round", to="first"), "round.round"),
    "round nought": (_set(1, "round", to=0), "greater than or equal to 1"),
    "no cases": (_set(1, "cases", to=[]), "at least 1 item"),
    "negative duration": (_set(1, "duration", to=-1), "round.duration"),
    "moment without zone": (_set(0, "started_at", to="2025-08-01T00:00:00"), "timezone"),
    "no moment": (_set(0, "started_at", to="yesterday"), "visit.started_at"),
    "foreign id": (_set(0, "id", to="../../x"), "visit.id"),
    "escape sequence": (_set(0, "origin", to="\x1b[2J"), "visit.origin"),
    "NaN": (_set(2, "cases", 0, "value", to=float("nan")), "finite"),
    "infinite sample": (_set(1, "cases", 0, "samples", 0, to=float("inf")), "samples.0"),
    "negative time": (_set(1, "cases", 0, "samples", 0, to=-0.1), "greater than 0"),
    "unknown status": (_set(1, "cases", 0, "status", to="ok"), "status"),
    "another zarr": (_set(0, "installed", 0, "version", to="3.1.0"), "had zarr 3.1.0"),
    "no numcodecs": (_without(0, "installed", 1), "had numcodecs not installed"),
    "a local wheel": (_set(0, "installed", 0, "origin", to="file"), "which is no release"),
    "changed checkout": (_set(0, "project", "clean", to=False), "a changed checkout"),
    "another suite": (_set(0, "project", "suite", to="f" * 16), "by another suite"),
    "another processor": (_set(0, "conditions", "cpu", to="Intel"), "machines are never mixed"),
    "another processor of that name": (
        _set(0, "conditions", "cpu_features", to=["avx2", "sha_ni"]),
        "(without avx512f and with sha_ni): machines are never mixed",
    ),
    "an unknown processor": (
        lambda lines: lines[0]["conditions"].pop("cpu_features"), "cpu_features",
    ),
    "another core count": (_set(0, "conditions", "cpus", to=64), "machines are never mixed"),
    "before its release": (_set(0, "started_at", to="2024-01-01T00:00:00Z"), "cannot have happen"),
    "in the future": (_set(0, "started_at", to="2031-01-01T00:00:00Z"), "cannot have happened"),
    "round before visit": (_set(1, "started_at", to="2025-07-31T00:00:00Z"), "during its visit"),
    "visit begins twice": (lambda lines: lines.insert(1, lines[0]), "begins twice"),
    "no visit": (_without(0), "belongs to no visit"),
    "disturbed nothing": (_set(3, "visit", to=OTHER), "a disturbance belongs to no visit"),
    "no round": (lambda lines: lines.__delitem__(slice(1, 3)), "holds no round"),
    "unknown benchmark": (_set(1, "benchmark", to="x.time"), "the suite has no such benchmark"),
    "unknown version": (_set(1, "version", to="9"), "no such benchmark in version '9'"),
    "unknown case": (_set(1, "cases", 0, "case", to=["'lzma'"]), "the suite has no case lzma"),
    "time of an hour": (_set(1, "cases", 0, "samples", 0, to=7200.0), "7200.0 seconds cannot be"),
    "time without samples": (_set(1, "cases", 0, "samples", to=[]), "needs samples"),
    "time with a value": (_set(1, "cases", 0, "value", to=1.0), "and no value"),
    "count without value": (_set(2, "cases", 0, "value", to=None), "needs a value"),
    "half a call": (_set(2, "cases", 0, "value", to=395.5), "395.5 calls cannot be counted"),
    "negative count": (_set(2, "cases", 0, "value", to=-1.0), "-1.0 calls cannot be"),
    "failed with a value": (_set(1, "cases", 0, "status", to="failed"), "is failed and has a val"),
    "failed for no reason": (
        _set(2, "cases", 0, to={**case_of("none"), "status": "failed"}), "failed without a reason",
    ),
    "merged twice": (lambda lines: lines.append(lines[1]), "is there twice"),
    "measured twice": (_add(started_at=LATER), "was measured twice in visit"),
    "copied samples": (
        lambda lines: lines.extend(
            [
                {**lines[0], "id": OTHER},
                {**lines[1], "visit": OTHER, "round": 2},
            ]
        ),
        "repeats the samples of another",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_LINES)
def test_a_broken_journal_is_refused_in_a_sentence(tmp_path: Path, rules: Rules, name: str) -> None:
    lines = good()
    breaks, words = BROKEN_LINES[name]
    breaks(lines)
    said = faults(submit(tmp_path, lines), rules)
    assert any(words in one for one in said), said
    assert all(one.startswith("a-machine/phantom-10A/zarr-3.1.1.jsonl.xz: ") for one in said)
    assert all(one.isprintable() and len(one) < 520 for one in said)


GOOD = b"".join(json.dumps(line).encode() + b"\n" for line in good())


@pytest.mark.parametrize(
    ("benchmark", "feature", "allowed"),
    [
        (CALLS, "sse2", True),
        (INSTRUCTIONS, "avx2", True),
        (INSTRUCTIONS, "sse2", False),
        (TIME, "avx2", False),
    ],
)
def test_counts_may_come_from_another_processor(
    tmp_path: Path, rules: Rules, benchmark: dict[str, Any], feature: str, allowed: bool
) -> None:
    """The counts of two processors were the same; valgrind shows one and the same, with AVX2."""
    visit, time, calls, _ = good()
    visit["conditions"]["cpu_features"] = [feature]
    calls["cases"][0]["value"] = 1e6
    measured = time if benchmark is TIME else {**calls, "benchmark": benchmark["name"]}
    said = faults(submit(tmp_path, [visit, measured]), rules)
    assert len(said) == (not allowed)
    assert all(one.endswith("): machines are never mixed") and "512f" in one for one in said)


BROKEN_FILES: dict[str, tuple[bytes, str]] = {
    "gzip": (gzip.compress(GOOD), "cannot be unpacked"),
    "the older format of xz": (lzma.compress(GOOD, lzma.FORMAT_ALONE), "cannot be unpacked"),
    "something behind it": (lzma.compress(GOOD) + GOOD, "something follows the archive"),
    "two archives": (lzma.compress(GOOD) * 2, "something follows the archive"),
    "a bomb": (lzma.compress(bytes(100_000_001), preset=0), "its content is larger than 100 MB"),
    "nothing": (b"", "it ends too early"),
    "no line": (lzma.compress(b""), "holds no round"),
    "half a line": (lzma.compress(GOOD[:-9]), "its last line has no end"),
    "an empty line": (lzma.compress(GOOD + b"\n"), "line 5 is not of the record's form"),
    "Latin-1": (lzma.compress(GOOD.replace(b"AMD", b"AMD\xae")), "line 1 is not of the record's"),
    "half a character": (lzma.compress(GOOD.replace(b"AMD", rb"\ud83d")), "line 1 is not of the"),
    "UTF-16": (lzma.compress(GOOD.decode().encode("utf-16")), "its last line has no end"),
    "too deep": (lzma.compress(b"[" * 100_000 + b"\n"), "line 1 is not of the record's form"),
    "a line without end": (
        lzma.compress(GOOD.replace(b'"reason": ""', b'"reason": "%s"' % (b"x" * 2_000_000))),
        "at most 20000 characters",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_broken_file_is_refused_in_a_sentence(tmp_path: Path, rules: Rules, name: str) -> None:
    content, words = BROKEN_FILES[name]
    folder = submit(tmp_path, good())
    (folder / JOURNAL).write_bytes(content)
    (said,) = faults(folder, rules)
    assert said.startswith("a-machine/phantom-10A/zarr-3.1.1.jsonl.xz: ")
    assert words in said


def test_many_faults_of_a_file_are_counted(tmp_path: Path, rules: Rules) -> None:
    visit = good()[0]
    visit["project"]["suite"] = "f" * 16
    more = [{**visit, "id": f"{number:012x}"} for number in range(2, 60)]
    said = faults(submit(tmp_path, [*good(), *more]), rules)
    assert len(said) == 6
    assert said[-1].endswith("zarr-3.1.1.jsonl.xz: 53 faults more")


def test_what_was_copied_from_another_release_is_found(tmp_path: Path, rules: Rules) -> None:
    folder = submit(tmp_path, good())
    lines = good()
    lines[0]["installed"] = [installed("zarr", "3.1.0"), installed("numcodecs", "0.16.2")]
    pack(folder / "phantom-10A" / "numcodecs-0.16.2.jsonl.xz", lines)
    said = faults(folder, rules)
    assert len(said) == 2, "of two cases the same is said once"
    assert "a-machine/phantom-10A/numcodecs-0.16.2.jsonl.xz too: a visit has one" in said[0]
    assert "repeats the samples of another" in said[1]


def test_rounds_of_asv_are_in_one_visit(tmp_path: Path, rules: Rules) -> None:
    lines = good()
    failed = {**case_of("zstd"), "status": "failed", "reason": "gone"}
    lines[1]["cases"][1] = failed
    again = {**lines[1], "started_at": LATER, "round": 2}
    again["cases"] = [case_of("none", 0.26, 0.51, 0.76), failed]
    last = {**again, "started_at": "2025-08-01T00:00:19+00:00", "cases": [failed]}
    assert faults(submit(tmp_path, [*lines, again, last]), rules) == []


def test_a_machine_under_another_name_is_found(tmp_path: Path, rules: Rules) -> None:
    first = submit(tmp_path / "one", good())
    second = submit(tmp_path / "two", good()).rename(tmp_path / "two" / "my-own")
    seen = Seen()
    assert faults(first, rules, seen) == []
    said = faults(second, rules, seen)
    assert "is in a-machine/phantom-10A/zarr-3.1.1.jsonl.xz too" in said[0]


def _relink(path: Path, target: Path) -> None:
    path.unlink()
    path.symlink_to(target)


def _rename(folder: Path, old: str, new: str) -> None:
    target = folder / new
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / old).rename(target)


JOURNAL = "phantom-10A/zarr-3.1.1.jsonl.xz"
BROKEN_FOLDERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "not packed": (
        lambda folder: _rename(folder, JOURNAL, "phantom-10A/zarr-3.1.1.jsonl"), "no packed journ",
    ),
    "torn file": (
        lambda folder: (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes()[:-20]),
        "cannot be unpacked",
    ),
    "no archive": (lambda folder: (folder / JOURNAL).write_text("{}\n"), "cannot be unpacked"),
    "unknown release": (
        lambda folder: _rename(folder, JOURNAL, "phantom-10A/zarr-9.9.9.jsonl.xz"), "no release",
    ),
    "own tomogram": (
        lambda folder: _rename(folder, JOURNAL, "mine/zarr-3.1.1.jsonl.xz"), "'mine' is no tomogr",
    ),
    "a candidate": (
        lambda folder: _rename(folder, JOURNAL, "phantom-10A/candidate/zarr-3.1.1.jsonl.xz"),
        "no tomogram that everybody has",
    ),
    "no verdicts": (
        lambda folder: confirm(folder, [{"kind": "gossip"}]), "line 1 is not of the record's form",
    ),
    "verdicts not packed": (
        lambda folder: (folder / "phantom-10A" / "confirmations.jsonl").touch(), "no packed journ",
    ),
    "a link": (lambda folder: (folder / "x" ).symlink_to("/etc/passwd"), "is a link"),
    "a link to a folder": (
        lambda folder: (folder / "zarr").symlink_to(folder.parent), "is a link",
    ),
    "an endless description": (
        lambda folder: (_relink(folder / "machine.json", Path("/dev/zero"))), "is a link",
    ),
    "a long description": (
        lambda folder: (folder / "machine.json").write_text(" " * 20_000 + json.dumps(MACHINE)),
        "is too large for the description",
    ),
    "two gigabytes": (
        lambda folder: os.truncate(folder / JOURNAL, 2 * 2**30), "it is larger than 10 MB",
    ),
    "a name of two lines": (lambda folder: (folder / "x\ny").touch(), "does not belong there"),
    "something else": (lambda folder: (folder / "run.py").touch(), "does not belong there"),
    "noise that nothing checks": (
        lambda folder: (folder / "noise.jsonl").touch(), "does not belong there",
    ),
    "no description": (lambda folder: (folder / "machine.json").unlink(), "cannot be read"),
    "no machine": (lambda folder: (folder / "machine.json").write_text("[]"), "not describe a"),
    "nothing measured": (lambda folder: (folder / JOURNAL).unlink(), "no verdicts: run"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_FOLDERS)
def test_a_broken_folder_is_refused_in_a_sentence(tmp_path: Path, rules: Rules, name: str) -> None:
    folder = submit(tmp_path, good())
    breaks, words = BROKEN_FOLDERS[name]
    breaks(folder)
    said = faults(folder, rules)
    assert len(said) == 1, said
    assert words in said[0]
    assert said[0].isprintable()


PAIR = {
    "before": "numcodecs-0.16.2", "after": "zarr-3.1.1", "benchmark": TIME["name"], "version": "1",
    "case": ["'none'"],
}  # fmt: skip


def verdicts() -> Lines:
    """Return the lines of confirmations without a fault: two visits, a block and its verdict."""
    after = good()[0]
    before = copy.deepcopy({**after, "id": OTHER})
    before["installed"] = [installed("zarr", "3.1.0"), installed("numcodecs", "0.16.2")]
    at = "2025-08-01T01:00:00+00:00"
    block = {
        "kind": "block", "pair": dict(PAIR), "at": at, "seconds": 9.5, "order": "ABBA", "number": 3,
        "before": [[0.2, 0.3], [0.2]], "after": [[0.4], [0.4, 0.5]], "visits": [OTHER, VISIT],
    }  # fmt: skip
    verdict = {
        "kind": "confirmation", **PAIR, "verdict": "changed", "ratio": 2.0, "low": 1.5, "high": 2.5,
        "margin": 0.03, "level": 0.01, "blocks": 1, "correlation": None, "minutes": 0.2,
        "machine": "a-machine", "tomogram": "phantom-10A", "at": at,
    }  # fmt: skip
    return [before, after, block, verdict]


def confirm(folder: Path, lines: Lines) -> Path:
    """Add confirmations to a submission."""
    pack(folder / "phantom-10A" / "confirmations.jsonl.xz", lines)
    return folder


def test_good_verdicts_pass(tmp_path: Path, rules: Rules) -> None:
    folder = confirm(submit(tmp_path, good()), verdicts())
    assert faults(folder, rules) == []
    (folder / JOURNAL).unlink()
    assert faults(folder, rules) == [], "without a history, too"


BROKEN_VERDICTS: dict[str, tuple[Callable[[Lines], None], str]] = {
    "unknown verdict": (_set(3, "verdict", to="slower"), "line 4 is not of the record's form"),
    "unknown field": (_set(2, "extra", to=1), "block.extra"),
    "NaN": (_set(2, "before", 0, 0, to=float("nan")), "block.before"),
    "no process": (_set(2, "after", to=[]), "at least 1 item"),
    "a candidate": (_set(2, "pair", "after", to="candidate/zarr-3.1.1-0"), "block.pair.after"),
    "unknown release": (_set(3, "after", to="zarr-9.9.9"), "no release 'zarr-9.9.9'"),
    "unknown benchmark": (_set(3, "benchmark", to="x.time"), "no such benchmark"),
    "unknown case": (_set(3, "case", to=["'lzma'"]), "no case lzma"),
    "no visit": (_without(1), "belongs to no visit"),
    "releases swapped": (_set(2, "visits", to=[VISIT, OTHER]), "had zarr 3.1.1"),
    "a process lost": (_set(2, "after", to=[[0.4]]), "in the order ABBA has other processes"),
    "a time of an hour": (_set(2, "after", 0, 0, to=7200.0), "7200.0 seconds cannot be"),
    "no blocks": (_without(2), "rests on 1 blocks, and the file has 0"),
    "another processor": (
        _set(1, "conditions", "cpu_features", to=["avx2"]),
        "(without avx512f): machines are never",
    ),
    "another machine": (_set(3, "machine", to="mine"), "of phantom-10A on mine"),
    "no change": (_set(3, "low", to=0.9), "its interval holds 1"),
    "no equivalence": (_set(3, "verdict", to="equivalent"), "no change, and its interval reaches"),
    "an equivalence without an end": (
        lambda lines: lines[3].update(verdict="equivalent", ratio=1.0, low=None, high=1.01),
        "its interval reaches beyond 3 %",
    ),
    "another ratio": (_set(3, "ratio", to=5.0), "its ratio 5 lies outside of its interval, 1.5 to"),
    "an end before its begin": (_set(3, "low", to=3.5), "lies outside of its interval, 3.5 to 2.5"),
    "a later verdict": (
        _set(3, "at", to="2031-01-01T00:00:00Z"),
        "its verdict is dated 2031",
    ),
    "a later block": (_set(2, "at", to="2031-01-01T00:00:00Z"), "a block is dated 2031"),
    "a block twice": (
        lambda lines: (
            lines[2].update(before=[[0.2, 0.3, 0.4]] * 2),
            lines.insert(3, copy.deepcopy(lines[2])),
        ),
        "a block repeats the samples",
    ),
}


@pytest.mark.parametrize("name", BROKEN_VERDICTS)
def test_broken_verdicts_are_refused_in_a_sentence(tmp_path: Path, rules: Rules, name: str) -> None:
    lines = verdicts()
    breaks, words = BROKEN_VERDICTS[name]
    breaks(lines)
    said = faults(confirm(submit(tmp_path, good()), lines), rules)
    assert any(words in one for one in said), said
    assert all(one.startswith("a-machine/phantom-10A/confirmations.jsonl.xz: ") for one in said)


def test_what_another_accepted_suite_asked_stays_in_the_record(
    tmp_path: Path, rules: Rules
) -> None:
    lines, ruled = good(), verdicts()
    for visit in (lines[0], *ruled[:2]):
        visit["project"]["suite"] = PAST
    lines[1]["version"] = ruled[2]["pair"]["version"] = ruled[3]["version"] = "0"
    lines[2]["cases"][0]["case"] = ["'lzma'"]
    assert faults(confirm(submit(tmp_path, lines), ruled), rules) == []


def test_a_folder_that_is_none_or_has_no_name(tmp_path: Path, rules: Rules) -> None:
    assert "is no folder" in faults(tmp_path / "nothing", rules)[0]
    link = tmp_path / "link"
    link.symlink_to(submit(tmp_path / "elsewhere", good()))
    assert "is no folder" in faults(link, rules)[0]
    folder = submit(tmp_path, good()).rename(tmp_path / "my machine")
    assert "cannot name a machine" in faults(folder, rules)[0]


def test_each_unit_of_the_suite_has_a_range() -> None:
    suite = Record(Path(__file__).parents[2] / REFERENCE).suite()
    assert {benchmark.unit for benchmark in suite.values()} <= validation._RANGES.keys()


def test_a_machine_that_names_no_memory(tmp_path: Path, rules: Rules) -> None:
    (said,) = faults(submit(tmp_path, good(), {**MACHINE, "ram": "much"}), rules)
    assert "does not describe a machine: ram" in said
