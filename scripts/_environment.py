"""The project's environment ``.venv``: made on the first run, updated when a lock changes.

``requirements/bench.txt`` locks what measuring needs; ``requirements/dev.txt`` locks the same and
the tools of the tests. There is one environment: scripts/test adds the tools to it, and
scripts/bench takes it with or without them.

Everything here is the standard library's, because it runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cryoet_bench.errors import InputError  # noqa: E402
from cryoet_bench.timeline import installers  # noqa: E402


class SetupError(Exception):
    """The environment cannot be made; the message says why and what to do."""


def require(program: str, *, tools: bool = False) -> Path:
    """Return what `prepare` does, or end the program with one sentence."""
    try:
        return prepare(tools=tools)
    except SetupError as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{program}: interrupted; rerun to resume", file=sys.stderr)
        sys.exit(130)


def prepare(root: Path = ROOT, *, tools: bool = False) -> Path:
    """Return the folder of the environment's commands, making or updating the environment first.

    Nothing is done when the environment was made from the present locks. A half-made one has no
    stamp yet and is finished on the next run.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    tools : bool
        Whether the tools of the tests are needed. Those that are there already are kept.

    Raises
    ------
    SetupError
        uv or Python 3.12 cannot be had, the requirements cannot be installed, or the checkout
        cannot be written.
    """
    try:
        return _prepare(root, tools)
    except OSError as error:
        raise SetupError(
            f"cannot write the environment in {root}: {error.strerror}; "
            "make room and give the checkout write permission, or clone it elsewhere"
        ) from error


def _prepare(root: Path, tools: bool) -> Path:
    environment = root / ".venv"
    commands = environment / "bin"
    stamp = environment / "cryoet-bench.lock"
    private = root / ".asv"
    private.mkdir(exist_ok=True)
    with (private / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = stamp.read_text("utf-8").split() if stamp.is_file() else []
        wanted = "dev" if tools or "dev" in made else "bench"
        digest = lock_digest(wanted, root)
        if made == [wanted, digest] and _runs(commands / "python"):
            return commands
        doing = "Updating" if made else "Making"
        print(f"{doing} the environment .venv (later runs start at once) ...", file=sys.stderr)
        stamp.unlink(missing_ok=True)
        uv = find_uv(root)
        if not installers.is_python(commands / "python"):
            python = find_python(uv)
            shutil.rmtree(environment, ignore_errors=True)
            _run(uv, "venv", "--python", python, environment)
        target = ["--python", commands / "python"]
        _run(uv, "pip", "sync", *target, "--require-hashes", lock_file(wanted, root))
        _run(uv, "pip", "install", *target, "--no-deps", "--editable", root)
        staged = stamp.with_suffix(".new")
        staged.write_text(f"{wanted} {digest}\n", "utf-8")
        staged.replace(stamp)
    return commands


def lock_file(name: str, root: Path) -> Path:
    """Return the hashed requirement file of that name: bench or dev."""
    return root / "requirements" / f"{name}.txt"


def lock_digest(name: str, root: Path) -> str:
    """Return what the environment depends on: the lock, the project's metadata, its folder.

    Installed commands name the interpreter by its full path, so a moved checkout needs a new one.
    """
    digest = hashlib.sha256(f"{installers.PYTHON} {root}".encode())
    for path in [lock_file(name, root), root / "pyproject.toml"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def find_uv(root: Path) -> str:
    """Return a uv that runs: one that is here, else a private one installed from the lock."""
    found = installers.find_uv()
    if found:
        return found
    home = root / ".asv" / "uv"
    uv = home / "bin" / "uv"
    if not _runs(uv):
        print("Installing uv into .asv/uv ...", file=sys.stderr)
        home.mkdir(parents=True, exist_ok=True)
        pinned = home / "requirements.txt"
        pinned.write_text(locked_requirement("uv", root), "utf-8")
        try:
            _run(sys.executable, "-m", "venv", "--clear", home / "environment")
        except SetupError as error:
            raise SetupError(
                f"uv is not installed and {sys.executable} cannot make an environment for it: "
                "install uv, or your system's python3-venv package, and run this again"
            ) from error
        pip = [home / "environment" / "bin" / "python", "-m", "pip", "install", "--quiet"]
        _run(*pip, "--disable-pip-version-check", "--require-hashes", "-r", pinned)
        uv.parent.mkdir(exist_ok=True)
        uv.unlink(missing_ok=True)
        uv.symlink_to("../environment/bin/uv")
    return str(uv)


def locked_requirement(name: str, root: Path) -> str:
    """Return the entry of one package in the lock of measuring, with its hashes."""
    path = lock_file("bench", root)
    entry = re.search(rf"(?m)^{name}==[^\n\\]*(?:\\\n[^\n\\]*)*", path.read_text("utf-8"))
    if entry is None:
        raise SetupError(f"{path} does not lock {name}")
    return entry.group() + "\n"


def find_python(uv: str) -> str:
    """Return a Python 3.12, which uv fetches where there is none."""
    try:
        return installers.find_python(uv)
    except InputError as error:
        raise SetupError(str(error)) from error


def _runs(command: str | Path, *arguments: str) -> bool:
    try:
        subprocess.run([command, *(arguments or ["--version"])], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _run(*command: str | Path) -> None:
    """Run a command, showing what it says only when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        env=installers.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        spoken = done.stdout.strip()
        raise SetupError(
            f"{spoken}\n'{' '.join(map(str, command[:4]))} ...' failed (see above): "
            "check the network and the free space on the disk, and run this again"
        )
