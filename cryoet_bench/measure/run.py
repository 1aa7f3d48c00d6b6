"""Measure releases: rounds outermost, releases interleaved inside, one benchmark at a time.

``asv run`` keeps results only after a whole release, or a whole round of all releases. Here every
benchmark is on the disk as soon as it was measured, so a run can be killed at any moment and
continued. Environments, processes and result files are asv's own.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import itertools
import json
import logging
import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from asv import util
from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.environment import Environment, get_environments
from asv.machine import Machine, MachineCollection
from asv.plugin_manager import plugin_manager
from asv.repo import get_repo
from asv.results import Results, get_filename
from asv.runner import get_spawner, run_benchmark

from cryoet_bench.errors import InputError
from cryoet_bench.record import results as record
from cryoet_bench.record.results import Case, Journal, Measured, Round
from cryoet_bench.timeline.releases import Release, Timeline
from cryoet_bench.timeline.repository import commits

TOMOGRAM_VARIABLE = "CRYOET_BENCH_TOMOGRAM"
_ROUNDS = 2  # asv's own default, which it states for times and not for peak memory
_MOVE_SECONDS = 3.0
_CASE_SECONDS = 0.3


@dataclass(frozen=True)
class Progress:
    """What is being done now, and how much is left."""

    release: Release
    round: int
    rounds: int
    doing: str
    fraction: float
    seconds_left: float


@dataclass
class Campaign:
    """Releases measured on one tomogram on this machine.

    Parameters
    ----------
    root : pathlib.Path
        The folder of ``asv.conf.json``, which is also the working folder while measuring.
    timeline : Timeline
        Where releases come from.
    tomogram : str
        Name of the cached tomogram; it is a parameter of every series.
    tier : str
        Which benchmarks: "core" or "full", which contains it.
    rounds : int, optional
        Rounds of the timed benchmarks, where not their own number.
    retry : bool
        Measure again what failed in an earlier run.
    not_installed : dict of str to str
        Why releases could not be measured at all, by tag; they are tried again next time.
    """

    root: Path
    timeline: Timeline
    tomogram: str
    tier: str = "core"
    rounds: int | None = None
    retry: bool = False
    not_installed: dict[str, str] = field(default_factory=dict)

    @cached_property
    def configuration(self) -> Any:
        """The configuration of asv, with the tomogram as the one value of its variable."""
        configuration = load_configuration(self.root)
        os.environ[TOMOGRAM_VARIABLE] = self.tomogram  # the user's own must not overrule it
        variables = configuration.matrix.setdefault("env_nobuild", {})
        variables[TOMOGRAM_VARIABLE] = [self.tomogram]
        return configuration

    @cached_property
    def repository(self) -> Any:
        """The timeline, as asv sees it."""
        return get_repo(self.configuration)

    @cached_property
    def environment(self) -> Environment:
        """The one environment, which moves from release to release."""
        found = list(get_environments(self.configuration, None))
        if len(found) != 1:
            raise InputError(
                "no environment can be made: Python 3.12 is needed"
                if not found
                else "asv.conf.json describes several environments, and only one can be measured"
            )
        environment: Environment = found[0]
        return environment

    @cached_property
    def machine(self) -> Any:
        """The description of the machine, written once: it is a part of every series' identity."""
        machine = Machine()
        name = Machine.get_unique_machine_name()
        try:
            vars(machine).update(MachineCollection.load(name))
        except util.UserError:  # nobody has described it to asv
            vars(machine).update(Machine.get_defaults())
        return machine

    @cached_property
    def results_dir(self) -> Path:
        """The folder of all results."""
        return self.root / str(self.configuration.results_dir)

    @cached_property
    def suite(self) -> Benchmarks:
        """All benchmarks, as one release of the timeline describes them."""
        return self._discover()

    @cached_property
    def benchmarks(self) -> dict[str, dict[str, Any]]:
        """The benchmarks of the tier, by name."""
        tiers = {benchmark.get("tier", "core") for benchmark in self.suite.values()} | {"full"}
        if self.tier not in tiers:
            raise InputError(f"there is no tier {self.tier!r}: choose {' or '.join(sorted(tiers))}")
        return {
            name: benchmark
            for name, benchmark in sorted(self.suite.items())
            if self.tier in {"full", benchmark.get("tier", "core")}
        }

    @cached_property
    def commits(self) -> dict[str, str]:
        """The commit of each release, by tag."""
        return commits(self.root / str(self.configuration.repo))

    def journal(self, release: Release) -> Journal:
        """Return the rounds of a release measured so far."""
        return Journal(record.journal_path(self._result_file(release)))

    def coverage(self, release: Release) -> dict[str, int]:
        """Return how many cases passed, are not available, and failed."""
        counts = {"passed": 0, "n/a": 0, "failed": 0}
        for measured in self._last(release):
            counts[measured.status] += 1
        return counts

    def failures(self, releases: Sequence[Release]) -> dict[str, int]:
        """Return why cases failed, and how many for each reason."""
        reasons: dict[str, int] = {}
        for release in releases:
            for measured in self._last(release):
                if measured.status == "failed":
                    reasons[measured.reason] = reasons.get(measured.reason, 0) + 1
        return reasons

    def _last(self, release: Release) -> list[Measured]:
        """Return the last round of every case."""
        journal = self.journal(release)
        return [
            rounds[-1]
            for benchmark in self.benchmarks.values()
            for rounds in journal.of(benchmark).values()
        ]

    def measure(self, releases: Sequence[Release]) -> Iterator[Progress]:
        """Measure what is missing of some releases, telling before each case what comes.

        Raises
        ------
        InputError
            The records of an earlier run are damaged, or another run is measuring.
        """
        with _alone(self.root / ".asv"):
            for path in record.result_files(self.results_dir):
                record.load(path)
            journals = {release.tag: self.journal(release) for release in releases}
            if self.retry:
                for journal in journals.values():
                    journal.forget_failures()
            self._save_description()
            results = {
                release.tag: self._results(release, journals[release.tag]) for release in releases
            }
            plan = self._plan(releases, journals)
            clock = _Clock(plan, journals.values())
            for visit in plan:
                yield from self._visit(
                    visit, journals[visit.release.tag], results[visit.release.tag], clock
                )

    def _plan(self, releases: Sequence[Release], journals: dict[str, Journal]) -> list[_Visit]:
        """Return the visits to make: newest release first, then back and forth."""
        rounds = max((self._rounds(benchmark) for benchmark in self.benchmarks.values()), default=0)
        plan = []
        for number in range(1, rounds + 1):
            for release in releases if number % 2 == 0 else reversed(releases):
                work = [
                    (benchmark, cases)
                    for benchmark in self.benchmarks.values()
                    if number <= self._rounds(benchmark)
                    and (cases := _missing(benchmark, journals[release.tag], number))
                ]
                if work:
                    plan.append(_Visit(release, number, rounds, work))
        return plan

    def _visit(
        self, visit: _Visit, journal: Journal, results: Results, clock: _Clock
    ) -> Iterator[Progress]:
        release = visit.release
        # A failure or a gap found since the plan was made is not measured again in later rounds.
        work = [
            (benchmark, [c for c in _missing(benchmark, journal, visit.round) if c in planned])
            for benchmark, planned in visit.work
        ]
        if release.tag in self.not_installed or not any(cases for _, cases in work):
            clock.skip(visit)
            return
        yield clock.progress(visit, "installing")
        moving = time.monotonic()
        problem = self._install(self.commits[release.tag])
        if problem:
            self.not_installed[release.tag] = problem
            clock.skip(visit)
            return
        broken = self._import_failure()
        clock.moved(time.monotonic() - moving)
        benchmark_dir = self.root / str(self.configuration.benchmark_dir)
        with _Processes(self.environment, benchmark_dir) as processes:
            for (benchmark, pending), (_, planned) in zip(work, visit.work, strict=True):
                clock.drop(benchmark["name"], len(planned) - len(pending))
                started_at, started = record.now(), time.monotonic()
                measured = []
                for case in pending:
                    yield clock.progress(visit, record.title(benchmark, case))
                    known = journal.of(benchmark).get(case, [])
                    measured.append(
                        Measured(case, "failed", reason=broken)
                        if broken
                        else processes.measure(benchmark, case, known)
                    )
                    clock.did(benchmark["name"])
                if not measured:
                    continue
                seconds = round(time.monotonic() - started, 3)
                name, version = benchmark["name"], benchmark["version"]
                journal.append(
                    Round(name, version, visit.round, started_at, seconds, tuple(measured))
                )
                record.enter(results, benchmark, journal)
                record.save(results, self.results_dir, self.root / ".asv")

    def _install(self, commit: str) -> str:
        """Move the environment to a release; return why that cannot be done, or nothing.

        Raises
        ------
        InputError
            No release can be installed now, as without the network.
        """
        try:
            with _quiet():
                self.environment.create()
                self.environment.install_project(self.configuration, self.repository, commit)
        except util.UserError as error:
            raise InputError(str(error)) from error
        except util.ProcessError as error:
            return _last_line(error)
        return ""

    def _import_failure(self) -> str:
        """Return why the installed release cannot even be imported, or nothing."""
        try:
            with _quiet():
                self.environment.run(["-c", "import numcodecs, zarr"], dots=False)
        except util.ProcessError as error:
            return f"cannot be imported: {_last_line(error)}"
        return ""

    def _rounds(self, benchmark: dict[str, Any]) -> int:
        if not record.is_timed(benchmark):
            return 1
        return self.rounds or int(benchmark.get("rounds", _ROUNDS))

    def _result_file(self, release: Release) -> Path:
        name = get_filename(self.machine.machine, self.commits[release.tag], self.environment.name)
        return self.results_dir / str(name)

    def _results(self, release: Release, journal: Journal) -> Results:
        """Return asv's results of a release, brought up to the journal."""
        environment, commit = self.environment, self.commits[release.tag]
        parameters = {
            **vars(self.machine),
            "python": environment.python,
            **environment.requirements,
        }
        results = Results(
            parameters,
            environment.requirements,
            commit,
            self.repository.get_date(commit),
            environment.python,
            environment.name,
            environment.env_vars,
        )
        results.load_data(str(self.results_dir))
        entered = False
        for name, benchmark in self.benchmarks.items():
            own = [entry.started_at for entry in journal.rounds if entry.benchmark == name]
            if journal.of(benchmark) and (
                results.started_at.get(name, 0) < record.timestamp(own[-1])
                or results.benchmark_version.get(name) != benchmark["version"]
            ):
                record.enter(results, benchmark, journal)
                entered = True
        if entered:
            record.save(results, self.results_dir, self.root / ".asv")
        return results

    def _save_description(self) -> None:
        """Write what asv keeps beside results: the machine, and the list of benchmarks."""
        with tempfile.TemporaryDirectory(dir=self.root / ".asv") as staging:
            self.machine.save(staging)
            path = Path(staging) / "benchmarks.json"
            util.write_json(str(path), dict(self.suite), Benchmarks.api_version)
            for written in Path(staging).rglob("*.json"):
                target = self.results_dir / written.relative_to(staging)
                target.parent.mkdir(parents=True, exist_ok=True)
                written.replace(target)

    def _discover(self) -> Benchmarks:
        newest = list(reversed(self.commits.values()))
        installed = self.environment.installed_commit_hash
        candidates = [installed, *newest][:3] if installed in newest else newest[:3]
        problems = list(itertools.takewhile(bool, map(self._install, candidates)))
        if len(problems) == len(candidates):
            raise InputError(f"no release can be installed: {problems[0]}")
        said: list[str] = []
        try:
            with _quiet(said):
                return Benchmarks.discover(
                    self.configuration, self.repository, [self.environment], candidates
                )
        except (util.UserError, util.ProcessError) as error:
            why = [line for line in said if not line.startswith("Last error")] or [str(error)]
            raise InputError(
                f"the benchmarks cannot be imported beside any release: {_last_line(why[-1])}"
            ) from error


