"""The environment that asv measures in: it moves along the timeline, and proves where it is."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asv import util
from asv.console import log
from asv.environment import Environment

from cryoet_bench import variables
from cryoet_bench.errors import InputError
from cryoet_bench.harness import conditions
from cryoet_bench.timeline import environment, installers, releases, repository
from cryoet_bench.timeline.proof import Distribution
from cryoet_bench.timeline.revisions import Revision, Revisions

ROOT = Path(__file__).parents[3]
_CHECK_AGAIN = 1.0  # seconds: a look at four thousand files takes longer than most cases


class UnreachableError(environment.UnreachableError, util.UserError):  # type: ignore[misc]
    """The package index could not be reached; asv says so and stops."""


@dataclass(frozen=True)
class Installed:
    """The revision that an environment holds, as it proved itself.

    Attributes
    ----------
    revision : Revision
        What was named.
    distributions : tuple of Distribution
        What is there: names, versions, origins, digests.
    """

    revision: Revision
    distributions: tuple[Distribution, ...]


class ReleaseEnvironment(Environment):  # type: ignore[misc]
    """One environment that holds exactly the pins of the revision that is measured.

    asv's own environments build and install a project, and leave behind what an earlier release
    needed; a revision of the timeline has nothing to build.
    """

    tool_name = "release"
    hash_seed = 0
    """Of string hashes in the measured processes: the same for all revisions of a round."""
    present: Installed | None = None
    """What the environment that moved last holds."""

    def __init__(
        self,
        conf: Any,
        python: str,
        requirements: dict[str, str],
        tagged_env_vars: dict[tuple[str, str], str],
    ) -> None:
        _refuse_what_is_not_done(python, requirements, tagged_env_vars)
        self._requirements = requirements
        super().__init__(conf, python, requirements, tagged_env_vars)
        self._environment = environment.Environment(Path(self._path), installers.find_uv())
        self.installed: Installed | None = None
        self._checked_at = 0.0

    @classmethod
    def matches(cls, python: str) -> bool:
        """Tell asv that this is for the timeline's Python."""
        return python == installers.PYTHON

    @property
    def python_path(self) -> Path:
        """The interpreter of the environment."""
        return self._environment.python

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
            name = self.env_vars.get(variables.TOMOGRAM)
            if name:
                provide_tomogram(name, self._environment.python)

    def install_project(self, conf: Any, repo: Any, commit_hash: str) -> None:
        """Move the environment to the revision of a commit, and prove that it is there.

        Raises
        ------
        asv.util.UserError
            The package index is out of reach.
        asv.util.ProcessError
            The revision cannot be installed here; asv records its benchmarks as failed.
        """
        del repo  # asv's own view of the timeline
        if self.installed is None or self.installed.revision.commit != commit_hash:
            self._set_installed_commit_hash(None)
            revision = _revision(Path(conf.repo), commit_hash)
            log.info(f"Installing {revision.label} into {self.name}")
            self._install(revision)
            self._set_installed_commit_hash(commit_hash)
        self._set_commit_hash(commit_hash)
        self._set_build_dirs(None, None)

    @classmethod
    def conditions(cls) -> dict[str, Any]:
        """Return what is in force for the measured processes."""
        return conditions.facts(conditions.environment(os.environ, hash_seed=cls.hash_seed))

    def check(self) -> None:
        """Raise unless what is installed is still what was proved.

        Raises
        ------
        asv.util.UserError
            It was changed meanwhile.
        """
        if self.installed is None or time.monotonic() - self._checked_at < _CHECK_AGAIN:
            return
        self._checked_at = time.monotonic()
        try:
            self._environment.check(self.installed.distributions)
        except InputError as error:
            raise util.UserError(str(error)) from error

    def run(self, args: list[str], **options: Any) -> Any:
        """Run the environment's Python under the stated conditions."""
        self.check()
        return self.run_executable("python", args, **options)

    def run_executable(self, executable: str, args: list[str], **options: Any) -> Any:
        """Run a program of the environment, with its variables made explicit."""
        environ = conditions.environment(
            {**os.environ, **options.pop("env", {})}, hash_seed=self.hash_seed
        )
        environ |= {**self.env_vars, variables.CACHE: str(variables.cache_folder())}
        programs = Path(self._path) / "bin"
        environ["PATH"] = os.pathsep.join([str(programs), environ.get("PATH", os.defpath)])
        command = [*_starter(), *conditions.launcher(), str(programs / executable), *args]
        return util.check_output(command, env=environ, **options)

    def _setup(self) -> None:
        log.info(f"Creating environment for {self.name}")
        try:
            self._environment.create(installers.find_python(self._environment.uv))
        except InputError as error:
            raise util.UserError(str(error)) from error
        self._environment.include(ROOT)
        revisions = Revisions(releases.load(), repository.LOCATION)
        newest = revisions.last(1)[0]
        self._install(newest)
        self._set_installed_commit_hash(newest.commit)

    def _install(self, revision: Revision) -> None:
        self.installed = ReleaseEnvironment.present = None
        wanted = revision.requirements
        for intruder in conditions.intruders(Path(self._path)):
            raise util.UserError(f"a setting of this machine reaches what is measured: {intruder}")
        try:
            self._environment.install(wanted)
            self.installed = Installed(revision, self._environment.prove(wanted))
            ReleaseEnvironment.present = self.installed
        except environment.UnreachableError as error:
            raise UnreachableError(str(error)) from error
        except InputError as error:
            raise util.ProcessError(["install", *wanted], 1, "", str(error)) from error

    def _get_install_checksum(self) -> list[Any]:
        ground = [str(companion) for companion in releases.load().companions]
        return [*super()._get_install_checksum(), str(ROOT), *ground]


