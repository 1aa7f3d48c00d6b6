"""Families of codecs: one entry of `FAMILIES` adds one, with its levels and what it promises.

Level 5 of one family is not level 5 of another, so a family states its own. Those that keep a
bound take the error as their level, in standard deviations of the volume.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from cryoet_bench.storage import installed
from cryoet_bench.storage.codecs import Codec, Shuffle, blosc
from cryoet_bench.storage.installed import UnavailableError
from cryoet_bench.study.configuration import Configuration
from cryoet_bench.study.promise import Promise

LevelOf = Literal["effort", "error", "quality", "nothing"]
LOSSLESS = Promise()


@dataclass(frozen=True)
class Statistics:
    """What a codec may need to know of a volume.

    Parameters
    ----------
    sd, low, high : float
        Standard deviation, least and largest of the finite voxels.
    dtype : str
        As numpy writes it, such as ``<f4``.
    """

    sd: float
    low: float
    high: float
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """Codecs of one name that differ in level and shuffle.

    Parameters
    ----------
    make : callable
        Returns the codec of a configuration for a volume.
    level_of : {"effort", "error", "quality", "nothing"}
        What its level means. An error is in standard deviations of the volume.
    levels : tuple of float
        The least and the largest level.
    shuffles : tuple of str
        Those that it has.
    formats : tuple of int
        Formats of Zarr that can name it.
    kinds : str
        Kinds of numpy types that it takes: i, u, f.
    widths : tuple of int
        Bytes of a voxel that it takes.
    whole_bounds : bool
        The codec takes whole numbers as its bound only: values are multiplied by the power of two
        that brings the bound to between 1 and 2.
    """

    make: Callable[[Configuration, Statistics], Codec]
    level_of: LevelOf = "effort"
    levels: tuple[float, float] = (1, 9)
    shuffles: tuple[Shuffle, ...] = ("none",)
    formats: tuple[int, ...] = (2, 3)
    kinds: str = "iuf"
    widths: tuple[int, ...] = (1, 2, 4, 8)
    whole_bounds: bool = False

    @property
    def lossy(self) -> bool:
        """Whether values may change."""
        return self.level_of in {"error", "quality"}

    def promise(self, configuration: Configuration, statistics: Statistics) -> Promise:
        """Return what its codec promises of the values that it is given."""
        if self.level_of == "quality":
            return Promise(bounded=False)
        if self.level_of == "error":
            return Promise(absolute=bound(configuration, statistics))
        return LOSSLESS

    def factor(self, configuration: Configuration, statistics: Statistics) -> float:
        """Return what values are multiplied by before, a power of two."""
        allowed = bound(configuration, statistics)
        return 2.0 ** -math.floor(math.log2(allowed)) if self.whole_bounds and allowed else 1.0


def bound(configuration: Configuration, statistics: Statistics) -> float:
    """Return the error that the level of a configuration allows, in the volume's own units."""
    return (configuration.level or 0.0) * statistics.sd


@dataclass(frozen=True)
class Serializer(Codec):
    """A codec that turns the array itself into bytes, which format 3 has a place of its own for.

    Parameters
    ----------
    zarr_name : str
        Its name in format 3; ``numcodecs.<id>`` where left out.
    module : str
        Registers the codec when it is imported.
    """

    zarr_name: str = ""
    module: str = ""

    def require(self, zarr_format: int) -> None:
        """Raise UnavailableError unless it is installed."""
        del zarr_format
        if self.package:
            installed.require(self.package)
        if self.module:
            register(self.module)

    def format3(self, itemsize: int) -> dict[str, Any]:
        """Return the arguments of ``zarr.create_array`` for format 3."""
        del itemsize
        assert self.compressor is not None
        settings = {key: value for key, value in self.compressor.items() if key != "id"}
        name = self.zarr_name or f"numcodecs.{self.compressor['id']}"
        codec = {"name": name, "configuration": settings}
        return {"serializer": codec, "compressors": [], "filters": []}


def register(module: str) -> None:
    """Import what registers a codec.

    Raises
    ------
    UnavailableError
        It is not installed.
    """
    try:
        imported = importlib.import_module(module)
    except ImportError as error:
        raise UnavailableError(f"needs {error.name or module}") from error
    if hasattr(imported, "register_codecs"):  # imagecodecs waits to be told
        imported.register_codecs(verbose=False)


def _blosc(name: str) -> Family:
    return Family(
        make=lambda c, _: blosc(name, int(c.level or 0), c.shuffle),
        levels=(0, 9),
        shuffles=("none", "byte", "bit"),
    )


def _plain(name: str, *levels: float, setting: str = "level") -> Family:
    def make(configuration: Configuration, _: Statistics) -> Codec:
        return Codec({"id": name, setting: int(configuration.level or 0)})

    return Family(make=make, levels=(levels[0], levels[1]))


def _pcodec(configuration: Configuration, _: Statistics) -> Codec:
    return Serializer({"id": "pcodec", "level": int(configuration.level or 0)}, package="pcodec")


