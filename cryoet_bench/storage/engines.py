"""Named engines: other ways to read and write the same files. One entry of `ENGINES` adds one."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.storage import arrays, installed, stores
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.concurrency import THREADS
from cryoet_bench.storage.layouts import Shape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Engine:
    """A library that reads and writes Zarr.

    Parameters
    ----------
    needs : tuple of tuple
        Packages that must be installed for it, each with the least numbers of its release.
    create, open : callable
        Functions of a folder that return something to assign to, or to read from, by slices.
    use : callable
        Returns the context within which this process uses the engine.
    own_formats : bool
        Whether it stores volumes itself, whatever zarr-python can do.
    """

    needs: tuple[tuple[Any, ...], ...]
    create: Callable[[Path, Shape, np.dtype[Any], Storage], Any]
    open: Callable[[Path, Storage], Any]
    use: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext
    own_formats: bool = False

    def require(self, storage: Storage) -> None:
        """Raise an error unless this engine is installed and can store a volume so.

        Raises
        ------
        UnavailableError
            It is not, or cannot.
        """
        for package, *least in self.needs:
            installed.require(package, *least)
        if not self.own_formats:
            storage.require()


def _zarr_create(folder: Path, shape: Shape, dtype: Any, storage: Storage) -> Any:
    return arrays.create(stores.local(folder), shape, dtype, storage)


def _zarr_open(folder: Path, _storage: Storage) -> Any:
    return arrays.open_array(stores.local(folder))


def _obstore_create(folder: Path, shape: Shape, dtype: Any, storage: Storage) -> Any:
    return arrays.create(stores.object_store(folder), shape, dtype, storage)


def _obstore_open(folder: Path, _storage: Storage) -> Any:
    return arrays.open_array(stores.object_store(folder))


def _fused() -> AbstractContextManager[Any]:
    pipeline: AbstractContextManager[Any] = installed.zarr().config.set(
        {
            "codec_pipeline.path": "zarr.core.codec_pipeline.FusedCodecPipeline",
            "codec_pipeline.max_workers": THREADS,
        }
    )
    return pipeline


def _zarrs() -> AbstractContextManager[Any]:
    importlib.import_module("zarrs")
    pipeline: AbstractContextManager[Any] = installed.zarr().config.set(
        {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}
    )
    return pipeline


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


def _tensorstore_create(folder: Path, shape: Shape, dtype: Any, storage: Storage) -> Any:
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
    "zarr-python": Engine((("zarr",),), _zarr_create, _zarr_open),
    "zarr-fused": Engine((("zarr", 3, 3),), _zarr_create, _zarr_open, _fused),
    "zarr-obstore": Engine((("zarr", 3, 0, 8), ("obstore",)), _obstore_create, _obstore_open),
    "zarrs": Engine((("zarr",), ("zarrs",)), _zarr_create, _zarr_open, _zarrs),
    "tensorstore": Engine(
        (("tensorstore",),), _tensorstore_create, _tensorstore_open, own_formats=True
    ),
}
"""zarr-fused is zarr's own synchronous pipeline of codecs, which a user has to choose. obstore,
zarrs and tensorstore stay at one version along the timeline: a comparison, and a control."""
