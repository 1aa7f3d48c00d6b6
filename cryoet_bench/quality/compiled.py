"""How the loops over voxels are compiled, in one place.

numba rather than numpy, because one fused loop reads each voxel once where numpy makes a
pass (and a temporary volume) for every operation; measured on the 3-D SSIM of a 256-cube,
0.14 s against 2.9 s.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

if "numba" not in sys.modules:
    # A user's settings for other programs would interpret every loop (NUMBA_DISABLE_JIT) or
    # compile it for another processor (NUMBA_CPU_NAME). numba reads them again whenever it
    # compiles, so they go for good.
    for _name in [name for name in os.environ if name.startswith("NUMBA_")]:
        del os.environ[_name]
    if not os.access(Path(__file__).parent, os.W_OK):
        from platformdirs import user_cache_path

        os.environ["NUMBA_CACHE_DIR"] = str(user_cache_path("cryoet-bench", appauthor=False))

import numba

# The first loop has numba look for scipy's BLAS, which no loop here calls and which takes longer
# to import than a small volume to judge: for this once it finds none. A loop of others that calls
# a routine of BLAS imports it all the same, and np.convolve and np.correlate do without.
_BLAS = "scipy.linalg.cython_blas"
if _BLAS not in sys.modules:
    sys.modules[_BLAS] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath
    finally:
        del sys.modules[_BLAS]


def _threads() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity else os.cpu_count() or 1
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(processors, max(1, int(told))) if told.isdecimal() else processors


THREADS = _threads()
"""Threads of a computation: as many as processors that this process may use, or what
OMP_NUM_THREADS says, as Dask tells its workers (a core each) and batch systems their jobs."""

_PIECE = 2**19  # voxels


def pieces(planes: int, voxels: int) -> list[tuple[int, int]]:
    """Return the first plane of each piece that a thread computes at a time, and where it stops.

    They follow from the size alone. With as many pieces as threads, the last digits of what is
    added up would depend on the machine.

    Parameters
    ----------
    planes, voxels : int
        How many there are of each.
    """
    count = min(planes, max(1, voxels // _PIECE))
    return list(itertools.pairwise(planes * i // count for i in range(count + 1)))


# Sums may be reordered, so that they use the processor's vectors; NaN and infinity keep their
# meaning, which numba's plain ``fastmath=True`` would give up.
_REORDERED = {"reassoc", "contract", "nsz", "arcp"}


def compiled_for_finite[Loop: Callable[..., object]](function: Loop) -> Loop:
    """Compile a loop that is never given NaN or infinity: minima and maxima use vectors too."""
    return _compiled(function, fastmath=True)


def compiled[Loop: Callable[..., object]](function: Loop) -> Loop:
    """Compile a loop over voxels on its first call, and keep the machine code on disk.

    The interpreter's lock is released while it runs, so that threads work on different parts.
    The Python source stays callable as ``py_func``.
    """
    return _compiled(function, fastmath=_REORDERED)


def _compiled[Loop: Callable[..., object]](function: Loop, fastmath: bool | set[str]) -> Loop:
    compiler = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)
    loop = compiler(function)
    # Where no folder can be written to, each process compiles for itself.
    with contextlib.suppress(RuntimeError):
        loop.enable_caching()
    return cast("Loop", loop)
