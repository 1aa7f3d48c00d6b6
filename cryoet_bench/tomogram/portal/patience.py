"""How long to wait for the portal and how often to ask again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from tenacity import retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random


class UnavailableError(Exception):
    """A part of the portal did not answer, or not completely; it may when asked again."""


@dataclass(frozen=True)
class Patience:
    """Time limits of one exchange and of its repetitions.

    Parameters
    ----------
    timeout : float
        Seconds without a byte after which an answer is given up.
    attempts : int
        Requests for the same thing before giving up.
    wait : float
        Seconds before the second attempt; every further wait is twice as long, up to 10 s, and a
        random part of the first more, so that many do not ask at once.
    floor : float
        Bytes a second below which a transfer is given up: a server that sends a byte now and then
        would hold it for ever.
    window : float
        Seconds over which that is measured; also those for an answer of the bucket to begin.
    answer : float
        Seconds for the whole answer to a question put to the catalogue.
    """

    timeout: float = 30.0
    attempts: int = 5
    wait: float = 0.5
    floor: float = 10_000.0
    window: float = 30.0
    answer: float = 60.0

    def policy(self) -> dict[str, Any]:
        """Return the arguments of tenacity's retrying classes."""
        return {
            "stop": stop_after_attempt(self.attempts),
            "wait": wait_exponential(multiplier=self.wait, max=10) + wait_random(0, self.wait),
            "retry": retry_if_exception_type(UnavailableError),
            "reraise": True,
        }


PATIENCE = Patience()


class Pace:
    """The speed of one transfer, held against the floor."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since, self._received = time.monotonic(), 0

    def note(self, size: int) -> None:
        """Count bytes that came in.

        Raises
        ------
        UnavailableError
            They came slower than the floor over a whole window.
        """
        self._received += size
        seconds = time.monotonic() - self._since
        if seconds < self._patience.window:
            return
        if self._received < self._patience.floor * seconds:
            raise UnavailableError(
                f"it sent {self._received} bytes in {seconds:.0f} s, "
                f"less than {self._patience.floor / 1000:g} kB/s"
            )
        self._since, self._received = time.monotonic(), 0


def within[Answer](seconds: float, ask: Callable[[], Answer]) -> Answer:
    """Return the answer to a question that may take so many seconds.

    It is asked in a thread, which is left behind when it is late: requests limits the time between
    two bytes, and not that of an answer.

    Raises
    ------
    UnavailableError
        There is no complete answer by then.
    """
    answer: Future[Answer] = Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError as error:
        raise UnavailableError(f"no complete answer within {seconds:g} s") from error