@functools.cache
def _starter() -> tuple[str, ...]:
    """Return a small program that starts another one and ends as it does; nothing without one.

    Linux hands the peak of memory of a process on to what it starts. Without a small one in
    between, ``peakmem`` of a small release would be the peak of this process.
    """
    found = shutil.which("timeout")
    if found is None:
        return ()
    command = (found, "--foreground", "0")  # of the core utilities; 0 is no limit
    done = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if done.returncode == 0 else ()


def _refuse_what_is_not_done(
    python: str,
    requirements: dict[str, str],
    tagged_env_vars: dict[tuple[str, str], str],
) -> None:
    """Raise for what would be shown as a part of a series and not be measured."""
    if python != installers.PYTHON:
        raise util.UserError(
            f"the timeline's releases are measured on Python {installers.PYTHON} only, not on "
            f'{python}: leave out --python and -E, and keep "pythons" in asv.conf.json'
        )
    if requirements:
        raise util.UserError(
            f"the timeline pins every package, so a matrix of {', '.join(requirements)} cannot "
            'be installed: remove "req" from the matrix in asv.conf.json, or measure a candidate '
            "with scripts/bench --candidate"
        )
    foreign = {key for _, key in tagged_env_vars} - {variables.TOMOGRAM}
    if foreign:
        raise util.UserError(
            f"the conditions of a measurement are fixed, so {', '.join(sorted(foreign))} cannot be "
            f"set by the matrix in asv.conf.json: only {variables.TOMOGRAM} can"
        )
    if variables.TOMOGRAM not in {key for _, key in tagged_env_vars}:
        raise util.UserError(
            f"no tomogram is named: keep {variables.TOMOGRAM} in the matrix of asv.conf.json"
        )


def _revision(repository_path: Path, commit_hash: str) -> Revision:
    try:
        return Revisions(releases.load(), repository_path).find(commit_hash)
    except InputError as error:
        raise util.UserError(str(error)) from error


def provide_tomogram(name: str, python: Path | None = None) -> dict[str, Any]:
    """Make sure that a tomogram is in the cache, and return its facts, such as its name there.

    Parameters
    ----------
    name : str
        A name, a file, or a tomogram of the portal.
    python : pathlib.Path, optional
        An interpreter with numpy, for where asv's own has none.

    Raises
    ------
    asv.util.UserError
        There is no such tomogram.
    """
    command = _preparing(python)
    environ = {**os.environ, variables.CACHE: str(variables.cache_folder())}
    done = subprocess.run(
        [*command, name], cwd=ROOT, text=True, env=environ, capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip() or "no reason given"
        raise util.UserError(said.splitlines()[-1].removeprefix("cryoet-bench: "))
    for line in done.stderr.splitlines():  # such as which part of a large file is measured
        log.warning(line)
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def _preparing(python: Path | None) -> Sequence[str]:
    import importlib.util  # noqa: PLC0415

    own = importlib.util.find_spec("numpy") is not None
    interpreter = sys.executable if own or python is None else str(python)
    return [interpreter, "-m", "cryoet_bench.tomogram.prepare"]
