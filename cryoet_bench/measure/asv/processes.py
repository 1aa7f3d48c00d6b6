"""The processes that measure: one for each case, started as asv starts them."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from asv import util
from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.environment import get_environments
from asv.plugin_manager import plugin_manager
from asv.repo import get_repo
from asv.runner import get_spawner, run_benchmark

from cryoet_bench import variables
from cryoet_bench.errors import InputError
from cryoet_bench.measure.asv.environment import Installed, ReleaseEnvironment
from cryoet_bench.record.benchmark import Benchmark, Case
from cryoet_bench.record.journal import Measured
from cryoet_bench.timeline.revisions import Revision

_DECIMALS = 10
"""Of the seconds of a sample, a tenth of the nanosecond that the clock counts.

What a difference of two floats writes behind them is no measurement, and was half of the record.
"""


def load_configuration(root: Path, tomogram: str | None = None) -> Any:
    """Read asv's configuration and load its plugins; the working folder must be `root`.

    Parameters
    ----------
    root : pathlib.Path
        The folder of ``asv.conf.json``.
    tomogram : str, optional
        The one tomogram to measure on, in place of those in the file.

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
    if tomogram:
        os.environ[variables.TOMOGRAM] = tomogram
        matrix = configuration.matrix.setdefault("env_nobuild", {})
        matrix[variables.TOMOGRAM] = [tomogram]
    return configuration