def _zfpy(configuration: Configuration, known: Statistics) -> Codec:
    settings = {"id": "zfpy", "mode": 4, "tolerance": bound(configuration, known)}
    return Serializer(settings, package="zfpy")


def _imagecodecs(name: str, **settings: Any) -> Codec:
    chosen = {"id": f"imagecodecs_{name}", **settings}
    return Serializer(chosen, package="imagecodecs", module="imagecodecs.numcodecs")


def _sz3(configuration: Configuration, known: Statistics) -> Codec:
    allowed, shape = bound(configuration, known), list(configuration.chunks)
    return _imagecodecs("sz3", mode="abs", abs=allowed, shape=shape, dtype=known.dtype)


def _sperr(configuration: Configuration, known: Statistics) -> Codec:
    allowed, shape = bound(configuration, known), list(configuration.chunks)
    return _imagecodecs("sperr", mode="pwe", level=allowed, shape=shape, dtype=known.dtype)


def _lerc(configuration: Configuration, known: Statistics) -> Codec:
    return _imagecodecs("lerc", level=bound(configuration, known), compression="zstd")


_BOUNDED: Mapping[str, Any] = {
    "level_of": "error", "levels": (1e-6, 10), "kinds": "f", "widths": (4, 8),
}  # fmt: skip


def _bounded(make: Callable[[Configuration, Statistics], Codec], **more: Any) -> Family:
    """Return a family of imagecodecs that keeps an error bound, for format 2."""
    return Family(make=make, **_BOUNDED, formats=(2,), **more)


def _image(make: Callable[[Configuration, Statistics], Codec], kinds: str) -> Family:
    """Return a family of imagecodecs that compresses images without loss, for format 2."""
    return Family(make=make, level_of="nothing", formats=(2,), kinds=kinds)


FAMILIES: dict[str, Family] = {
    "none": Family(make=lambda _c, _s: Codec(), level_of="nothing"),
    "blosc-lz4": _blosc("lz4"),
    "blosc-lz4hc": _blosc("lz4hc"),
    "blosc-zstd": _blosc("zstd"),
    "blosc-zlib": _blosc("zlib"),
    "blosc-blosclz": _blosc("blosclz"),
    "zstd": _plain("zstd", -7, 22),
    "gzip": _plain("gzip", 0, 9),
    "zlib": _plain("zlib", 0, 9),
    "bz2": _plain("bz2", 1, 9),
    "lz4": _plain("lz4", 1, 65537, setting="acceleration"),
    "lzma": _plain("lzma", 0, 9, setting="preset"),
    "pcodec": Family(make=_pcodec, levels=(0, 12)),
    "zfpy": Family(make=_zfpy, **_BOUNDED),
    "sz3": _bounded(_sz3),
    "sperr": _bounded(_sperr),
    "lerc": _bounded(_lerc),
    # Its bound is a whole number, and a fraction of one becomes 0, which loses nothing.
    "zfp": _bounded(
        lambda _c, _s: _imagecodecs("zfp", mode="accuracy", level=1), whole_bounds=True
    ),
    "blosc2-zstd": Family(
        make=lambda c, _: _imagecodecs(
            "blosc2", compressor="zstd", shuffle="shuffle", level=int(c.level or 0)
        ),
        formats=(2,),
    ),
    "jpegxl": _image(lambda _c, _s: _imagecodecs("jpegxl", lossless=True, planar=True), "u"),
    "jpeg2k": _image(lambda _c, _s: _imagecodecs("jpeg2k", level=0, planar=True), "u"),
    "htj2k": _image(lambda _c, _s: _imagecodecs("htj2k", planar=True), "uf"),
    # Without planes it returns other floats than it was given, and raises nothing.
    "htj2k-default": _image(lambda _c, _s: _imagecodecs("htj2k"), "f"),
}
"""Families by name."""


@dataclass(frozen=True)
class Foreign:
    """A family that a matrix file describes: a codec of the user's own.

    Parameters
    ----------
    name : str
        What the matrix calls it.
    module : str
        Registers it when it is imported.
    format2, format3 : str
        Its id in numcodecs, and its name in format 3; empty where it has none.
    settings : mapping
        Its configuration.
    level : str
        The setting that a configuration's level is given as.
    level_of : {"effort", "error", "quality", "nothing"}
        As in `Family`.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # a matrix is checked by this, too

    name: str
    module: str
    format2: str = ""
    format3: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    level: str = "level"
    level_of: LevelOf = "nothing"

    @property
    def family(self) -> Family:
        """What it is for the matrix."""
        named = ((2, self.format2), (3, self.format3))
        return Family(
            make=self._make,
            level_of=self.level_of,
            levels=(-math.inf, math.inf),
            formats=tuple(number for number, name in named if name),
        )

    def _make(self, configuration: Configuration, statistics: Statistics) -> Codec:
        chosen = {"id": self.format2, **self.settings}
        if configuration.level is not None:
            is_bound = self.level_of == "error"
            chosen[self.level] = (
                bound(configuration, statistics) if is_bound else configuration.level
            )
        return Serializer(chosen, zarr_name=self.format3, module=self.module)
