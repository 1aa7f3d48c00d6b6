"""Measuring the toy project: real processes, real journals, a real timeline."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cryoet_bench.changes.comparison import compare
from cryoet_bench.errors import InputError
from cryoet_bench.harness import turn
from cryoet_bench.measure.asv import commands
from cryoet_bench.measure.plan import Selection
from cryoet_bench.record.journal import Journal, Outcome
from cryoet_bench.record.record import Record, coverage, failures
from cryoet_bench.timeline.revisions import Revision
from tests.measured import campaign, last_two

READ, BYTES, RATIO = (
    "volume.Volume.time_read",
    "volume.Volume.track_bytes",
    "volume.Ratio.track_ratio",
)
NONE, ZSTD, LATE = ("'none'",), ("'zstd'",), ("'late'",)
DRIVER = """
from pathlib import Path
from tests.measured import campaign, last_two
for _ in campaign(Path.cwd()).measure(last_two(Path.cwd())):
    pass
"""


def processes(root: Path) -> list[str]:
    """Return the codec of every process that measured, in order."""
    return (root / "log").read_text().split()


def journal(root: Path, revision: Revision) -> Journal:
    return campaign(root).journal(revision)


def outcomes(root: Path, revision: Revision, benchmark: str) -> dict[tuple[str, ...], Outcome]:
    return journal(root, revision).outcomes(campaign(root).suite[benchmark])


def counts(root: Path) -> dict[str, tuple[int, int, int]]:
    mine = campaign(root)
    table = coverage(mine.record.cases(mine.revisions.releases()))
    return {index[2]: (row["passed"], row["n/a"], row["failed"]) for index, row in table.iterrows()}


def test_values_are_those_of_the_suite(measured: Path) -> None:
    before, newest = last_two(measured)
    old, new = (outcomes(measured, it, BYTES) for it in (before, newest))
    assert [old[case].value for case in (NONE, ZSTD, LATE)] == [8.0, 7.0, None]
    assert (old[LATE].status, old[LATE].reason) == ("n/a", "came later")
    assert (new[NONE].status, new[NONE].reason) == ("failed", "RuntimeError: the codec is gone")
    assert [new[case].value for case in (ZSTD, LATE)] == [6.0, 5.0]
    assert outcomes(measured, before, RATIO)[()].value == 1.25
    read = outcomes(measured, before, READ)[NONE]
    assert [len(one.samples) for one in read.rounds] == [3, 3]
    nanoseconds = [1e9 * sample for one in read.rounds for sample in one.samples]
    assert nanoseconds == [pytest.approx(round(one, 1), rel=1e-12) for one in nanoseconds]
    assert read.value is not None
    assert read.value >= 0.01
    slower = outcomes(measured, newest, READ)[NONE].value
    assert slower is not None
    assert slower >= 0.02
    assert counts(measured) == {before.name: (6, 2, 0), newest.name: (7, 0, 1)}


def test_each_visit_tells_what_was_in_force(measured: Path) -> None:
    _, newest = last_two(measured)
    visits = list(journal(measured, newest).visits.values())
    assert [visit.origin for visit in visits] == ["scripts/bench"] * 2
    assert [visit.conditions["hash_seed"] for visit in visits] == ["1", "2"]
    assert {"allocator", "address_layout"} <= visits[0].conditions.keys()
    assert len(visits[0].project["suite"]) == 16


def test_releases_alternate_and_gaps_are_not_tried_again(measured: Path) -> None:
    codecs = ["none", "zstd", "late"]
    # The exact metrics run in the first round alone; n/a and failed cases are not repeated.
    newest_1, old_1, old_2, newest_2 = codecs * 2, codecs * 2, ["none", "zstd"], codecs
    assert processes(measured) == [*newest_1, *old_1, *old_2, *newest_2]


def test_nothing_is_measured_twice(measured: Path) -> None:
    before = {path: path.read_bytes() for path in measured.glob("results/**/*.jsonl")}
    assert list(campaign(measured).measure(last_two(measured))) == []
    after = {path: path.read_bytes() for path in measured.glob("results/**/*.jsonl")}
    assert before == after


def test_more_rounds_are_added_to_those_there(measured: Path) -> None:
    _, newest = last_two(measured)
    ran = len(processes(measured))
    list(campaign(measured, rounds=3).measure([newest]))
    assert processes(measured)[ran:] == ["none", "zstd", "late"]
    assert len(outcomes(measured, newest, READ)[NONE].rounds) == 3


def test_what_failed_is_measured_again_on_demand_and_has_failed_nowhere(measured: Path) -> None:
    _, newest = last_two(measured)
    ran = len(processes(measured))
    (measured / "fixed").touch()
    list(campaign(measured, retry=True).measure([newest]))
    assert processes(measured)[ran:] == ["none"]
    assert outcomes(measured, newest, BYTES)[NONE].value == 7.0
    assert counts(measured)[newest.name] == (8, 0, 0)
    mine = campaign(measured)
    assert failures(mine.record.cases([newest])).empty


def test_what_lacked_a_program_is_measured_once_it_is_there(fresh: Path) -> None:
    before, _ = last_two(fresh)
    suite = fresh / "benchmarks" / "volume.py"
    lacking = """
        program = Path(os.environ["TOY_LOG"]).parent / "program"
        if codec == "zstd" and not program.exists():
            raise Lacking("needs program: install it with the system's package manager")
