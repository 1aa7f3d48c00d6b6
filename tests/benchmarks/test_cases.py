"""Benchmarks run on real zarr stores: what they measure is what they say."""

from __future__ import annotations

import math
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from asv_runner.discovery import disc_benchmarks

import benchmarks
from benchmarks import counted, measured, memory, size
from cryoet_bench.harness import conditions
from cryoet_bench.tomogram import Tomogram
from cryoet_bench.tomogram.cache import store

ROOT = Path(__file__).parents[2]
TESTED_ABOVE = {"cost", "size", "instructions"}
SLOW = {"store.S3.time_read", "store.RoundTrips.track_round_trips"}


@pytest.fixture
def tomogram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Tomogram]:
    """A small volume of noise that is measured."""
    data = np.random.default_rng(1).normal(0, 5e-6, (40, 70, 66)).astype(np.float32)
    tomogram = Tomogram("noise", data, (10.0, 10.0, 10.0), "synthetic")
    store(tomogram)
    monkeypatch.setenv("CRYOET_BENCH_TOMOGRAM", "noise")
    monkeypatch.chdir(tmp_path)
    # This process goes on to run other tests on all cores.
    monkeypatch.setattr(conditions, "settle", lambda: None)
    _forget()
    yield tomogram
    _forget()
    conditions.remove_folders()


def _forget() -> None:
    """Forget what this process has prepared: its other tests measure another tomogram."""
    for module in (measured, counted):
        for function in vars(module).values():
            if hasattr(function, "cache_clear"):
                function.cache_clear()


def test_sizes_are_those_of_the_files(tomogram: Tomogram) -> None:
    values = size._codec("none", "v2")
    # Two by two chunks of 64 cubed, padded, without any compression.
    assert values["bytes_per_voxel"] == 4 * 4 * 64**3 / tomogram.data.size
    assert values["fraction_of_raw"] == 4 * 64**3 / tomogram.data.size
    assert values["max_error"] == 0


def test_costs_of_a_slice_are_those_of_the_chunks_it_crosses(tomogram: Tomogram) -> None:
    values = counted.read("slice-xy", "cube-64 v2")
    _, y, x = tomogram.data.shape
    assert values["requests"] == values["get"] == 4
    assert values["decode_amplification"] == 4 * 64**3 / (y * x)
    assert values["python_calls"] > 100
    assert counted.read_memory("slice-xy", "cube-64 v2")["traced_peak"] > 4 * y * x


def test_a_chunk_is_written_with_one_request(tomogram: Tomogram) -> None:
    assert counted.write("one-chunk", "cube-32 v3")["requests"] == 1


def test_fill_alone_stores_nothing(tomogram: Tomogram) -> None:
    assert counted.write("all-fill", "cube-64 v2")["set"] == 0


def test_a_written_chunk_is_held_and_the_peak_is_the_same_again(tomogram: Tomogram) -> None:
    first, again = (memory._written("one-chunk", "cube-64 v2")["traced_peak"] for _ in range(2))
    assert 4 * 64**3 <= first < 4 * 4 * 64**3
    assert again == pytest.approx(first, rel=0.01)


PROGRAM = """
import os, sys, tempfile, warnings
warnings.simplefilter("ignore")
from asv_runner.discovery import get_benchmark_from_name
for name in sys.argv[3:]:
    print("running", name, file=sys.stderr)
    os.chdir(tempfile.mkdtemp(dir=sys.argv[2]))
    benchmark = get_benchmark_from_name(sys.argv[1], name)
    if benchmark.setup_cache_key:
        # Of exact values, a case that was not prepared is measured on its own.
        benchmark.set_cache({} if benchmark.type == "track" else benchmark.do_setup_cache())
    if not benchmark.do_setup():
        benchmark.func(*benchmark._build_params())
        benchmark.do_teardown()
    print(name)
"""
MODULES = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]


@pytest.mark.slow
@pytest.mark.parametrize("module", [name for name in MODULES if name not in TESTED_ABOVE])
def test_one_case_of_each_benchmark_runs(module: str, tomogram: Tomogram, tmp_path: Path) -> None:
    """Run the last case of each, the newest and most demanding one, as asv runs it."""
    names = []
    for benchmark in disc_benchmarks(str(ROOT / "benchmarks")):
        if benchmark.name.startswith(f"{module}.") and benchmark.name not in SLOW:
            cases = math.prod(len(names) for names in benchmark.params)
            names.append(f"{benchmark.name}-{cases - 1}" if benchmark.params else benchmark.name)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "benchmarks"), str(tmp_path), *names],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line in names] == names
