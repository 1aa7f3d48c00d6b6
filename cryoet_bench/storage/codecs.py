"""Named codecs: one entry of `CODECS` is all that a new codec needs.

A codec is written down once, in the words of numcodecs, which is what format 2 stores;
the metadata of format 3 follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Configuration = Mapping[str, Any]
Shuffle = Literal["none", "byte", "bit"]

_SHUFFLES: dict[Shuffle, tuple[int, str]] = {
    "none": (0, "noshuffle"),
    "byte": (1, "shuffle"),
    "bit": (2, "bitshuffle"),
}


@dataclass(frozen=True)
class Codec:
    """How the bytes of a chunk are compressed.

    Parameters
    ----------
    compressor : mapping or None
        A numcodecs configuration with its ``id``; None stores the bytes as they are.
    """

    compressor: Configuration | None

    def numcodecs_compressor(self) -> Any:
        """Return the numcodecs object, or None."""
        if self.compressor is None:
            return None
        import numcodecs  # noqa: PLC0415

        return numcodecs.get_codec(dict(self.compressor))

    def format3_compressors(self, itemsize: int) -> list[dict[str, Any]]:
        """Return the ``bytes -> bytes`` codecs of format 3 metadata.

        blosc, zstd and gzip are zarr's own; all others are known there as ``numcodecs.<id>``.
        """
        if self.compressor is None:
            return []
        settings = {key: value for key, value in self.compressor.items() if key != "id"}
        name = self.compressor["id"]
        if name == "blosc":
            words = dict(_SHUFFLES.values())
            settings |= {"shuffle": words[settings["shuffle"]], "typesize": itemsize}
        elif name not in {"gzip", "zstd"}:
            name = f"numcodecs.{name}"
        return [{"name": name, "configuration": settings}]


def _blosc(cname: str, level: int, shuffle: Shuffle = "byte") -> Codec:
    number, _ = _SHUFFLES[shuffle]
    settings = {"id": "blosc", "cname": cname, "clevel": level, "shuffle": number, "blocksize": 0}
    return Codec(settings)


CODECS: dict[str, Codec] = {
    "none": Codec(None),
    "blosc-lz4-5": _blosc("lz4", 5),  # what the CryoET Data Portal writes
    "blosc-zstd-3": _blosc("zstd", 3),
    "blosc-zstd-5": _blosc("zstd", 5),
    "zstd-3": Codec({"id": "zstd", "level": 3, "checksum": False}),
    "gzip-5": Codec({"id": "gzip", "level": 5}),
}
