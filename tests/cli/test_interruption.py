"""Ctrl-C and a request to end stop what is measured, also where Python drops the exception."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from cryoet_bench.cli.interruption import follow, heeded

BOTH = pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Handle both as a program started from a terminal does, however the tests were started."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {how: signal.signal(how, handler) for how, handler in usual.items()}
    yield
    for how, handler in before.items():
        signal.signal(how, handler)


class Dropping:
    """Raises a signal where Python drops what its handler raises, as it does while it forks."""

    def __init__(self, how: signal.Signals) -> None:
        self.how = how

    def __del__(self) -> None:
        signal.raise_signal(self.how)


def steps(taken: list[int], how: signal.Signals, *, dropped: bool) -> Iterator[int]:
    for number in range(4):
        yield number
        taken.append(number)
        if number == 1 and dropped:
            Dropping(how)
        elif number == 1:
            signal.raise_signal(how)


@BOTH
@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_further_step_is_taken(how: signal.Signals, dropped: bool) -> None:
    taken: list[int] = []
    shown: list[int] = []
    assert follow(steps(taken, how, dropped=dropped), nullcontext(shown.append))
    assert taken == shown == [0, 1]


def test_all_steps_are_taken_where_nobody_interrupts() -> None:
    shown: list[int] = []
    assert not follow(iter(range(4)), nullcontext(shown.append))
    assert shown == [0, 1, 2, 3]


@BOTH
def test_handlers_are_put_back_and_what_is_ignored_stays_so(how: signal.Signals) -> None:
    before = signal.signal(how, signal.SIG_IGN)
    try:
        with heeded() as heed:
            signal.raise_signal(how)
            heed()
        assert signal.getsignal(how) == signal.SIG_IGN
    finally:
        signal.signal(how, before)
    with heeded():
        assert signal.getsignal(how) != before
    assert signal.getsignal(how) == before
