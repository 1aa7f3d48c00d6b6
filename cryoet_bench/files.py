"""Files that are written whole or not at all, and locks between processes.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` when the block ends.

    Nothing is left of it when the block raises, and `path` stays as it was.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        written = folder / path.name
        yield written
        if written.is_file():
            with written.open("rb") as file:
                os.fsync(file.fileno())
        written.replace(path)
    finally:
        for left in folder.glob("*"):
            left.unlink()
        folder.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole or not at all.

    Raises
    ------
    OSError
        It cannot be written.
    """
    with staged(path) as written:
        written.write_text(text, "utf-8")


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is made when it is missing.

    Parameters
    ----------
    path : pathlib.Path
        The lock; its content is not touched.
    wait : bool
        Wait for another process that holds it.

    Raises
    ------
    BlockingIOError
        Another process holds it, and `wait` is false.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
