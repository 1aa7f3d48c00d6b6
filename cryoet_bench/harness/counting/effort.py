"""What an action costs this process: Python calls and memory."""

from __future__ import annotations

import functools
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import CodeType

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
