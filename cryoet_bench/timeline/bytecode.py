"""Compile what an environment has not compiled yet, with checksums of the sources in the bytecode.

Run by the environment's own Python: ``python -I bytecode.py SITE_PACKAGES``. With times instead of
checksums, as installers compile, a file that is replaced within a second by another of its size
keeps the old code; and they compile everything again when checksums are asked for.

Standard library only.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

CHECKED = b"\3\0\0\0"
"""The flags of bytecode that is checked against its source (PEP 552)."""


def is_checked(compiled: Path) -> bool:
    """Tell whether a bytecode file exists and is checked against its source."""
    try:
        with compiled.open("rb") as file:
            return file.read(8)[4:] == CHECKED
    except OSError:
        return False


def compile_source(source: str) -> None:
    """Compile a file, unless it is no Python of this version (a template, a test of syntax)."""
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    py_compile.compile(source, quiet=2, invalidation_mode=mode)


def main(folder: str) -> None:
    """Compile every source below a folder that is not compiled."""
    sources = [
        os.path.join(path, name)  # noqa: PTH118  (thousands of them)
        for path, _, names in os.walk(folder)
        for name in names
        if name.endswith(".py")
    ]
    pending = [
        source
        for source in sources
        if not is_checked(Path(importlib.util.cache_from_source(source)))
    ]
    if len(pending) < 200:
        for source in pending:
            compile_source(source)
    else:
        with ProcessPoolExecutor() as pool:
            list(pool.map(compile_source, pending, chunksize=20))


if __name__ == "__main__":
    main(sys.argv[1])