"""
    text = suite.read_text().replace(
        "    def setup(self, codec):\n", f"    def setup(self, codec):{lacking}"
    )
    suite.write_text(f"class Lacking(NotImplementedError):\n    pass\n\n\n{text}")
    list(campaign(fresh).measure([before]))
    for benchmark in (READ, BYTES):
        found = outcomes(fresh, before, benchmark)[ZSTD]
        assert found.status == "n/a"
        assert found.reason == "needs program: install it with the system's package manager"
    ran = len(processes(fresh))
    (fresh / "program").touch()
    assert list(campaign(fresh).measure([before])) == []
    list(campaign(fresh, retry=True).measure([before]))
    assert processes(fresh)[ran:] == ["zstd"] * 3, "a count once, a time in its two rounds"
    assert len(outcomes(fresh, before, READ)[ZSTD].rounds) == 2
    assert outcomes(fresh, before, BYTES)[ZSTD].value == 7.0
    assert list(campaign(fresh, retry=True).measure([before])) == []


def test_what_another_suite_measured_is_measured_again(measured: Path) -> None:
    """Once its rounds counted as done, and shared an estimate with those of the present suite."""
    before, newest = last_two(measured)
    earlier, ran = outcomes(measured, newest, READ)[ZSTD], len(processes(measured))
    suite = measured / "benchmarks" / "volume.py"  # the version of its benchmarks stays
    suite.write_text(suite.read_text().replace("take(0.02 if", "take(0.06 if"))
    chosen = Selection("core", r"time_read\('zstd'")
    mine = campaign(measured, selection=chosen, rounds=1)
    list(mine.measure([newest]))
    assert processes(measured)[ran:] == ["zstd"]
    found = mine.journal(newest).outcomes(mine.suite[READ])[ZSTD]
    assert (len(earlier.rounds), len(found.rounds)) == (2, 1)
    assert found.suite == mine.digest != earlier.suite
    assert found.value is not None
    assert found.value >= 0.06
    assert mine.journal(newest).outcomes(mine.suite[READ], earlier.suite)[ZSTD] == earlier
    pair = compare([mine.suite[READ]], mine.journal(before), mine.journal(newest))
    assert {one.case: one.same_suite for one in pair} == {"none": True, "zstd": False, "late": True}
    assert list(campaign(measured, selection=chosen, rounds=1).measure([newest])) == []


def test_the_record_shows_the_cases_of_the_suite_that_measures(measured: Path) -> None:
    """Once a suite that came with the committed record left its new benchmarks out of tables."""
    mine = campaign(measured)
    Record(measured / "record").describe_suite(mine.suite, mine.digest)
    mine.record.describe_suite({READ: mine.suite[READ]}, "0" * 16)
    assert campaign(measured).suite == mine.suite
    assert mine.record.suite() == mine.suite


def test_a_case_that_fails_again_is_not_retried_in_every_round(measured: Path) -> None:
    _, newest = last_two(measured)
    ran = len(processes(measured))
    list(campaign(measured, retry=True, exact_rounds=3).measure([newest]))
    assert processes(measured)[ran:].count("none") == 1


def test_killed_while_measuring_and_started_again(fresh: Path, measured_once: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    log, killed = fresh / "log", 0
    for lines in (2, 8):  # in the first benchmark, and on the second release
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER], env=environment, start_new_session=True
        )
        while process.poll() is None:
            if log.exists() and len(processes(fresh)) >= lines:
                os.killpg(process.pid, signal.SIGKILL)
                killed += process.wait() == -signal.SIGKILL
            time.sleep(0.02)
    assert killed == 2
    list(campaign(fresh).measure(last_two(fresh)))
    for release, unbroken in zip(last_two(fresh), last_two(measured_once), strict=True):
        for name in (BYTES, RATIO):
            found, known = outcomes(fresh, release, name), outcomes(measured_once, unbroken, name)
            assert {c: o.value for c, o in found.items()} == {c: o.value for c, o in known.items()}
        assert len(outcomes(fresh, release, READ)[NONE].rounds) == 2
    # Each kill costs at most one benchmark of one round.
    assert len(processes(fresh)) <= len(processes(measured_once)) + 2 * 3


def test_a_torn_last_line_is_measured_again(measured: Path) -> None:
    _, newest = last_two(measured)
    path = journal(measured, newest).path
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    lost = len(Journal(path).rounds)
    list(campaign(measured).measure(last_two(measured)))
    assert len(Journal(path).rounds) >= lost + 1
    assert len(outcomes(measured, newest, READ)[NONE].rounds) == 2
    assert b"\n\n" not in path.read_bytes()


def test_a_damaged_journal_is_named(measured: Path) -> None:
    _, newest = last_two(measured)
    path = journal(measured, newest).path
    path.write_text("garbage\n" + path.read_text())
    with pytest.raises(InputError, match=re.escape(str(path))):
        list(campaign(measured).measure(last_two(measured)))


def test_a_release_that_cannot_be_imported_fails_with_its_reason(fresh: Path) -> None:
    before, newest = last_two(fresh)
    (fresh / "broken").write_text("yes")
    list(campaign(fresh).measure([before, newest]))
    assert counts(fresh) == {before.name: (6, 2, 0), newest.name: (0, 0, 8)}
    found = failures(campaign(fresh).record.cases([newest]))
    reason = "cannot be imported: ModuleNotFoundError: No module named 'crc32c_of_long_ago'"
    assert found[["reason", "count"]].values.tolist() == [[reason, 8]]


def test_a_release_that_cannot_be_installed_is_tried_again(measured: Path) -> None:
    oldest = campaign(measured).revisions.releases()[0]
    (measured / "uninstallable").touch()
    mine = campaign(measured)
    list(mine.measure([oldest]))
    assert mine.not_installed == {oldest.name: "no such package"}
    assert oldest.name not in counts(measured)
    (measured / "uninstallable").unlink()
    list(campaign(measured).measure([oldest]))
    assert counts(measured)[oldest.name][0] == 6


def test_two_runs_do_not_measure_at_once(measured: Path) -> None:
    with (
        turn.measuring("a test"),
        pytest.raises(InputError, match="measuring already: a test since"),
    ):
        # Another descriptor of this same process: the lock is a process's only by its file.
        list(campaign(measured).measure(last_two(measured)))


def test_benchmarks_that_cannot_be_imported_are_named(fresh: Path) -> None:
    (fresh / "benchmarks" / "volume.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(InputError, match="No module named 'nothing_of_that_name'"):
        list(campaign(fresh).measure(last_two(fresh)))


def test_a_disturbed_visit_is_repeated_and_then_recorded_as_such(measured: Path) -> None:
    _, newest = last_two(measured)
    (measured / "busy").touch()
    mine = campaign(measured, rounds=3)
    list(mine.measure([newest]))
    assert [(one.revision.label, one.round) for one in mine.disturbed] == [("zarr 3.1.1", 3)]
    found = journal(measured, newest)
    assert len(found.disturbed) == 3, "once, and repeated twice"
    # The sound rounds of before count, the disturbed ones do not.
    read = outcomes(measured, newest, READ)[NONE]
    assert (len(read.rounds), read.grade) == (2, "sound")
    (measured / "busy").unlink()
    list(campaign(measured, rounds=4).measure([newest]))
    assert len(outcomes(measured, newest, READ)[NONE].rounds) == 3


def test_one_question(fresh: Path) -> None:
    before, _ = last_two(fresh)
    mine = campaign(fresh, selection=Selection("core", r"time_read\('zstd'"))
    list(mine.measure([before]))
    assert processes(fresh) == ["zstd", "zstd"]
    assert set(mine.chosen) == {READ, "volume.Control.time_sleep"}


@pytest.mark.parametrize(
    ("pattern", "words"), [("nothing", "no benchmark matches 'nothing'"), ("(", "not a regular")]
)
def test_a_pattern_that_selects_nothing(measured: Path, pattern: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(campaign(measured, selection=Selection("core", pattern)).measure([]))


def test_the_core_tier_leaves_full_cases_out(fresh: Path) -> None:
    before, _ = last_two(fresh)
    mine = campaign(fresh, tier="core", rounds=1)
    list(mine.measure([before]))
    assert RATIO not in mine.chosen
    assert not outcomes(fresh, before, RATIO)


def test_progress_ends_with_nothing_left(fresh: Path) -> None:
    _, newest = last_two(fresh)
    told = list(campaign(fresh, rounds=1).measure([newest]))
    assert told[0].doing == "installing"
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert told[-1].fraction == pytest.approx(7 / 8)
    assert all(0 < step.seconds_left < 600 for step in told)


def test_the_suite_is_whole_where_asv_selects_the_core(fresh: Path) -> None:
    commands.take_charge()
    assert set(campaign(fresh).suite) == {READ, BYTES, RATIO, "volume.Control.time_sleep"}
