from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
import zarr

from cryoet_bench import cli
from cryoet_bench.errors import InputError
from cryoet_bench.quality.qc.search import volumes_in


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run the command as a user does and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["cryoet-bench", "qc", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A sound volume, apart from a spacing that nobody recorded."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((40, 40, 40)).astype(np.float32)
    tifffile.imwrite(tmp_path / "v.tif", data + np.roll(data, 1, 0))
    return tmp_path / "v.tif"


def test_a_real_tomogram_in_every_form(
    microtubule: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    forms = {form: tmp_path / f"r.{form}" for form in ("json", "html", "png", "markdown")}
    options = [part for form, path in forms.items() for part in (f"--{form}", path)]
    assert run(monkeypatch, microtubule, *options) == 0
    assert "Sign of the contrast" in capsys.readouterr().out
    assert json.loads(forms["json"].read_text())["verdict"] == "warn"
    assert forms["html"].read_text().startswith("<!doctype html>")
    assert forms["png"].read_bytes().startswith(b"\x89PNG")
    assert forms["markdown"].read_text().startswith("# 13pf")


def test_a_failure_exits_with_one_and_json_is_alone_on_stdout(
    volume: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tifffile.imread(volume)
    data[0, 0, 0] = np.inf
    tifffile.imwrite(volume, data)
    assert run(monkeypatch, volume, "--json", "-") == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert checks[0]["finding"] == "non-finite"


def test_many_make_a_table(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    table, page = tmp_path / "t.parquet", tmp_path / "t.html"
    assert run(monkeypatch, volume, volume, "--table", table, "--html", page) == 0
    assert "v.tif" in page.read_text()
    assert run(monkeypatch, volume, "absent.mrc", "--table", table) == 2
    assert pq.read_table(table).column("use").to_pylist()[0] == "after fixing"


def test_a_folder_is_searched_for_volumes(
    volume: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cache: Path,
) -> None:
    data = tifffile.imread(volume)
    runs = tmp_path / "runs"
    for name in ("b/two.zarr", "a/.hidden.zarr"):
        zarr.create_array(runs / name, data=data, chunks=(20, 20, 20))
    (runs / "b" / "two.zarr" / "c" / "0" / "0" / "0").unlink()
    tifffile.imwrite(runs / "a" / "One.TIFF", data)
    (runs / "a" / "broken.mrc").write_bytes(b"no volume")
    (runs / "notes.txt").write_text("not a volume")
    page = runs / "all.html"

    assert run(monkeypatch, runs, "--csv", "-", "--html", page) == 2
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    told = [(row["name"], row["use"], row["verdict"]) for row in rows]
    assert told == [
        ("One.TIFF", "after fixing", "warn"),
        ("broken.mrc", "no", "error"),
        ("two.zarr", "after fixing", "fail"),
    ]
    assert rows[2]["to_do"].startswith("copy the missing chunks again")
    assert "not in the store" in rows[2]["message"]
    for row in (rows[0], rows[2]):
        assert "Orthoslices" in (runs / row["report"]).read_text()
    # What was made there is not taken for a volume the second time.
    assert run(monkeypatch, runs, "--csv", "-", "--html", page) == 2
    again = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in again] == [row["name"] for row in rows]
    assert run(monkeypatch, runs / "b" / "two.zarr") == 1
    assert "Use it? after fixing: copy the missing chunks" in capsys.readouterr().out


def test_many_are_judged_by_own_limits_and_say_so(
    volume: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cache: Path,
) -> None:
    own, table = tmp_path / "own.toml", tmp_path / "t.csv"
    own.write_text('["signal-to-noise"]\nwarn = 50\nfail = 20\n')
    assert run(monkeypatch, volume, "--csv", table) == 0
    assert run(monkeypatch, volume, "--csv", table, "--limits", own) == 1
    told = capsys.readouterr().err
    assert "Judged by your limits: signal-to-noise >= 50, tolerable >= 20 (your limit)" in told
    (row,) = csv.DictReader(io.StringIO(table.read_text()))
    assert row["rule"] == ">= 50, tolerable >= 20 (your limit)"
    assert run(monkeypatch, volume, volume, "--limits", own, "--csv", own) == 2
    assert "warn" in own.read_text()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_links_and_the_systems_own_trees_are_not_searched(volume: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    zarr.create_array(tmp_path / "elsewhere.zarr", data=tifffile.imread(volume))
    (runs / "inner").mkdir(parents=True)
    (runs / "around").symlink_to(runs)
    (runs / "linked.zarr").symlink_to(tmp_path / "elsewhere.zarr")
    assert volumes_in(runs) == [str(runs / "linked.zarr")]
    with pytest.raises(InputError, match="state of the system"):
        volumes_in(Path("/proc"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.mrc"], "absent.mrc"),
        (["."], "no tomogram in ."),
        (["a", "b", "--table", "t.parquet", "--png", "p.png"], "for one tomogram"),
        (["a", "--table", "t.parquet", "--scheduler", "nonsense:1"], "cannot be reached"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_two(
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cache: Path,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert len(said.splitlines()) == 1
