"""The codec alone, without zarr: where a step of `read` or `write` comes from."""

from __future__ import annotations

from typing import Any

from benchmarks.measured import Timed, asks, tomogram
from cryoet_bench.harness import conditions
from cryoet_bench.storage.codecs import CODECS, CORE_CODECS, MORE_CODECS

_EDGE = 64


class _OneChunk:
    """The central 64-cube of the tomogram, or all of it that there is, and a codec of numcodecs."""

    encoded: Any = None
    repeat = (10, 100, 0.1)

    def setup(self, codec: str) -> None:
        if self.encoded is not None:
            return
        import numpy as np  # noqa: PLC0415

        conditions.settle_codecs()
        volume = tomogram().data
        middle = tuple(
            slice(max(0, (length - _EDGE) // 2), (length + _EDGE) // 2) for length in volume.shape
        )
        self.chunk = np.ascontiguousarray(volume[middle])
        self.codec = CODECS[codec].format2()["compressor"]
        self.encoded = self.codec.encode(self.chunk)
        decoded = np.frombuffer(self.codec.decode(self.encoded), dtype=self.chunk.dtype)
        if not np.array_equal(decoded, self.chunk.ravel()):
            raise AssertionError("what was decoded is not what was encoded")


class Alone(_OneChunk, Timed):
    """Encoding and decoding one chunk in memory."""

    repeat = _OneChunk.repeat
    params = ([name for name in CORE_CODECS if name != "none"],)
    param_names = ("codec",)

    @asks("Encode one chunk")
    def time_encode(self, *_case: str) -> None:
        """How long does numcodecs take to compress a 64-cube?"""
        self.codec.encode(self.chunk)

    @asks("Decode one chunk")
    def time_decode(self, *_case: str) -> None:
        """How long does numcodecs take to decompress a 64-cube?"""
        self.codec.decode(self.encoded)


class MoreAlone(_OneChunk, Timed):
    """As Alone, at further settings."""

    repeat = _OneChunk.repeat
    params = (list(MORE_CODECS),)
    param_names = ("codec",)

    @asks("Encode one chunk, by further codecs", tier="full")
    def time_encode(self, *_case: str) -> None:
        """How long does numcodecs take to compress a 64-cube at other settings?"""
        self.codec.encode(self.chunk)

    @asks("Decode one chunk, by further codecs", tier="full")
    def time_decode(self, *_case: str) -> None:
        """How long does numcodecs take to decompress a 64-cube at other settings?"""
        self.codec.decode(self.encoded)
