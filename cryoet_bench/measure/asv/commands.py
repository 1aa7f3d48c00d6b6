"""What asv's own commands do here, so that plain asv measures into the record and never lies.

asv loads the project's plugin once it knows the command; from then on these stand in for the parts
of its commands that would keep a value under a wrong label, lose one, or judge it wrongly.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import asv.environment
from asv import results as asv_results
from asv import util
from asv.benchmarks import Benchmarks
from asv.commands import (
    Command,
    asv_profiling,
    check,
    compare,
    continuous,
    find,
    preview,
    publish,
    rm,
    run,
    setup,
    show,
)
from asv.console import log
from asv.plugins.git import Git

from cryoet_bench import conclusion, variables
from cryoet_bench.errors import InputError
from cryoet_bench.harness import turn
from cryoet_bench.measure import machine, suite
from cryoet_bench.measure.asv import explorer, files
from cryoet_bench.measure.asv.environment import ROOT, ReleaseEnvironment, provide_tomogram
from cryoet_bench.measure.asv.processes import measured
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.journal import Journal, Round, Visit, now
from cryoet_bench.record.record import Record, Series
from cryoet_bench.timeline import releases, repository
from cryoet_bench.timeline.environment import PYTHON
from cryoet_bench.timeline.revisions import Revision, Revisions

_original: dict[str, Any] = {}
_ATTRIBUTES = frozenset({"rounds", "timeout"})
"""What may be overridden and leaves a sample what it is."""
_SAMPLING = frozenset({"repeat", "number", "sample_time", "warmup_time"})
"""What makes samples unlike those that the suite asks for."""


def take_charge() -> None:
    """Put what this project needs in the place of asv's own, once in a process."""
    if _original:
        return
    _original.update(
        run=run.Run.run.__func__,
        find=find.Find.run.__func__,
        check=check.Check.run.__func__,
        setup=setup.Setup.run_from_conf_args.__func__,
        profile=asv_profiling.Profile.run.__func__,
        show=show.Show.run.__func__,
        continuous=continuous.Continuous.run.__func__,
        preview=preview.Preview.run.__func__,
        rm=rm.Rm.run.__func__,
        discover=Benchmarks.discover.__func__,
        get_environments=asv.environment.get_environments,
        get_hashes_from_range=Git.get_hashes_from_range,
    )
    run.Run.run = classmethod(_run)
    find.Find.run = classmethod(_find)
    run.Results = find.Results = _Recorded
    check.Check.run = classmethod(_measuring("asv check", _original["check"]))
    # asv find calls Setup.run itself, when it is its turn already.
    setup.Setup.run_from_conf_args = classmethod(_measuring("asv setup", _setup))
    asv_profiling.Profile.run = classmethod(_measuring("asv profile", _original["profile"]))
    show.Show.run = classmethod(_show)
    continuous.Continuous.run = classmethod(_continuous)
    compare.Compare.run = classmethod(_compare)
    publish.Publish.run = classmethod(_publish)
    preview.Preview.run = classmethod(_preview)
    rm.Rm.run = classmethod(_rm)
    for command in util.iter_subclasses(Command):
        command.run_from_conf_args = classmethod(_concluding(command.run_from_conf_args.__func__))
    Benchmarks.discover = classmethod(_discover)
    asv.environment.get_environments = _get_environments
    Git.get_hashes_from_range = _hashes_from_range


def forget_other_repositories() -> None:
    """Drop what a hook or a script tells git to work on: asv's git works on the timeline."""
    for name in repository.git(Path.cwd(), "rev-parse", "--local-env-vars").split():
        os.environ.pop(name, None)


def _concluding(original: Any) -> Any:
    """Return a command of asv that ends as those of this project do where it cannot be done."""

    def run_from_conf_args(cls: Any, conf: Any, args: Any) -> Any:
        with concluded():
            code = original(cls, conf, args)
        judges = issubclass(cls, (compare.Compare, continuous.Continuous))
        # asv ends with 1 where nothing matches, too, and here that is the code of a finding.
        return conclusion.NOT_DONE if code and not judges else code

    return run_from_conf_args


