"""Exact costs of an access: store requests and bytes, decoded voxels, Python calls, memory.

They have no noise, so they need no statistics, and they say why a time has moved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryoet_bench.harness.counting.effort import python_calls, traced_peak
from cryoet_bench.harness.counting.requests import KINDS, Requests
from cryoet_bench.storage import installed
from cryoet_bench.storage.codecs import Codec

__all__ = [
    "KINDS",
    "Requests",
    "counted_codec",
    "counting_store",
    "decoded_bytes",
    "python_calls",
    "traced_peak",
]


def counting_store(requests: Requests) -> Any:
    """Return a store that keeps objects in memory and counts what zarr asks of it.

    It implements what zarr demands of a store and nothing more, so each request is one that a
    remote store would have to send: zarr's own ways of joining requests stay in force, its short
    cuts for local files and memory do not.
    """
    # Each module subclasses a class that only its own zarr has.
    if installed.release("zarr") < (3,):
        from cryoet_bench.harness.counting import zarr2  # noqa: PLC0415

        return zarr2.CountingStore(requests)
    from cryoet_bench.harness.counting import zarr3  # noqa: PLC0415

    return zarr3.CountingStore(requests, {})


def decoded_bytes(action: Callable[[], object]) -> int:
    """Return the bytes that chunks stored with the codec `counted_codec` decoded to."""
    from cryoet_bench.harness.counting.codec import tally  # noqa: PLC0415

    before = tally.bytes
    action()
    return tally.bytes - before


def counted_codec() -> Codec:
    """Return a codec that leaves bytes as they are and counts them when they are decoded."""
    return _CountedCodec()


class _CountedCodec(Codec):
    def format2(self) -> dict[str, Any]:
        from cryoet_bench.harness.counting.codec import CountedCodec  # noqa: PLC0415

        return {"compressor": CountedCodec(), "filters": None}

    def format2_on_zarr3(self) -> dict[str, Any]:
        return {"compressors": self.format2()["compressor"], "filters": None}

    def format3(self, itemsize: int) -> dict[str, Any]:
        del itemsize
        from cryoet_bench.harness.counting import zarr3  # noqa: PLC0415

        return {"compressors": [zarr3.CountedCodec()], "filters": []}
