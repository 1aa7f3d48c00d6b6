"""A small project to measure: three releases and a suite whose results are known beforehand.

The environment, the processes, the repository and the result files are asv's real ones; only
nothing is downloaded, because every "release" runs on the tests' own interpreter.
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

from asv import util
from asv.environment import Environment


class ToyEnvironment(Environment):
    tool_name = "toy"

    def __init__(self, conf, python, requirements, tagged_env_vars):
        self._python, self._requirements = python, requirements
        super().__init__(conf, python, requirements, tagged_env_vars)

    def check_presence(self):
        return Path(self._path).is_dir()

    def _setup(self):
        Path(self._path).mkdir(parents=True)

    def install_project(self, conf, repo, commit_hash):
        if self.installed_commit_hash == commit_hash:
            return
        self.checkout_project(repo, commit_hash)
        folder, root = Path(self._build_root), Path.cwd()
        if (root / "uninstallable").exists():
            raise util.ProcessError(["install"], 1, "", "no such package\\n")
        pins = (folder / "requirements.txt").read_text()
        newest = "zarr==3.1.1" in pins
        (folder / "release.py").write_text(f"newest = {newest}\\n")
        if newest and (root / "broken").read_text():
            (folder / "zarr.py").write_text("import crc32c_of_long_ago\\n")
        else:
            (folder / "zarr.py").unlink(missing_ok=True)
        self._set_installed_commit_hash(commit_hash)

    def run(self, args, **kwargs):
        path = {"PYTHONPATH": self._build_root, "ASV_PYTHONPATH": self._build_root}
        environ = {**kwargs.pop("env", os.environ), **path}
        return util.check_output([sys.executable, *args], env=environ, **kwargs)
"""

SUITE = '''
import os
import time
from pathlib import Path

import release

seen = []


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
        time.sleep(0.02 if release.newest else 0.01)

    def track_bytes(self, codec):
        """How many bytes are stored?"""
        if release.newest and codec == "none":
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
        time.sleep(0.3 if (Path(os.environ["TOY_LOG"]).parent / "busy").exists() else 0.1)

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
