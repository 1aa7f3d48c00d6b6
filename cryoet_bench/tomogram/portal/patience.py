"""How long to wait for the portal and how often to ask again."""

from __future__ import annotations

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
    """

    timeout: float = 30.0
    attempts: int = 5
    wait: float = 0.5

    def policy(self) -> dict[str, Any]:
        """Return the arguments of tenacity's retrying classes."""
        return {
            "stop": stop_after_attempt(self.attempts),
            "wait": wait_exponential(multiplier=self.wait, max=10) + wait_random(0, self.wait),
            "retry": retry_if_exception_type(UnavailableError),
            "reraise": True,
        }


PATIENCE = Patience()
