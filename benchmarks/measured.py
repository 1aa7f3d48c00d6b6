"""What all benchmarks measure on: the tomogram, and the volume as it is stored."""

from __future__ import annotations

import functools
import shutil
from typing import TYPE_CHECKING, Any

from cryoet_bench import variables
from cryoet_bench.harness import conditions
from cryoet_bench.storage import arrays, stores, voxel_types
from cryoet_bench.storage.arrays import Storage

if TYPE_CHECKING:
    import numpy.typing as npt

    from cryoet_bench.tomogram import Tomogram

CORE_ARRAYS = ("cube-64 v2", "cube-64 v3", "shard-32-in-128 v3")
"""Layout and format of the arrays that access patterns are measured on."""

ARRAYS = (
    *CORE_ARRAYS,
    "cube-32 v2",
    "slab-16x128x128 v2",
    "slab-16x128x128 v3",
    "cube-256 v2",
    "shard-16-in-64 v3",
    "shard-64-in-256 v3",
)

CODEC = "blosc-lz4-5"
"""The codec of what is not about codecs: what the CryoET Data Portal writes."""


@functools.cache
def tomogram() -> Tomogram:
    """Return the tomogram that is measured."""
    from cryoet_bench.tomogram import cache  # noqa: PLC0415

    return cache.load(variables.tomogram_name())


@functools.cache
def labels(dtype: str) -> npt.NDArray[Any]:
    """Return the labels of the tomogram: classes as uint8, the numbers of objects as uint16."""
    from cryoet_bench.tomogram import segmentation  # noqa: PLC0415

    return segmentation.segment(tomogram().data, dtype)


class Stored:
    """A volume stored in one way, in a folder of its own.

    Parameters
    ----------
    storage : Storage
        The way.
    volume : numpy.ndarray, optional
        The volume; the tomogram by default.
    on_disk : bool
        Keep the files on the disk, rather than in memory where the machine can.
    settled : bool
        Pin this process to one core and one codec thread; otherwise the defaults are measured.

    Raises
    ------
    UnavailableError
        The installed releases cannot store it so.
    """

    def __init__(
        self,
        storage: Storage,
        volume: npt.NDArray[Any] | None = None,
        *,
        on_disk: bool = False,
        settled: bool = True,
    ) -> None:
        storage.require()
        if settled:
            conditions.settle()
        self.storage = storage
        self.volume = tomogram().data if volume is None else volume
        self.folder = conditions.new_folder(on_disk=on_disk)

    def create(self, store: Any = None) -> Any:
        """Return a new array that the volume fits into, in the folder or in a given store."""
        store = stores.local(self.folder) if store is None else store
        return arrays.create(store, self.volume.shape, self.volume.dtype, self.storage)

    def write(self) -> None:
        """Create the array and write the whole volume."""
        self.create()[...] = self.volume

    def open(self, *, writable: bool = False) -> Any:
        """Return the zarr array."""
        return arrays.open_array(stores.local(self.folder), writable=writable)

    def max_error(self) -> float:
        """Return the largest absolute difference between what is stored and the volume."""
        import numpy as np  # noqa: PLC0415

        found = np.asarray(self.open()[...], dtype=np.float64)
        return float(np.abs(found - self.volume).max())

    def check(self) -> None:
        """Raise an error unless what is stored is the volume: the time of a wrong copy is void."""
        if self.max_error() != 0:
            raise AssertionError("what was read is not what was written")

    def data_bytes(self) -> int:
        """Return the bytes of all chunks; metadata, whose wording is no cost, is left out."""
        files = stores.stored_files(self.folder)
        return sum(file.stat().st_size for file in files if file.name not in stores.METADATA)

    def objects(self) -> int:
        """Return the number of stored objects, metadata included."""
        return len(stores.stored_files(self.folder))

    def clear(self) -> None:
        """Remove everything that was written."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()


@functools.cache
def stored(codec: str, layout: str, storage_format: str, dtype: str = "") -> Stored:
    """Return a volume that was written and checked, once in this process.

    asv sets a case up again before every sample, and what was prepared stays the same.

    Parameters
    ----------
    codec, layout, storage_format : str
        Names in `CODECS`, `LAYOUTS` and `FORMATS`.
    dtype : str
        One of `voxel_types.DTYPES`; the tomogram as it is by default.
    """
    storage = Storage.named(codec, layout, storage_format)
    storage.require()
    volume = voxel_types.as_type(tomogram().data, dtype) if dtype else None
    written = Stored(storage, volume)
    written.write()
    written.check()
    return written


@functools.cache
def opened(codec: str, layout: str, storage_format: str, dtype: str = "") -> Any:
    """Return the array of a `stored` volume, opened once in this process."""
    return stored(codec, layout, storage_format, dtype).open()
