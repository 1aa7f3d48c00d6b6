from __future__ import annotations

import fcntl
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from asv.results import Results

from cryoet_bench.errors import InputError
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.results import Journal
from tests import toy
from tests.measured import LAST_TWO

BEFORE, NEWEST = LAST_TWO
READ, BYTES, RATIO = (
    "volume.Volume.time_read",
    "volume.Volume.track_bytes",
    "volume.Ratio.track_ratio",
)
PARAMS = [["'none'", "'zstd'", "'late'"]]
DRIVER = """
import sys
from pathlib import Path
from cryoet_bench.measure.run import Campaign
from tests.toy import TIMELINE
for _ in Campaign(Path.cwd(), TIMELINE, "phantom-10A").measure(TIMELINE.releases[-2:]):
    pass
"""


def campaign(root: Path, **options: object) -> Campaign:
    return Campaign(root, toy.TIMELINE, "phantom-10A", **options)  # type: ignore[arg-type]


def result_file(root: Path, tag: str) -> Path:
    commit = campaign(root).commits[tag]
    (path,) = root.glob(f"results/*/{commit[:8]}-*.json")
    return path


def processes(root: Path) -> list[str]:
    """Return the codec of every process that measured, in order."""
    return (root / "log").read_text().split()


def exact(root: Path, tag: str) -> dict[str, object]:
    results = Results.load(str(result_file(root, tag)))
    return {
        BYTES: results.get_result_value(BYTES, PARAMS),
        RATIO: results.get_result_value(RATIO, []),
    }


def test_asv_reads_what_was_measured(measured: Path) -> None:
    old = Results.load(str(result_file(measured, BEFORE.tag)))
    new = Results.load(str(result_file(measured, NEWEST.tag)))
    assert old.commit_hash == campaign(measured).commits[BEFORE.tag]
    assert old.env_vars == {"CRYOET_BENCH_TOMOGRAM": "phantom-10A"}
    none, zstd, late = old.get_result_value(BYTES, PARAMS)
    assert (none, zstd) == (8.0, 7.0)
    assert math.isnan(late), "not available is no failure"
    assert new.get_result_value(BYTES, PARAMS) == [None, 6.0, 5.0]
    assert old.get_result_value(RATIO, []) == [1.25]
    # Two rounds of three samples, and asv's statistics over all six.
    samples = old.get_result_samples(READ, PARAMS)
    assert [len(samples[0]), len(samples[1]), samples[2]] == [6, 6, None]
    stats = old.get_result_stats(READ, PARAMS)
    assert (stats[0]["repeat"], stats[0]["number"]) == (6, 1)
    assert old.get_result_value(READ, PARAMS)[0] == pytest.approx(sorted(samples[0])[3], rel=0.2)
    assert 0.01 <= min(samples[0]) < 0.02 <= min(new.get_result_samples(READ, PARAMS)[0])


def test_releases_alternate_and_gaps_are_not_tried_again(measured: Path) -> None:
    newest_round_1 = ["none", "zstd", "late"]
    # The exact metrics run in the first round alone; n/a and failed cases are not repeated.
    tracks = ["none", "zstd", "late"]
    old_round_1 = ["none", "zstd", "late"]
    assert processes(measured) == [
        *(newest_round_1 + tracks),
        *(old_round_1 + tracks),
        *["none", "zstd"],
        *["none", "zstd", "late"],
    ]


def test_the_reasons_are_kept(measured: Path) -> None:
    mine = campaign(measured)
    assert mine.failures([NEWEST]) == {"RuntimeError: the codec is gone": 1}
    gaps = {case.reason for case in mine._last(BEFORE) if case.status == "n/a"}
    assert gaps == {"came later"}
    assert mine.coverage(BEFORE) == {"passed": 5, "n/a": 2, "failed": 0}
    assert mine.coverage(NEWEST) == {"passed": 6, "n/a": 0, "failed": 1}


def test_nothing_is_measured_twice(measured: Path) -> None:
    before = {path: path.read_bytes() for path in measured.glob("results/*/*")}
    assert list(campaign(measured).measure(LAST_TWO)) == []
    after = {path: path.read_bytes() for path in measured.glob("results/*/*")}
    assert before == after


def test_more_rounds_are_added_to_those_there(measured: Path) -> None:
    ran = len(processes(measured))
    list(campaign(measured, rounds=3).measure([NEWEST]))
    assert processes(measured)[ran:] == ["none", "zstd", "late"]
    results = Results.load(str(result_file(measured, NEWEST.tag)))
    assert len(results.get_result_samples(READ, PARAMS)[0]) == 9


def test_what_failed_is_measured_again_on_demand(measured: Path) -> None:
    ran = len(processes(measured))
    suite = measured / "benchmarks" / "volume.py"
    suite.write_text(suite.read_text().replace('release.newest and codec == "none"', "False"))
    list(campaign(measured, retry=True).measure([NEWEST]))
    assert processes(measured)[ran:] == ["none"]
    assert exact(measured, NEWEST.tag)[BYTES] == [7.0, 6.0, 5.0]
    assert campaign(measured).coverage(NEWEST)["failed"] == 0


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
    list(campaign(fresh).measure(LAST_TWO))
    for release in LAST_TWO:
        unbroken = exact(measured_once, release.tag)
        assert json.dumps(exact(fresh, release.tag)) == json.dumps(unbroken)
        samples = Results.load(str(result_file(fresh, release.tag))).get_result_samples
        assert len(samples(READ, PARAMS)[0]) == 6
    # Each kill costs at most one benchmark of one round.
    assert len(processes(fresh)) <= len(processes(measured_once)) + 2 * len(PARAMS[0])


