from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asv import util
from asv.commands.continuous import Continuous
from asv.commands.run import Run
from asv.config import Config
from asv.environment import get_environments
from asv.machine import Machine
from asv.repo import get_repo

from cryoet_bench.measure import plugin as asv_plugin
from cryoet_bench.timeline import environment, installers, releases, repository
from cryoet_bench.timeline.releases import Companion, Timeline
from cryoet_bench.timeline.resolver import BEGINNING, Resolver, update
from tests.package_index import CODE, Index, serve

DAY = timedelta(days=1)
SUITE = """
import importlib.metadata
import os
import sys
from pathlib import Path

import zarr

import cryoet_bench.errors


def track_version():
    return float(importlib.metadata.version("zarr"))


def track_numcodecs():
    return float(importlib.metadata.version("numcodecs"))


def track_conditions():
    cached = Path(os.environ["CRYOET_BENCH_CACHE"], "tomograms")
    assert (cached / os.environ["CRYOET_BENCH_TOMOGRAM"]).is_dir()
    assert "BLOSC_NTHREADS" not in os.environ
    return float(os.environ["OMP_NUM_THREADS"])
"""


@pytest.fixture(scope="module")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "uv"


@pytest.fixture(scope="module")
def served(uv_cache: Path) -> Iterator[tuple[Index, Timeline]]:
    """An index and its timeline, which upstream broke on the third day."""
    settings = {
        "UV_CACHE_DIR": str(uv_cache), "UV_NO_CONFIG": "1", "UV_HTTP_RETRIES": "0",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, serve() as index:
        for name, value in settings.items():
            patch.setenv(name, value)
        index.upload("numpy", "1.0", BEGINNING - 2 * DAY)
        index.upload("zarr", "2.0", BEGINNING - DAY, ["numcodecs", "numpy"])
        compat = CODE["numcodecs"] + "compat = None\n"
        index.upload("numcodecs", "0.12", BEGINNING, ["numpy"], code=compat)
        index.upload("fasteners", "1.0", BEGINNING)
        index.upload("zarr", "2.1", BEGINNING + DAY, ["numcodecs", "numpy", "fasteners"])
        needy = "from numcodecs import compat\n" + CODE["zarr"]
        index.upload("zarr", "2.2", BEGINNING + 2 * DAY, ["numcodecs", "numpy"], code=needy)
        index.upload("numcodecs", "0.13", BEGINNING + 3 * DAY, ["numpy"])
        index.upload("zarr", "2.3", BEGINNING + 4 * DAY, ["numcodecs", "numpy"])
        runner = index.upload_installed("asv-runner", BEGINNING)
        uv = environment.find_uv()
        assert uv
        path = uv_cache.parent / "served.toml"
        update(path, Resolver(uv, sys.executable, index.options))
        timeline = releases.load(path)
        companion = Companion(name="runner", pins={"asv-runner": runner})
        yield index, replace(timeline, companions=(companion,))


@pytest.fixture
def timeline(
    served: tuple[Index, Timeline],
    uv_cache: Path,
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Timeline:
    """A project with nothing prepared, as the working folder of a user new to asv."""
    index, timeline = served
    monkeypatch.setattr(releases, "load", lambda: timeline)
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{index.url}/simple")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BLOSC_NTHREADS", "7")
    monkeypatch.delenv("CRYOET_BENCH_TOMOGRAM", raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").touch()
    (tmp_path / "benchmarks" / "tiny.py").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    return timeline


def configuration(**changes: Any) -> Config:
    """The project's own configuration, measured on the smallest phantom."""
    text = (asv_plugin.ROOT / "asv.conf.json").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.strip().startswith("//")]
    facts = json.loads("\n".join(lines))
    facts["matrix"] = {"env_nobuild": {"CRYOET_BENCH_TOMOGRAM": ["phantom-tiny"]}}
    facts["branches"] = ["main"]  # the timeline of these tests has one line
    return Config.from_json(facts | changes)


def run(conf: Config, commits: str, **options: Any) -> int:
    return Run.run(conf, range_spec=commits, **options) or 0


def results(conf: Config) -> dict[str, dict[str, Any]]:
    """The values of each result file, by release tag."""
    tags = {commit[:8]: tag for tag, commit in repository.commits(Path(conf.repo)).items()}
    found = {}
    for path in Path(conf.results_dir).glob("*/*-release-*.json"):
        facts = json.loads(path.read_text())
        found[tags[path.name[:8]]] = {
            name.removeprefix("tiny.track_"): row[0] for name, row in facts["results"].items()
        }
    return found


class TestAsv:
    def test_every_release_on_a_fresh_clone(self, timeline: Timeline) -> None:
        asv_plugin.setup()
        conf = configuration()
        assert run(conf, "ALL") == 2  # asv's word for: a benchmark failed
        failed = dict.fromkeys(("version", "numcodecs", "conditions"))
        assert results(conf) == {
            "numcodecs-0.12": {"version": [2.0], "numcodecs": [0.12], "conditions": [1.0]},
            "zarr-2.1": {"version": [2.1], "numcodecs": [0.12], "conditions": [1.0]},
            "zarr-2.2": {"version": [2.2], "numcodecs": [0.12], "conditions": [1.0]},
            "numcodecs-0.13": failed,
            "zarr-2.3": {"version": [2.3], "numcodecs": [0.13], "conditions": [1.0]},
        }
        assert run(conf, "NEW") == 1  # nothing is new

    def test_what_upstream_broke_is_known(self, timeline: Timeline) -> None:
        reasons = {release.tag: release.broken for release in timeline.releases if release.broken}
        # Where numcodecs lay on this machine is no part of it.
        assert reasons == {
            "numcodecs-0.13": "ImportError: cannot import name 'compat' from 'numcodecs'"
        }

    def test_a_broken_release_alone(self, timeline: Timeline) -> None:
        asv_plugin.setup()
        conf = configuration()
        assert run(conf, "zarr-2.2..numcodecs-0.13") == 2
        assert set(results(conf)) == {"numcodecs-0.13"}

    def test_two_releases_side_by_side(self, timeline: Timeline) -> None:
        asv_plugin.setup()
        conf = configuration()
        assert Continuous.run(conf, base="zarr-2.2", branch="zarr-2.1", factor=1.1) == 0
        assert set(results(conf)) == {"zarr-2.2", "zarr-2.1"}

    def test_another_tomogram_is_another_series(
        self, timeline: Timeline, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asv_plugin.setup()
        conf = configuration(matrix={"env_nobuild": {"CRYOET_BENCH_TOMOGRAM": ["phantom-10A"]}})
        monkeypatch.setenv("CRYOET_BENCH_TOMOGRAM", "phantom-tiny")
        assert run(conf, "zarr-2.2..zarr-2.3", bench=["conditions"]) == 2
        files = [path.name for path in Path("results").glob("*/*-release-*")]
        assert len(files) == 2
        assert all("phantom-tiny" in name for name in files)
        assert [path.name for path in (cache / "tomograms").iterdir()] == ["phantom-tiny"]

    def test_unknown_tomogram_is_one_sentence(
        self, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asv_plugin.setup()
        monkeypatch.setenv("CRYOET_BENCH_TOMOGRAM", "no-such-thing")
        with pytest.raises(util.UserError, match="no-such-thing") as caught:
            run(configuration(), "main^!")
        assert "\n" not in str(caught.value)


class TestEnvironment:
    @pytest.fixture
    def env(self, timeline: Timeline) -> Any:
        asv_plugin.setup()
        (env,) = get_environments(configuration(), None)
        return env

    def move(self, env: Any, tag: str) -> set[str]:
        conf = configuration()
        env.create()
        env.install_project(conf, get_repo(conf), repository.head(Path(conf.repo), tag))
        return {path.name for path in Path(env._path).rglob("*.dist-info")}

    def test_leaves_nothing_behind(self, env: Any) -> None:
        assert "fasteners-1.0.dist-info" in self.move(env, "zarr-2.1")
        left = self.move(env, "zarr-2.2")
        assert {name.split("-")[0] for name in left} == {
            "zarr", "numcodecs", "numpy", "asv_runner",
        }  # fmt: skip

    def test_is_made_once(self, env: Any) -> None:
        self.move(env, "zarr-2.1")
        (again,) = get_environments(configuration(), None)
        assert again.check_presence()
        assert again.installed_commit_hash == env.installed_commit_hash

    def test_is_installed_again_when_companions_change(
        self, env: Any, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.move(env, "zarr-2.1")
        other = Companion(name="other", pins={"fasteners": "1.0"})
        changed = replace(timeline, companions=(*timeline.companions, other))
        monkeypatch.setattr(releases, "load", lambda: changed)
        assert env.installed_commit_hash is None
        assert "fasteners-1.0.dist-info" in self.move(env, "zarr-2.2")

    def test_candidate(self, env: Any) -> None:
        pins = "numcodecs==0.12\nnumpy==1.0\nzarr==2.0\n"
        branch = repository.propose(repository.LOCATION, "zarr-2.0", pins, "zarr 2.0")
        assert "zarr-2.0.dist-info" in self.move(env, branch)

    def test_release_that_does_not_install_is_a_failure(self, env: Any) -> None:
        branch = repository.propose(repository.LOCATION, "zarr-99", "zarr==99\n", "zarr 99")
        with pytest.raises(util.ProcessError) as caught:
            self.move(env, branch)
        assert "zarr==99" in caught.value.stderr
        assert env.installed_commit_hash is None

    def test_no_network_is_none(
        self, env: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        self.move(env, "zarr-2.1")
        monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
        with pytest.raises(util.UserError, match="check the network"):
            self.move(env, "zarr-2.2")

    def test_no_python(self, env: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(installers, "_base", lambda _: None)
        monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
        with pytest.raises(util.UserError, match=r"Python 3\.12 and none was found"):
            env.create()
        assert not Path(env._path).exists()

    def test_answers_for_one_python(self) -> None:
        assert asv_plugin.ReleaseEnvironment.matches("3.12")
        assert not asv_plugin.ReleaseEnvironment.matches("3.11")


class TestMachine:
    def test_is_described_without_asking(self, timeline: Timeline) -> None:
        asv_plugin.setup()
        machine = Machine.load(interactive=True)
        assert machine.machine == os.uname().nodename
        assert os.uname().release not in machine.os
        assert machine.ram.endswith(" GiB")

    @pytest.mark.parametrize("name", [os.uname().nodename, "the-big-one"])
    def test_own_description_stays(self, name: str, timeline: Timeline, tmp_path: Path) -> None:
        file = tmp_path / "home" / ".asv-machine.json"
        file.write_text(json.dumps({"version": 1, name: {"machine": name, "os": "mine"}}))
        before = file.read_bytes()
        asv_plugin.setup()
        assert file.read_bytes() == before

    def test_cannot_be_written(self, timeline: Timeline, tmp_path: Path) -> None:
        file = tmp_path / "home" / ".asv-machine.json"
        file.write_text("{")
        with pytest.raises(util.UserError, match="cannot describe this machine"):
            asv_plugin.introduce_machine()
        file.unlink()
        file.mkdir()
        with pytest.raises(util.UserError, match="cannot describe this machine"):
            asv_plugin.introduce_machine()


def test_damaged_timeline_is_one_sentence(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".asv").touch()
    with pytest.raises(util.UserError, match="cannot write the timeline's repository"):
        asv_plugin.setup()


def test_cache_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    from cryoet_bench.tomogram import cache

    monkeypatch.delenv("CRYOET_BENCH_CACHE", raising=False)
    assert asv_plugin.cache_folder() == cache.cache_dir()
