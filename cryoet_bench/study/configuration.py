"""A configuration: one way of storing a volume, a point of the matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cryoet_bench.storage.codecs import Shuffle
from cryoet_bench.storage.layouts import Layout, Shape

Voxel = Literal["same", "float16", "int16", "int8", "uint16"]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One way of storing a volume.

    Parameters
    ----------
    codec : str
        Name of a family of codecs; see `families`.
    level : float or None
        Its compression level, or the error it may make in standard deviations of the volume; None
        where the family has neither.
    shuffle : {"none", "byte", "bit"}
        How bytes are sorted before they are compressed.
    chunks, shards
        As in `Layout`.
    zarr_format : int
        2 or 3.
    voxel : {"same", "float16", "int16", "int8", "uint16"}
        Type that the values are scaled to; "same" leaves them as they are.
    kept_bits : int or None
        Bits of the mantissa that are kept, the others being rounded to zeros; None keeps all.
    """

    codec: str
    chunks: Shape
    level: float | None = None
    shuffle: Shuffle = "none"
    shards: Shape | None = None
    zarr_format: int = 3
    voxel: Voxel = "same"
    kept_bits: int | None = None

    @property
    def layout(self) -> Layout:
        """How the volume is cut."""
        return Layout(chunks=self.chunks, shards=self.shards)

    @property
    def is_reduced(self) -> bool:
        """Whether values lose digits before a codec sees them."""
        return self.kept_bits is not None or self.voxel != "same"

    @property
    def encoding(self) -> str:
        """What is done to the values, in a few words: everything but layout and format."""
        words = [self.codec]
        if self.level is not None:
            words.append(f"{self.level:.15g}")  # the shortest that no other level has
        if self.shuffle != "none":
            words.append(f"{self.shuffle}shuffle")
        if self.voxel != "same":
            words.append(self.voxel)
        if self.kept_bits is not None:
            words.append(f"{self.kept_bits}bits")
        return "-".join(words)

    @property
    def cut(self) -> str:
        """The layout in a few words, such as ``32 in 128``."""
        inner = edges(self.chunks)
        return f"{inner} in {edges(self.shards)}" if self.shards else inner

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.encoding} {self.cut} v{self.zarr_format}"

    def facts(self) -> dict[str, Any]:
        """Return its parameters as JSON and tables hold them."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Configuration:
        """Return the configuration that `facts` came from."""
        values = dict(facts)
        values["chunks"] = tuple(values["chunks"])
        values["shards"] = tuple(values["shards"]) if values["shards"] else None
        return cls(**values)


def edges(shape: Shape) -> str:
    """Return a shape in a few characters: one number for a cube."""
    return str(shape[0]) if len(set(shape)) == 1 else "x".join(map(str, shape))
