"""Where arrays are kept: named stores, the same on zarr 2 and zarr 3."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryoet_bench.storage import installed

METADATA = frozenset({".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json"})
"""Names of metadata documents in both formats."""


def local(folder: Path) -> Any:
    """Return a store of one file an object in a folder."""
    storage = installed.zarr().storage
    if installed.release("zarr") < (3,):
        return storage.DirectoryStore(str(folder), dimension_separator="/")
    return storage.LocalStore(str(folder))


def memory(folder: Path) -> Any:
    """Return a store that lives in this process; the folder is not used."""
    del folder
    storage = installed.zarr().storage
    if installed.release("zarr") < (3,):
        return storage.KVStore({})
    return storage.MemoryStore()


def archive(folder: Path) -> Any:
    """Return a zip file without compression of its own, opened for writing, then for reading."""
    storage = installed.zarr().storage
    file = folder / "volume.zip"
    mode = "r" if file.exists() else "w"
    if installed.release("zarr") < (3,):
        return storage.ZipStore(str(file), compression=0, dimension_separator="/", mode=mode)
    return storage.ZipStore(str(file), compression=0, mode=mode)


def object_store(folder: Path) -> Any:
    """Return obstore's store of a folder, which zarr takes since 3.0.8.

    Raises
    ------
    UnavailableError
        The installed releases have none.
    """
    installed.require("zarr", 3, 0, 8)
    installed.require("obstore")
    inner = importlib.import_module("obstore.store").LocalStore(prefix=str(folder))
    return installed.zarr().storage.ObjectStore(inner)


STORES: dict[str, Callable[[Path], Any]] = {
    "local": local,
    "memory": memory,
    "zip": archive,
    "obstore": object_store,
}
"""Stores by name; each is given a folder. One entry adds one."""


def bucket(endpoint: str, path: str) -> Any:
    """Return a store below a path of an S3 server that asks for no credentials."""
    storage = installed.zarr().storage
    options: dict[str, Any] = {
        "anon": True,
        "client_kwargs": {"endpoint_url": endpoint},
        "use_listings_cache": False,
    }
    if installed.release("zarr") < (3,):
        return storage.FSStore(f"s3://{path}", dimension_separator="/", **options)
    return storage.FsspecStore.from_url(f"s3://{path}", storage_options=options)


def stored_files(folder: Path) -> list[Path]:
    """Return the files below a folder, metadata included."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
