"""Whose turn it is on this machine: one measurement at a time, one measured process a core.

Runs of other checkouts and of other users count as well, so the locks lie in the one folder that
all users share. Names in it can be taken by anybody: a lock is never followed through a link,
never written through a second name, and belongs to whoever holds it, not to whoever made it. The
system gives a lock back when its holder ends, however it ends.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import re
import shlex
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from cryoet_bench import variables
from cryoet_bench.errors import InputError

# Not tempfile's: TMPDIR is each user's own.
_SHARED = Path("/tmp")  # noqa: S108  (see the module)
_LONGEST = 4096


@contextlib.contextmanager
def measuring(what: str) -> Iterator[None]:
    """Hold this machine's one right to measure until the block ends.

    Parameters
    ----------
    what : str
        What is measured, for whoever else wants to.

    Raises
    ------
    InputError
        Another process holds it: the message names it. Or the lock cannot be used.
    """
    path = _lock("measuring")
    descriptor = _take(path)
    if descriptor is None:
        raise InputError(f"this machine is measuring already: {_holder(path)}")
    try:
        with contextlib.suppress(OSError):  # another user's lock may not be writable
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(_introduction(what)).encode(), 0)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)


@functools.cache
def core() -> int | None:
    """Return the core that this process is to be measured on; None where a system has no such.

    It is the last one that no other measured process has, and stays this process's until it ends.
    Where all are taken, processes share the last.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = sorted(_allowed(), reverse=True)
    for number in cores:
        with contextlib.suppress(InputError):
            # The descriptor stays open, and with it the lock.
            if _take(_lock(f"core-{number}")) is not None:
                return number
    return cores[0]


@contextlib.contextmanager
def off_the_core() -> Iterator[None]:
    """Start processes in this block, such as servers, on all cores but the measured one."""
    measured = core()
    if measured is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _allowed() - {measured} or {measured})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@functools.cache
def _allowed() -> frozenset[int]:
    return frozenset(os.sched_getaffinity(0))


def _lock(name: str) -> Path:
    return Path(os.environ.get(variables.LOCKS) or _SHARED) / f"cryoet-bench.{name}.lock"


def _take(path: Path) -> int | None:
    """Return the descriptor of a lock that is held now, or None when another process holds it."""
    while True:
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.lstat()):
                    return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        # Somebody has tidied the folder up since it was opened: what is locked has no name.
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open a lock, making it when it is missing.

    Raises
    ------
    InputError
        It is a link or anything else that no lock is, or cannot be opened.
    """
    # Non-blocking, or a pipe of that name would be waited for.
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            descriptor = os.open(path, flags | os.O_RDWR)
        except FileNotFoundError:
            # Never O_CREAT alone: Linux forbids it for another user's file in a shared folder.
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
                os.fchmod(descriptor, 0o666)  # whatever the umask: all users take turns
                return descriptor
            return _open(path)
        except PermissionError:
            descriptor = os.open(path, flags | os.O_RDONLY)
    except OSError as error:
        raise InputError(
            f"{path} cannot be locked ({error.strerror}): remove it, or name another folder in "
            f"{variables.LOCKS}"
        ) from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1 or facts.st_size > _LONGEST:
        os.close(descriptor)
        raise InputError(
            f"{path} is not a lock of cryoet-bench: remove it, or name another folder in "
            f"{variables.LOCKS}"
        )
    return descriptor


def _introduction(what: str) -> dict[str, str | int]:
    return {
        "what": what,
        "pid": os.getpid(),
        "command": shlex.join(sys.orig_argv)[:120],
        "checkout": str(Path(__file__).parents[2]),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _holder(path: Path) -> str:
    """Return who holds a lock, in words; anybody may have written what it says."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            said = json.loads(os.read(descriptor, _LONGEST))
        finally:
            os.close(descriptor)
        told = {key: re.sub(r"[^\x20-\x7e]", "?", str(said[key])) for key in _introduction("")}
    except (OSError, ValueError, KeyError, TypeError):
        return f"see who has {path} open, and wait for it or stop it"
    return (
        f"{told['what']} since {told['since']} (process {told['pid']}: {told['command']}, "
        f"in {told['checkout']}): wait for it, or stop it"
    )
