"""What asv loads: it makes the timeline's repository, and environments that move along it.

Standard library and asv only: asv's own interpreter imports this.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from asv import util
from asv.console import log
from asv.environment import Environment
from asv.machine import Machine, MachineCollection

from cryoet_bench.errors import InputError
from cryoet_bench.site.build import Site  # noqa: F401  (asv finds publishers by their class)
from cryoet_bench.timeline import environment, releases, repository

ROOT = Path(__file__).parents[2]
TOMOGRAM = "CRYOET_BENCH_TOMOGRAM"
CACHE = "CRYOET_BENCH_CACHE"
# Nothing that is measured computes with these pools, but their size shows in peak memory.
# The suite chooses Blosc's threads itself, and a BLOSC_NTHREADS would overrule it.
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def setup() -> None:
    """Prepare what every command of asv needs: the repository, and a name for this machine."""
    try:
        repository.refresh(releases.load(), repository.LOCATION)
    except InputError as error:
        raise util.UserError(str(error)) from error
    introduce_machine()


def introduce_machine() -> None:
    """Describe this machine to asv, if nobody has, so that asv never stops to ask.

    The kernel and the exact memory are left out: asv would split every series at an update.
    """
    name = Machine.get_unique_machine_name()
    try:
        with contextlib.suppress(util.UserError):
            MachineCollection.load(name)
            return
        MachineCollection.save(name, describe_machine())
    except (OSError, util.UserError) as error:
        raise util.UserError(
            f"cannot describe this machine in ~/.asv-machine.json ({error}): make it writable"
        ) from error


def describe_machine() -> dict[str, str]:
    """Return what identifies this machine, in words that an update does not change."""
    facts: dict[str, str] = Machine.get_defaults()
    facts["os"] = facts["os"].split()[0]
    if facts["ram"].isdigit():
        facts["ram"] = f"{round(int(facts['ram']) / 2**30)} GiB"
    return facts


class UnreachableError(environment.UnreachableError, util.UserError):  # type: ignore[misc]
    """The package index could not be reached; asv says so and stops."""


class ReleaseEnvironment(Environment):  # type: ignore[misc]
    """One environment that holds exactly the pins of the release that is measured.

    asv's own environments build and install a project, and leave behind what an earlier release
    needed; a release of the timeline has nothing to build.
    """

    tool_name = "release"

    def __init__(
        self,
        conf: Any,
        python: str,
        requirements: dict[str, str],
        tagged_env_vars: dict[tuple[str, str], str],
    ) -> None:
        variables = dict(tagged_env_vars)
        chosen = os.environ.get(TOMOGRAM)
        if chosen and ("nobuild", TOMOGRAM) in variables:
            variables["nobuild", TOMOGRAM] = chosen
        self._requirements = requirements
        super().__init__(conf, python, requirements, variables)
        self._environment = environment.Environment(Path(self._path), environment.find_uv())

    @classmethod
    def matches(cls, python: str) -> bool:
        """Tell asv that this is for the timeline's Python."""
        return python == environment.PYTHON

    def check_presence(self) -> bool:
        """Tell whether the environment is there and works."""
        if not self._environment.python.exists():
            return False
        try:
            self.run_executable("python", ["-c", "import asv_runner, numpy"], display_error=False)
        except (OSError, util.ProcessError):
            return False
        return True

    def create(self) -> None:
        """Make the environment unless it is there, and see to the tomogram that is measured.

        Raises
        ------
        asv.util.UserError
            There is no Python 3.12, no network, or no such tomogram.
        """
        if not self._is_setup:
            super().create()
            self._provide_tomogram()

    def install_project(self, conf: Any, repo: Any, commit_hash: str) -> None:
        """Move the environment to the release of a commit.

        Raises
        ------
        asv.util.UserError
            The package index is out of reach.
        asv.util.ProcessError
            The release cannot be installed here; asv records its benchmarks as failed.
        """
        if self._get_installed_commit_hash() != commit_hash:
            self._set_installed_commit_hash(None)
            log.info(f"Installing {repo.get_decorated_hash(commit_hash, 8)} into {self.name}")
            self._install(Path(conf.repo), commit_hash)
            self._set_installed_commit_hash(commit_hash)
        self._set_commit_hash(commit_hash)
        self._set_build_dirs(None, None)

    def run(self, args: list[str], **options: Any) -> Any:
        """Run the environment's Python."""
        return self.run_executable("python", args, **options)

    def run_executable(self, executable: str, args: list[str], **options: Any) -> Any:
        """Run a program of the environment, with cache and threads made explicit."""
        variables = {**os.environ, **options.pop("env", {})}
        variables.pop("BLOSC_NTHREADS", None)
        variables |= {**THREADS, CACHE: str(cache_folder())}
        return super().run_executable(executable, args, env=variables, **options)

    def _setup(self) -> None:
        log.info(f"Creating environment for {self.name}")
        try:
            self._environment.create(environment.find_python(self._environment.uv))
        except InputError as error:
            raise util.UserError(str(error)) from error
        self._environment.include(ROOT)
        newest = repository.head(repository.LOCATION)
        self._install(repository.LOCATION, newest)
        self._set_installed_commit_hash(newest)

    def _install(self, path: Path, commit_hash: str) -> None:
        pins = repository.requirements(path, commit_hash)
        beside = releases.load().beside(repository.release_below(path, commit_hash))
        try:
            self._environment.install([*pins, *beside])
            self._environment.prove([*pins, *beside])
        except environment.UnreachableError as error:
            raise UnreachableError(str(error)) from error
        except InputError as error:
            raise util.ProcessError(["install", *pins], 1, "", str(error)) from error

    def _get_install_checksum(self) -> list[Any]:
        ground = [str(companion) for companion in releases.load().companions]
        return [*super()._get_install_checksum(), str(ROOT), *ground]

    def _provide_tomogram(self) -> None:
        name = self.env_vars.get(TOMOGRAM)
        if not name:
            return
        own = importlib.util.find_spec("numpy") is not None
        python = sys.executable if own else str(self._environment.python)
        done = subprocess.run(
            [python, "-m", "cryoet_bench.tomogram.prepare", name], cwd=ROOT, text=True,
            env={**os.environ, CACHE: str(cache_folder())}, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.strip() or "no reason given"
            raise util.UserError(said.splitlines()[-1].removeprefix("cryoet-bench: "))


def cache_folder() -> Path:
    """Return the cache of tomograms: ``CRYOET_BENCH_CACHE``, else the platform's own.

    Said again here, because the cache's module needs numpy; virtualenv brings platformdirs to asv.
    """
    chosen = os.environ.get(CACHE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path  # noqa: PLC0415

    return user_cache_path("cryoet-bench", appauthor=False)
