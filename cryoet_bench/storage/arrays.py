"""Create and open arrays: the one place that knows how zarr 2 and zarr 3 differ.

Compressor, fill value, order, key separator and the writing of empty chunks are always given,
because their defaults differ between releases and a comparison must do the same work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryoet_bench.storage import installed
from cryoet_bench.storage.codecs import Codec
from cryoet_bench.storage.layouts import Layout, Shape

if TYPE_CHECKING:
    import numpy as np

FORMATS: dict[str, int] = {"v2": 2, "v3": 3}
"""The storage formats: every release has format 2, zarr 3 has both."""

FILL_VALUE = 0


def require(storage_format: str) -> None:
    """Do nothing when the installed zarr can write that format.

    Raises
    ------
    UnavailableError
        It cannot.
    """
    if FORMATS[storage_format] == 3:
        installed.require("zarr", 3)


def create(
    store: Any,
    shape: Shape,
    dtype: np.dtype[Any],
    *,
    codec: Codec,
    layout: Layout,
    storage_format: str,
) -> Any:
    """Create an empty array in a store that does not hold one, and return the zarr array.

    Raises
    ------
    UnavailableError
        The installed zarr cannot write that.
    """
    import zarr  # noqa: PLC0415

    require(storage_format)
    if installed.release("zarr") < (3,):
        return zarr.create(  # type: ignore[call-arg, unused-ignore]
            store=store,
            shape=shape,
            dtype=dtype,
            chunks=layout.chunks,
            compressor=codec.numcodecs_compressor(),
            filters=None,
            fill_value=FILL_VALUE,
            order="C",
            dimension_separator="/",
            write_empty_chunks=True,
            zarr_version=2,
        )
    common: dict[str, Any] = {
        "store": store,
        "shape": shape,
        "dtype": dtype,
        "chunks": layout.chunks,
        "fill_value": FILL_VALUE,
        "config": {"order": "C", "write_empty_chunks": True},
    }
    if FORMATS[storage_format] == 2:
        return zarr.create_array(
            **common,
            zarr_format=2,
            compressors=codec.numcodecs_compressor(),
            filters=None,
            order="C",
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )
    return zarr.create_array(
        **common,
        zarr_format=3,
        compressors=codec.format3_compressors(dtype.itemsize),
        filters=[],
        chunk_key_encoding={"name": "default", "separator": "/"},
    )


def open_array(store: Any) -> Any:
    """Open the array in a store for reading."""
    import zarr  # noqa: PLC0415

    return zarr.open_array(store=store, mode="r")
