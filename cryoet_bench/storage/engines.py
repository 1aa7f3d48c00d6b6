"""Named engines: other ways to read and write the same files. One entry of `ENGINES` adds one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.storage import arrays, installed, stores
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.concurrency import THREADS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Engine:
    """A library that reads and writes Zarr.

    Parameters
    ----------
    package : str
        What must be installed for it.
    prepare : callable
        Called once in a process, before anything else.
    create, open
        Functions of a folder that return something to assign to, or to read from, by slices.
    """

    package: str
    prepare: Callable[[], None]
    create: Callable[[Path, tuple[int, int, int], np.dtype[Any], Storage], Any]
    open: Callable[[Path, Storage], Any]

    def require(self, storage: Storage) -> None:
        """Raise unless this engine is installed and can store a volume so.

        Raises
        ------
        UnavailableError
            It cannot.
        """
        installed.require(self.package)
        if self.package != "tensorstore":
            storage.require()


def _zarr_create(folder: Path, shape: Any, dtype: Any, storage: Storage) -> Any:
    return arrays.create(stores.local(folder), shape, dtype, storage)


def _zarr_open(folder: Path, storage: Storage) -> Any:
    del storage
    return arrays.open_array(stores.local(folder))


def _use_zarrs() -> None:
    importlib.import_module("zarrs")
    installed.zarr().config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})


def _spec(folder: Path, storage: Storage) -> dict[str, Any]:
    one = {"limit": THREADS}
    return {
        "driver": "zarr" if storage.zarr_format == 2 else "zarr3",
        "kvstore": {"driver": "file", "path": str(folder)},
        # No cache between reads, and the same number of threads as for zarr.
        "context": {
            "cache_pool": {"total_bytes_limit": 0},
            "data_copy_concurrency": one,
            "file_io_concurrency": one,
        },
    }


def _tensorstore_create(folder: Path, shape: Any, dtype: Any, storage: Storage) -> Any:
    layout, codec = storage.layout, storage.codec
    metadata: dict[str, Any]
    if storage.zarr_format == 2:
        metadata = {
            "shape": shape,
            "chunks": layout.chunks,
            "dtype": dtype.str,
            "compressor": None if codec.compressor is None else dict(codec.compressor),
            "filters": None,
            "fill_value": arrays.FILL_VALUE,
            "order": "C",
            "dimension_separator": "/",
        }
    else:
        codecs: list[Any] = [{"name": "bytes", "configuration": {"endian": "little"}}]
        codecs += codec.format3(dtype.itemsize)["compressors"]
        if layout.shards:
            inner = {"chunk_shape": layout.chunks, "codecs": codecs}
            codecs = [{"name": "sharding_indexed", "configuration": inner}]
        grid = {"chunk_shape": layout.objects}
        metadata = {
            "shape": shape,
            "data_type": dtype.name,
            "chunk_grid": {"name": "regular", "configuration": grid},
            "codecs": codecs,
            "fill_value": arrays.FILL_VALUE,
        }
    return _tensorstore_open(folder, storage, metadata=metadata, create=True)


def _tensorstore_open(folder: Path, storage: Storage, **more: Any) -> Any:
    tensorstore = importlib.import_module("tensorstore")
    return _Tensorstore(tensorstore.open(_spec(folder, storage) | more).result())


class _Tensorstore:
    """An array of tensorstore that gives and takes numpy arrays at once, as zarr's do."""

    def __init__(self, array: Any) -> None:
        self._array = array

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._array.shape)

    def __getitem__(self, selection: Any) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = self._array[selection].read().result()
        return found

    def __setitem__(self, selection: Any, values: Any) -> None:
        self._array[selection].write(values).result()


ENGINES: dict[str, Engine] = {
    "zarr-python": Engine("zarr", lambda: None, _zarr_create, _zarr_open),
    "zarrs": Engine("zarrs", _use_zarrs, _zarr_create, _zarr_open),
    "tensorstore": Engine("tensorstore", lambda: None, _tensorstore_create, _tensorstore_open),
}
"""tensorstore and zarrs stay at one version along the timeline: a comparison, and a control."""
