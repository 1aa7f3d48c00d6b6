"""What a store was asked for, by kind."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

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
