from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from cryoet_bench import cli
from cryoet_bench.tomogram import cache as cache_


class Command:
    """Run the command line as a user does and keep what it prints."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["cryoet-bench", "tomogram", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = self._capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err


@pytest.fixture
def command(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.setenv("COLUMNS", "120")
    return Command(monkeypatch, capsys)


def test_list_names_phantoms_and_the_cache(command: Command, microtubule: Path) -> None:
    assert command("add", microtubule)[0] == 0
    command("info", "phantom-tiny")
    code, out, _ = command("list")
    assert code == 0
    (tiny,) = [line for line in out.splitlines() if "phantom-tiny" in line]
    assert " ".join(tiny.split()) == "phantom-tiny synthetic 64 x 64 x 64 float32 10.012 cached"
    (fine,) = [line for line in out.splitlines() if "phantom-4.99A" in line]
    assert fine.split()[-2:] == ["when", "used"]
    (real,) = [line for line in out.splitlines() if "13pf_MT" in line]
    assert " ".join(real.split()).endswith(" file 36 x 206 x 94 uint8 10.52 cached")


def test_list_as_json(command: Command, microtubule: Path) -> None:
    command("add", microtubule)
    rows = {row["name"]: row for row in json.loads(command("list", "--json")[1])}
    assert rows["phantom-10A"]["source"] == "synthetic"
    (name,) = [name for name in rows if name.startswith("13pf_MT-")]
    assert rows[name]["shape"] == [36, 206, 94]


def test_list_names_damaged_entries(command: Command) -> None:
    command("info", "phantom-tiny")
    (cache_.tomogram_dir("phantom-tiny") / "tomogram.json").write_text("{")
    code, out, _ = command("list")
    assert code == 0
    (line,) = [line for line in out.splitlines() if "phantom-tiny" in line]
    assert line.split()[-1] == "damaged"


def test_info_says_synthetic_and_measures(command: Command) -> None:
    code, out, _ = command("info", "phantom-tiny")
    assert code == 0
    assert "synthetic, no recorded data" in out
    assert "(verified)" in out
    facts = json.loads(command("info", "phantom-tiny", "--json")[1])
    voxels = cache_.load("phantom-tiny").data.astype(float)
    assert facts["source"] == "synthetic"
    assert facts["sd"] == pytest.approx(np.sqrt(np.mean((voxels - voxels.mean()) ** 2)))
    assert facts["minimum"] == voxels.min()
    assert facts["bytes"] == 4 * 64**3


def test_add_takes_a_part_of_a_level(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    data = np.arange(4 * 5 * 6, dtype="uint16").reshape(4, 5, 6)
    zarr.create_array(path, data=data)
    options = ["--name", "part", "--region", "0:2,1:3,2:6", "--voxel-spacing", "4.5"]
    facts = json.loads(command("add", path, *options, "--json")[1])
    assert facts["name"] == f"part-{facts['sha256'][:8]}"
    assert facts["voxel_spacing"] == [4.5, 4.5, 4.5]
    np.testing.assert_array_equal(cache_.load(facts["name"]).data, data[0:2, 1:3, 2:6])
    code, out, _ = command("add", path)
    assert code == 0
    assert "No voxel spacing was found" in out
    assert "scripts/bench --tomogram a-" in out


def test_bad_input_is_one_sentence_and_exit_2(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.mrc").touch()
    (tmp_path / "text.mrc").write_text("no tomogram")
    tifffile.imwrite(tmp_path / "image.tif", np.zeros((5, 6), "uint8"))
    zarr.create_group(tmp_path / "group.zarr")
    zarr.create_array(tmp_path / "complex.zarr", data=np.zeros((2, 2, 2), "complex64"))
    zarr.create_array(tmp_path / "good.zarr", data=np.zeros((2, 2, 2), "uint8"))
    cases = {
        "no tomogram or file 'absent'": ["info", "absent"],
        "cannot name": ["add", tmp_path / "good.zarr", "--name", "a/b"],
        "No such file": ["add", tmp_path / "absent.mrc"],
        "is empty": ["add", tmp_path / "empty.mrc"],
        "no MRC file": ["add", tmp_path / "text.mrc"],
        "a stack is needed": ["add", tmp_path / "image.tif"],
        "group without arrays": ["add", tmp_path / "group.zarr"],
        "holds complex64": ["add", tmp_path / "complex.zarr"],
        "lies outside": ["add", tmp_path / "good.zarr", "--region", "0:1,0:1,0:3"],
        "is no region": ["add", tmp_path / "good.zarr", "--region", "all"],
        "choose one of --subset, --region and --whole": [
            "add",
            tmp_path / "good.zarr",
            "--subset",
            "64",
            "--whole",
        ],
        "too small to be measured": ["add", tmp_path / "good.zarr", "--subset", "0"],
        "is no length": ["add", tmp_path / "good.zarr", "--voxel-spacing", "0"],
    }
    for sentence, arguments in cases.items():
        code, out, err = command(*arguments)
        assert (code, out) == (2, ""), arguments
        assert sentence in err
        assert err.count("\n") == 1
        assert err.startswith("cryoet-bench: ")
    assert cache_.names() == []


@pytest.mark.parametrize("name", ["list", "info", "add"])
def test_help_shows_an_example(command: Command, name: str) -> None:
    code, out, _ = command(name, "--help")
    assert code == 0
    assert f"cryoet-bench tomogram {name}" in out
