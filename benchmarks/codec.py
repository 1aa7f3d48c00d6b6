"""The codec alone, without zarr: where a step of `read` or `write` comes from."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import labels, tomogram
from benchmarks.question import EVERY, Timed, asks
from cryoet_bench.harness import conditions
from cryoet_bench.storage.codecs import COMPRESSORS, CORE_COMPRESSORS

if TYPE_CHECKING:
    import numpy.typing as npt

_EDGE = 64


def middle_chunk(voxels: str = "densities") -> npt.NDArray[Any]:
    """Return the central 64-cube of the tomogram, or of its *labels*."""
    import numpy as np  # noqa: PLC0415

    from cryoet_bench.volume import region  # noqa: PLC0415

    volume = labels("uint16") if voxels == "labels" else tomogram().data
    return np.ascontiguousarray(volume[region.middle(volume.shape, _EDGE)])


@functools.cache
def _encoded(codec: str, voxels: str = "densities") -> tuple[Any, Any, Any]:
    """Return a codec of numcodecs, the central 64-cube, and the cube encoded."""
    import numpy as np  # noqa: PLC0415

    conditions.settle_codecs()
    chunk = middle_chunk(voxels)
    compressor = COMPRESSORS[codec].format2()["compressor"]
    encoded = compressor.encode(chunk)
    decoded = np.frombuffer(compressor.decode(encoded), dtype=chunk.dtype)
    if not np.array_equal(decoded, chunk.ravel()):
        raise AssertionError("what was decoded is not what was encoded")
    return compressor, chunk, encoded


class Chunk(Timed):
    """One chunk in memory, encoded and decoded by numcodecs."""

    cases = {"codec": COMPRESSORS}
    core = {"codec": CORE_COMPRESSORS}
    repeat = (10, 100, 0.1)

    def setup(self, codec: str) -> None:
        self.codec, self.chunk, self.encoded = _encoded(codec)

    @asks("Encode one chunk")
    def time_encode(self, *_case: str) -> None:
        """How long does numcodecs take to compress a 64-cube?

        numcodecs and the codec libraries in it, its default level.
        """
        self.codec.encode(self.chunk)

    @asks("Decode one chunk")
    def time_decode(self, *_case: str) -> None:
        """How long does numcodecs take to decompress a 64-cube?

        numcodecs and the codec libraries in it.
        """
        self.codec.decode(self.encoded)


def _size(codec: str, voxels: str) -> Values:
    _, chunk, encoded = _encoded(codec, voxels)
    return {"fraction_of_raw": len(encoded) / chunk.nbytes}


class Size(Exact):
    """One chunk in memory, encoded by numcodecs: the companion of the times."""

    cases = {"codec": COMPRESSORS, "voxels": ["densities", "labels"]}
    core = EVERY
    measure = staticmethod(_size)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Encoded size of one chunk as a fraction of raw", unit="of raw")
    def track_fraction_of_raw(self, *_case: object) -> float:
        """How large is a compressed 64-cube compared with its raw voxels?

        numcodecs and the codec libraries in it, its default level.
        """
        return self.outcome["fraction_of_raw"]
