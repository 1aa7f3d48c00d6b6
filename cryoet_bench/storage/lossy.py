"""Named lossy ways of storing: one entry of `LOSSY` adds one. They depend on the volume's values.

All of them end in a numcodecs codec, so they are stored in format 2, which takes any; most come
from numcodecs itself, ZFP, SZ3 and JPEG 2000 from imagecodecs, at one version for all releases.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryoet_bench.storage.codecs import Codec, Configuration, blosc
from cryoet_bench.storage.layouts import Shape

if TYPE_CHECKING:
    import numpy.typing as npt

Volume = Any  # numpy.ndarray; numpy itself is imported by those who have one


@dataclass(frozen=True)
class Lossy:
    """A lossy codec for one volume.

    Parameters
    ----------
    codec : Codec
        What zarr stores the values with.
    dtype : str
        Type that the values are stored in.
    factor : float
        What the values are multiplied by before; readers divide by it.
    offset : float
        What is subtracted from the values before that; readers add it.
    """

    codec: Codec
    dtype: str = "float32"
    factor: float = 1.0
    offset: float = 0.0

    def encode(self, volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the array that is stored."""
        values = (volume - self.offset if self.offset else volume) * self.factor
        return (values.round() if "int" in self.dtype else values).astype(self.dtype)

    def decode(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values that a reader sees, as float32."""
        values = stored.astype("float32") / self.factor
        return values + self.offset if self.offset else values


_COMPRESSOR = blosc("zstd", 5).compressor


def _bitround(bits: int) -> Callable[[Volume, Shape], Lossy]:
    def fit(volume: Volume, chunks: Shape) -> Lossy:
        del volume, chunks
        return Lossy(Codec(_COMPRESSOR, filters=({"id": "bitround", "keepbits": bits},)))

    return fit


def _scale_offset(volume: Volume, integer: str, bits: int) -> Configuration:
    """Map the volume's range onto all integers of a type but the lowest."""
    low, high = float(volume.min()), float(volume.max())
    steps = 2 ** (bits - 1) - 1
    return {
        "id": "fixedscaleoffset",
        "offset": (low + high) / 2,
        "scale": steps / ((high - low) / 2 or 1.0),
        "dtype": "<f4",
        "astype": integer,
    }


def _integer(integer: str, bits: int) -> Callable[[Volume, Shape], Lossy]:
    def fit(volume: Volume, chunks: Shape) -> Lossy:
        del chunks
        return Lossy(Codec(_COMPRESSOR, filters=(_scale_offset(volume, integer, bits),)))

    return fit


def _to_one(value: float) -> float:
    """Return the power of two that brings a value between 1 and 2: it changes no mantissa."""
    return 2.0 ** -math.floor(math.log2(value or 1.0))


def _half(*, scaled: bool) -> Callable[[Volume, Shape], Lossy]:
    def fit(volume: Volume, chunks: Shape) -> Lossy:
        del chunks
        factor = _to_one(float(volume.std())) if scaled else 1.0
        return Lossy(Codec(_COMPRESSOR), "float16", factor)

    return fit


def _zfp(tolerance: float) -> Callable[[Volume, Shape], Lossy]:
    def fit(volume: Volume, chunks: Shape) -> Lossy:
        del chunks
        # ZFP rounds a tolerance down to a power of two. Here it is 1, and the values are scaled:
        # imagecodecs takes whole numbers only since 2026.
        settings = {"id": "imagecodecs_zfp", "mode": "accuracy", "level": 1}
        factor = _to_one(tolerance * float(volume.std()))
        return Lossy(Codec(settings, package="imagecodecs"), factor=factor)

    return fit


def _sz3(tolerance: float) -> Callable[[Volume, Shape], Lossy]:
    def fit(volume: Volume, chunks: Shape) -> Lossy:
        settings = {
            "id": "imagecodecs_sz3",
            "shape": chunks,
            "dtype": "<f4",
            "mode": "abs",
            "abs": tolerance * float(volume.std()),
        }
        return Lossy(Codec(settings, package="imagecodecs"))

    return fit


def _jpeg2000(level: int) -> Callable[[Volume, Shape], Lossy]:
    def fit(volume: Volume, chunks: Shape) -> Lossy:
        del chunks
        # JPEG 2000 knows unsigned integers only. A filter could make them, but it would hand on a
        # chunk as one long row, and an image has to have its rows and columns.
        low, high = float(volume.min()), float(volume.max())
        settings = {"id": "imagecodecs_jpeg2k", "level": level, "planar": True}
        factor = 65535 / ((high - low) or 1.0)
        return Lossy(Codec(settings, package="imagecodecs"), "uint16", factor, low)

    return fit


LOSSY: dict[str, Callable[[Volume, Shape], Lossy]] = {
    "bitround-10": _bitround(10),
    "bitround-7": _bitround(7),
    "bitround-5": _bitround(5),
    "int16-scaled": _integer("<i2", 16),
    "int8-scaled": _integer("<i1", 8),
    "float16-scaled": _half(scaled=True),
    "float16-unscaled": _half(scaled=False),  # a trap: values near 1e-6 are subnormal
    "zfp-0.01-sd": _zfp(0.01),
    "zfp-0.1-sd": _zfp(0.1),
    "sz3-0.01-sd": _sz3(0.01),
    "sz3-0.1-sd": _sz3(0.1),
    "jpeg2000-60-db": _jpeg2000(60),
}
"""Functions of a float32 volume and the chunk's shape."""