class _Processes:
    """The processes that measure the installed release, one for each case.

    What a class of benchmarks prepares once (``setup_cache``) is kept until the release changes.
    """

    def __init__(self, environment: Environment, benchmark_dir: Path) -> None:
        self._environment = environment
        self._benchmark_dir = str(benchmark_dir)
        self._spawners: dict[str, Any] = {}
        self._prepared: dict[str, tuple[str | None, str | None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for spawner in self._spawners.values():
            spawner.close()
        for folder, _problem in self._prepared.values():
            if folder:
                shutil.rmtree(folder, ignore_errors=True)

    def measure(self, benchmark: dict[str, Any], case: Case, known: Sequence[Measured]) -> Measured:
        """Measure one case; `known` are its earlier rounds."""
        if benchmark.get("timeout") is None:
            benchmark["timeout"] = self._environment._default_benchmark_timeout
        # All rounds of a case make the same number of calls per sample.
        number = next((measured.number for measured in known if measured.number), None)
        index = record.cases_of(benchmark).index(case)
        try:
            with _quiet():
                folder, problem = self._prepare(benchmark)
                if problem:
                    return Measured(case, "failed", reason=_last_line(problem))
                outcome = run_benchmark(
                    benchmark,
                    self._spawner(benchmark),
                    profile=False,
                    selected_idx={index},
                    extra_params={"number": number} if number else {},
                    cwd=folder,
                )
        except util.UserError as error:  # asv's word for ctrl-C
            raise KeyboardInterrupt from error
        value, samples = outcome.result[index], outcome.samples[index]
        if value is None:
            return Measured(case, "failed", reason=_last_line(outcome.stderr))
        if math.isnan(value):
            return Measured(case, "n/a", reason=_why_skipped(outcome.stderr))
        if math.isinf(value):
            return Measured(case, "failed", reason=f"its value is {value}")
        if samples is None:
            return Measured(case, "passed", value=value)
        return Measured(case, "passed", samples=tuple(samples), number=outcome.number[index])

    def _spawner(self, benchmark: dict[str, Any]) -> Any:
        """Return what starts the process of a case.

        Exact values that were prepared together are only looked up: forked from a process that has
        the suite imported, that takes 20 ms instead of 400. What does work starts afresh, because
        threads do not survive a fork.
        """
        looked_up = not record.is_timed(benchmark) and benchmark.get("setup_cache_key")
        method = "forkserver" if looked_up else "spawn"
        if method not in self._spawners:
            self._spawners[method] = get_spawner(self._environment, self._benchmark_dir, method)
        return self._spawners[method]

    def _prepare(self, benchmark: dict[str, Any]) -> tuple[str | None, str | None]:
        """Return the folder of a class's ``setup_cache``, if it has one, or what went wrong."""
        key = benchmark.get("setup_cache_key")
        if not key:
            return None, None
        if key not in self._prepared:
            timeout = benchmark.get("setup_cache_timeout", benchmark["timeout"])
            self._prepared[key] = self._spawner(benchmark).create_setup_cache(
                benchmark["name"], timeout, json.dumps({"cpu_affinity": None})
            )
        return self._prepared[key]


@dataclass(frozen=True)
class _Visit:
    """What is measured of one release before the environment moves on."""

    release: Release
    round: int
    rounds: int
    work: list[tuple[dict[str, Any], list[Case]]]


class _Clock:
    """How much is left, from how long each benchmark took so far."""

    def __init__(self, plan: Sequence[_Visit], journals: Any) -> None:
        self._left: dict[str, int] = {}
        for visit in plan:
            for benchmark, cases in visit.work:
                name = benchmark["name"]
                self._left[name] = self._left.get(name, 0) + len(cases)
        self._moves, self._move_seconds = len(plan), _MOVE_SECONDS
        self._seconds: dict[str, float] = {}
        for journal in journals:
            self._seconds.update(journal.seconds_per_case())
        self._total = max(sum(self._left.values()), 1)
        self._started: dict[str, float] = {}
        self._last = time.monotonic()

    def moved(self, seconds: float) -> None:
        self._moves -= 1
        self._move_seconds = (self._move_seconds + seconds) / 2
        self._last = time.monotonic()

    def did(self, name: str) -> None:
        self._left[name] -= 1
        now = time.monotonic()
        took, self._last = now - self._last, now
        self._seconds[name] = (self._seconds.get(name, took) + took) / 2

    def skip(self, visit: _Visit) -> None:
        self._moves -= 1
        for benchmark, cases in visit.work:
            self.drop(benchmark["name"], len(cases))

    def drop(self, name: str, cases: int) -> None:
        self._left[name] -= cases

    def progress(self, visit: _Visit, doing: str) -> Progress:
        known = self._seconds.values()
        usual = sum(known) / len(known) if known else _CASE_SECONDS
        seconds = sum(n * self._seconds.get(name, usual) for name, n in self._left.items())
        done = 1 - sum(self._left.values()) / self._total
        left = seconds + self._moves * self._move_seconds
        return Progress(visit.release, visit.round, visit.rounds, doing, done, left)


def load_configuration(root: Path) -> Any:
    """Read asv's configuration and load its plugins; the working folder must be `root`.

    Raises
    ------
    InputError
        There is no configuration that asv can read.
    """
    try:
        configuration = Config.load(str(root / "asv.conf.json"))
    except (util.UserError, ValueError) as error:
        raise InputError(f"asv.conf.json in {root} cannot be read: {error}") from error
    for plugin in configuration.plugins:
        plugin_manager.import_plugin(plugin)
    return configuration


def _missing(benchmark: dict[str, Any], journal: Journal, number: int) -> list[Case]:
    """Return the cases that still need their round `number`."""
    known = journal.of(benchmark)
    return [
        case
        for case in record.cases_of(benchmark)
        if len(known.get(case, [])) < number
        and all(measured.status == "passed" for measured in known.get(case, []))
    ]


def _why_skipped(said: str) -> str:
    """Return the words of the NotImplementedError that a benchmark's setup raised."""
    found = re.search(r"asv: skipped: NotImplementedError\((['\"]?)(.*)\1\)", said)
    return found[2] if found else ""


def _last_line(failure: Exception | str) -> str:
    """Return the last line of what a failed process said, which names the exception."""
    said = failure
    if isinstance(failure, util.ProcessError):
        said = failure.stderr or failure.stdout or str(failure)
    lines = [line for line in str(said).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("asv: benchmark failed")]
    return lines[-1].strip() if lines else "it said nothing"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the right to measure: two runs at once would disturb each other's times."""
    folder.mkdir(exist_ok=True)
    with (folder / "measuring.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another run is measuring in {folder.parent}: wait for it, or stop it"
            ) from error
        yield


@contextlib.contextmanager
def _quiet(said: list[str] | None = None) -> Iterator[None]:
    """Keep asv from printing, and collect what it would have said as an error."""

    class Listener(logging.Handler):
        def emit(self, message: logging.LogRecord) -> None:
            if said is not None:
                said.append(message.getMessage())

    listener, logger = Listener(logging.ERROR), logging.getLogger()
    logger.addHandler(listener)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.removeHandler(listener)
