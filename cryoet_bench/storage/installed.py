"""Which releases are installed here, found out without importing them.

A measured process decides first whether its case exists on this release, and an import of zarr
costs half a second: the package's own record on disk costs a few milliseconds.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import re
from typing import Any


class UnavailableError(NotImplementedError):
    """The installed release cannot do that: asv shows the case as not available."""


@functools.cache
def release(package: str) -> tuple[int, ...]:
    """Return the numbers of an installed release, such as ``(3, 1, 6)``; ``()`` when absent."""
    try:
        text = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ()
    numbers = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(number) for number in numbers[0].split(".")) if numbers else ()


def require(package: str, *least: int) -> None:
    """Raise unless a release of at least those numbers is installed.

    Raises
    ------
    UnavailableError
        It is not.
    """
    found = release(package)
    if not found or found < least:
        wanted = f"{package} {'.'.join(map(str, least))}".strip()
        raise UnavailableError(f"needs {wanted}, {'.'.join(map(str, found)) or 'none'} is here")


def zarr() -> Any:
    """Import zarr; untyped, because its interface is another one on zarr 2 and zarr 3."""
    # Half a second on zarr 3: only a process that measures it pays.
    return importlib.import_module("zarr")
