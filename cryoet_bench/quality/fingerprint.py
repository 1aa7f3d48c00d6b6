"""Whether what an earlier run found still holds: the state of files, settings and this software."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from cryoet_bench import __version__


def fingerprint(sources: Iterable[str], *settings: object) -> str:
    """Return what changes when a local file, a setting or this software does.

    Files are known by their names, sizes and times: to read them would take as long as to examine
    them again. The folder that holds a source may be moved.

    Parameters
    ----------
    sources : iterable of str
        Paths of files and folders; what is neither does not count.
    *settings
        What else the result rests on.
    """
    digest = hashlib.sha256("\0".join(map(str, (__version__, *settings))).encode())
    for source in sources:
        path = Path(source).expanduser()
        for file in _files(path):
            state = file.stat()
            name = file.relative_to(path.parent)
            digest.update(os.fsencode(f"\0{name}\0{state.st_size}\0{state.st_mtime_ns}"))
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(part for part in path.rglob("*") if part.is_file())
    return [path] if path.is_file() else []
