"""Copies of a released wheel with a line of code more: what evaluations plant and look for."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path


def download(requirement: str, folder: Path) -> Path:
    """Return the wheel of a release for the Python that is measured."""
    folder.mkdir(parents=True, exist_ok=True)
    python = ["--python", sys.executable]
    pip = ["-m", "uv", "tool", "run", *python, "pip", "download", "--quiet"]
    options = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    subprocess.run([sys.executable, *pip, *options, requirement], check=True, capture_output=True)
    package = requirement.partition("==")[0]
    (wheel,) = folder.glob(f"{package}-*.whl")
    return wheel


def plant(wheel: Path, module: str, code: str, folder: Path) -> Path:
    """Return a copy of a wheel with code appended to one of its modules, and its record to match.

    Parameters
    ----------
    wheel : pathlib.Path
        The release.
    module : str
        A file in it, such as ``zarr/__init__.py``.
    code : str
        What is appended.
    folder : pathlib.Path
        Where the copy goes, under the same name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / wheel.name
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        (record,) = (name for name in names if name.endswith(".dist-info/RECORD"))
        content = old.read(module) + f"\n{code}\n".encode()
        for name in names:
            if name == record:
                rows = old.read(name).decode().splitlines()
                kept = [row for row in rows if not row.startswith(f"{module},")]
                new.writestr(name, "\n".join([*kept, _row(module, content)]) + "\n")
            else:
                new.writestr(old.getinfo(name), content if name == module else old.read(name))
    return made


def _row(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}"
