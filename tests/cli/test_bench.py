from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cryoet_bench.cli import app
from cryoet_bench.cli import bench as command
from cryoet_bench.errors import InputError
from cryoet_bench.files import output
from cryoet_bench.measure.run import Campaign
from tests import toy
from tests.measured import LAST_TWO
from tests.site.test_site import FACTS


def campaign(root: Path, **options: Any) -> Campaign:
    return Campaign(root, toy.TIMELINE, "phantom-10A", **options)


def test_the_table_tells_what_stands_out(
    measured: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = measured / "table.json"
    command.run(campaign(measured), list(LAST_TWO), FACTS, table=output(table, command.TABLE))
    said = capsys.readouterr().out
    assert "Measured on phantom-10A (synthetic, 128 x 128 x 128 float32)" in said
    assert "zarr 3.1.1: 1 failed: RuntimeError: the codec is gone" in said
    assert "zarr 3.1.1 against numcodecs 0.16.2" in said
    lines = {tuple(line.split()[:2]): line for line in said.splitlines() if line.strip()}
    assert "failed" in lines["volume.Volume.track_bytes", "none"]
    assert "better" in lines["volume.Volume.track_bytes", "zstd"]
    assert "Compression ratio" not in said, "what did not change is folded"
    assert f"The site is in {measured / '.asv' / 'html'}" in said
    assert (measured / ".asv" / "html" / "index.html").exists()

    document = json.loads(table.read_text())
    assert document["compared"] == ["numcodecs-0.16.2", "zarr-3.1.1"]
    assert document["tomogram"]["name"] == "phantom-10A"
    assert document["releases"]["zarr-3.1.1"] == {"passed": 6, "n/a": 0, "failed": 1}
    verdicts = {(c["name"], c["case"]): c for c in document["changes"]}
    assert verdicts["volume.Ratio.track_ratio", ""]["verdict"] == "same"
    slower = verdicts["volume.Volume.time_read", "none"]
    assert slower["ratio"] == pytest.approx(2, rel=0.5)


def test_every_case_on_demand(
    measured: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command.run(campaign(measured), list(LAST_TWO), FACTS, verbose=True)
    assert "Compression ratio" in capsys.readouterr().out


def test_one_release_has_nothing_to_compare_with(
    measured: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command.run(campaign(measured), [LAST_TWO[-1]], FACTS)
    said = capsys.readouterr().out
    assert "against" not in said
    assert "The site is in" in said


def test_nothing_measured_is_said_and_no_success(fresh: Path) -> None:
    (fresh / "uninstallable").touch()
    with pytest.raises(InputError, match=r"^no release can be installed: no such package$"):
        command.run(campaign(fresh, rounds=1), [LAST_TWO[-1]], FACTS)


def test_all_releases_failing_is_no_success(measured: Path) -> None:
    (measured / "uninstallable").touch()
    oldest = toy.TIMELINE.releases[0]
    with pytest.raises(InputError, match=r"^nothing could be measured: no such package$"):
        command.run(campaign(measured), [oldest], FACTS)


def test_a_table_that_cannot_be_written_is_said_before_measuring(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        CliRunner().invoke(
            app, ["bench", "--json", str(tmp_path / "no" / "t.json")], catch_exceptions=False
        )


DRIVER = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # as started from a terminal
from pathlib import Path
from cryoet_bench.cli import bench
from cryoet_bench.measure.run import Campaign
from tests.site.test_site import FACTS
from tests.toy import TIMELINE
campaign = Campaign(Path.cwd(), TIMELINE, "phantom-10A")
try:
    bench.run(campaign, list(TIMELINE.releases[-2:]), FACTS)
except bench.typer.Exit as stop:
    raise SystemExit(stop.exit_code)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_says_how_to_go_on(fresh: Path, how: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER], env=environment, stderr=subprocess.PIPE, text=True
    )
    while not (fresh / "log").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to go on" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["zarr-0.0.1"], "no release named 'zarr-0.0.1'"),
        (["--since", "zarr-99"], "no release named 'zarr-99'"),
        (["--tomogram", "nothing-of-that-name"], "nothing-of-that-name"),
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
    ("seconds", "words"),
    [
        (1, "about 5 s left"),
        (62, "about 60 s left"),
        (300, "about 5 min left"),
        (9000, "about 2.5 h left"),
    ],
)
def test_time_left_in_words(seconds: float, words: str) -> None:
    assert command._left(seconds) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "seconds", "-"),
        (2.5, "seconds", "2.5 s"),
        (0.0123, "seconds", "12.3 ms"),
        (4.5e-5, "seconds", "45 us"),
        (3.42151, "bytes/voxel", "3.422 bytes/voxel"),
        (7, "", "7"),
    ],
)
def test_values_in_words(value: float | None, unit: str, words: str) -> None:
    assert command._value(value, unit) == words
