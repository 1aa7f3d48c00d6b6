"""The cache of tomograms: one folder an entry, written whole or not at all, checked on every load.

Hand-written rather than pooch, because most entries are made or cut out here and not downloaded,
and because measured environments read it with numpy alone.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench import files, variables
from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.volume import Source, Tomogram, checksum

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_VOLUME, _RECORD = "volume.npy", "tomogram.json"


class MissingEntryError(InputError):
    """The cache has no tomogram of that name."""


class DamagedEntryError(InputError):
    """A cached tomogram is not what was stored."""

    def __init__(self, name: str, folder: Path, reason: str) -> None:
        self.finding = f"the cached tomogram {name!r} in {folder} is damaged: {reason}"
        super().__init__(f"{self.finding}; remove that folder and obtain the tomogram again")


@dataclass(frozen=True)
class Entry:
    """The record of a cached tomogram, without its voxels."""

    name: str
    shape: tuple[int, int, int]
    dtype: str
    voxel_spacing: tuple[float, float, float] | None
    source: Source
    provenance: dict[str, Any]
    sha256: str


def cache_dir() -> Path:
    """Return the cache folder: ``CRYOET_BENCH_CACHE``, else the platform's own.

    Raises
    ------
    InputError
        Neither is known, as in a measured environment that was not given the variable.
    """
    try:
        return variables.cache_folder()
    except ImportError:
        raise InputError(
            f"set {variables.CACHE} to the folder of the cache: this Python cannot find it"
        ) from None


def tomogram_dir(name: str) -> Path:
    """Return the folder of one entry.

    Raises
    ------
    InputError
        The name could not be a folder's.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a tomogram: use letters, digits, '.', '_', '+' and '-'"
        )
    return cache_dir() / "tomograms" / name


def entries() -> list[Entry]:
    """Return the records of all readable entries, by name."""
    found = []
    for name in names():
        with contextlib.suppress(DamagedEntryError):
            found.append(read_entry(name))
    return found


def names() -> list[str]:
    """Return the names of all entries, readable or not."""
    folders = (cache_dir() / "tomograms").glob("*/")
    return sorted(folder.name for folder in folders if NAME_PATTERN.fullmatch(folder.name))


def read_entry(name: str) -> Entry:
    """Return the record of one entry without reading its voxels.

    Raises
    ------
    MissingEntryError
        There is no such entry.
    DamagedEntryError
        The record cannot be understood.
    """
    folder = tomogram_dir(name)
    if not folder.exists():
        raise MissingEntryError(
            f"no tomogram named {name!r} in {folder.parent}: see 'cryoet-bench tomogram list'"
        )
    try:
        facts = json.loads((folder / _RECORD).read_text("utf-8"))
        spacing = facts["voxel_spacing"]
        return Entry(
            name=facts["name"],
            shape=_triple(facts["shape"]),
            dtype=facts["dtype"],
            voxel_spacing=None if spacing is None else _triple(spacing),
            source=facts["source"],
            provenance=facts["provenance"],
            sha256=facts["sha256"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedEntryError(name, folder, f"its record is unreadable ({error})") from error


def load(name: str, *, in_memory: bool = True) -> Tomogram:
    """Return a cached tomogram after checking that every byte is the one stored.

    Parameters
    ----------
    name : str
        The entry.
    in_memory : bool
        Read the voxels into memory, rather than mapping the file.

    Raises
    ------
    MissingEntryError
        There is no such entry.
    DamagedEntryError
        Shape, dtype or sha256 disagree with the record.
    """
    entry = read_entry(name)
    folder = tomogram_dir(name)
    try:
        data = np.load(folder / _VOLUME, mmap_mode=None if in_memory else "r", allow_pickle=False)
    except Exception as error:  # a damaged header is parsed as Python code: anything may follow
        raise DamagedEntryError(name, folder, f"its voxels are unreadable ({error})") from error
    if data.shape != entry.shape or data.dtype.str != entry.dtype:
        raise DamagedEntryError(name, folder, f"it holds {data.dtype} {data.shape}")
    if checksum(data) != entry.sha256:
        raise DamagedEntryError(name, folder, "its sha256 is not the recorded one")
    return Tomogram(
        name, data, entry.voxel_spacing, entry.source, entry.provenance, sha256=entry.sha256
    )


def store(tomogram: Tomogram, volume: Path | None = None) -> Path:
    """Write a tomogram into the cache, replacing an entry of the same name, and return its folder.

    Parameters
    ----------
    tomogram : Tomogram
        What is stored.
    volume : pathlib.Path, optional
        A .npy file of its voxels on the cache's disk, which is moved rather than written again.

    Raises
    ------
    InputError
        The cache cannot be written (permissions, full disk); nothing is left behind.
    """
    folder = tomogram_dir(tomogram.name)
    with staged(folder) as staging:
        if volume is None:
            _write_array(staging / _VOLUME, tomogram.data)
        else:
            volume.rename(staging / _VOLUME)
        record = {
            "name": tomogram.name,
            "shape": tomogram.shape,
            "dtype": tomogram.dtype.str,
            "voxel_spacing": tomogram.voxel_spacing,
            "source": tomogram.source,
            "provenance": dict(tomogram.provenance),
            "sha256": tomogram.sha256,
        }
        (staging / _RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    return folder


def remove(name: str) -> None:
    """Remove an entry, if there is one."""
    shutil.rmtree(tomogram_dir(name), ignore_errors=True)


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` when the block ends well.

    Raises
    ------
    InputError
        The folder cannot be written; the old one, if any, is still in place.
    """
    with writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with files.staged(folder) as staging:
            staging.mkdir()
            yield staging


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in one sentence why a folder of the cache cannot be written.

    Raises
    ------
    InputError
        The block met an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise InputError(
            f"cannot write to the cache {folder}: {reason}; "
            f"free it, or set {variables.CACHE} to a folder that can be written"
        ) from error


def _write_array(path: Path, data: npt.NDArray[Any]) -> None:
    """Write a .npy file as `numpy.save` does, but with an error number when the disk is full."""
    data = np.ascontiguousarray(data)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(data))
        file.write(data.data)


def _triple(values: Any) -> tuple[Any, Any, Any]:
    first, second, third = values
    return first, second, third
