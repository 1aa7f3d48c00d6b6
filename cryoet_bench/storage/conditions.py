"""The conditions of every measurement, stated once.

One core, one thread wherever a library starts threads of its own, and no garbage of the
set-up left for the measured code to find. Releases are compared, not machines: what several
cores give is a property of the machine, and two threads that migrate between cores were the
largest source of noise (see ``references/detection.md``: intervals of 6 % instead of 10 %).

asv times with garbage collection off. Files are read from a page cache that a first,
unmeasured read has filled; written files stay in the page cache, nothing is flushed to disk.
"""

from __future__ import annotations

import functools
import gc
import os

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
        import zarr  # noqa: PLC0415

        zarr.config.set({"async.concurrency": CONCURRENCY, "threading.max_workers": THREADS})
    gc.collect()
    gc.freeze()
