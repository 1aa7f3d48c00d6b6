"""The conditions of every measurement, stated once.

One core, one thread wherever a library starts threads of its own, and no garbage of the
set-up left for the measured code to find. Releases are compared, not machines: what several
cores give is a property of the machine, and threads that migrate between cores were the
largest source of noise when this was tried.

asv times with garbage collection off. Files lie in the machine's memory (``/dev/shm``) where it
has such a folder, so that neither a disk nor its journal is measured; elsewhere a first, unmeasured
read fills the page cache, and nothing written is flushed. Benchmarks that read from a cold page
cache say so, and use the disk.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryoet_bench.storage import installed

THREADS = 1
"""Threads of Blosc and of zarr 3's pool for codecs."""

CONCURRENCY = 10
"""Requests that zarr 3 has under way at once; its default since 3.0."""

_MEMORY = Path("/dev/shm")  # noqa: S108  (on purpose; names there are made by mkdtemp)
_PREFIX = "cryoet-bench-"


@functools.cache
def settle() -> None:
    """Bring this process into the stated conditions, once."""
    settle_codecs()
    if installed.release("zarr") >= (3,):
        installed.zarr().config.set(
            {"async.concurrency": CONCURRENCY, "threading.max_workers": THREADS}
        )
        gc.collect()
        gc.freeze()


@functools.cache
def settle_codecs() -> None:
    """Do the same for a process that uses numcodecs and not zarr."""
    if hasattr(os, "sched_setaffinity"):  # Linux alone has it
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    from numcodecs import blosc  # noqa: PLC0415

    blosc.set_nthreads(THREADS)
    # The calling thread never shares Blosc's global pool with zarr's own threads.
    blosc.use_threads = False
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def one_request_at_a_time() -> Iterator[None]:
    """Let zarr wait for each request before it sends the next."""
    if installed.release("zarr") < (3,):  # which never does otherwise
        yield
        return
    with installed.zarr().config.set({"async.concurrency": 1}):
        yield


def new_folder(*, on_disk: bool = False) -> Path:
    """Return a new folder for files that go away with this process.

    Parameters
    ----------
    on_disk : bool
        Below the working folder, rather than in memory.
    """
    if on_disk or not os.access(_MEMORY, os.W_OK):
        return Path(tempfile.mkdtemp(dir=Path.cwd()))
    for left in _MEMORY.glob(f"{_PREFIX}*"):
        # asv kills a process that takes too long; nobody else clears up after it.
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_MEMORY))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove_folders() -> None:
    """Remove the folders in memory that this process has made so far."""
    for folder in _MEMORY.glob(f"{_PREFIX}{os.getpid()}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def drop_from_page_cache(folder: Path) -> None:
    """Make the next read of the files below a folder come from the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