class Laboratory:
    """The environment that moves between revisions, and the processes in it.

    What a class of benchmarks prepares once (``setup_cache``) is kept until the environment moves.

    Parameters
    ----------
    root : pathlib.Path
        The folder of ``asv.conf.json``, which is also the working folder.
    tomogram : str
        What is measured on.
    tier : str
        Whose cases the measured processes prepare.
    place : str
        Folder of the environment within asv's own; two laboratories with two folders stand side
        by side.
    """

    def __init__(self, root: Path, tomogram: str, tier: str, place: str = "") -> None:
        self.configuration = load_configuration(root, tomogram)
        self.configuration.env_dir = str(Path(self.configuration.env_dir) / place)
        self._tier = tier
        self._repository = get_repo(self.configuration)
        self._spawners: dict[str, Any] = {}
        self._prepared: dict[str, tuple[str | None, str | None]] = {}
        found = list(get_environments(self.configuration, None))
        if len(found) != 1:
            raise InputError(
                "no environment can be made: Python 3.12 is needed"
                if not found
                else "asv.conf.json describes several environments, and only one can be measured"
            )
        self._environment: Any = found[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forget()

    @property
    def installed(self) -> Installed | None:
        """What the environment holds, as it proved itself."""
        installed: Installed | None = getattr(self._environment, "installed", None)
        return installed

    def move(self, revision: Revision, hash_seed: int = 0) -> str:
        """Move the environment to a revision; return why that cannot be done, or nothing.

        Parameters
        ----------
        revision : Revision
            Where to.
        hash_seed : int
            Of string hashes, shared by all revisions of a round.

        Raises
        ------
        InputError
            No revision can be installed now, as without the network.
        """
        self._forget()
        ReleaseEnvironment.hash_seed = hash_seed
        try:
            with quiet():
                self._environment.create()
                self._environment.install_project(
                    self.configuration, self._repository, revision.commit
                )
        except util.UserError as error:
            raise InputError(str(error)) from error
        except util.ProcessError as error:
            return last_line(error)
        return ""

    def set_hash_seed(self, hash_seed: int) -> None:
        """Let the processes that start from now on hash strings with this seed."""
        ReleaseEnvironment.hash_seed = hash_seed

    def import_failure(self) -> str:
        """Return why the installed revision cannot even be imported, or nothing."""
        try:
            with quiet():
                self._environment.run(["-c", "import numcodecs, zarr"], dots=False)
        except util.ProcessError as error:
            return f"cannot be imported: {last_line(error)}"
        return ""

    def discover(self, revisions: list[Revision]) -> dict[str, Benchmark]:
        """Return the suite, as it describes itself beside one of some revisions.

        Raises
        ------
        InputError
            None of them can be installed, or the suite cannot be imported beside any.
        """
        problem = ""
        for revision in revisions:
            problem = self.move(revision)
            if not problem:
                break
        else:
            raise InputError(f"no release can be installed: {problem}")
        said: list[str] = []
        commits = [revision.commit for revision in revisions]
        try:
            with quiet(said):
                found = Benchmarks.discover(
                    self.configuration, self._repository, [self._environment], commits
                )
        except (util.UserError, util.ProcessError) as error:
            why = [line for line in said if not line.startswith("Last error")] or [str(error)]
            raise InputError(
                f"the benchmarks cannot be imported beside any release: {last_line(why[-1])}"
            ) from error
        # All of them: asv's own selection is that of plain `asv run`.
        return {name: Benchmark(it) for name, it in sorted(found._all_benchmarks.items())}

    def measure(self, benchmark: Benchmark, case: Case, number: int | None = None) -> Measured:
        """Measure one case in a process of its own.

        Parameters
        ----------
        benchmark : Benchmark
            Which.
        case : tuple of str
            One of its cases.
        number : int, optional
            Calls per sample, as in earlier rounds.

        Raises
        ------
        InputError
            What is installed was changed meanwhile.
        KeyboardInterrupt
            The user interrupted it.
        """
        description = dict(benchmark.description)
        if description.get("timeout") is None:
            description["timeout"] = self.configuration.default_benchmark_timeout
        index = benchmark.cases.index(case)
        try:
            with quiet():
                folder, problem = self._prepare(benchmark, description)
                if problem:
                    return Measured(case, "failed", reason=last_line(problem))
                outcome = run_benchmark(
                    description,
                    self._spawner(benchmark),
                    profile=False,
                    selected_idx={index},
                    extra_params={"number": number} if number else {},
                    cwd=folder,
                )
        except util.UserError as error:
            if isinstance(error.__cause__, InputError):
                raise InputError(str(error)) from error
            raise KeyboardInterrupt from error  # asv's word for ctrl-C
        return measured(outcome, index, case)

    def _spawner(self, benchmark: Benchmark) -> Any:
        """Return what starts the process of a case.

        Exact values that were prepared together are only looked up: forked from a process that has
        the suite imported, that takes 20 ms instead of 400. What does work starts afresh, because
        threads do not survive a fork.
        """
        looked_up = not benchmark.is_timed and benchmark.description.get("setup_cache_key")
        method = "forkserver" if looked_up else "spawn"
        if method not in self._spawners:
            os.environ[variables.TIER] = self._tier
            folder = str(self.configuration.benchmark_dir)
            self._spawners[method] = get_spawner(self._environment, folder, method)
        return self._spawners[method]

    def _prepare(
        self, benchmark: Benchmark, description: dict[str, Any]
    ) -> tuple[str | None, str | None]:
        """Return the folder of a class's ``setup_cache``, if it has one, or what went wrong."""
        key = description.get("setup_cache_key")
        if not key:
            return None, None
        if key not in self._prepared:
            timeout = description.get("setup_cache_timeout", description["timeout"])
            self._prepared[key] = self._spawner(benchmark).create_setup_cache(
                benchmark.name, timeout, json.dumps({"cpu_affinity": None})
            )
        return self._prepared[key]

    def _forget(self) -> None:
        """End the processes of a visit, and remove what they prepared."""
        for spawner in self._spawners.values():
            spawner.close()
        for folder, _problem in self._prepared.values():
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
        self._spawners.clear()
        self._prepared.clear()


def measured(outcome: Any, index: int, case: Case) -> Measured:
    """Return what asv found of one case.

    Parameters
    ----------
    outcome : asv.runner.BenchmarkResult
        Of all cases of a benchmark.
    index : int
        Which of them.
    case : tuple of str
        Its parameters.
    """
    value, samples = outcome.result[index], outcome.samples[index]
    if value is None:
        return Measured(case, "failed", reason=last_line(outcome.stderr))
    if math.isnan(value):
        return Measured(case, "n/a", reason=_why_skipped(outcome.stderr))
    if math.isinf(value):
        return Measured(case, "failed", reason=f"its value is {value}")
    if samples is None:
        return Measured(case, "passed", value=float(value))
    seconds = tuple(round(one, _DECIMALS) for one in samples)
    return Measured(case, "passed", samples=seconds, number=outcome.number[index])


def _why_skipped(said: str) -> str:
    """Return the words of the NotImplementedError, or of a kind of it, that a setup raised."""
    found = re.search(r"asv: skipped: \w+\((['\"]?)(.*)\1\)", said)
    return found[2] if found else ""


def last_line(failure: Exception | str) -> str:
    """Return the last line of what a failed process said, which names the exception."""
    said = failure
    if isinstance(failure, util.ProcessError):
        said = failure.stderr or failure.stdout or str(failure)
    lines = [line for line in str(said).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("asv: benchmark failed")]
    return lines[-1].strip() if lines else "it said nothing"


@contextlib.contextmanager
def quiet(said: list[str] | None = None) -> Iterator[None]:
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
