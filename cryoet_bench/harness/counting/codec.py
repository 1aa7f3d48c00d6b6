"""A codec of numcodecs that counts what it decodes."""

from __future__ import annotations

import threading
from typing import Any

from numcodecs.abc import Codec
from numcodecs.compat import ndarray_copy
from numcodecs.registry import register_codec


class Tally:
    """Bytes decoded so far, by all threads of this process."""

    def __init__(self) -> None:
        self.bytes = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        """Count a chunk."""
        with self._lock:
            self.bytes += size


tally = Tally()


class CountedCodec(Codec):  # type: ignore[misc]
    """Leaves bytes as they are."""

    codec_id = "cryoet_bench_counted"

    def encode(self, buf: Any) -> bytes:
        """Return the same bytes."""
        return bytes(memoryview(buf).cast("B"))

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Return the same bytes, counted."""
        tally.add(memoryview(buf).nbytes)
        return ndarray_copy(buf, out)


register_codec(CountedCodec)
