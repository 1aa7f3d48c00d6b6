from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cryoet_bench.tomogram import cache as cache_
from cryoet_bench.tomogram.phantom import PHANTOMS

# What a measured environment has: numpy, and nothing that this project depends on otherwise.
NUMPY_ALONE = """
import importlib.abc, runpy, sys

class NothingElse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in {"numpy", "cryoet_bench"} | sys.stdlib_module_names:
            raise ModuleNotFoundError(f"no {name} here", name=top)

sys.meta_path.insert(0, NothingElse())
sys.argv[:] = ["prepare", *sys.argv[1:]]
runpy.run_module("cryoet_bench.tomogram.prepare", run_name="__main__")
"""


def prepare(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NUMPY_ALONE, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_numpy_is_enough_for_a_phantom(cache: Path) -> None:
    for _ in range(2):
        run = prepare("phantom-tiny")
        assert run.stderr == ""
        assert run.returncode == 0
        facts = json.loads(run.stdout)
        assert (facts["name"], facts["source"]) == ("phantom-tiny", "synthetic")
        assert run.stdout.count("\n") == 1
    assert cache_.load("phantom-tiny").sha256 == PHANTOMS["phantom-tiny"].sha256


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        (["absent"], {}, "no tomogram or file 'absent'"),
        ([__file__], {}, "neither MRC, TIFF nor Zarr"),
        ([], {}, "usage"),
        (["phantom-tiny"], {"CRYOET_BENCH_CACHE": "/dev/null"}, "cannot write to the cache"),
        (["phantom-tiny"], {"CRYOET_BENCH_CACHE": ""}, "set CRYOET_BENCH_CACHE"),
    ],
)
def test_failures_are_one_sentence(
    cache: Path, arguments: list[str], variables: dict[str, str], sentence: str
) -> None:
    run = prepare(*arguments, **variables)
    assert run.returncode == 2
    assert sentence in run.stderr
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""


def test_formats_that_need_more_than_numpy_say_so(cache: Path, microtubule: Path) -> None:
    run = prepare(str(microtubule))
    assert run.returncode == 2
    assert "tifffile is not installed" in run.stderr


def test_a_large_file_is_cut_as_by_scripts_bench(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    np.lib.format.open_memmap(path, "w+", "float32", (300, 300, 300)).flush()
    run = prepare(str(path))
    assert run.returncode == 0
    assert json.loads(run.stdout)["shape"] == [256, 256, 256]
    assert "the part 22:278,22:278,22:278 (z, y, x) near its centre is taken" in run.stderr
    assert run.stderr.count("\n") == 1
