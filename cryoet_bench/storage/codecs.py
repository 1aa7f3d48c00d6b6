"""Named codecs: one entry of `CODECS` is all that a new codec needs.

A codec is written down once, in the words of numcodecs, which is what format 2 stores;
the metadata of format 3 follows from it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cryoet_bench.storage import installed
from cryoet_bench.storage.installed import UnavailableError

Configuration = Mapping[str, Any]
Shuffle = Literal["none", "byte", "bit"]

_SHUFFLES: dict[Shuffle, tuple[int, str]] = {
    "none": (0, "noshuffle"),
    "byte": (1, "shuffle"),
    "bit": (2, "bitshuffle"),
}
_SHUFFLE_WORDS = dict(_SHUFFLES.values())


@dataclass(frozen=True)
class Codec:
    """How the values of a chunk become bytes.

    Parameters
    ----------
    compressor : mapping or None
        A numcodecs configuration with its ``id``; None stores the bytes as they are.
    filters : tuple of mapping
        numcodecs configurations of what is done to the values before; format 2 only.
    zarr_class : str
        Take this class of ``zarr.codecs`` with its defaults instead; format 3 only.
    chosen : bool
        False leaves the choice to zarr: what a user gets who names no codec.
    package : str
        Package other than numcodecs that brings the codec.
    """

    compressor: Configuration | None = None
    filters: tuple[Configuration, ...] = ()
    zarr_class: str = ""
    chosen: bool = True
    package: str = ""

    def require(self, zarr_format: int) -> None:
        """Raise unless the installed releases have this codec in that format.

        Raises
        ------
        UnavailableError
            They do not.
        """
        if self.package:
            installed.require(self.package)
        if self.zarr_class and zarr_format == 2:
            raise UnavailableError(f"zarr.codecs.{self.zarr_class} writes format 3 only")
        if (self.filters or self.package) and zarr_format == 3:
            raise UnavailableError("format 3 has no common name for this codec")

    def format2(self) -> dict[str, Any]:
        """Return the arguments of ``zarr.create`` on zarr 2, by the names it has there."""
        if not self.chosen:
            return {}
        return {"compressor": _instance(self.compressor), "filters": self._filters()}

    def format2_on_zarr3(self) -> dict[str, Any]:
        """Return the arguments of ``zarr.create_array`` on zarr 3 for format 2."""
        if not self.chosen:
            return {}
        return {"compressors": _instance(self.compressor), "filters": self._filters()}

    def format3(self, itemsize: int) -> dict[str, Any]:
        """Return the arguments of ``zarr.create_array`` for format 3.

        blosc, zstd and gzip are zarr's own; all others are known there as ``numcodecs.<id>``.
        """
        if not self.chosen:
            return {}
        if self.zarr_class:
            own = getattr(importlib.import_module("zarr.codecs"), self.zarr_class)
            return {"compressors": [own()], "filters": []}
        if self.compressor is None:
            return {"compressors": [], "filters": []}
        settings = {key: value for key, value in self.compressor.items() if key != "id"}
        name = self.compressor["id"]
        if name == "blosc":
            settings["shuffle"] = _SHUFFLE_WORDS[settings["shuffle"]]
            settings["typesize"] = itemsize
        elif name == "zstd":
            settings["checksum"] = False  # numcodecs has the setting since 0.13 only
        elif name != "gzip":
            name = f"numcodecs.{name}"
        return {"compressors": [{"name": name, "configuration": settings}], "filters": []}

    def _filters(self) -> list[Any] | None:
        return [_instance(configuration) for configuration in self.filters] or None


def _instance(configuration: Configuration | None) -> Any:
    if configuration is None:
        return None
    import numcodecs  # noqa: PLC0415

    if configuration["id"].startswith("imagecodecs"):
        importlib.import_module("imagecodecs.numcodecs").register_codecs(verbose=False)
    return numcodecs.get_codec(dict(configuration))


def blosc(cname: str, level: int, shuffle: Shuffle = "byte") -> Codec:
    """Return Blosc with every setting given."""
    number, _ = _SHUFFLES[shuffle]
    settings = {"id": "blosc", "cname": cname, "clevel": level, "shuffle": number, "blocksize": 0}
    return Codec(settings)


CORE_CODECS: dict[str, Codec] = {
    "none": Codec(),
    "blosc-lz4-5": blosc("lz4", 5),  # what the CryoET Data Portal writes
    "blosc-zstd-5": blosc("zstd", 5),
    "zstd-3": Codec({"id": "zstd", "level": 3}),
    "gzip-5": Codec({"id": "gzip", "level": 5}),
}
"""What most tomograms are stored with, and what it is compared with."""

ZARR_CODECS: dict[str, Codec] = {
    "zarr-blosc": Codec(zarr_class="BloscCodec"),
    "zarr-zstd": Codec(zarr_class="ZstdCodec"),
    "zarr-gzip": Codec(zarr_class="GzipCodec"),
}
"""The codecs of zarr itself with no argument: their defaults change between releases."""

MORE_CODECS: dict[str, Codec] = {
    "default": Codec(chosen=False),
    "blosc-lz4-1": blosc("lz4", 1),
    "blosc-lz4-9": blosc("lz4", 9),
    "blosc-lz4-5-bitshuffle": blosc("lz4", 5, "bit"),
    "blosc-lz4-5-noshuffle": blosc("lz4", 5, "none"),
    "blosc-zstd-1": blosc("zstd", 1),
    "blosc-zstd-3": blosc("zstd", 3),
    "blosc-zstd-5-bitshuffle": blosc("zstd", 5, "bit"),
    "blosc-zstd-5-noshuffle": blosc("zstd", 5, "none"),
    "blosc-zlib-5": blosc("zlib", 5),
    "blosc-lz4hc-5": blosc("lz4hc", 5),
    "blosc-blosclz-5": blosc("blosclz", 5),
    "zstd-5": Codec({"id": "zstd", "level": 5}),
    "gzip-1": Codec({"id": "gzip", "level": 1}),
    "lz4-1": Codec({"id": "lz4", "acceleration": 1}),
}

CODECS: dict[str, Codec] = CORE_CODECS | ZARR_CODECS | MORE_CODECS
"""All lossless codecs by name; the lossy ones depend on the volume (see `lossy`)."""

NUMCODECS_DEFAULTS: dict[str, Codec] = {
    f"numcodecs-{name}": Codec({"id": name})
    for name in ("blosc", "zstd", "lz4", "gzip", "zlib", "bz2", "lzma")
}
"""numcodecs' classes with no argument, such as ``Zstd()``: their defaults change as well."""

COMPRESSORS: dict[str, Codec] = {
    **{name: codec for name, codec in CODECS.items() if codec.compressor},
    **NUMCODECS_DEFAULTS,
}
"""What numcodecs runs alone, without zarr."""

CORE_COMPRESSORS = (
    *(name for name in COMPRESSORS if name in CORE_CODECS),
    "blosc-blosclz-5",  # several times slower to decode since numcodecs 0.13.0
    "numcodecs-blosc",
    "numcodecs-zstd",  # its level moved at numcodecs 0.13.0
    "numcodecs-lz4",  # several times faster to encode since numcodecs 0.16
)
