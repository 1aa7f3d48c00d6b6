"""What all benchmarks share: the tomogram, how often a time is taken, the stored volume."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol

from cryoet_bench.harness import conditions
from cryoet_bench.storage import arrays, stores, voxel_types
from cryoet_bench.storage.arrays import FORMATS, Storage

if TYPE_CHECKING:
    import numpy.typing as npt

    from cryoet_bench.tomogram import Tomogram

Tier = Literal["core", "full"]

TOMOGRAM_VARIABLE = "CRYOET_BENCH_TOMOGRAM"
DEFAULT_TOMOGRAM = "phantom-10A"

CORE_ARRAYS = ("cube-64 v2", "cube-64 v3", "shard-32-in-128 v3")
"""Layout and format of the arrays that access patterns are measured on."""

MORE_ARRAYS = (
    "cube-32 v2",
    "slab-16x128x128 v2",
    "slab-16x128x128 v3",
    "cube-256 v2",
    "shard-16-in-64 v3",
    "shard-64-in-256 v3",
)


def asks[F: Callable[..., Any]](
    pretty_name: str,
    *,
    tier: Tier = "core",
    unit: str = "",
    higher_is_better: bool = False,
    tolerance: float = 0.0,
) -> Callable[[F], F]:
    """Give a benchmark its readable name, tier, unit, direction and tolerance.

    asv copies these attributes into ``benchmarks.json``; the question is the docstring. The
    tolerance is the relative difference by which an exact value may differ between two runs.
    """

    def mark(function: F) -> F:
        vars(function).update(
            pretty_name=pretty_name,
            tier=tier,
            higher_is_better=higher_is_better,
            tolerance=tolerance,
        )
        if unit:
            vars(function)["unit"] = unit
        return function

    return mark


@functools.cache
def tomogram() -> Tomogram:
    """Return the tomogram that is measured: the one that ``CRYOET_BENCH_TOMOGRAM`` names."""
    from cryoet_bench.tomogram import cache  # noqa: PLC0415

    return cache.load(os.environ.get(TOMOGRAM_VARIABLE, DEFAULT_TOMOGRAM))


class Timed:
    """How often a time is taken.

    Two rounds of fresh processes, because a process has a level of its own; within each,
    three samples, or as many up to ten as fit into 0.1 s. The first, unmeasured run is part of
    each set-up, so asv's own warm-up is off. Nothing that is timed is shorter than twenty
    microseconds, hundreds of times what the clock needs, so calls are not batched.
    """

    version = "1"
    rounds = 2
    number = 1
    repeat = (3, 10, 0.1)
    min_run_count = 1
    warmup_time = 0
    timeout = 120


class Stored:
    """A volume in one way of storing it, in a folder of its own.

    Parameters
    ----------
    storage : Storage
        The way.
    volume : numpy.ndarray, optional
        The tomogram that is measured, where none is given.
    on_disk : bool
        Keep the files on the disk, rather than in memory where the machine can.

    Raises
    ------
    UnavailableError
        The installed releases cannot store it so.
    """

    def __init__(
        self, storage: Storage, volume: npt.NDArray[Any] | None = None, *, on_disk: bool = False
    ) -> None:
        storage.require()
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
        """Return the greatest absolute difference between what is stored and the volume."""
        import numpy as np  # noqa: PLC0415

        found = np.asarray(self.open()[...], dtype=np.float64)
        return float(np.abs(found - self.volume).max())

    def check(self) -> None:
        """Make sure that what is stored is the volume: a wrong copy has no time worth knowing."""
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


class Writing:
    """What every benchmark of a whole write does before the write."""

    stored: Stored | None = None

    def prepare(self, storage: Storage, volume: npt.NDArray[Any] | None = None) -> None:
        """Leave an empty folder; the first time, write and check once before."""
        if self.stored is None:
            self.stored = Stored(storage, volume)
            self.stored.write()
            self.stored.check()
        self.stored.clear()

    def write(self) -> None:
        """Write the whole volume."""
        assert self.stored is not None
        self.stored.write()


class Reading:
    """What every benchmark of a read does before the read."""

    array: Any = None

    def prepare(self, storage: Storage, volume: npt.NDArray[Any] | None = None) -> None:
        """Write and check the volume once, and open it."""
        if self.array is None:
            stored = Stored(storage, volume)
            stored.write()
            stored.check()
            self.array = stored.open()


class Prepared(Protocol):
    """`Reading` or `Writing`."""

    def prepare(self, storage: Storage, volume: npt.NDArray[Any] | None = None) -> None:
        """Get ready for a way of storing."""


class ByCodec:
    """Cases that differ in the codec, in 64-cubes."""

    param_names = ("codec", "format")

    def setup(self: Prepared, codec: str, storage_format: str) -> None:
        self.prepare(Storage.named(codec, "cube-64", storage_format))


class ByLayout:
    """Cases that differ in the layout, with blosc-zstd-5."""

    param_names = ("layout", "format")

    def setup(self: Prepared, layout: str, storage_format: str) -> None:
        self.prepare(Storage.named("blosc-zstd-5", layout, storage_format))


class ByType:
    """Cases that differ in the voxel type, with blosc-zstd-5 in 64-cubes."""

    params = (list(voxel_types.DTYPES), list(FORMATS))
    param_names = ("dtype", "format")

    def setup(self: Prepared, dtype: str, storage_format: str) -> None:
        storage = Storage.named("blosc-zstd-5", "cube-64", storage_format)
        storage.require()
        self.prepare(storage, voxel_types.as_type(tomogram().data, dtype))
