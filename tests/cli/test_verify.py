"""The command verify: pairs, lists of pairs, what it prints and how it ends."""

from __future__ import annotations

import csv
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import zarr
from distributed import LocalCluster
from typer.testing import CliRunner, Result

from cryoet_bench.cli import app
from cryoet_bench.errors import InputError

RUNNER = CliRunner()
SCALE = [{"type": "scale", "scale": [8.0] * 3}]
AXES = [{"name": name, "type": "space", "unit": "angstrom"} for name in "zyx"]


def run(*arguments: object) -> Result:
    return RUNNER.invoke(app, ["verify", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Path:
    """An MRC of 8 angstrom and copies of it."""
    volume = np.random.default_rng(0).standard_normal((20, 24, 28)).astype("f4")
    with mrcfile.new(tmp_path / "a.mrc") as mrc:
        mrc.set_data(volume)
        mrc.voxel_size = 8.0
    zarr.create_array(tmp_path / "plain.zarr", data=volume, chunks=(10, 24, 28))
    group = zarr.open_group(tmp_path / "ome.zarr", mode="w", zarr_format=3)
    group.create_array("0", data=volume[None, None], chunks=(1, 1, 10, 24, 28))
    scale = [{"type": "scale", "scale": [1.0, 1.0, 8.0, 8.0, 8.0]}]
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *AXES]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    broken = volume.copy()
    broken[:10] = 0
    zarr.create_array(tmp_path / "broken.zarr", data=broken, chunks=(10, 24, 28))
    return tmp_path


def test_bits_and_metadata_are_two_verdicts(folder: Path) -> None:
    result = run(folder / "a.mrc", folder / "plain.zarr", "--profile", "archival")
    assert result.exit_code == 0
    assert "plain.zarr states no voxel spacing, a.mrc states 8 x 8 x 8 angstrom" in result.output
    assert '"scale" [8, 8, 8] of an OME-Zarr group' in result.output
    assert "--voxel-spacing 8" in result.output
    assert "voxels: every voxel is the same, metadata: warn" in result.output
    given = run(folder / "plain.zarr", folder / "a.mrc", "--voxel-spacing", 8)
    assert given.exit_code == 0
    assert "metadata: pass" in given.output
    contradiction = run(folder / "plain.zarr", folder / "a.mrc", "--voxel-spacing", 10)
    assert contradiction.exit_code == 1, "what a file states is not overruled"


def test_five_axes_are_any_side(folder: Path) -> None:
    for pair in (("a.mrc", "ome.zarr"), ("ome.zarr", "a.mrc"), ("ome.zarr", "plain.zarr")):
        result = run(*(folder / name for name in pair), "--profile", "archival")
        assert result.exit_code == 0, result.output


def listed(folder: Path, *lines: str, header: str = "reference,copy,profile") -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_list_makes_a_table_and_goes_on_over_what_cannot_be_read(folder: Path) -> None:
    pairs = listed(
        folder, "a.mrc,plain.zarr,archival", "a.mrc,broken.zarr,", "a.mrc,gone.zarr,analysis",
        "a.mrc,ome.zarr,visualisation",
    )  # fmt: skip
    table = folder / "table.csv"
    result = run("--list", pairs, "--table", table)
    assert result.exit_code == 2
    found = rows(table)
    assert [row["verdict"] for row in found] == ["warn", "fail", "error", "pass"]
    assert [row["voxels"] for row in found] == ["pass", "fail", "", "pass"]
    assert found[1]["profile"] == "analysis"
    assert found[1]["findings"].startswith("constant-slices")
    assert found[1]["message"].startswith("Z slices 0, 1")
    assert "gone.zarr" in found[2]["message"]
    assert found[0]["bit_exact"] == "True"
    assert "4 pairs" in result.output
    assert "1 error" in result.output


def test_a_rerun_keeps_what_the_table_holds_until_a_file_changes(folder: Path) -> None:
    pairs = listed(folder, "a.mrc,plain.zarr", "a.mrc,ome.zarr", header="reference,copy")
    table = folder / "table.csv"
    assert run("--list", pairs, "--table", table).exit_code == 0
    text = table.read_text("utf-8")
    # A mark that only a kept row can still have.
    table.write_text(text.replace("states no voxel spacing", "was kept"), "utf-8")
    assert run("--list", pairs, "--table", table).exit_code == 0
    assert "was kept" in rows(table)[0]["message"]
    array = zarr.open_array(folder / "plain.zarr", mode="r+")
    array[0, 0, 0] = 1e6
    assert run("--list", pairs, "--table", table).exit_code == 1
    found = rows(table)
    assert [row["verdict"] for row in found] == ["fail", "pass"]
    assert "hot-voxels" in found[0]["findings"]


def test_workers_of_dask_give_the_same_table(folder: Path) -> None:
    pairs = listed(folder, "a.mrc,plain.zarr", "a.mrc,broken.zarr", header="reference,copy")
    here, there = folder / "here.csv", folder / "there.csv"
    run("--list", pairs, "--table", here)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        result = run("--list", pairs, "--table", there, "--scheduler", cluster.scheduler_address)
    assert result.exit_code == 1
    assert rows(here) == rows(there)


def test_a_table_in_parquet_is_resumed_too(folder: Path) -> None:
    import pandas as pd

    pairs = listed(folder, "a.mrc,plain.zarr", header="reference,copy")
    table = folder / "table.parquet"
    for _ in range(2):
        assert run("--list", pairs, "--table", table).exit_code == 0
        frame = pd.read_parquet(table)
        assert frame["verdict"].tolist() == ["warn"]
        assert frame["bit_exact"].tolist() == [True]


@pytest.mark.parametrize(
    ("lines", "options", "sentence"),
    [
        (["reference;copy", "a;b"], [], "no column 'reference'"),
        (["reference,copy"], [], "names no pair"),
        (["reference,copy", "a.mrc,"], [], "line 2 of .* lacks"),
        (["reference,copy,profile", "a.mrc,a.mrc,archive"], [], "line 2 .*did you mean archival"),
        (["reference,copy", "a.mrc,a.mrc"], ["--json", "x.json"], "--list goes with --table"),
    ],
)
def test_a_bad_list_is_one_sentence(
    folder: Path, lines: list[str], options: list[str], sentence: str
) -> None:
    pairs = listed(folder, *lines[1:], header=lines[0])
    with pytest.raises(InputError, match=sentence):
        run("--list", pairs, "--table", folder / "table.csv", *options)
    assert not (folder / "table.csv").exists()


def test_the_table_replaces_no_source(folder: Path) -> None:
    pairs = listed(folder, "a.mrc,plain.zarr", header="reference,copy")
    before = (folder / "a.mrc").read_bytes()
    for target in (folder / "a.mrc", pairs, folder / "plain.zarr"):
        with pytest.raises(InputError):
            run("--list", pairs, "--table", target)
    assert (folder / "a.mrc").read_bytes() == before


def test_a_table_of_another_format_is_refused(folder: Path) -> None:
    pairs = folder / "one.csv"
    pairs.write_text("reference,copy\na.mrc,a.mrc\n")
    with pytest.raises(InputError, match=r"name it \.csv or \.parquet"):
        run("--list", pairs, "--table", folder / "t.xlsx")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name the reference and its copy"),
        (["a.mrc"], "name the reference and its copy"),
        (["--list", "pairs.csv"], "needs a table"),
        (["a.mrc", "a.mrc", "--table", "t.csv"], "for a list of pairs"),
        (["a.mrc", "a.mrc", "--voxel-spacing", "-1"], "is none"),
        (["--list", "nowhere.csv", "--table", "t.csv"], "cannot be read as CSV"),
    ],
)
def test_what_does_not_go_together_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=sentence):
        run(*arguments)