@contextmanager
def concluded() -> Iterator[None]:
    """End with the exit code for what cannot be done: asv's own, 1, is that of a finding."""
    try:
        yield
    except util.UserError as error:
        log.error(str(error))
        log.flush()
        interrupted = isinstance(error.__cause__, KeyboardInterrupt)
        raise SystemExit(conclusion.INTERRUPTED if interrupted else conclusion.NOT_DONE) from error
    except Exception as error:
        log.debug(traceback.format_exc())
        log.error(conclusion.sentence(error, shows="--verbose"))
        log.flush()
        raise SystemExit(conclusion.NOT_DONE) from error


@contextmanager
def in_asvs_words() -> Iterator[None]:
    """Turn what the user can fix into asv's own kind of error, one sentence."""
    try:
        yield
    except InputError as error:
        raise util.UserError(str(error)) from error
    except KeyboardInterrupt as error:
        raise util.UserError("interrupted: what was measured so far is kept") from error


class _State:
    """What a command of asv works on: the record of this checkout."""

    def __init__(self, conf: Any) -> None:
        self.record = Record.of(Path.cwd())
        self.revisions = Revisions(releases.load(), Path(conf.repo))
        self._conf = conf

    def write(self) -> None:
        """Bring asv's files up to the record."""
        files.refresh(self.record, self.revisions.by_commit.values(), Path(self._conf.results_dir))


def _run(cls: Any, /, conf: Any, range_spec: Any = None, **options: Any) -> Any:
    """Measure as ``asv run`` does, into the record."""
    if range_spec == "TAGS":
        raise util.UserError(
            "asv loses the results of 'asv run TAGS': every commit is a release here, so run "
            "'asv run ALL', 'asv run NEW' or a range such as 'asv run zarr-3.4.1..zarr-3.4.2'"
        )
    if options.get("parallel", 1) not in {1, "1"}:
        raise util.UserError(
            "benchmarks that run in parallel disturb each other's times: leave out --parallel"
        )
    if options.get("set_commit_hash"):
        raise util.UserError(
            "--set-commit-hash would keep what is installed under another release's name: leave "
            "it out, or measure unreleased code with scripts/bench --candidate"
        )
    attributes = set(options.get("attribute") or {})
    if foreign := attributes - _ATTRIBUTES - _SAMPLING:
        raise util.UserError(
            f"the conditions of a measurement are fixed, so {', '.join(sorted(foreign))} cannot "
            f"be set: --attribute takes {', '.join(sorted(_ATTRIBUTES | _SAMPLING))}"
        )
    quick = bool(options.get("quick"))
    changed = sorted(attributes & _SAMPLING)
    origin = " ".join(["asv run", *["--quick"] * quick, *[f"-a {name}" for name in changed]])
    named = options.pop("machine", None)
    with _recording(conf, named, origin, quick=quick or bool(changed)) as name:
        # What the record of another machine has is new here: NEW and EXISTING are this one's.
        run.get_existing_hashes = lambda results: asv_results.get_existing_hashes(
            f"{results}/{name}"
        )
        return _original["run"](cls, conf, range_spec, machine=name, **options)


def _find(cls: Any, /, conf: Any, *arguments: Any, **options: Any) -> Any:
    """Search as ``asv find`` does, into the record."""
    with _recording(conf, options.pop("machine", None), "asv find") as name:
        return _original["find"](cls, conf, *arguments, machine=name, **options)


@contextmanager
def _recording(
    conf: Any, machine_name: str | None, origin: str, *, quick: bool = False
) -> Iterator[str]:
    """Let asv measure into the record, alone on this machine; yield the machine's name there."""
    with in_asvs_words():
        state = _State(conf)
        name = machine.identify(state.record, machine_name)
        machine.introduce(name)
        _Recorded.begin(state, name, origin, quick=quick)
        with turn.measuring(f"{origin} in {Path.cwd()}"):
            _resolve_tomogram(conf)
            state.write()
            try:
                yield name
            finally:
                state.write()


