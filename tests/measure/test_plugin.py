"""Plain asv on this project: real environments of a small index, moved along a real timeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asv.main
import pytest
from asv import util
from asv.commands import compare, continuous, find, publish, rm, run, show
from asv.config import Config
from asv.environment import get_environments
from asv.machine import Machine, MachineCollection
from asv.repo import get_repo

from cryoet_bench.harness import turn
from cryoet_bench.measure import machine, plugin
from cryoet_bench.measure.asv import commands, judgement, measurement, tomograms
from cryoet_bench.measure.asv import environment as adapted
from cryoet_bench.measure.asv.checkout import Checkout
from cryoet_bench.measure.asv.environment import ROOT, ReleaseEnvironment
from cryoet_bench.measure.asv.results import Recorded
from cryoet_bench.record.record import Record
from cryoet_bench.timeline import installers, releases, repository
from cryoet_bench.timeline.releases import Companion, Timeline
from cryoet_bench.timeline.resolver import Resolver
from cryoet_bench.timeline.update import BEGINNING, update
from tests.package_index import CODE, Index, serve

DAY = timedelta(days=1)
SUITE = """
import importlib.metadata
import os
from pathlib import Path

import zarr

import cryoet_bench.errors


class Read:
    params = [["whole", "slice"]]
    param_names = ["pattern"]
    version = "1"
    rounds = 2
    repeat = 2
    number = 1
    warmup_time = 0

    def time_read(self, pattern):
        pass

    time_read.core = ["whole"]


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
        uv = installers.find_uv()
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
    text = (ROOT / "asv.conf.json").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.strip().startswith("//")]
    facts = json.loads("\n".join(lines))
    facts["matrix"] = {"env_nobuild": {"CRYOET_BENCH_TOMOGRAM": ["phantom-tiny"]}}
    facts["branches"] = ["main"]
    return Config.from_json(facts | changes)


