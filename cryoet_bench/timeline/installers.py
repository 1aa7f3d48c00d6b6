"""uv, pip and Python: where they are, and what of a user's settings reaches them.

Standard library only, and Python 3.11 is enough: scripts/bench uses this before anything is
installed, and asv's own interpreter imports it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cryoet_bench.errors import InputError

PYTHON = "3.12"

_SETTINGS = ("UV_", "PIP_", "PYTHON", "GIT_", "CONDA_", "VIRTUAL_ENV", "VIRTUALENV_")
# Where packages come from is a property of the machine. Everything else that a user can set
# decides what is installed, and complete pins leave nothing to decide.
_SOURCES = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|INDEX_\w+_(USERNAME|PASSWORD)|FIND_LINKS"
    r"|NO_INDEX|INDEX_STRATEGY|KEYRING_PROVIDER|INSECURE_HOST|NATIVE_TLS|SYSTEM_CERTS|OFFLINE"
    r"|CACHE_DIR|HTTP_\w+|REQUEST_TIMEOUT|CONCURRENT_\w+"
    r"|PYTHON_(INSTALL_DIR|INSTALL_MIRROR|CACHE_DIR|DOWNLOADS|DOWNLOADS_JSON_URL))"
    r"|PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CERT|CLIENT_CERT|PROXY|TRUSTED_HOST"
    r"|CACHE_DIR|DEFAULT_TIMEOUT|TIMEOUT|RETRIES|KEYRING_PROVIDER)"
    r"|GIT_(SSL_\w+|SSH|SSH_COMMAND|ASKPASS|TERMINAL_PROMPT|PROXY_COMMAND)"
)
# The same in uv's files, as the variable that says it.
_IN_FILES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "index-strategy": "UV_INDEX_STRATEGY",
    "keyring-provider": "UV_KEYRING_PROVIDER",
    "allow-insecure-host": "UV_INSECURE_HOST",
    "native-tls": "UV_NATIVE_TLS",
    "system-certs": "UV_SYSTEM_CERTS",
    "offline": "UV_OFFLINE",
    "cache-dir": "UV_CACHE_DIR",
    "python-install-mirror": "UV_PYTHON_INSTALL_MIRROR",
    "python-downloads": "UV_PYTHON_DOWNLOADS",
    "http-proxy": "HTTP_PROXY",
    "https-proxy": "HTTPS_PROXY",
    "no-proxy": "NO_PROXY",
}


def variables(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables for uv, pip, and what they start.

    Of a user's settings only those are kept that say where packages come from: the index, its
    credentials and certificates, proxies, the cache. uv's and pip's own files are shut out; what
    uv's say of the index is taken over.

    Parameters
    ----------
    base : mapping of str to str, optional
        The variables to start from, by default those of this process.

    Raises
    ------
    InputError
        A configuration file of uv's cannot be read.
    """
    given = os.environ if base is None else base
    kept = {
        name: value
        for name, value in given.items()
        if not name.startswith(_SETTINGS) or _SOURCES.fullmatch(name)
    }
    for name, value in _of_uv_files(given).items():
        kept.setdefault(name, value)
    return kept | {
        "UV_NO_CONFIG": "1",
        "UV_NO_WRAP": "1",  # what it says is searched for the cause
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # Sources are the same bytes wherever they are checked out.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.autocrlf",
        "GIT_CONFIG_VALUE_0": "false",
    }


def is_set(value: str) -> bool:
    """Tell whether a variable of uv's switches something on, as uv reads it."""
    return value.lower() in {"1", "t", "true", "y", "yes", "on"}