def _measuring(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that measures alone on this machine."""

    def measure(cls: Any, /, conf: Any, *arguments: Any, **options: Any) -> Any:
        with in_asvs_words(), turn.measuring(f"{what} in {Path.cwd()}"):
            _resolve_tomogram(conf)
            return original(cls, conf, *arguments, **options)

    return measure


def _setup(cls: Any, /, *arguments: Any) -> None:
    """Make the environment; asv would end with what its method returns as the exit code."""
    _original["setup"](cls, *arguments)


def _show(cls: Any, /, conf: Any, commit: str | None = None, **options: Any) -> Any:
    """Show what the record holds of a revision, by any of its names."""
    with in_asvs_words():
        state = _State(conf)
        state.write()
        if commit:
            commit = state.revisions.find(commit).commit
    return _original["show"](cls, conf, commit=commit, **options)


def _hashes_from_range(self: Any, range_spec: str) -> Any:
    """Return the commits of a range, or say that there is none such.

    Publishing asks for the same few hundreds of times, a process of git each.
    """
    known = vars(self).setdefault("_known_ranges", {})
    try:
        if range_spec not in known:
            known[range_spec] = _original["get_hashes_from_range"](self, range_spec)
        return list(known[range_spec])
    except (util.ProcessError, ValueError) as error:
        raise util.UserError(
            f"{range_spec} is no range of releases: write a release as 'zarr-3.4.2^!' and several "
            "as 'zarr-3.4.0..zarr-3.4.2' ('cryoet-bench timeline list' names them)"
        ) from error


def _resolve_tomogram(conf: Any) -> None:
    """Take a user's own choice of the tomogram over, which may be a file.

    Raises
    ------
    asv.util.UserError
        There is no such tomogram.
    """
    if not conf.matrix.keys() <= {"req", "env", "env_nobuild"}:  # asv's older way to write it
        conf.matrix = {"req": conf.matrix}
    matrix = conf.matrix.setdefault("env_nobuild", {})
    chosen = os.environ.get(variables.TOMOGRAM)
    named = [chosen] if chosen else matrix.get(variables.TOMOGRAM)
    named = [named] if isinstance(named, str) else list(named or [variables.DEFAULT_TOMOGRAM])
    record = Record.of(Path.cwd())
    found = []
    for name in named:
        facts = provide_tomogram(name, _python_with_numpy(conf, name))
        record.describe_tomogram(facts)
        found.append(facts["name"])
    if chosen:
        os.environ[variables.TOMOGRAM] = found[0]
    matrix[variables.TOMOGRAM] = list(dict.fromkeys(found))


def _python_with_numpy(conf: Any, tomogram: str) -> Path | None:
    """Return what can prepare a tomogram where asv's own interpreter has no numpy."""
    if importlib.util.find_spec("numpy"):
        return None
    tagged = {("nobuild", variables.TOMOGRAM): tomogram}
    measured = ReleaseEnvironment(conf, PYTHON, {}, tagged)
    measured.create()
    return measured.python_path


def _get_environments(conf: Any, env_spec: Any, verbose: bool = True) -> Iterator[Any]:
    """Yield asv's environments, refusing those that would keep a value under a wrong label."""
    for found in _original["get_environments"](conf, env_spec, verbose):
        if not isinstance(found, ReleaseEnvironment):
            raise util.UserError(
                f"only releases of the timeline are measured, not the environment {found.name}: "
                "leave out -E and --python; scripts/bench --candidate measures unreleased code"
            )
        yield found


def _discover(cls: Any, /, *arguments: Any, regex: Any = None, **options: Any) -> Any:
    """Return the benchmarks asked for: the cases of the core tier, unless a pattern is given."""
    for pattern in [regex] if isinstance(regex, str) else regex or []:
        try:
            re.compile(pattern)
        except re.error as error:
            raise util.UserError(f"--bench {pattern} is no regular expression: {error}") from error
    found = _original["discover"](cls, *arguments, regex=regex, **options)
    suite_ = {name: Benchmark(it) for name, it in found._all_benchmarks.items()}
    with in_asvs_words():
        Record.of(Path.cwd()).describe_suite(suite_, suite.digest(Path.cwd()))
    if regex:
        os.environ[variables.TIER] = "none"  # what was asked for is measured one by one
        return found
    os.environ[variables.TIER] = "core"
    for name, benchmark in suite_.items():
        wanted = benchmark.cases_of("core")
        if not wanted:
            found.pop(name, None)
        elif benchmark.description["params"]:
            indices = [benchmark.cases.index(case) for case in wanted]
            found._benchmark_selection[name] = indices
    return found


class _Recorded(asv_results.Results):  # type: ignore[misc]
    """asv's results of one release, which it fills round by round: each goes into the record."""

    state: _State
    machine_name: str
    origin: str
    quick: bool

    @classmethod
    def begin(cls, state: _State, name: str, origin: str, *, quick: bool) -> None:
        """Say where what follows belongs."""
        cls.state, cls.machine_name, cls.origin, cls.quick = state, name, origin, quick

    def load_data(self, result_dir: str) -> None:
        """Load what is known; asv does so where it will save."""
        super().load_data(result_dir)
        revision = self.state.revisions.by_commit[self.commit_hash]
        series = Series(self.machine_name, self.env_vars[variables.TOMOGRAM], revision.name)
        self._journal = self.state.record.journal(series)
        self._revision = revision
        self._visit = ""
        numbers = [entry.round for entry in self._journal.rounds]
        self._round = 1 + max(numbers, default=0)
        ReleaseEnvironment.hash_seed = self._round

    def add_result(self, benchmark: dict[str, Any], result: Any, **options: Any) -> None:
        """Take a round of a benchmark: it is in the record before this returns."""
        super().add_result(benchmark, result, **options)
        installed = ReleaseEnvironment.present
        if not hasattr(self, "_journal") or installed is None:
            return
        if installed.revision.commit != self.commit_hash:  # it could not be installed
            return
        if not self._visit:
            self._visit = uuid.uuid4().hex[:12]
            self._journal.begin(
                Visit(
                    id=self._visit,
                    started_at=now(),
                    origin=self.origin,
                    quick=self.quick,
                    installed=tuple(vars(one) for one in installed.distributions),
                    project=suite.state(Path.cwd()),
                    conditions=ReleaseEnvironment.conditions(),
                )
            )
        described = Benchmark(benchmark)
        chosen = options.get("selected_idx")
        indices = range(len(described.cases)) if chosen is None else sorted(chosen)
        cases = tuple(measured(result, index, described.cases[index]) for index in indices)
        started: datetime = options["started_at"]
        moment = started.isoformat(timespec="milliseconds")
        seconds = (datetime.now(started.tzinfo) - started).total_seconds()
        self._journal.append(
            Round(
                described.name,
                described.version,
                self._number(described),
                moment,
                round(seconds, 3),
                cases,
                self._visit,
            )
        )

    def save(self, result_dir: str) -> None:
        """Write asv's file from the record."""
        series = Series(self.machine_name, self.env_vars[variables.TOMOGRAM], self._revision.name)
        with in_asvs_words():
            files.write(self.state.record, series, self._revision, Path(result_dir))

    def _number(self, benchmark: Benchmark) -> int:
        known = self._journal.round_numbers(benchmark)
        return 1 + max((max(numbers) for numbers in known.values()), default=0)


def _continuous(
    cls: Any, /, conf: Any, branch: Any = None, base: Any = None, **options: Any
) -> Any:
    """Measure two revisions as ``asv continuous`` does, and judge them by the record."""
    del cls
    with in_asvs_words():
        state = _State(conf)
        after = state.revisions.find(branch or conf.branches[0])
        before = state.revisions.find(base) if base else state.revisions.before(after)
    if before is None:
        raise util.UserError(f"{after.label} is the first release: there is nothing before it")
    taken = {"factor", "split", "only_changed", "sort", "use_stats"}
    kept = {name: value for name, value in options.items() if name not in taken}
    result = run.Run.run(conf, range_spec=[after.commit, before.commit], **kept)
    if result:
        return conclusion.NOT_DONE
    return _judge(before, after, conf, options.get("machine"))


def _compare(
    cls: Any, /, conf: Any, hash_1: str, hash_2: str, *_: Any, machine: Any = None, **__: Any
) -> Any:
    """Compare two revisions by the record, as everything else does."""
    del cls
    with in_asvs_words():
        state = _State(conf)
        before, after = state.revisions.find(hash_1), state.revisions.find(hash_2)
    return _judge(before, after, conf, machine)


def _judge(before: Revision, after: Revision, conf: Any, machine_name: str | None) -> int:
    """Print what changed between two revisions by the project's own comparison."""
    chosen = conf.matrix.get("env_nobuild", {}).get(variables.TOMOGRAM)
    names = [chosen] if isinstance(chosen, str) else list(chosen or [])
    command = [sys.executable, "-m", "cryoet_bench", "changes", "--between"]
    command += [before.name, after.name]
    if os.environ.get(variables.TOMOGRAM) or names:
        command += ["--tomogram", os.environ.get(variables.TOMOGRAM) or names[0]]
    if not all(map(importlib.util.find_spec, ("typer", "pandas"))):
        raise util.UserError(
            "this Python can measure but not compare: what was measured is in the record, so run "
            f"'scripts/bench {before.name} {after.name}'"
        )
    if machine_name:
        command += ["--machine", machine_name]
    log.flush()
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _publish(cls: Any, /, conf: Any, **options: Any) -> Any:
    """Publish what the record holds: our pages, with asv's in a folder of them."""
    del cls
    with in_asvs_words():
        state = _State(conf)
        if not state.record.series():
            raise InputError(
                "nothing was measured yet: run scripts/bench, or 'asv run zarr-3.4.2^!'"
            )

        folder = explorer.publish(conf, state.record, state.revisions, **options)
    log.info(f"The site is in {folder}")


def _preview(cls: Any, /, conf: Any, *arguments: Any, **options: Any) -> Any:
    """Show the site, publishing it first where that was not done yet."""
    if not Path(conf.html_dir, "index.html").exists():
        publish.Publish.run(conf, pull=False)
    return _original["preview"](cls, conf, *arguments, **options)


def _rm(cls: Any, /, conf: Any, patterns: Iterable[str], y: bool = True) -> Any:
    """Remove results as ``asv rm`` does: they are discarded in the record."""
    with in_asvs_words():
        state = _State(conf)
        state.write()
    known = {"benchmark", "commit_hash", "python"}
    known.update(*(one.params for one in _removable(state, conf.results_dir)))
    for pattern in patterns:
        if (name := pattern.partition("=")[0]) not in known:
            raise util.UserError(f"asv rm knows no {name!r}, only {', '.join(sorted(known))}")
    rm.iter_results = lambda results_dir: _removable(state, results_dir)
    try:
        return _original["rm"](cls, conf, patterns, y)
    finally:
        with in_asvs_words():
            state.write()


def _removable(state: _State, results_dir: str) -> Iterator[Any]:
    for path in sorted(files.result_files(Path(results_dir))):
        found = _Removable.load(str(path))
        revision = state.revisions.by_commit[found.commit_hash]
        series = Series(path.parent.name, found.env_vars[variables.TOMOGRAM], revision.name)
        found.journal = state.record.journal(series)
        found.removed = set()
        yield found


class _Removable(asv_results.Results):  # type: ignore[misc]
    """asv's results of a release, whose removal is written into the record."""

    journal: Journal
    removed: set[str]

    def remove_result(self, key: str) -> None:
        """Remember which benchmark to discard."""
        self.removed.add(key)

    def save(self, result_dir: str) -> None:
        """Discard the benchmarks that were removed."""
        del result_dir
        if self.removed:
            self.journal.discard(self.removed)

    def rm(self, result_dir: str) -> None:
        """Discard everything."""
        del result_dir
        self.journal.discard()