def asv_ends(arguments: str, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """Run a command of asv as from a shell, and return its exit code."""
    Path("asv.conf.json").write_text(json.dumps(vars(configuration())))
    monkeypatch.setattr(sys, "argv", ["asv", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        asv.main.main()
    return ended.value.code


def asv_run(conf: Config, commits: str | None = None, **options: Any) -> int:
    return run.Run.run(conf, range_spec=commits, **options) or 0


def results(conf: Config) -> dict[str, dict[str, Any]]:
    """The values of each result file, by release tag."""
    tags = {commit[:8]: tag for tag, commit in repository.commits(Path(conf.repo)).items()}
    found = {}
    for path in Path(conf.results_dir).glob("*/*-release-*.json"):
        facts = json.loads(path.read_text())
        found[tags[path.name[:8]]] = {
            name.removeprefix("tiny.track_"): row[0]
            for name, row in facts["results"].items()
            if "track" in name
        }
    return found


def rounds(tag: str, benchmark: str) -> list[tuple[int, str, bool]]:
    """What the record holds of a benchmark: round, origin, whether quick."""
    record = Record.of(Path.cwd())
    (series,) = [one for one in record.series() if one.revision == tag]
    journal = record.journal(series)
    return [
        (entry.round, journal.visits[entry.visit].origin, journal.visits[entry.visit].quick)
        for entry in journal.rounds
        if entry.benchmark == benchmark
    ]


class TestAsv:
    def test_every_release_on_a_fresh_clone(self, timeline: Timeline) -> None:
        plugin.setup()
        conf = configuration()
        assert asv_run(conf, "ALL") == 2  # asv's word for: a benchmark failed
        failed = dict.fromkeys(("version", "numcodecs", "conditions"))
        assert results(conf) == {
            "numcodecs-0.12": {"version": [2.0], "numcodecs": [0.12], "conditions": [1.0]},
            "zarr-2.1": {"version": [2.1], "numcodecs": [0.12], "conditions": [1.0]},
            "zarr-2.2": {"version": [2.2], "numcodecs": [0.12], "conditions": [1.0]},
            "numcodecs-0.13": failed,
            "zarr-2.3": {"version": [2.3], "numcodecs": [0.13], "conditions": [1.0]},
        }
        assert asv_run(conf, "NEW") == 1  # nothing is new

    def test_what_upstream_broke_is_known(self, timeline: Timeline) -> None:
        reasons = {release.tag: release.broken for release in timeline.releases if release.broken}
        # Where numcodecs lay on this machine is no part of it.
        assert reasons == {
            "numcodecs-0.13": "ImportError: cannot import name 'compat' from 'numcodecs'"
        }

    def test_each_round_is_recorded_with_its_origin(self, timeline: Timeline) -> None:
        plugin.setup()
        conf = configuration()
        assert asv_run(conf, "zarr-2.1..zarr-2.2") == 0
        read = "tiny.Read.time_read"
        assert rounds("zarr-2.2", read) == [(1, "asv run", False), (2, "asv run", False)]
        assert asv_run(conf, "zarr-2.1..zarr-2.2", quick=True, bench=["time_read"]) == 0
        assert rounds("zarr-2.2", read)[2:] == [(3, "asv run --quick", True)]
        record = Record.of(Path.cwd())
        (series,) = record.series()
        journal = record.journal(series)
        outcome = journal.outcomes(record.suite()[read])[("'whole'",)]
        assert (len(outcome.rounds), outcome.grade) == (2, "sound"), "quick rounds do not count"
        (visit, *_) = journal.visits.values()
        installed = {one["name"]: one["version"] for one in visit.installed}
        assert installed["zarr"] == "2.2"
        assert set(visit.project) == {"commit", "clean", "suite"}
        # asv's own file shows the record's estimate, and one statistic a process.
        (path,) = Path(conf.results_dir).glob("*/*-release-*.json")
        row = dict(
            zip(
                json.loads(path.read_text())["result_columns"],
                json.loads(path.read_text())["results"][read],
                strict=False,
            )
        )
        assert row["result"][0] == outcome.value
        assert row["samples"][0] == outcome.levels

    def test_another_way_of_sampling_counts_as_quick(self, timeline: Timeline) -> None:
        plugin.setup()
        chosen = {"attribute": {"repeat": 1, "rounds": 1}, "bench": ["time_read"]}
        assert asv_run(configuration(), "zarr-2.1..zarr-2.2", **chosen) == 0
        chosen["attribute"] = {"rounds": 1}
        assert asv_run(configuration(), "zarr-2.1..zarr-2.2", **chosen) == 0
        read = "tiny.Read.time_read"
        assert rounds("zarr-2.2", read) == [(1, "asv run -a repeat", True), (1, "asv run", False)]

    def test_a_hooks_repository_is_not_the_timeline(
        self, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
        plugin.setup()
        assert asv_run(configuration(), "zarr-2.1..zarr-2.2", bench=["version"]) == 0
        assert results(configuration()) == {"zarr-2.2": {"version": [2.2]}}

    @pytest.mark.parametrize("command", ["check", "setup", "find main^! version"])
    def test_what_moves_the_environment_waits_its_turn(
        self,
        command: str,
        timeline: Timeline,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with turn.measuring("scripts/bench"):
            assert asv_ends(command, monkeypatch) == 2
        assert "measuring already: scripts/bench since" in caplog.text

    def test_setup_is_a_success(self, timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
        assert asv_ends("setup", monkeypatch) == 0

    def test_find_measures_into_the_record(
        self,
        timeline: Timeline,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert asv_ends("find main track_version", monkeypatch) == 0
        assert "<zarr-2.1>" in capsys.readouterr().out.rpartition("Greatest regression found")[2]
        assert rounds("zarr-2.3", "tiny.track_version") == [(1, "asv find", False)]

    def test_show_names_a_revision_that_is_not_there(self, timeline: Timeline) -> None:
        plugin.setup()
        with pytest.raises(util.UserError, match="no release or candidate named 'nosuch'"):
            show.Show.run(configuration(), commit="nosuch")

    def test_compare_keeps_to_the_machine_that_is_named(
        self, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plugin.setup()
        asked: list[list[str]] = []

        def judged(command: list[str], **_: Any) -> Any:
            asked.append(command)
            return subprocess.CompletedProcess(command, 0)

        monkeypatch.setattr(judgement.subprocess, "run", _unless_judging(judged))
        assert compare.Compare.run(configuration(), "zarr-2.1", "zarr-2.2", machine="other") == 0
        assert asked[0][-2:] == ["--machine", "other"]

    def test_an_interruption_is_one_sentence(
        self, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        plugin.setup()
        monkeypatch.setattr(tomograms, "provide_tomogram", interrupt)
        with pytest.raises(util.UserError, match="interrupted: what was measured so far is kept"):
            asv_run(configuration(), "zarr-2.1..zarr-2.2")

    def test_asv_alone_says_that_it_cannot_compare(
        self, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plugin.setup()
        monkeypatch.setattr(judgement.importlib.util, "find_spec", lambda _: None)
        with pytest.raises(util.UserError, match="measure but not compare"):
            compare.Compare.run(configuration(), "zarr-2.1", "zarr-2.2")

    def test_asv_without_numpy_makes_its_environment_first(
        self, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plugin.setup()
        monkeypatch.setattr(tomograms.importlib.util, "find_spec", lambda _: None)
        # The numpy of this index is a stub, so it prepares nothing.
        monkeypatch.setattr(adapted, "provide_tomogram", lambda *_: {})
        python = tomograms._python_with_numpy(configuration(), "phantom-tiny")
        assert python
        assert python.is_file()
        assert python.is_relative_to(Path(configuration().env_dir).absolute())

    def test_the_core_tier_is_the_default(self, timeline: Timeline) -> None:
        plugin.setup()
        conf = configuration()
        asv_run(conf, "zarr-2.1..zarr-2.2")
        record = Record.of(Path.cwd())
        (series,) = record.series()
        benchmark = record.suite()["tiny.Read.time_read"]
        assert set(record.journal(series).outcomes(benchmark)) == {("'whole'",)}
        asv_run(conf, "zarr-2.1..zarr-2.2", bench=["time_read"])
        both = record.journal(series).outcomes(benchmark)
        assert set(both) == {("'whole'",), ("'slice'",)}, "a pattern selects from all tiers"

    def test_a_dry_run_keeps_nothing(self, timeline: Timeline) -> None:
        plugin.setup()
        assert asv_run(configuration(), "zarr-2.1..zarr-2.2", dry_run=True) == 0
        assert Record.of(Path.cwd()).series() == []

    def test_asv_rm_discards_in_the_record(self, timeline: Timeline) -> None:
        plugin.setup()
        conf = configuration()
        asv_run(conf, "zarr-2.1..zarr-2.2")
        rm.Rm.run(conf, ["benchmark=tiny.track_version"])
        assert results(conf)["zarr-2.2"].keys() == {"numcodecs", "conditions"}
        assert rounds("zarr-2.2", "tiny.track_version") == []
        rm.Rm.run(conf, ["machine=*"])
        assert results(conf) == {}
        assert asv_run(conf, "zarr-2.1..zarr-2.2") == 0
        assert results(conf)["zarr-2.2"]["version"] == [2.2]

    def test_files_that_others_wrote_own_nothing(self, timeline: Timeline) -> None:
        plugin.setup()
        conf = configuration()
        asv_run(conf, "zarr-2.1..zarr-2.2")
        (path,) = Path(conf.results_dir).glob("*/*-release-*.json")
        true = path.read_text()
        path.write_text(true.replace("2.2", "9.9"))
        Path(conf.results_dir, ".written").unlink()
        Checkout.of(conf).write_files()
        assert path.read_text() == true

    @pytest.mark.parametrize(
        ("commits", "options", "words"),
        [
            ("TAGS", {}, "run 'asv run ALL'"),
            ("main^!", {"parallel": 2}, "leave out --parallel"),
            (None, {"set_commit_hash": "main"}, "another release's name"),
            (None, {"env_spec": ["existing"]}, "leave out -E and --python"),
            ("main^!", {"env_spec": ["release:3.10"]}, "Python 3.12 only"),
            ("main^!", {"env_spec": ["virtualenv"]}, "leave out -E and --python"),
            ("zarr-9.9^!", {}, "zarr-9.9^! is no range of releases"),
            ("zarr-9.9..main", {}, "is no range of releases"),
            ("main'", {}, "is no range of releases"),
            ("main^!", {"bench": ["["]}, "--bench [ is no regular expression"),
            ("main^!", {"attribute": {"cpu_affinity": [0]}}, "cpu_affinity cannot be set"),
            ("main^!", {"attribute": {"version": "9"}}, "version cannot be set"),
        ],
    )
    def test_what_would_be_labelled_wrongly_is_refused(
        self, timeline: Timeline, commits: str | None, options: dict[str, Any], words: str
    ) -> None:
        plugin.setup()
        with pytest.raises(util.UserError) as caught:
            asv_run(configuration(), commits, **options)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
        assert Record.of(Path.cwd()).series() == []

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"matrix": {"req": {"numpy": ["1.0"]}}}, "a matrix of numpy cannot be installed"),
            ({"matrix": {"numpy": ["1.0"]}}, "a matrix of numpy cannot be installed"),
            ({"matrix": {"env": {"ZARR_X": ["1"]}}}, "ZARR_X cannot be set by the matrix"),
            ({"pythons": ["3.11"]}, "Python 3.12 only, not on 3.11"),
        ],
    )
    def test_a_configuration_that_would_mislabel_is_refused(
        self, timeline: Timeline, changes: dict[str, Any], words: str
    ) -> None:
        plugin.setup()
        with pytest.raises(util.UserError, match=words):
            asv_run(configuration(**changes), "main^!")

    def test_two_runs_at_once_are_one(self, timeline: Timeline) -> None:
        plugin.setup()
        with (
            turn.measuring("scripts/bench"),
            pytest.raises(util.UserError, match="measuring already: scripts/bench since"),
        ):
            asv_run(configuration(), "main^!")

    def test_a_release_changed_by_hand_is_noticed(self, timeline: Timeline) -> None:
        plugin.setup()
        conf = configuration()
        asv_run(conf, "zarr-2.1..zarr-2.2")
        (module,) = Path(conf.env_dir).glob("*/lib/python*/site-packages/zarr.py")
        module.write_text(module.read_text() + "patched = True\n")
        asv_run(conf, "zarr-2.1..zarr-2.2")
        assert "patched" not in module.read_text(), "it was installed anew"

    def test_another_tomogram_is_another_series(
        self, timeline: Timeline, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plugin.setup()
        conf = configuration(matrix={"env_nobuild": {"CRYOET_BENCH_TOMOGRAM": ["phantom-10A"]}})
        monkeypatch.setenv("CRYOET_BENCH_TOMOGRAM", "phantom-tiny")
        assert asv_run(conf, "zarr-2.1..zarr-2.2", bench=["conditions"]) == 0
        assert [series.tomogram for series in Record.of(Path.cwd()).series()] == ["phantom-tiny"]
        assert [path.name for path in (cache / "tomograms").iterdir()] == ["phantom-tiny"]

    def test_a_file_is_taken_over_under_its_name(
        self, timeline: Timeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        import numpy as np
        import tifffile

        volume = np.arange(16**3, dtype="f4").reshape(16, 16, 16)
        tifffile.imwrite(tmp_path / "mine.tif", volume, metadata={"axes": "ZYX"})
        monkeypatch.setenv("CRYOET_BENCH_TOMOGRAM", str(tmp_path / "mine.tif"))
        plugin.setup()
        assert asv_run(configuration(), "zarr-2.1..zarr-2.2", bench=["conditions"]) == 0
        (series,) = Record.of(Path.cwd()).series()
        assert series.tomogram.startswith("mine-")
        assert Record.of(Path.cwd()).tomograms()[series.tomogram]["shape"] == [16, 16, 16]

    def test_unknown_tomogram_is_one_sentence(
        self, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plugin.setup()
        monkeypatch.setenv("CRYOET_BENCH_TOMOGRAM", "no-such-thing")
        with pytest.raises(util.UserError, match="no-such-thing") as caught:
            asv_run(configuration(), "main^!")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("how", ["continuous", "compare"])
    def test_revisions_are_judged_by_the_record(
        self, how: str, timeline: Timeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plugin.setup()
        conf = configuration()
        asked = []

        def judged(command: list[str], **_: Any) -> Any:
            asked.append(command[2:])
            return subprocess.CompletedProcess(command, 1)

        if how == "continuous":
            monkeypatch.setattr(judgement.subprocess, "run", _unless_judging(judged))
            code = continuous.Continuous.run(conf, base="zarr-2.1", branch="zarr-2.2")
            assert set(results(conf)) == {"zarr-2.1", "zarr-2.2"}
        else:
            monkeypatch.setattr(judgement.subprocess, "run", _unless_judging(judged))
            code = compare.Compare.run(conf, "zarr-2.1", "zarr-2.2")
        between = ["changes", "--between", "zarr-2.1", "zarr-2.2"]
        assert asked == [["cryoet_bench", *between, "--tomogram", "phantom-tiny"]]
        assert code == 1

    def test_publishing_nothing_is_one_sentence(self, timeline: Timeline) -> None:
        plugin.setup()
        with pytest.raises(util.UserError, match="nothing was measured yet"):
            publish.Publish.run(configuration())


def _unless_judging(judged: Any) -> Any:
    """Return `subprocess.run` that leaves the judging of two revisions to another function."""
    real = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        return judged(command, **options) if "--between" in command else real(command, **options)

    return run


class TestEnvironment:
    @pytest.fixture
    def env(self, timeline: Timeline) -> Any:
        plugin.setup()
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

    def test_a_measured_process_does_not_begin_with_our_peak_of_memory(self, env: Any) -> None:
        self.move(env, "zarr-2.1")
        ours = b"x" * 300_000_000
        code = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
        assert int(env.run(["-c", code])) < len(ours) / 3

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
        branch = repository.propose(repository.LOCATION, "zarr-2.0-1a2b3c4d", pins, "zarr 2.0")
        assert "zarr-2.0.dist-info" in self.move(env, branch)

    def test_release_that_does_not_install_is_a_failure(self, env: Any) -> None:
        branch = repository.propose(
            repository.LOCATION, "zarr-99-1a2b3c4d", "zarr==99\n", "zarr 99"
        )
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
        assert ReleaseEnvironment.matches("3.12")
        assert not ReleaseEnvironment.matches("3.11")


class TestMachine:
    def test_is_described_without_asking(self, timeline: Timeline) -> None:
        plugin.setup()
        asv_run(configuration(), "zarr-2.1..zarr-2.2", bench=["version"])
        described = Machine.load(interactive=True)
        (series,) = Record.of(Path.cwd()).series()
        assert described.machine == series.machine
        assert os.uname().release not in described.os
        assert described.ram.endswith(" GiB")

    def test_describing_it_anew_splits_no_series(self, timeline: Timeline) -> None:
        plugin.setup()
        conf = configuration()
        asv_run(conf, "zarr-2.1..zarr-2.2", bench=["version"])
        (path,) = Path(conf.results_dir).glob("*/*-release-*.json")
        before = json.loads(path.read_text())["params"]
        Machine.load(force_interactive=True, use_defaults=True)  # asv machine --yes
        asv_run(conf, "zarr-2.1..zarr-2.2", bench=["version"])
        (path,) = Path(conf.results_dir).glob("*/*-release-*.json")
        assert json.loads(path.read_text())["params"] == before

    def test_has_the_name_that_was_given_to_it(self, timeline: Timeline) -> None:
        given = {**Machine.get_defaults(), "machine": "epyc of the lab"}
        MachineCollection.save("epyc of the lab", given)  # asv machine --machine "epyc of the lab"
        plugin.setup()
        asv_run(configuration(), "zarr-2.1..zarr-2.2", bench=["version"])
        (series,) = Record.of(Path.cwd()).series()
        assert series.machine == "epyc-of-the-lab"
        assert machine.name_in(Record.of(Path.cwd())) == "epyc-of-the-lab"

    def test_keeps_that_name_with_another_processor(
        self, timeline: Timeline, tmp_path: Path
    ) -> None:
        record = Record(tmp_path / "results")
        MachineCollection.save("epyc", {"machine": "epyc"})
        record.describe_machine("epyc", {**machine.facts(), "cpu": "another"})
        for _ in range(2):
            machine.introduce(machine.identify(record))
            assert machine.name_in(record) == "epyc-2"

    def test_has_the_hosts_name_among_several(self, timeline: Timeline) -> None:
        MachineCollection.save("one", {"machine": "one"})
        MachineCollection.save("two", {"machine": "two"})
        host = Machine.get_defaults()["machine"]
        assert machine.asv_name() == host
        MachineCollection.save(host, {"machine": host})
        assert machine.asv_name() == host

    def test_another_processor_is_another_machine(self, tmp_path: Path) -> None:
        record = Record(tmp_path)
        name = machine.identify(record, "vm")
        assert machine.identify(record, "vm") == name == "vm"
        for other in ({"cpu": "another"}, {"cpu_features": ["of another generation"]}):
            record.describe_machine("vm", {**machine.facts(), **other})
            assert machine.identify(record, "vm") == "vm-2"
            assert machine.identify(record, "vm") == "vm-2"

    @pytest.mark.parametrize("content", ["{", "", "null", "[]"])
    def test_a_damaged_file_of_asv_is_named(
        self, content: str, timeline: Timeline, tmp_path: Path
    ) -> None:
        (tmp_path / "home" / ".asv-machine.json").write_text(content)
        plugin.setup()
        with pytest.raises(util.UserError, match="remove that file"):
            asv_run(configuration(), "main^!")


def test_damaged_timeline_is_one_sentence(
    timeline: Timeline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".asv").touch()
    with pytest.raises(SystemExit, match="2"):
        plugin.setup()
    assert "cannot write the timeline's repository" in caplog.text


@pytest.mark.parametrize(
    "command",
    [
        "run TAGS", "run main^! --bench nosuch", "publish", "show nosuch", "rm", "rm nosuch=1",
        "continuous main nosuch", "compare main", "find main^! nosuch",
    ],
)  # fmt: skip
def test_what_cannot_be_done_ends_with_2(
    timeline: Timeline, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asv_ends(command, monkeypatch) == 2


def test_what_was_not_foreseen_is_one_sentence(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("of another kind")

    monkeypatch.setattr(Checkout, "of", fail)
    assert asv_ends("show", monkeypatch) == 2
    (said,) = (one.message for one in caplog.records if one.levelname == "ERROR")
    assert "this was not foreseen, RuntimeError: of another kind; please report it at" in said
    assert "with what --verbose prints" in said


def test_asv_has_what_the_adapter_leans_on() -> None:
    """The private names of asv that the adapter stands in for, found where it expects them."""
    commands.take_charge()
    assert run.Results is find.Results is Recorded
    assert run.environment.get_environments is measurement.get_environments
    assert run.Run.run.__func__ is measurement.run
    assert find.Find.run.__func__ is measurement.find
    assert compare.Compare.run.__func__ is judgement.compare
    assert continuous.Continuous.run.__func__ is judgement.continuous
