"""The environment that releases are installed into, one after the other.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import bytecode, installers, proof
from cryoet_bench.timeline.installers import PYTHON
from cryoet_bench.timeline.proof import Distribution

# zarr 2 needs asciitree, which has a source archive only; everything else comes as a wheel.
SOURCE_ONLY = "asciitree"
OFFLINE = "cannot reach the package index: check the network, then run the same again"
_SIGNS = re.compile(
    r"error sending request|failed to fetch|could not fetch url|dns error|timed out"
    r"|connection ?(?:refused|reset|error|broken|aborted|closed)|network is unreachable"
    r"|name resolution|network (?:connectivity )?(?:is|was) disabled",
    re.IGNORECASE,
)
_GIT = re.compile(r"Git operation failed.*?^\s*fatal: (.+?)$", re.DOTALL | re.MULTILINE)
# Of what is not there uv says that git failed to fetch it, as without a network.
_REFUSALS = re.compile(
    r"couldn't find remote ref|not our ref|does not appear to be a git repository|not found"
    r"|could not read username|authentication failed|returned error",
    re.IGNORECASE,
)


class UnreachableError(InputError):
    """The package index could not be reached."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment whose content is exactly what is asked for.

    Attributes
    ----------
    path : Path
        Its folder.
    uv : str | None
        The uv to install with; pip, slower, where there is none.
    options : tuple[str, ...]
        Further options of the installer, such as another index.
    """

    path: Path
    uv: str | None
    options: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    def create(self, python: str) -> None:
        """Make it, empty, with an interpreter of that path, in place of what is there."""
        if self.uv:
            command = [self.uv, "venv", "--quiet", "--no-project", "--clear"]
            _run([*command, "--python", python, str(self.path)])
        else:
            # asv brings virtualenv, which is several times faster than venv.
            command = [sys.executable, "-m", "virtualenv", "--quiet", "--clear"]
            _run([*command, "--no-periodic-update", "--python", python, str(self.path)])

    def install(self, requirements: Sequence[str]) -> None:
        """Install these requirements exactly, and remove whatever else is installed.

        An installer takes what it finds on trust; `prove` does not.

        Parameters
        ----------
        requirements : Sequence[str]
            Lines such as ``zarr==3.1.0`` or ``zarr @ file:///…``; complete, nothing is resolved.

        Raises
        ------
        UnreachableError
            There is no network, and the package cache does not have them all.
        InputError
            They cannot be installed here.
        """
        self._install(requirements, fresh=False)

    def prove(self, requirements: Sequence[str]) -> tuple[Distribution, ...]:
        """Return what is installed, proved to be what is pinned and nothing else.

        Each distribution has the pinned version and came from the pinned place, each of its files
        is the one that its own record names, and no file is there that none of them brought. What
        is wrong is installed anew: from the package cache, then without it.

        Raises
        ------
        UnreachableError
            Something must be fetched anew, and there is no network.
        InputError
            Something is still wrong; the message names it.
        """
        besides = () if self.uv else ("pip",)
        _, known = proof.load(self._proof)
        try:
            settings = (self.path / "pyvenv.cfg").read_text("utf-8", "replace")
            if re.search(r"(?mi)^include-system-site-packages\s*=\s*true", settings):
                raise InputError(
                    f"{self.path} shows what is installed outside of it as well: "
                    "remove that folder and run the same again"
                )
            for fresh in (False, True, None):
                found = proof.examine(self._packages, requirements, known, besides)
                if not found.problem:
                    proof.save(self._proof, found)
                    return tuple(found.distributions)
                if fresh is not None:
                    proof.clear(self._packages, found)
                    self._install(requirements, fresh=fresh)
        except OSError as error:
            raise InputError(
                f"cannot read or write {error.filename or self.path}: {error.strerror}; "
                "make room, or give it write permission"
            ) from error
        raise InputError(
            f"what is installed in {self.path} is not what is pinned: {found.problem}; "
            "remove that folder and run the same again"
        )

    def check(self, proved: Sequence[Distribution]) -> None:
        """Raise InputError unless the environment is as it was when this was proved.

        It looks at sizes and times alone, and reads only files where these differ.
        """
        distributions, files = proof.load(self._proof)
        if distributions != tuple(proved):
            raise InputError(
                f"another release was installed into {self.path} in the meantime: "
                "wait until nothing else measures there, and run the same again"
            )
        if differing := proof.changed(self._packages, files):
            raise InputError(
                f"files in {self.path} were changed in the meantime: {', '.join(differing[:3])}; "
                "run the same again, and they are installed anew"
            )

    def include(self, folder: Path) -> None:
        """Let it import what lies in `folder`, without installing anything."""
        (self._packages / "cryoet_bench_root.pth").write_text(f"{folder}\n", "utf-8")

    @property
    def _packages(self) -> Path:
        return self.path / "lib" / f"python{PYTHON}" / "site-packages"

    @property
    def _proof(self) -> Path:
        return self.path / "cryoet-bench-proof.json"

    def _install(self, requirements: Sequence[str], *, fresh: bool) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in requirements))
            file.flush()
            install = self._install_with_uv if self.uv else self._install_with_pip
            install(file.name, requirements, fresh=fresh)
        # So that no benchmark's process compiles: it would show in peak memory.
        _run([str(self.python), "-I", bytecode.__file__, str(self._packages)])

    def _install_with_uv(self, file: str, requirements: Sequence[str], *, fresh: bool) -> None:
        # Copied, because a link would share each change by hand with the cache and with every
        # other environment on this machine.
        _run(
            [
                str(self.uv), "pip", "sync", "--quiet", "--link-mode", "copy",
                "--python", str(self.python), "--allow-empty-requirements",
                *(["--no-cache"] if fresh else []),
                *wheels_only(requirements), *self.options, file,
            ]
        )  # fmt: skip

    def _install_with_pip(self, file: str, requirements: Sequence[str], *, fresh: bool) -> None:
        pip = [str(self.python), "-m", "pip", "--disable-pip-version-check"]
        files = installers.variables()
        del files["PIP_CONFIG_FILE"]
        if "PIP_CONFIG_FILE" in os.environ:
            files["PIP_CONFIG_FILE"] = os.environ["PIP_CONFIG_FILE"]
        settings = installers.of_pip_files(_run([*pip, "config", "list"], files))
        wanted = {proof.name_of(line) for line in requirements} | {"pip"}
        present = map(proof.name_of, _run([*pip, "list", "--format=freeze"]).splitlines())
        surplus = [name for name in present if name not in wanted]
        if surplus:
            _run([*pip, "uninstall", "--yes", *surplus])
        _run(
            [
                *pip, "install", "--no-deps", "--no-compile",
                *(["--no-cache-dir"] if fresh else []),
                *wheels_only(requirements), *self.options, "-r", file,
            ],
            settings | installers.variables(),
        )  # fmt: skip


def wheels_only(requirements: Sequence[str]) -> list[str]:
    """Return the options that allow wheels only, but for what has none."""
    sources = [SOURCE_ONLY]
    for line in requirements:
        name, marker, url = line.partition(" @ ")
        if marker and not url.partition("#")[0].endswith(".whl"):
            sources.append(name)
    return ["--only-binary", ":all:", "--no-binary", ",".join(sources)]


def _run(command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Run an installer and return what it prints.

    A user's settings do not reach it, unless other variables are given.

    Raises
    ------
    UnreachableError
        It could not reach the package index.
    InputError
        It failed otherwise.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL,
        env=installers.variables() if variables is None else variables,
        capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        if is_offline(said):
            raise UnreachableError(OFFLINE)
        raise InputError(f"{Path(command[0]).name} cannot install this: {cause(said)}")
    return done.stdout


def is_offline(said: str) -> bool:
    """Tell whether uv or pip failed because the package index was out of reach."""
    of_git = _GIT.search(said)
    if of_git and _REFUSALS.search(of_git[1]):
        return False
    return _SIGNS.search(said) is not None


def cause(said: str) -> str:
    """Return the cause that uv or pip names for a failure, in one line and without hints."""
    if of_git := _GIT.search(said):
        return f"git says: {of_git[1]}"
    told, _, log = re.sub(r"\n *hint: .*", "", said, flags=re.DOTALL).partition("[std")
    mark = re.compile(r"^(?:(?:error|cause)\s*:\s*|[^\w\s]+\s+(?=[A-Z]))", re.IGNORECASE)
    lines = [mark.sub("", line.strip(), count=1) for line in told.splitlines() if line.strip()]
    lines += [line.strip() for line in log.splitlines()[1:] if line.strip()][-1:]
    return " ".join(lines) or "no reason given"
