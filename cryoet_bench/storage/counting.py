"""Exact costs of an access: store requests and bytes, decoded voxels, Python calls, memory.

They have no noise, so they need no statistics, and they say why a time has moved.
"""

from __future__ import annotations

import functools
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

from cryoet_bench.storage import installed
from cryoet_bench.storage.codecs import Codec

KINDS = ("get", "get_partial", "set", "list", "exists", "delete")


@dataclass
class Requests:
    """What a store was asked for.

    Attributes
    ----------
    kinds : collections.Counter
        Requests by kind, of `KINDS`.
    fetched, stored : int
        Bytes that went out of and into the store.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    fetched: int = 0
    stored: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, kind: str, *, fetched: int = 0, stored: int = 0) -> None:
        """Count one request."""
        with self._lock:
            self.kinds[kind] += 1
            self.fetched += fetched
            self.stored += stored

    def clear(self) -> None:
        """Begin again."""
        with self._lock:
            self.kinds.clear()
            self.fetched = self.stored = 0


def counting_store(requests: Requests) -> Any:
    """Return a store that keeps objects in memory and counts what zarr asks of it.

    It implements what zarr demands of a store and nothing more, so each request is one that a
    remote store would have to send: zarr's own ways of joining requests stay in force, its short
    cuts for local files and memory do not.
    """
    # Each module subclasses a class that only its own zarr has.
    if installed.release("zarr") < (3,):
        from cryoet_bench.storage.counting_zarr2 import CountingStore  # noqa: PLC0415

        return CountingStore(requests)
    from cryoet_bench.storage import counting_zarr3  # noqa: PLC0415

    return counting_zarr3.CountingStore(requests, {})


def decoded_bytes(action: Callable[[], object]) -> int:
    """Return the bytes that chunks stored with the codec `counted_codec` decoded to."""
    from cryoet_bench.storage.counting_codec import tally  # noqa: PLC0415

    before = tally.bytes
    action()
    return tally.bytes - before


def counted_codec() -> Codec:
    """Return a codec that leaves bytes as they are and counts them when they are decoded."""
    return _CountedCodec()


class _CountedCodec(Codec):
    def format2(self) -> dict[str, Any]:
        from cryoet_bench.storage.counting_codec import CountedCodec  # noqa: PLC0415

        return {"compressor": CountedCodec(), "filters": None}

    def format2_on_zarr3(self) -> dict[str, Any]:
        return {"compressors": self.format2()["compressor"], "filters": None}

    def format3(self, itemsize: int) -> dict[str, Any]:
        del itemsize
        from cryoet_bench.storage import counting_zarr3  # noqa: PLC0415

        return {"compressors": [counting_zarr3.CountedCodec()], "filters": []}


# How often an event loop turns and a thread waits is a matter of luck, and no work.
_WAITING_FILES = frozenset({"selectors.py", "selector_events.py", "threading.py", "unix_events.py"})
_WAITING_NAMES = frozenset({"_add_callback", "_run", "_run_once", "time"})


@functools.cache
def _is_waiting(code: CodeType) -> bool:
    file = Path(code.co_filename)
    return file.name in _WAITING_FILES or (
        file.parent.name == "asyncio" and code.co_name in _WAITING_NAMES
    )


def python_calls(action: Callable[[], object]) -> int:
    """Return how many Python functions an action starts, in all threads.

    A coroutine counts when it starts, not when it resumes. The functions with which threads and
    event loops wait for each other are left out, because their number differs from run to run.
    """
    monitoring = sys.monitoring
    count = 0
    lock = threading.Lock()

    def started(code: CodeType, _offset: int) -> object:
        nonlocal count
        if _is_waiting(code):
            return monitoring.DISABLE
        with lock:
            count += 1
        return None

    tool = monitoring.PROFILER_ID
    monitoring.use_tool_id(tool, "cryoet-bench")
    try:
        monitoring.register_callback(tool, monitoring.events.PY_START, started)
        monitoring.set_events(tool, monitoring.events.PY_START)
        action()
    finally:
        monitoring.set_events(tool, monitoring.events.NO_EVENTS)
        monitoring.register_callback(tool, monitoring.events.PY_START, None)
        monitoring.free_tool_id(tool)
    return count


def traced_peak(action: Callable[[], object]) -> int:
    """Return the most bytes that Python and numpy held at once during an action, above before."""
    tracemalloc.start(1)
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        action()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before
