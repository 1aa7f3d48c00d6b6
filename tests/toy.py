"""A small project to measure: three releases and a suite whose results are known beforehand.

The environment, the processes, the repository and the result files are asv's real ones; only
nothing is downloaded, because every "release" runs on the tests' own interpreter, and nobody waits,
because what is timed moves on a clock of its own.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryoet_bench.timeline.releases import Release, Timeline
from cryoet_bench.timeline.repository import build


def _release(package: str, version: str, day: int, **pins: str) -> Release:
    date = datetime(2025, 7, day, tzinfo=UTC)
    return Release(package=package, version=version, date=date, pins={package: version, **pins})


TIMELINE = Timeline(
    (
        _release("zarr", "3.1.0", 1, numcodecs="0.16.1"),
        _release("numcodecs", "0.16.2", 2, zarr="3.1.0"),
        _release("zarr", "3.1.1", 3, numcodecs="0.16.2"),
    )
)

PLUGIN = """
import os
import sys
from pathlib import Path

import asv_runner
from asv import util
from asv.environment import Environment

from cryoet_bench.timeline import repository


class ToyEnvironment(Environment):
    tool_name = "toy"

    def __init__(self, conf, python, requirements, tagged_env_vars):
        self._python, self._requirements = python, requirements
        super().__init__(conf, python, requirements, tagged_env_vars)

    def check_presence(self):
        return Path(self._path, "asv_runner").is_dir()

    def _setup(self):
        packages = Path(self._path)
        packages.mkdir(parents=True)
        (packages / "asv_runner").symlink_to(Path(asv_runner.__file__).parent)

    def install_project(self, conf, repo, commit_hash):
        if self.installed_commit_hash == commit_hash:
            return
        self._set_commit_hash(commit_hash)
        packages, root = Path(self._path), Path.cwd()
        if (root / "uninstallable").exists():
            raise util.ProcessError(["install"], 1, "", "no such package\\n")
        newest = "zarr==3.1.1" in repository.requirements(Path(conf.repo), commit_hash)
        broken = newest and (root / "broken").read_text()
        (packages / "release.py").write_text(f"newest = {newest}\\n")
        (packages / "numcodecs.py").touch()
        (packages / "zarr.py").write_text("import crc32c_of_long_ago\\n" if broken else "")
        self._set_installed_commit_hash(commit_hash)

    def run(self, args, **kwargs):
        # Without the tests' own packages (-S): asv_runner reads the metadata of all that are there.
        path = {"PYTHONPATH": self._path, "ASV_PYTHONPATH": self._path}
        environ = {**kwargs.pop("env", os.environ), **path}
        return util.check_output([sys.executable, "-S", *args], env=environ, **kwargs)
"""

SUITE = '''
import os
import random
from pathlib import Path

import release

elapsed = 0.0
seen = []


def timer():
    return elapsed  # asv takes the clock of the module that it measures


def take(seconds):
    global elapsed
    elapsed += seconds * (1 + random.expovariate(100))  # a delay of one in a hundred


class Volume:
    params = [["none", "zstd", "late"]]
    param_names = ["codec"]
    version = "1"
    rounds = 2
    repeat = 3
    number = 1
    warmup_time = 0

    def setup(self, codec):
        if not seen:  # asv sets up before every sample
            with Path(os.environ["TOY_LOG"]).open("a") as log:
                log.write(f"{codec}\\n")
            seen.append(codec)
        if codec == "late" and not release.newest:
            raise NotImplementedError("came later")

    def time_read(self, codec):
        """How long does a full read take?"""
        take(0.02 if release.newest else 0.01)

    def track_bytes(self, codec):
        """How many bytes are stored?"""
        fixed = (Path(os.environ["TOY_LOG"]).parent / "fixed").exists()
        if release.newest and codec == "none" and not fixed:
            raise RuntimeError("the codec is gone")
        return {"none": 8.0, "zstd": 7.0, "late": 6.0}[codec] - release.newest

    track_bytes.unit = "bytes"


class Control:
    version = "1"
    rounds = 2
    repeat = 3
    number = 1
    warmup_time = 0

    def time_sleep(self):
        """How long does the machine sleep?"""
        take(0.3 if (Path(os.environ["TOY_LOG"]).parent / "busy").exists() else 0.1)

    time_sleep.control = True
    time_sleep.core = [""]


class Ratio:
    version = "1"

    def setup_cache(self):
        return {"ratio": 1.25, "process": os.getpid()}

    def setup(self, found):
        self.found = found

    def track_ratio(self, *_):
        """How many times smaller is it?"""
        assert self.found["process"] != os.getpid()
        return self.found["ratio"]

    track_ratio.unit = "ratio"
    track_ratio.pretty_name = "Compression ratio"
    track_ratio.core = []
'''


def make(root: Path, *, broken: bool = False) -> Path:
    """Write the project into an empty folder; a `broken` newest release fails to import."""
    build(TIMELINE, root / ".asv" / "timeline")
    (root / "toy_plugin.py").write_text(PLUGIN)
    (root / "benchmarks").mkdir()
    (root / "benchmarks" / "__init__.py").touch()
    (root / "benchmarks" / "volume.py").write_text(SUITE)
    configuration = {
        "version": 1,
        "project": "toy",
        "project_url": "https://example.org",
        "repo": ".asv/timeline",
        "branches": ["main"],
        "environment_type": "toy",
        "pythons": ["3.12"],
        "plugins": [".toy_plugin"],
        "env_dir": ".asv/env",
        "results_dir": ".asv/results",
        "html_dir": ".asv/html",
        "matrix": {"env_nobuild": {"CRYOET_BENCH_TOMOGRAM": ["phantom-10A"]}},
    }
    (root / "asv.conf.json").write_text(json.dumps(configuration))
    (root / "broken").write_text("yes" if broken else "")
    return root


if __name__ == "__main__":
    make(Path(sys.argv[1]))
