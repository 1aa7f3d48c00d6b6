"""Create and open arrays: the one place that knows how zarr 2 and zarr 3 differ.

Codec, fill value, order, key separator and the writing of empty chunks are always given,
because their defaults differ between releases and a comparison must do the same work. The codec
named ``default`` alone leaves the choice to zarr, on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryoet_bench.storage import installed
from cryoet_bench.storage.codecs import CODECS, Codec
from cryoet_bench.storage.layouts import LAYOUTS, Layout, Shape

if TYPE_CHECKING:
    import numpy as np

FORMATS: dict[str, int] = {"v2": 2, "v3": 3}
"""The storage formats: every release has format 2, zarr 3 has both."""

FILL_VALUE = 0


@dataclass(frozen=True, kw_only=True)
class Storage:
    """One way of storing a volume.

    Parameters
    ----------
    codec, layout
        What chunks are compressed with, and how the volume is cut into them.
    zarr_format : int
        2 or 3.
    write_empty_chunks : bool
        Store chunks that hold nothing but the fill value.
    """

    codec: Codec
    layout: Layout
    zarr_format: int
    write_empty_chunks: bool = True

    @classmethod
    def named(cls, codec: str, layout: str, storage_format: str) -> Storage:
        """Return the way of storing with these names in `CODECS`, `LAYOUTS` and `FORMATS`."""
        return cls(codec=CODECS[codec], layout=LAYOUTS[layout], zarr_format=FORMATS[storage_format])

    def require(self) -> None:
        """Raise unless the installed releases can store a volume so; nothing is imported.

        Raises
        ------
        UnavailableError
            They cannot.
        """
        if self.zarr_format == 3:
            installed.require("zarr", 3)
        self.codec.require(self.zarr_format)
        self.layout.require(self.zarr_format)


def create(
    store: Any, shape: Shape, dtype: np.dtype[Any], storage: Storage, *, path: str = ""
) -> Any:
    """Create an empty zarr array at a path of a store that holds none there, and return it.

    Raises
    ------
    UnavailableError
        The installed releases cannot do that.
    """
    storage.require()
    codec, layout = storage.codec, storage.layout
    common: dict[str, Any] = {
        "store": store,
        "shape": shape,
        "dtype": dtype,
        "chunks": layout.chunks,
        "fill_value": FILL_VALUE,
    }
    zarr = installed.zarr()
    if installed.release("zarr") < (3,):
        return zarr.create(
            **common,
            **codec.format2(),
            path=path or None,
            order="C",
            dimension_separator="/",
            write_empty_chunks=storage.write_empty_chunks,
            zarr_version=2,
        )
    common |= {
        "name": path or None,
        "zarr_format": storage.zarr_format,
        "config": {"order": "C", "write_empty_chunks": storage.write_empty_chunks},
    }
    if storage.zarr_format == 2:
        return zarr.create_array(
            **common,
            **codec.format2_on_zarr3(),
            order="C",
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
    return zarr.create_array(
        **common,
        **codec.format3(dtype.itemsize),
        shards=layout.shards,
        chunk_key_encoding={"name": "default", "separator": "/"},
    )


def open_array(store: Any, *, path: str = "", writable: bool = False) -> Any:
    """Open the array at a path of a store."""
    zarr = installed.zarr()
    return zarr.open_array(store=store, path=path, mode="r+" if writable else "r")
