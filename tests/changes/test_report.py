"""A script that runs, and an issue in the tracker's own terms."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cryoet_bench.changes.finding import ChangedCase, Finding
from cryoet_bench.changes.report import Report, report
from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.timeline.revisions import Revision, Revisions
from tests import toy

AXES = {
    "codec.Chunk.time_decode": ("codec",),
    "codec.Chunk.time_encode": ("codec",),
    "codec.Size.track_fraction_of_raw": ("codec", "voxels"),
    "read.Codecs.time_volume": ("codec", "format"),
    "read.Layouts.time_volume": ("layout", "format"),
    "read.Opening.time_open": ("what", "format"),
    "read.Patterns.time_read": ("pattern", "array"),
    "store.MemoryRead.time_volume": (),
    "store.MemoryWrite.time_volume": ("values", "empty-chunks"),
    "write.Codecs.time_volume": ("codec", "format"),
    "size.Codecs.track_bytes_per_voxel": ("codec", "format"),
    "cost.Reads.track_python_calls": ("pattern", "array"),
}
CASES = [
    ("codec.Chunk.time_decode", "blosc-blosclz-5"),
    ("read.Patterns.time_read", "slice-yz, shard-32-in-128 v3"),
    ("write.Codecs.time_volume", "lz4-1, v2"),
    ("size.Codecs.track_bytes_per_voxel", "blosc-zstd-5, v3"),
    ("cost.Reads.track_python_calls", "slice-xy, cube-64 v2"),
]
MORE_CASES = [
    ("codec.Chunk.time_encode", "zstd-3"),
    ("codec.Size.track_fraction_of_raw", "gzip-5, densities"),
    ("read.Codecs.time_volume", "zarr-zstd, v3"),
    ("read.Codecs.time_volume", "none, v2"),
    ("read.Layouts.time_volume", "shard-32-in-128, v3"),
    ("read.Patterns.time_read", "boxes-64, cube-64 v2"),
    ("read.Opening.time_open", "array, v2"),
    ("store.MemoryRead.time_volume", ""),
    ("store.MemoryWrite.time_volume", "fill, left-out"),
    ("write.Codecs.time_volume", "default, v3"),
]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Revision, Revision]:
    toy.build(toy.TIMELINE, tmp_path / "timeline")
    revisions = Revisions(toy.TIMELINE, tmp_path / "timeline")
    return revisions.find("zarr-3.1.0"), revisions.find("zarr-3.1.1")


def finding(name: str, case: str) -> Finding:
    return Finding(
        id="zarr-3.1.1.read-volume.slower",
        group="zarr-3.1.1.read-volume.slower",
        revision="zarr-3.1.1",
        label="zarr 3.1.1",
        date=datetime(2025, 7, 3, tzinfo=UTC),
        line="main",
        previous="zarr-3.1.0",
        previous_label="zarr 3.1.0",
        package="zarr" if name.startswith("read") else "numcodecs",
        benchmark=name,
        title="Read a volume",
        unit="seconds",
        family="read.Codecs",
        kind="slower",
        timed=True,
        ratio=2.0,
        status="confirmed",
        cases=(ChangedCase(benchmark=name, case=case, before=1.0, after=2.0, ratio=2.0),),
        judged=1,
        sentence="Reading a volume: 2.0x slower since zarr 3.1.1",
        companion="Python calls per chunk 58 to 395",
    )


def made(name: str, case: str, pair: tuple[Revision, Revision]) -> Report:
    benchmark = Benchmark({"name": name, "param_names": AXES.get(name, ()), "version": "1"})
    return report(finding(name, case), benchmark, *pair)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_what_a_process_does_runs(name: str, case: str, pair: tuple[Revision, Revision]) -> None:
    script = made(name, case, pair).script
    namespace: dict[str, str] = {"__name__": "read"}
    exec(compile(script, "script", "exec"), namespace)
    work = namespace["WORK"]
    work = work.replace("sum(seconds) < 0.3", "sum(seconds) < 0.03")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", work], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0


@pytest.mark.parametrize(("name", "case"), MORE_CASES)
def test_every_script_is_python(name: str, case: str, pair: tuple[Revision, Revision]) -> None:
    namespace: dict[str, str] = {"__name__": "read"}
    exec(compile(made(name, case, pair).script, "script", "exec"), namespace)
    compile(namespace["WORK"], "work", "exec")


def test_the_script_needs_nothing_of_this_project(pair: tuple[Revision, Revision]) -> None:
    script = made("read.Codecs.time_volume", "blosc-zstd-5, v3", pair).script
    assert script.startswith("# /// script\n")
    assert "import cryoet_bench" not in script
    assert '"zarr==3.1.0"' in script.partition("AFTER")[0]
    assert '"zarr==3.1.1"' in script.partition("AFTER")[2]


def test_the_issue_has_the_headings_of_the_packages_tracker(
    pair: tuple[Revision, Revision],
) -> None:
    zarr = made("read.Codecs.time_volume", "blosc-zstd-5, v3", pair).issue
    headings = [line for line in zarr.splitlines() if line.startswith("### ")]
    assert [one.removeprefix("### ") for one in headings] == [
        "Versions", "Installation", "Description", "Steps to reproduce", "Additional output",
    ]  # fmt: skip
    assert "zarr: 3.1.1" in zarr
    assert "Python calls per chunk 58 to 395" in zarr
    numcodecs = made("codec.Chunk.time_decode", "zstd-3", pair).issue
    assert "#### Problem description" in numcodecs


def test_without_a_script_or_a_ratio_it_says_so(pair: tuple[Revision, Revision]) -> None:
    with pytest.raises(InputError, match=r"there is no script for parallel\.Read"):
        made("parallel.Read.time_volume", "x", pair)
    lost = ChangedCase(benchmark="x", case="", before=1.0, after=None, ratio=None)
    benchmark = Benchmark({"name": "x", "param_names": (), "version": "1"})
    with pytest.raises(InputError, match="no case with a ratio"):
        report(replace(finding("x", ""), cases=(lost,)), benchmark, *pair)
