"""What reaches a measured process, and what its conditions are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cryoet_bench.harness import conditions, machine
from cryoet_bench.storage.concurrency import CONCURRENCY

ROOT = Path(__file__).parents[2]


def run(code, variables=None, prefix=()):
    """Return what some code prints in a process of its own."""
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code], cwd=ROOT, text=True, check=True,
        capture_output=True, env=variables,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def hostile(tmp_path):
    """Return the variables of somebody whose every setting is another one."""
    fused = "zarr.core.codec_pipeline.FusedCodecPipeline"
    for name in ("zarr", "dask"):
        folder = tmp_path / "home" / ".config" / name
        folder.mkdir(parents=True)
        (folder / "mine.yaml").write_text("async: {concurrency: 77}\nmine: true\n")
    fsspec = tmp_path / "home" / ".config" / "fsspec"
    fsspec.mkdir()
    (fsspec / "mine.json").write_text('{"s3": {"anon": true}}')
    (tmp_path / "sitecustomize.py").write_text("print('sitecustomize')")
    site = tmp_path / "home/.local/lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True)
    (site / "usercustomize.py").write_text("print('usercustomize')")
    (tmp_path / "more.yaml").write_text("json_indent: 9\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "XDG_CONFIG_HOME": str(tmp_path / "home" / ".config"),
        "PYTHONPATH": str(tmp_path),
        "PYTHONOPTIMIZE": "2",
        "PYTHONMALLOC": "malloc",
        "PYTHONDEVMODE": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONHASHSEED": "99",
        "ZARR_CONFIG": str(tmp_path / "more.yaml"),
        "ZARR_ROOT_CONFIG": str(tmp_path / "more.yaml"),
        "ZARR_ASYNC__CONCURRENCY": "1",
        "ZARR_CODEC_PIPELINE__PATH": fused,
        "DASK_SCHEDULER": "sync",
        "DASK_CONFIG": str(tmp_path / "more.yaml"),
        "BLOSC_NTHREADS": "8",
        "NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE": "1",
        "NUMBA_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "8",
        "MALLOC_ARENA_MAX": "8",
        "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4096",
        "FSSPEC_S3_ENDPOINT_URL": "http://example.invalid",
        "AWS_PROFILE": "nobody",
        "AWS_ACCESS_KEY_ID": "half",
        "HTTP_PROXY": "http://example.invalid",
        "CRYOET_BENCH_TOMOGRAM": "phantom-10A",
    }


SHOWN = """
import json, os, sys
import dask.config, fsspec.config, numpy, zarr, numcodecs.pickles
def shown(config): return {k: v for k, v in config.items() if k not in ("root_config",)}
print(json.dumps({
    "zarr": shown(zarr.config.config), "dask": shown(dask.config.config),
    "fsspec": fsspec.config.conf, "flags": list(sys.flags), "path": sys.path,
    "pickles": numcodecs.pickles.ALLOW_UNSAFE_PICKLE_DECODE,
    "own": {k: v for k, v in os.environ.items() if k not in ("PATH", "LC_CTYPE")},
}, default=str, sort_keys=True))
"""


def test_no_setting_of_a_user_reaches_a_measured_process(hostile):
    plain = {"PATH": os.environ["PATH"], "CRYOET_BENCH_TOMOGRAM": "phantom-10A"}
    one, other = (
        json.loads(run(SHOWN, conditions.environment(base, hash_seed=1)))
        for base in (plain, hostile)
    )
    assert one == other
    assert one["zarr"]["async"]["concurrency"] == CONCURRENCY
    assert one["own"]["CRYOET_BENCH_TOMOGRAM"] == "phantom-10A"
    # That these settings do reach a process otherwise is what makes the above worth knowing.
    loud = json.loads(run(SHOWN, hostile | {"PYTHONWARNINGS": ""}).splitlines()[-1])
    assert all(loud[key] != one[key] for key in one)


def test_processes_of_a_pair_share_hashes_and_addresses():
    show = "print(hash('tomogram'), id(object()))"
    base = {"PATH": os.environ["PATH"]}
    prefix = conditions.launcher()
    first, again, other = (
        run(show, conditions.environment(base, hash_seed=seed), prefix).split()
        for seed in (7, 7, 8)
    )
    assert first[0] == again[0] != other[0]
    assert not prefix or first[1] == again[1]


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_python_does_not_take_is_refused(seed):
    with pytest.raises(ValueError, match="hash seed"):
        conditions.environment({}, hash_seed=seed)


def test_what_cannot_be_shut_out_is_named(tmp_path):
    assert conditions.intruders(tmp_path) == []
    packages = tmp_path / "lib/python3.12/site-packages"
    packages.mkdir(parents=True)
    (packages / "sitecustomize.py").touch()
    (tmp_path / "etc/zarr").mkdir(parents=True)
    named = conditions.intruders(tmp_path)
    assert len(named) == 2
    assert str(tmp_path / "etc/zarr") in named[0]
    assert str(packages / "sitecustomize.py") in named[1]


FAULTS = """
import resource, threading
import numpy as np
from cryoet_bench.harness import conditions
if SETTLED: conditions.settle_machine()
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    for number in range(20):
        if number == 10: counts.append(faults())
        np.ones(MIB << 17); np.ones(MIB << 16)
    counts.append(faults())
counts = []
thread = threading.Thread(target=work)
thread.start(); thread.join()
print(counts[1] - counts[0])
"""


@pytest.mark.skipif(not machine.is_glibc(), reason="fixes the allocator of glibc")
@pytest.mark.parametrize("mebibytes", [1, 8, 40])
def test_a_settled_process_gets_no_fresh_pages_for_repeated_work(mebibytes):
    code = FAULTS.replace("MIB", str(mebibytes))
    assert int(run(code.replace("SETTLED", "True"))) < 10
    if mebibytes == 40:  # above the largest threshold that glibc chooses by itself
        assert int(run(code.replace("SETTLED", "False"))) > 100


def test_a_process_that_does_not_settle_keeps_its_cores():
    code = (
        "import os; before = os.sched_getaffinity(0)\n"
        "from cryoet_bench.harness import conditions\n"
        "assert os.sched_getaffinity(0) == before\n"
        "conditions.settle_machine()\n"
        "print(os.sched_getaffinity(0), before)"
    )
    settled, before = run(code).split("} {")
    assert len(settled.split(",")) == 1
    assert len(before.split(",")) == len(os.sched_getaffinity(0))


def test_the_facts_are_those_of_this_machine():
    found = conditions.facts({"PYTHONHASHSEED": "5"})
    assert json.loads(json.dumps(found)) == found
    assert found["hash_seed"] == "5"
    assert found["cpus"] >= 1
    assert len(found["load"]) == 3
    lines = Path("/proc/meminfo").read_text().splitlines()
    assert found["memory_bytes"] == pytest.approx(int(lines[0].split()[1]) * 1024, rel=0.01)
    flags = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    assert all(f" {feature}" in flags for feature in found["cpu_features"])
    if machine.is_glibc():
        assert found["allocator"].startswith("glibc")
        assert os.confstr("CS_GNU_LIBC_VERSION") == found["libc"]


def test_asvs_interpreter_can_import_the_conditions():
    code = (
        "import sys\n"
        "from cryoet_bench.harness import conditions, instructions, machine, turn\n"
        "print([name for name in ('numpy', 'zarr', 'numcodecs', 'rich') if name in sys.modules])"
    )
    assert run(code) == "[]"
