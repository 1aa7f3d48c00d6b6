"""The volumes below a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.volume.image import is_zarr

_SUFFIXES = (".mrc", ".rec", ".map", ".ccp4", ".mrc.gz", ".mrc.bz2", ".tif", ".tiff")


def volumes_in(
    folder: Path, *, searching: Callable[[Path], None] = lambda _folder: None
) -> list[str]:
    """Return the volumes below a folder, sorted by path: MRC, TIFF, and Zarr, each Zarr once.

    Links to folders are not followed, and the system's own trees (/proc, /sys) are left out.

    Parameters
    ----------
    folder : pathlib.Path
        Where to search.
    searching : callable
        Receives each folder that is searched.

    Raises
    ------
    InputError
        There is none.
    """
    if _of_the_system(folder):
        raise InputError(f"{folder} shows the state of the system and stores no tomogram")
    found = []
    for path, folders, names in folder.walk():
        searching(path)
        inside = sorted(name for name in folders if not name.startswith("."))
        stores = [name for name in inside if is_zarr(path / name)]
        folders[:] = [
            name for name in inside if name not in stores and not _of_the_system(path / name)
        ]
        # A link to a store is listed among the files.
        stores += [name for name in names if name.endswith(".zarr") and is_zarr(path / name)]
        found += [path / name for name in stores]
        found += [
            path / name
            for name in names
            if not name.startswith(".") and name.lower().endswith(_SUFFIXES)
        ]
    if not found:
        raise InputError(
            f"there is no tomogram in {folder}: looked for Zarr folders and {', '.join(_SUFFIXES)}"
        )
    return [str(path) for path in sorted(found)]


def _of_the_system(folder: Path) -> bool:
    """Tell whether a folder shows the state of the system (/proc, /sys) and stores nothing."""
    try:
        return folder.is_mount() and os.statvfs(folder).f_blocks == 0
    except OSError:
        return True
