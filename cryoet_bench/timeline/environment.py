"""The environment that releases are installed into, one after the other.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.errors import InputError

PYTHON = "3.12"
# zarr 2 needs asciitree, which has a source archive only; everything else comes as a wheel.
SOURCE_ONLY = "asciitree"
OFFLINE = "cannot reach the package index: check the network, then run the same again"
_SIGNS = re.compile(
    r"error sending request|failed to fetch|could not fetch url|dns error|timed out"
    r"|connection ?(?:refused|reset|error|broken|aborted|closed)|network is unreachable"
    r"|name resolution|network (?:connectivity )?(?:is|was) disabled",
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
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in requirements))
            file.flush()
            install = self._install_with_uv if self.uv else self._install_with_pip
            install(file.name, requirements)

    def include(self, folder: Path) -> None:
        """Let it import what lies in `folder`, without installing anything."""
        packages = self.path / "lib" / f"python{PYTHON}" / "site-packages"
        (packages / "cryoet_bench_root.pth").write_text(f"{folder}\n", "utf-8")

    def _install_with_uv(self, file: str, requirements: Sequence[str]) -> None:
        # Compiled here, so that no benchmark's process compiles: it would show in peak memory.
        _run(
            [
                str(self.uv), "pip", "sync", "--quiet", "--compile-bytecode",
                "--python", str(self.python), "--allow-empty-requirements",
                *wheels_only(requirements), *self.options, file,
            ]
        )  # fmt: skip

    def _install_with_pip(self, file: str, requirements: Sequence[str]) -> None:
        pip = [str(self.python), "-m", "pip", "--disable-pip-version-check"]
        wanted = {_name(line) for line in requirements} | {"pip"}
        present = _run([*pip, "list", "--format=freeze"]).splitlines()
        surplus = [_name(line) for line in present if _name(line) not in wanted]
        if surplus:
            _run([*pip, "uninstall", "--yes", *surplus])
        _run(
            [
                *pip, "install", "--no-deps", *wheels_only(requirements), *self.options,
                "-r", file,
            ]
        )  # fmt: skip


def wheels_only(requirements: Sequence[str]) -> list[str]:
    """Return the options that allow wheels only, but for what has none."""
    sources = [SOURCE_ONLY]
    for line in requirements:
        name, marker, url = line.partition(" @ ")
        if marker and not url.partition("#")[0].endswith(".whl"):
            sources.append(name)
    return ["--only-binary", ":all:", "--no-binary", ",".join(sources)]


def _name(requirement: str) -> str:
    return re.split(r"[=@ ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def find_uv() -> str | None:
    """Return the path of uv: of the uv package of this interpreter, or on the PATH."""
    with contextlib.suppress(ImportError, FileNotFoundError):
        from uv import find_uv_bin  # noqa: PLC0415

        return str(find_uv_bin())
    return shutil.which("uv")


def find_python(uv: str | None) -> str:
    """Return the path of a Python 3.12 that runs.

    It looks at this interpreter, the PATH, pyenv's versions and uv's own, and lets uv fetch one.

    Raises
    ------
    InputError
        There is none.
    """
    for candidate in _pythons(uv):
        if _runs(candidate):
            return candidate
    raise InputError(
        f"the releases are measured on Python {PYTHON} and none was found: install it, for example "
        f"with 'uv python install {PYTHON}' or 'pyenv install {PYTHON}', and try again"
    )


def _pythons(uv: str | None) -> Iterator[str]:
    name = f"python{PYTHON}"
    yield sys.executable
    for folder in os.get_exec_path():
        if (Path(folder) / name).is_file():
            yield str(Path(folder) / name)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in sorted(pyenv.glob(f"{PYTHON}*"), key=_natural, reverse=True):
        yield str(version / "bin" / name)
    if uv:
        find = [uv, "python", "find", "--no-project", PYTHON]
        for preparation in ([], [uv, "python", "install", "--quiet", PYTHON]):
            if preparation:
                subprocess.run(preparation, capture_output=True, check=False)
            found = subprocess.run(find, capture_output=True, text=True, check=False)
            if found.returncode == 0:
                yield found.stdout.strip()


def _natural(path: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", path.name)]


def _runs(python: str) -> bool:
    # A shim of pyenv may be there and refuse.
    check = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-I", "-c", check], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == PYTHON


def _run(command: Sequence[str]) -> str:
    """Run an installer and return what it prints.

    Raises
    ------
    UnreachableError
        It could not reach the package index.
    InputError
        It failed otherwise.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        if is_offline(said):
            raise UnreachableError(OFFLINE)
        raise InputError(f"{Path(command[0]).name} cannot install this: {cause(said)}")
    return done.stdout


def is_offline(said: str) -> bool:
    """Tell whether uv or pip failed because the package index was out of reach."""
    return _SIGNS.search(said) is not None


def cause(said: str) -> str:
    """Return the cause that uv or pip names for a failure, in one line and without hints."""
    told, _, log = re.sub(r"\n *hint: .*", "", said, flags=re.DOTALL).partition("[std")
    mark = re.compile(r"^(?:(?:error|cause)\s*:\s*|[^\w\s]+\s+(?=[A-Z]))", re.IGNORECASE)
    lines = [mark.sub("", line.strip(), count=1) for line in told.splitlines() if line.strip()]
    lines += [line.strip() for line in log.splitlines()[1:] if line.strip()][-1:]
    return " ".join(lines) or "no reason given"
