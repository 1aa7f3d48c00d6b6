"""Label volumes: what a segmentation of the tomogram occupies, and how long it takes.

Particles and membranes are derived from the tomogram (see `cryoet_bench.tomogram.segmentation`).
"""

from __future__ import annotations

import functools
from typing import Any

from benchmarks.exact import Exact, Outcomes, Values
from benchmarks.measured import Stored, labels
from benchmarks.question import Timed, asks
from cryoet_bench.storage.arrays import FORMATS, Storage

_DTYPES = ("uint8", "uint16")  # the class of each voxel, the number of its object
_SHUFFLES = [f"blosc-zstd-5{shuffle}" for shuffle in ("", "-bitshuffle", "-noshuffle")]
_BLOSC = [*_SHUFFLES, *[name.replace("zstd", "lz4") for name in _SHUFFLES]]
_CODECS = [*_BLOSC, "none", "zstd-3", "gzip-5"]


@functools.cache
def _stored(dtype: str, codec: str, storage_format: str) -> Stored:
    """Return labels in 64-cubes that were written and checked, once in this process."""
    storage = Storage.named(codec, "cube-64", storage_format)
    storage.require()
    stored = Stored(storage, labels(dtype))
    stored.write()
    stored.check()
    return stored


def _size(dtype: str, codec: str, storage_format: str) -> Values:
    stored = _stored(dtype, codec, storage_format)
    return {"fraction_of_raw": stored.data_bytes() / stored.volume.nbytes}


class Size(Exact):
    """Stored size of labels in 64-cubes, by codec."""

    cases = {"dtype": _DTYPES, "codec": _CODECS, "format": FORMATS}
    core = {"codec": _SHUFFLES}
    measure = staticmethod(_size)

    def setup_cache(self) -> Outcomes:
        return self.outcomes()

    @asks("Stored size of labels as a fraction of raw", unit="of raw")
    def track_fraction_of_raw(self, *_case: object) -> float:
        """How large is a stored segmentation compared with its raw voxels?

        The codec's version; shuffle, which saves little by bytes and up to half by bits.
        """
        return self.outcome["fraction_of_raw"]


class Read(Timed):
    """Labels in 64-cubes of format 2, by codec."""

    cases = {"dtype": _DTYPES, "codec": _BLOSC}

    def setup(self, dtype: str, codec: str) -> None:
        self.array = _opened(dtype, codec)

    @asks("Read labels, by codec")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to read a segmentation?

        The codec and its shuffle, zarr's pipeline around it.
        """
        self.array[...]


@functools.cache
def _opened(dtype: str, codec: str) -> Any:
    return _stored(dtype, codec, "v2").open()


class Write(Timed):
    """Labels in 64-cubes of format 2, by codec."""

    cases = {"dtype": _DTYPES, "codec": _BLOSC}

    def setup(self, dtype: str, codec: str) -> None:
        self.stored = _stored(dtype, codec, "v2")
        self.stored.clear()

    @asks("Write labels, by codec")
    def time_volume(self, *_case: str) -> None:
        """How long does it take to write a segmentation?

        The codec and its shuffle, zarr's pipeline around it.
        """
        self.stored.write()
