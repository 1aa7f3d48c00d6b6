"""How many machine instructions an action takes, counted by valgrind.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import functools
import shutil
import subprocess


@functools.cache
def valgrind_version() -> str:
    """Return the version of the valgrind on the PATH, such as ``3.19.0``; empty without one."""
    found = shutil.which("valgrind")
    if found is None:
        return ""
    try:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip().removeprefix("valgrind-") if done.returncode == 0 else ""
