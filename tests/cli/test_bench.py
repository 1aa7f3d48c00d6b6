from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cryoet_bench.cli import app
from cryoet_bench.cli import bench as command
from cryoet_bench.errors import InputError
from cryoet_bench.files import output
from cryoet_bench.record.overview import value_in_words
from tests.measured import FACTS, campaign, last_two


def test_the_tables_show_values_and_what_stands_out(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = measured / "results.json"
    results = output(target, command.RESULTS)
    command.run(campaign(measured), last_two(measured), FACTS, results=results)
    said = capsys.readouterr().out
    assert "Measured on phantom-10A (synthetic, 128 x 128 x 128 float32)" in said
    assert "zarr-3.1.1: 1 failed: RuntimeError: the codec is gone" in said
    assert "zarr 3.1.1 against numcodecs 0.16.2" in said
    lines = {tuple(line.split()[:2]): line for line in said.splitlines() if line.strip()}
    assert "failed" in lines["volume.Volume.track_bytes", "none"]
    assert "newly available" in lines["volume.Volume.track_bytes", "late"]
    assert "better" in lines["volume.Volume.track_bytes", "zstd"]
    assert "Compression ratio" not in said, "what did not change is folded"
    assert f"The site is in {measured / '.asv' / 'html'}" in said
    assert (measured / ".asv" / "html" / "index.html").exists()

    document = json.loads(target.read_text())
    assert document["tomogram"]["name"] == "phantom-10A"
    assert document["releases"]["zarr-3.1.1"] == {"passed": 7, "n/a": 0, "failed": 1}
    values = {(v["revision"], v["benchmark"], v["case"]): v["value"] for v in document["values"]}
    assert values["zarr-3.1.1", "volume.Volume.track_bytes", "zstd"] == 6.0
    (comparison,) = document["comparisons"]
    assert (comparison["before"], comparison["after"]) == ("numcodecs-0.16.2", "zarr-3.1.1")
    changes = {(c["benchmark"], c["case"]): c for c in comparison["changes"]}
    assert changes["volume.Ratio.track_ratio", ""]["verdict"] == "same"
    slower = changes["volume.Volume.time_read", "none"]
    assert slower["ratio"] == pytest.approx(2, rel=0.5)
    assert slower["ratio"] == pytest.approx(slower["after"] / slower["before"])


def test_every_case_on_demand(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.run(campaign(measured), last_two(measured), FACTS, verbose=True)
    assert "Compression ratio" in capsys.readouterr().out


def test_all_neighbours_are_compared(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = campaign(measured)
    command.run(mine, mine.revisions.releases(), FACTS)
    said = capsys.readouterr().out
    assert "numcodecs 0.16.2 against zarr 3.1.0" in said
    assert "zarr 3.1.1 against numcodecs 0.16.2" in said


def test_one_release_has_nothing_to_compare_with(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.run(campaign(measured), last_two(measured)[-1:], FACTS)
    said = capsys.readouterr().out
    assert "against" not in said
    assert "The site is in" in said


def test_nothing_measured_is_no_success(fresh: Path) -> None:
    (fresh / "uninstallable").touch()
    with pytest.raises(InputError, match=r"^no release can be installed: no such package$"):
        command.run(campaign(fresh, rounds=1), last_two(fresh)[-1:], FACTS)


def test_all_releases_failing_is_no_success(measured: Path) -> None:
    (measured / "uninstallable").touch()
    mine = campaign(measured)
    with pytest.raises(InputError, match=r"^nothing could be measured: no such package$"):
        command.run(mine, mine.revisions.releases()[:1], FACTS)


def test_a_file_that_cannot_be_written_is_refused_before_measuring(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        CliRunner().invoke(
            app, ["bench", "--json", str(tmp_path / "no" / "t.json")], catch_exceptions=False
        )


DRIVER = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # as started from a terminal
from pathlib import Path
from cryoet_bench.cli import bench
from tests.measured import FACTS, campaign, last_two
try:
    bench.run(campaign(Path.cwd()), last_two(Path.cwd()), FACTS)
except bench.typer.Exit as stop:
    raise SystemExit(stop.exit_code)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_shows_what_there_is_and_how_to_resume(
    fresh: Path, how: signal.Signals
) -> None:
    # Python prints an exception that it drops while it forks, so each process lives for a moment.
    suite = fresh / "benchmarks" / "volume.py"
    waiting = suite.read_text().replace("seen.append", "time.sleep(0.5)\n            seen.append")
    suite.write_text(f"import time\n{waiting}")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = fresh / "log"
    while process.poll() is None and not (log.exists() and len(log.read_text().split()) > 4):
        time.sleep(0.05)
    process.send_signal(how)
    try:
        printed, said = process.communicate(timeout=60)
    finally:
        process.kill()  # it would hold the lock of the machine, which other tests need
    assert process.returncode == 130
    assert "rerun the same command to resume" in said
    assert "Traceback" not in said
    assert "Measured on phantom-10A" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["zarr-0.0.1"], "named 'zarr-0.0.1'"),
        (["--since", "zarr-99"], "named 'zarr-99'"),
        (["--line", "nowhere"], "nowhere"),
        (["zarr-3.4.2", "--all"], "chosen in several ways: keep one"),
        (["--bench", "nothing-of-that-name"], "no benchmark matches 'nothing-of-that-name'"),
        (["--tomogram", "nothing-of-that-name"], "nothing-of-that-name"),
        (["--candidate", "requests==2"], "'requests==2' is no candidate"),
    ],
)
def test_bad_input_is_one_sentence(cache: Path, arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["bench", *arguments])
    assert isinstance(result.exception, InputError)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)


def test_help_teaches_with_examples() -> None:
    result = CliRunner().invoke(app, ["bench", "--help"])
    assert result.exit_code == 0
    assert "scripts/bench --since zarr-3.0.8" in result.output


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "seconds", "-"),
        (float("nan"), "seconds", "-"),
        (2.5, "seconds", "2.5 s"),
        (0.0123, "seconds", "12.3 ms"),
        (4.5e-5, "seconds", "45 µs"),
        (0.0009996, "seconds", "1 ms"),
        (1023 * 1024, "bytes", "1,023 KiB"),
        (1016.0, "x", "1,016x"),
        (3.42151, "bytes/voxel", "3.422 bytes/voxel"),
        (5 * 2**20, "bytes", "5 MiB"),
        (64.0, "x", "64x"),
        (19779, "calls", "19,779 calls"),
        (1, "requests", "1 request"),
        (7, "", "7"),
        (2.2239e-07, "1 - FSC", "2.22·10⁻⁷"),
        (0.001706, "1 - FSC", "0.001706"),
    ],
)
def test_values_in_words(value: float | None, unit: str, words: str) -> None:
    assert value_in_words(value, unit) == words
