"""asv's commands that measure: into the record, alone on this machine, under the stated conditions.

What would lose results, or keep them under a wrong label, is refused before anything is measured.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asv import environment as asv_environment
from asv import results as asv_results
from asv import util
from asv.benchmarks import Benchmarks
from asv.commands import run as asv_run
from asv.commands.find import Find

from cryoet_bench import variables
from cryoet_bench.harness import turn
from cryoet_bench.measure import machine, suite
from cryoet_bench.measure.asv import tomograms
from cryoet_bench.measure.asv.checkout import Checkout
from cryoet_bench.measure.asv.ending import in_asvs_words
from cryoet_bench.measure.asv.environment import ReleaseEnvironment
from cryoet_bench.measure.asv.results import Recorded
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.record import Record

# asv's own, before this project's stand in for them.
_run = asv_run.Run.run.__func__
_find = Find.run.__func__
_discover = Benchmarks.discover.__func__
_get_environments = asv_environment.get_environments

_ATTRIBUTES = frozenset({"rounds", "timeout"})
"""What may be overridden and leaves a sample what it is."""
_SAMPLING = frozenset({"repeat", "number", "sample_time", "warmup_time"})
"""What makes samples unlike those that the suite asks for."""


def run(cls: Any, /, conf: Any, range_spec: Any = None, **options: Any) -> Any:
    """Measure as ``asv run`` does, into the record."""
    attributes = set(options.get("attribute") or {})
    _refuse(range_spec, options, attributes)
    quick = bool(options.get("quick"))
    changed = sorted(attributes & _SAMPLING)
    origin = " ".join(["asv run", *["--quick"] * quick, *[f"-a {name}" for name in changed]])
    named = options.pop("machine", None)
    with _recording(conf, named, origin, quick=quick or bool(changed)) as name:
        # What the record of another machine has is new here: NEW and EXISTING are this one's.
        asv_run.get_existing_hashes = lambda results: asv_results.get_existing_hashes(
            f"{results}/{name}"
        )
        return _run(cls, conf, range_spec, machine=name, **options)


def _refuse(range_spec: Any, options: dict[str, Any], attributes: set[str]) -> None:
    """Raise for options of ``asv run`` that would lose, mislabel or disturb what is measured."""
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
    if foreign := attributes - _ATTRIBUTES - _SAMPLING:
        raise util.UserError(
            f"the conditions of a measurement are fixed, so {', '.join(sorted(foreign))} cannot "
            f"be set: --attribute takes {', '.join(sorted(_ATTRIBUTES | _SAMPLING))}"
        )


def find(cls: Any, /, conf: Any, *arguments: Any, **options: Any) -> Any:
    """Search as ``asv find`` does, into the record."""
    with _recording(conf, options.pop("machine", None), "asv find") as name:
        return _find(cls, conf, *arguments, machine=name, **options)


@contextmanager
def _recording(
    conf: Any, machine_name: str | None, origin: str, *, quick: bool = False
) -> Iterator[str]:
    """Let asv measure into the record, alone on this machine; yield the machine's name there."""
    with in_asvs_words():
        checkout = Checkout.of(conf)
        name = machine.identify(checkout.record, machine_name)
        machine.introduce(name)
        Recorded.begin(checkout, name, origin, quick=quick)
        with turn.measuring(f"{origin} in {Path.cwd()}"):
            tomograms.resolve(conf)
            checkout.write_files()
            try:
                yield name
            finally:
                checkout.write_files()


def alone(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command of asv that takes its turn on this machine, and keeps nothing."""

    def measure(cls: Any, /, conf: Any, *arguments: Any, **options: Any) -> Any:
        with in_asvs_words(), turn.measuring(f"{what} in {Path.cwd()}"):
            tomograms.resolve(conf)
            return original(cls, conf, *arguments, **options)

    return measure


def get_environments(conf: Any, env_spec: Any, verbose: bool = True) -> Iterator[Any]:
    """Yield asv's environments, refusing those that would keep a value under a wrong label."""
    for found in _get_environments(conf, env_spec, verbose):
        if not isinstance(found, ReleaseEnvironment):
            raise util.UserError(
                f"only releases of the timeline are measured, not the environment {found.name}: "
                "leave out -E and --python; scripts/bench --candidate measures unreleased code"
            )
        yield found


def discover(cls: Any, /, *arguments: Any, regex: Any = None, **options: Any) -> Any:
    """Return the benchmarks asked for: the cases of the core tier, unless a pattern is given."""
    for pattern in [regex] if isinstance(regex, str) else regex or []:
        try:
            re.compile(pattern)
        except re.error as error:
            raise util.UserError(f"--bench {pattern} is no regular expression: {error}") from error
    found = _discover(cls, *arguments, regex=regex, **options)
    benchmarks = {name: Benchmark(it) for name, it in found._all_benchmarks.items()}
    with in_asvs_words():
        Record.of(Path.cwd()).describe_suite(benchmarks, suite.digest(Path.cwd()))
    if regex:
        os.environ[variables.TIER] = "none"  # what was asked for is measured one by one
    else:
        os.environ[variables.TIER] = "core"
        _select_core(found, benchmarks)
    return found


def _select_core(found: Any, benchmarks: dict[str, Benchmark]) -> None:
    """Leave asv only the cases of the core tier."""
    for name, benchmark in benchmarks.items():
        wanted = benchmark.cases_of("core")
        if not wanted:
            found.pop(name, None)
        elif benchmark.description["params"]:
            indices = [benchmark.cases.index(case) for case in wanted]
            found._benchmark_selection[name] = indices