def test_a_kill_between_journal_and_result_file_loses_nothing(measured: Path) -> None:
    path = result_file(measured, BEFORE.tag)
    whole = path.read_text()
    path.unlink()
    assert list(campaign(measured).measure(LAST_TWO)) == []
    assert json.loads(path.read_text())["results"] == json.loads(whole)["results"]


def test_a_torn_last_line_is_measured_again(measured: Path) -> None:
    path = result_file(measured, NEWEST.tag).with_suffix(".rounds.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert len(Journal(path).rounds) == whole.count(b"\n") - 1
    list(campaign(measured).measure(LAST_TWO))
    journal = Journal(path)
    assert len(journal.rounds) == whole.count(b"\n")
    assert b"\n\n" not in path.read_bytes()
    assert (
        len(
            Results.load(str(result_file(measured, NEWEST.tag))).get_result_samples(READ, PARAMS)[0]
        )
        == 6
    )


@pytest.mark.parametrize("garbage", ["", "{", "[]", '{"version": 2}', "not json at all"])
def test_a_damaged_result_file_is_named(measured: Path, garbage: str) -> None:
    path = result_file(measured, NEWEST.tag)
    path.write_text(garbage)
    with pytest.raises(
        InputError, match=rf"^the result file {re.escape(str(path))} is damaged: "
    ) as caught:
        list(campaign(measured).measure(LAST_TWO))
    assert "\n" not in str(caught.value)
    assert path.read_text() == garbage


def test_a_damaged_record_of_rounds_is_named(measured: Path) -> None:
    path = result_file(measured, NEWEST.tag).with_suffix(".rounds.jsonl")
    path.write_text("garbage\n" + path.read_text())
    with pytest.raises(InputError, match=re.escape(str(path))):
        list(campaign(measured).measure(LAST_TWO))


def test_tomograms_never_share_a_series(measured: Path) -> None:
    other = Campaign(measured, toy.TIMELINE, "13pf_MT-0123abcd")
    list(other.measure([NEWEST]))
    files = sorted(measured.glob(f"results/*/{other.commits[NEWEST.tag][:8]}-*.json"))
    found = [Results.load(str(path)).env_vars["CRYOET_BENCH_TOMOGRAM"] for path in files]
    assert found == ["13pf_MT-0123abcd", "phantom-10A"]


def test_a_release_that_cannot_be_imported_fails_with_its_reason(fresh: Path) -> None:
    (fresh / "broken").write_text("yes")
    list(campaign(fresh).measure(LAST_TWO))
    assert campaign(fresh).coverage(NEWEST) == {"passed": 0, "n/a": 0, "failed": 7}
    reason = "cannot be imported: ModuleNotFoundError: No module named 'crc32c_of_long_ago'"
    assert campaign(fresh).failures([NEWEST]) == {reason: 7}
    assert campaign(fresh).coverage(BEFORE)["passed"] == 5
    results = Results.load(str(result_file(fresh, NEWEST.tag)))
    assert results.get_result_value(BYTES, PARAMS) == [None, None, None]


def test_a_release_that_cannot_be_installed_is_tried_again(measured: Path) -> None:
    oldest = toy.TIMELINE.releases[0]
    (measured / "uninstallable").touch()
    mine = campaign(measured)
    list(mine.measure([oldest]))
    assert mine.not_installed == {oldest.tag: "no such package"}
    assert mine.coverage(oldest) == {"passed": 0, "n/a": 0, "failed": 0}
    (measured / "uninstallable").unlink()
    list(campaign(measured).measure([oldest]))
    assert campaign(measured).coverage(oldest)["passed"] == 5


def test_two_runs_do_not_measure_at_once(measured: Path) -> None:
    with (measured / ".asv" / "measuring.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another run is measuring"):
            list(campaign(measured).measure(LAST_TWO))


def test_benchmarks_that_cannot_be_imported_are_said(fresh: Path) -> None:
    (fresh / "benchmarks" / "volume.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(InputError, match="No module named 'nothing_of_that_name'"):
        list(campaign(fresh).measure(LAST_TWO))


def test_unknown_tier(measured: Path) -> None:
    with pytest.raises(InputError, match="no tier 'huge': choose core or full"):
        list(campaign(measured, tier="huge").measure(LAST_TWO))


def test_progress_ends_with_nothing_left(fresh: Path) -> None:
    told = list(campaign(fresh, rounds=1).measure([NEWEST]))
    assert [step.doing for step in told][:2] == ["installing", "Compression ratio"]
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert told[-1].fraction == pytest.approx(6 / 7)
    assert all(0 < step.seconds_left < 600 for step in told)
