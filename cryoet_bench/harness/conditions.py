"""The conditions of every measurement, stated once.

One core, one thread wherever a library starts threads of its own, an allocator whose behaviour
does not depend on what the process did before, nothing of a user's own settings, and no garbage of
the set-up left for the measured code to find. Releases are compared, not machines: what several
cores give is a property of the machine, and threads that migrate between cores were the
largest source of noise when this was tried. What users get by default is measured as well, by
benchmarks that do not settle.

asv times with garbage collection off. Files lie in the machine's memory (``/dev/shm``) where it
has such a folder, so that neither a disk nor its journal is measured; elsewhere a first, unmeasured
read fills the page cache, and nothing written is flushed. Benchmarks that read from a cold page
cache say so, and use the disk.

Standard library only, until a process settles: asv's own interpreter imports this.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cryoet_bench import variables
from cryoet_bench.harness import machine, turn
from cryoet_bench.storage import installed
from cryoet_bench.storage.concurrency import CONCURRENCY, THREADS

_KEPT = frozenset({"PATH", "TMPDIR", "LD_LIBRARY_PATH"})
_FIXED = {
    # zarr (through donfig), fsspec, the AWS client and Python's site look for files below it.
    "HOME": os.devnull,
    "ZARR_ROOT_CONFIG": os.devnull,  # instead of /etc/zarr
    "DASK_ROOT_CONFIG": os.devnull,  # instead of /etc/dask
    "PYTHONNOUSERSITE": "1",
    # Nothing that is measured computes with these pools, but their size shows in peak memory.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_SEEDS = 2**32

# Parameters of mallopt(3), from malloc.h, and what they are set to; the values are C ints.
_GLIBC = {
    -8: (1,),  # M_ARENA_MAX: the threads of zarr 3 share the heap
    -3: (1 << 30, 1 << 25),  # M_MMAP_THRESHOLD: glibc before 2.35 takes 32 MiB at most
    -1: (2**31 - 1,),  # M_TRIM_THRESHOLD: what was freed is kept
    -2: (1 << 28,),  # M_TOP_PAD
}

_MEMORY = Path("/dev/shm")  # noqa: S108  (on purpose; names there are made by mkdtemp)
_PREFIX = "cryoet-bench-"


def environment(base: Mapping[str, str], *, hash_seed: int) -> dict[str, str]:
    """Return the environment variables of a measured process.

    Only what a process needs to start is taken over, and what is this project's own: so no
    setting of a user's for zarr, Blosc, Python, numba, the allocator, a thread pool or a cloud
    reaches a measurement, whatever it is called.

    Parameters
    ----------
    base : mapping of str to str
        Variables of the process that starts it.
    hash_seed : int
        Seed of string hashes, 0 to 4294967295; processes that are compared share it.

    Raises
    ------
    ValueError
        Python does not accept the seed.
    """
    if not 0 <= hash_seed < _SEEDS:
        raise ValueError(f"a hash seed is 0 to {_SEEDS - 1}, not {hash_seed}")
    kept = {
        name: value
        for name, value in base.items()
        if name in _KEPT or name.startswith(variables.PREFIX)
    }
    return {**kept, **_FIXED, "PYTHONHASHSEED": str(hash_seed)}


@functools.cache
def launcher() -> tuple[str, ...]:
    """Return what comes before the interpreter so that all processes share one address layout.

    Empty where the system does not offer it, or does not allow it, as some containers do not.
    """
    setarch = shutil.which("setarch")
    if setarch is None:
        return ()
    command = (setarch, "--addr-no-randomize")
    try:
        done = subprocess.run(
            [*command, "true"], capture_output=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError:
        return ()
    return command if done.returncode == 0 else ()


def intruders(prefix: Path) -> list[str]:
    """Return, a sentence each, which settings of this machine cannot be shut out.

    Parameters
    ----------
    prefix : pathlib.Path
        The environment whose Python is measured.
    """
    found = []
    preload = Path("/etc/ld.so.preload")
    if machine.text(preload):
        found.append(
            f"{preload} loads libraries into every process: empty it while this machine measures"
        )
    found += [
        f"{folder} configures {folder.name} in the measured environment: remove it"
        for folder in (prefix / "etc" / "zarr", prefix / "etc" / "dask")
        if folder.exists()
    ]
    packages = sorted(prefix.glob("lib*/python*/site-packages"))
    found += [
        f"{path} runs at the start of every measured process: remove it"
        for folder in packages
        for name in ("sitecustomize", "usercustomize")
        for path in sorted(folder.glob(f"{name}*"))
        if path.name in {name, f"{name}.py"}
    ]
    return found


def facts(given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the conditions in force, for the record of a visit.

    Parameters
    ----------
    given : mapping of str to str, optional
        The environment variables of its processes; this process's own where none are given.
    """
    given = os.environ if given is None else given
    return {
        "allocator": allocator(),
        "hash_seed": given.get("PYTHONHASHSEED", "random"),
        "address_layout": "shared" if launcher() else "random",
        "library_path": given.get("LD_LIBRARY_PATH", ""),
        "threads": THREADS,
        "concurrency": CONCURRENCY,
        **machine.facts(),
    }


def allocator() -> str:
    """Return how `settle` fixes the C library's allocator, in words."""
    if machine.is_glibc():
        return "glibc, one arena, large blocks from the heap, freed memory kept"
    return "not fixed: the C library is not glibc"


@functools.cache
def settle() -> None:
    """Pin this process to one core and one codec thread, once."""
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
    settle_machine()
    from numcodecs import blosc  # noqa: PLC0415

    blosc.set_nthreads(THREADS)
    # The calling thread never shares Blosc's global pool with zarr's own threads.
    blosc.use_threads = False
    gc.collect()
    gc.freeze()


@functools.cache
def settle_machine() -> None:
    """Pin this process to a core of its own and fix its allocator, whatever it then uses."""
    core = turn.core()
    if core is not None:
        os.sched_setaffinity(0, {core})
    fix_allocator()


@functools.cache
def fix_allocator() -> None:
    """Make glibc serve all blocks from a heap that only grows.

    By default a large block comes from the heap or from fresh pages depending on what the process
    freed before, and each thread has a heap of its own: one decoded chunk then has one of two
    times, up to five times apart, and which one is luck. See ``mallopt(3)``.
    """
    if not machine.is_glibc():
        return
    mallopt = ctypes.CDLL(None).mallopt
    for parameter, values in _GLIBC.items():
        if not any(mallopt(parameter, value) for value in values):
            raise RuntimeError(f"mallopt refuses parameter {parameter}: please report this")


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