def _of_uv_files(given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say what uv's configuration files say of the index."""
    if is_set(given.get("UV_NO_CONFIG", "")):
        return {}
    home = Path(
        given.get("XDG_CONFIG_HOME") or Path(given.get("HOME") or "/nonexistent", ".config")
    )
    files = [Path("/etc/uv/uv.toml"), home / "uv" / "uv.toml"]
    if given.get("UV_CONFIG_FILE"):
        files = [Path(given["UV_CONFIG_FILE"])]
    found: dict[str, str] = {}
    for file in files:
        try:
            settings = tomllib.loads(file.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            raise InputError(
                f"cannot read uv's configuration {file}: {error}; correct it"
            ) from error
        for table in (settings, settings.get("pip", {})):
            found |= _as_variables(table)
    return found


def _as_variables(table: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for key, name in _IN_FILES.items():
        value = table.get(key)
        if isinstance(value, list):
            separator = "," if name == "UV_FIND_LINKS" else " "
            found[name] = separator.join(map(str, value))
        elif value is not None and value is not False:
            found[name] = "1" if value is True else str(value)
    named = []
    for index in table.get("index", []):
        if index.get("default"):
            found["UV_DEFAULT_INDEX"] = str(index["url"])
        elif not index.get("explicit"):
            named.append("=".join(filter(None, (index.get("name"), index["url"]))))
    if named:
        found["UV_INDEX"] = " ".join(filter(None, [*named, found.get("UV_INDEX")]))
    return found


def of_pip_files(listing: str) -> dict[str, str]:
    """Return the variables that say what pip's configuration files say of the index.

    Parameters
    ----------
    listing : str
        What ``pip config list`` prints.
    """
    found = {}
    for key, value in re.findall(r"(?m)^(?:global|install)\.([\w-]+)='(.*)'$", listing):
        name = f"PIP_{key.upper().replace('-', '_')}"
        if _SOURCES.fullmatch(name):
            found[name] = value.replace("\\n", " ").strip()
    return found


def find_uv() -> str | None:
    """Return the path of a uv that runs: of this interpreter's uv package, or on the PATH."""
    with contextlib.suppress(ImportError, FileNotFoundError):
        from uv import find_uv_bin  # noqa: PLC0415

        return str(find_uv_bin())
    found = shutil.which("uv")
    # A shim of pyenv's may be there without a uv behind it.
    return found if found and _said(found, "--version") else None


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def find_python(uv: str | None, report: Callable[[str], None] = _tell) -> str:
    """Return the path of a Python 3.12 that runs and is no virtual environment's.

    It looks at this interpreter, the PATH, pyenv's versions and uv's own, and then lets uv fetch
    one.

    Parameters
    ----------
    uv : str or None
        The path of uv, where there is one.
    report : callable
        Is notified, in one line, that uv fetches a Python.

    Raises
    ------
    InputError
        There is none, and none can be fetched.
    """
    for candidate in _pythons(uv):
        if found := _base(candidate):
            return found
    if uv:
        report(f"There is no Python {PYTHON} here: uv fetches one ...")
        if _said(uv, "python", "install", "--quiet", PYTHON) is not None:
            for candidate in _of_uv(uv):
                if found := _base(candidate):
                    return found
    raise InputError(
        f"the releases are measured on Python {PYTHON} and none was found: install it, for example "
        f"with 'uv python install {PYTHON}' or 'pyenv install {PYTHON}', and try again"
    )


def is_python(command: str | Path) -> bool:
    """Tell whether a command runs and is a Python of the timeline's version."""
    return _base(str(command)) is not None


def _pythons(uv: str | None) -> Iterator[str]:
    name = f"python{PYTHON}"
    yield sys.executable
    for folder in os.get_exec_path():
        if (Path(folder) / name).is_file():
            yield str(Path(folder) / name)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in sorted(pyenv.glob(f"{PYTHON}*"), key=_natural, reverse=True):
        yield str(version / "bin" / name)
    if uv:
        yield from _of_uv(uv)


def _of_uv(uv: str) -> Iterator[str]:
    found = _said(uv, "python", "find", "--no-project", "--system", "--no-python-downloads", PYTHON)
    if found:
        yield found


def _natural(path: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", path.name)]


def _base(python: str) -> str | None:
    """Return the interpreter below a command's virtual environment, or the command itself."""
    # A shim of pyenv may be there and refuse.
    facts = "'%d.%d' % sys.version_info[:2], sys._base_executable"
    version, _, base = (_said(python, "-I", "-c", f"import sys; print({facts})") or "").partition(
        " "
    )
    if version != PYTHON:
        return None
    return base if Path(base).is_file() and "shims" not in Path(base).parts else python


def _said(command: str, *arguments: str) -> str | None:
    """Return what a command prints, or None when it fails."""
    try:
        done = subprocess.run(
            [command, *arguments], env=variables(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
