"""Where arrays are kept, under the same names on zarr 2 and zarr 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryoet_bench.storage import installed


def local(folder: Path) -> Any:
    """Return a store of one file a chunk in a folder."""
    from zarr import storage  # noqa: PLC0415

    if installed.release("zarr") < (3,):
        return storage.DirectoryStore(  # type: ignore[attr-defined, unused-ignore]
            str(folder), dimension_separator="/"
        )
    return storage.LocalStore(str(folder))


def stored_files(folder: Path) -> list[Path]:
    """Return the files below a folder, metadata included."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
