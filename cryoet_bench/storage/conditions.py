"""The conditions of every measurement, stated once.

One core, one thread wherever a library starts threads of its own, and no garbage of the
set-up left for the measured code to find. Releases are compared, not machines: what several
cores give is a property of the machine, and threads that migrate between cores were the
largest source of noise when this was tried.

asv times with garbage collection off. Files are read from a page cache that a first,
unmeasured read has filled, unless a benchmark says that it reads cold; written files stay in
the page cache, nothing is flushed to disk.
"""

from __future__ import annotations

import functools
import gc
import os
from pathlib import Path

from cryoet_bench.storage import installed

THREADS = 1
"""Threads of Blosc and of zarr 3's pool for codecs."""

CONCURRENCY = 10
"""Requests that zarr 3 has under way at once; its default since 3.0."""


@functools.cache
def settle() -> None:
    """Bring this process into the stated conditions, once."""
    if hasattr(os, "sched_setaffinity"):  # Linux alone has it
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    from numcodecs import blosc  # noqa: PLC0415

    blosc.set_nthreads(THREADS)
    # The calling thread never shares Blosc's global pool with zarr's own threads.
    blosc.use_threads = False
    if installed.release("zarr") >= (3,):
        installed.zarr().config.set(
            {"async.concurrency": CONCURRENCY, "threading.max_workers": THREADS}
        )
    gc.collect()
    gc.freeze()


def drop_from_page_cache(folder: Path) -> None:
    """Make the next read of the files below a folder come from the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
