"""Ctrl-C, or a request to end, while something is measured: the next step heeds it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NoReturn

KEPT = "Interrupted. What was measured is kept: rerun the same command to resume."

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def heeded() -> Iterator[Callable[[], None]]:
    """Let ctrl-C and a request to end interrupt the block; yield what raises one that was lost.

    Python drops an exception that is raised while it forks a process, in the hooks of its own
    library, or within a finalizer. So the block calls what it is given between its steps.

    Raises
    ------
    KeyboardInterrupt
        The user, or whoever started this process, asked it to end.
    """
    asked = False

    def interrupt(*_: object) -> NoReturn:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def heed() -> None:
        if asked:
            raise KeyboardInterrupt

    # One that whoever started this process has it ignore, as nohup does, stays ignored.
    before = {one: signal.getsignal(one) for one in _SIGNALS}
    replaced = [one for one in _SIGNALS if before[one] != signal.SIG_IGN]
    for one in replaced:
        signal.signal(one, interrupt)
    try:
        yield heed
    finally:
        for one in replaced:
            signal.signal(one, before[one])


def follow[Step](
    steps: Iterable[Step], display: AbstractContextManager[Callable[[Step], None]]
) -> bool:
    """Take steps, showing each before it is taken; return whether the user interrupted them."""
    try:
        with heeded() as heed, display as show:
            for step in steps:
                heed()
                show(step)
    except KeyboardInterrupt:
        return True
    return False
