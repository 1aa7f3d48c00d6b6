"""The commands study and recommend: what they print, write, refuse, and how the page works."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from cryoet_bench.cli import app
from cryoet_bench.errors import InputError
from cryoet_bench.study import ledger
from tests.study import synthetic
from tests.study.studies import TINY, place

RUNNER = CliRunner()


def run(*arguments: object) -> Result:
    return RUNNER.invoke(app, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one good and one unreadable volume, by the command."""
    folder = tmp_path_factory.mktemp("study")
    source, matrix = place(folder)
    (folder / "bad.mrc").write_text("no volume")
    result = run(
        "study", source, folder / "bad.mrc", "--matrix", matrix, "--out", folder / "out",
        "--volumes", 2000, "--price-per-TB-month", 23,
    )  # fmt: skip
    assert result.exit_code == 2, "one of the two could not be read"
    assert "blosc-zstd-5-byteshuffle-7bits 12 v3" in result.stdout
    assert "2,000 volumes" in result.stdout
    return folder / "out"


def test_everything_is_written(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names >= {
        "study.html", "study.md", "recommendations.json", "measurements.csv",
        "measurements.parquet", "configurations.csv", "configurations.parquet", "ledger.jsonl",
        "plots",
    }  # fmt: skip
    csv = pd.read_csv(finished / "measurements.csv")
    parquet = pd.read_parquet(finished / "measurements.parquet")
    assert len(csv) == len(parquet)
    assert np.allclose(csv["value"], parquet["value"], equal_nan=True)
    advice = json.loads((finished / "recommendations.json").read_text())["recommendations"]
    assert [one["recommendation"]["demand"]["use"]["name"] for one in advice] == [
        "archive", "interactive", "training", "visualisation",
    ]  # fmt: skip
    assert "![" in (finished / "study.md").read_text()


def test_the_code_to_paste_writes_what_was_measured(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zarr

    monkeypatch.chdir(tmp_path)
    advice = json.loads((finished / "recommendations.json").read_text())["recommendations"]
    volume = np.load(finished.parent / "v.npy")
    for one in advice:
        for library in ("zarr-python 3", "OME-Zarr, zarr-python 3"):
            shutil.rmtree("volume.zarr", ignore_errors=True)
            exec(one["code"][library], {"volume": volume})
            root = zarr.open("volume.zarr", mode="r")
            array = root["0"] if "OME" in library else root
            configuration = one["recommendation"]["choice"]
            assert array.chunks == (12, 12, 12)
            kept = np.abs(array[...] - volume).max() <= np.abs(volume).max() * 2.0**-8
            assert kept if "bits" in configuration else np.array_equal(array[...], volume)
        assert json.loads(one["code"]["metadata"])["shape"] == [24, 24, 24]


def test_the_page_sorts_filters_and_needs_no_network(finished: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((finished / "study.html").as_uri())
    page.wait_for_selector("figure svg")
    ratio = page.locator("thead button").nth(1)
    ratio.click()
    cells = [float(t) for t in page.locator("tbody tr td:nth-child(2)").all_inner_texts()]
    assert cells == sorted(cells)
    ratio.click()
    cells = [float(t) for t in page.locator("tbody tr td:nth-child(2)").all_inner_texts()]
    assert cells == sorted(cells, reverse=True)
    page.fill(".filter", "lz4|none")
    assert page.locator("tbody tr:visible").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
    assert not errors
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_choice_is_shown_alongside_its_original(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "napari", None)
    with pytest.raises(InputError, match="napari is not installed"):
        run("recommend", finished, "--for", "visualisation", "--view")
    shown: dict[str, np.ndarray] = {}

    class Viewer:
        """Records what it is given; napari itself needs a screen."""

        def __init__(self, title: str) -> None:
            shown.clear()
            self.grid = types.SimpleNamespace(enabled=False)

        def add_image(self, voxels: np.ndarray, *, name: str, **_: object) -> None:
            shown[name] = voxels

    stand_in = types.ModuleType("napari")
    vars(stand_in).update(Viewer=Viewer, run=lambda: None)
    monkeypatch.setitem(sys.modules, "napari", stand_in)
    assert run("recommend", finished, "--for", "visualisation", "--view").exit_code == 0
    original, copy, error = shown.values()
    assert np.array_equal(original, np.load(finished.parent / "v.npy"))
    assert np.allclose(error, copy.astype(float) - original)
    assert np.abs(error).max() <= np.abs(original).max() * 2.0**-8


def test_recommend_says_what_and_how_sure(tmp_path: Path) -> None:
    synthetic.written(tmp_path / "s", 5)
    result = run(
        "recommend", tmp_path / "s", "--for", "archive", "--volumes", 15000, "--mean-size", "2.3GB"
    )
    assert result.exit_code == 0
    assert "archive" in result.stdout
    assert "zarr.create_array" in result.stdout
    assert "TB" in result.stdout
    facts = json.loads(run("recommend", tmp_path / "s", "--lossless", "--json").stdout)
    assert facts[0]["recommendation"]["certainty"] <= 1
    assert "bits" not in facts[0]["recommendation"]["choice"]


def test_advice_from_an_unfinished_study_says_so(tmp_path: Path) -> None:
    synthetic.written(tmp_path / "s", 5)
    assert run("recommend", tmp_path / "s").stderr == ""
    path = tmp_path / "s" / "ledger.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-4]))
    result = run("recommend", tmp_path / "s")
    # A configuration has one exact trial and three of times: that of the last one is gone.
    assert "4 trials are missing" in result.stderr
    assert result.exit_code == 0
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    assert "1 have no times" in run("recommend", tmp_path / "s").stdout


@pytest.mark.slow
def test_ctrl_c_ends_workers_and_all_in_one_sentence(tmp_path: Path) -> None:
    lossless, _, _ = TINY.rpartition("[[block]]")  # else each worker compiles what judges a loss
    many = lossless.replace("[12]", "[12, 8, 6, 4]").replace("= 5", f"= {[*range(1, 10)]}")
    source, matrix = place(tmp_path, matrix=many)
    path = tmp_path / "out" / "ledger.jsonl"
    # However the tests were started: a process in the background has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        started = subprocess.Popen(
            [sys.executable, "-m", "cryoet_bench", "study", source, "--matrix", matrix,
             "--scheduler", "local", "--out", path.parent],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    while not path.exists() or path.read_bytes().count(b"\n") < 3:
        assert started.poll() is None
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGINT)
    printed, said = started.communicate()
    assert started.returncode == 130
    assert printed == ""
    assert said == (
        f"cryoet-bench: interrupted; all results so far are in {path.parent}, rerun to resume\n"
    )
    entries = ledger.read(path.parent).entries
    assert len(entries) >= 2
    assert {entry.status for entry in entries.values()} == {"passed"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["study", "v.npy", "--matrix", "absent"], "there is no matrix"),
        (["study", "absent.mrc", "--matrix", "matrix.toml", "--out", "o"], "absent.mrc"),
        (["study", "v.npy", "--access", "diagonals"], "no access pattern diagonals"),
        (["study", "v.npy", "--store", "gopher"], "no store 'gopher'"),
        (["study", "v.npy", "--store", "s3:abc"], "no store 's3:abc'"),
        (["study", "v.npy", "--store", "s3:5000ms"], "0 to 999"),
        (["study", "v.npy", "--price", "absent"], "there is no price"),
        (["study", "v.npy", "--price-per-TB-month", "-3"], "no price"),
        (["study", "v.npy", "--price-per-TB-month", "nan"], "no price"),
        (["study", "v.npy", "--matrix", "million.toml"], "give --yes"),
        (["study", "v.npy", "--matrix", "matrix.toml", "--out", "foreign"], "holds other files"),
        (["study", "v.npy", "--matrix", "matrix.toml", "--out", "v.npy"], "is no folder"),
        (["recommend", "absent"], "holds no study"),
        (["recommend", "foreign"], "holds no study"),
        (["recommend", "s", "--for", "archiv"], "did you mean archive"),
        (["recommend", "s", "--mean-size", "-1GB"], "is no size"),
        (["recommend", "s", "--store", "tape"], "choose local or s3"),
        (["recommend", "s", "--downloaded", "2"], "share of downloads is 0 to 1"),
        (["recommend", "s", "--profile", "analyses"], "did you mean analysis"),
        (["recommend", "s", "--min-fsc", "1.5"], "keeps to what was asked for"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    place(tmp_path)
    synthetic.written(tmp_path / "s", 5)
    axis = ", ".join(map(str, range(1, 101)))
    (tmp_path / "million.toml").write_text(
        'title = "m"\n[[block]]\ncodec = "zstd"\n'
        f"level = [{axis}]\nchunks = [{axis}]\nshards = [{axis}]\n"
    )
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=sentence):
        run(*arguments)
    assert [path.name for path in (tmp_path / "foreign").iterdir()] == ["thesis.tex"]
