"""Zarr arrays and OME-Zarr groups, of format 2 and 3, in folders, zips and buckets."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

from cryoet_bench import extras
from cryoet_bench.errors import InputError
from cryoet_bench.volume import contradictions, ngff
from cryoet_bench.volume.anonymous import anonymous, has_account
from cryoet_bench.volume.chunks import take_inventory
from cryoet_bench.volume.image import MARKERS, Image, find_image, is_zarr
from cryoet_bench.volume.reading import read_errors, reason
from cryoet_bench.volume.turned import Turned
from cryoet_bench.volume.view import Note, Volume, require_volume

_IMAGES = {".tif": "TIFF", ".tiff": "TIFF", ".mrc": "MRC", ".rec": "MRC", ".st": "MRC"}


def open_folder(path: Path, level: int) -> Volume:
    """Open a Zarr in a folder; see `cryoet_bench.volume.opening.open_volume`."""
    if not is_zarr(path):
        raise InputError(_no_zarr(path))
    notes = []
    if (path / "zarr.json").is_file() and any((path / m).is_file() for m in MARKERS[1:]):
        notes.append(
            Note(
                "header",
                "two-formats",
                "the folder has metadata of Zarr 2 and of Zarr 3, which may differ: those of 3 "
                "are read",
            )
        )
    return _open(path, str(path), path.absolute().name, level, notes)


def _no_zarr(path: Path) -> str:
    """Return what a folder is that is no Zarr."""
    inside = sorted(path.iterdir())
    zarrs = [one for one in inside if is_zarr(one)]
    if zarrs:
        return f"the folder {path} is no Zarr, but holds some: name one, as {zarrs[0]}"
    if (path / "attributes.json").is_file():
        return f"the folder {path} is an N5 container: convert it to OME-Zarr first"
    kinds = [_IMAGES[one.suffix.lower()] for one in inside if one.suffix.lower() in _IMAGES]
    if kinds:
        kind = kinds[0]
        advice = "join them into one stack first" if kind == "TIFF" else "name one of them"
        return f"the folder {path} holds {kinds.count(kind)} {kind} files and no Zarr: {advice}"
    return f"the folder {path} is neither a Zarr array nor a Zarr group"


def open_zip(path: Path, level: int) -> Volume:
    """Open a Zarr in a zip file, at its top or in the one folder there."""
    import zarr.storage  # noqa: PLC0415

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path} is a damaged or truncated zip file: {reason(error)}") from error
    tops = {name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in MARKERS}
    if not tops and any(name.endswith(".npy") for name in names):
        raise InputError(
            f"{path} is an archive of NumPy arrays: save the one that you want as .npy"
        )
    if not tops:
        raise InputError(f"{path} is a zip file without a Zarr inside: unpack it first")
    top = min(tops, key=lambda one: (len(one), one))
    if any(one != top and not one.startswith(f"{top}/" if top else "") for one in tops):
        raise InputError(
            f"{path} is a zip file with several Zarrs inside ({', '.join(sorted(tops)[:3])}): "
            "unpack it and name one"
        )
    store = zarr.storage.ZipStore(path, mode="r")
    return _open(store, str(path), path.name, level, [], path=top)


def open_remote(location: str, level: int) -> Volume:
    """Open a Zarr in a bucket or on a server.

    A bucket is read without an account, as public ones are; where it refuses that, with the
    account of the user's settings.
    """
    scheme, _, rest = location.partition("://")
    if not rest.strip("/"):
        raise InputError(f"{location} is no address: what follows {scheme}:// is missing")
    name = rest.rstrip("/").rsplit("/", 1)[-1]
    if not location.startswith("s3://"):
        return _open(location, location, name, level, [], storage_options={})
    try:
        return _open(location, location, name, level, [], storage_options=anonymous())
    except InputError as error:
        if not (isinstance(error.__cause__, PermissionError) and has_account()):
            raise
    return _open(location, location, name, level, [], storage_options={})


def _open(
    store: Any, where: str, name: str, level: int, notes: list[Note], **options: Any
) -> Volume:
    import zarr  # noqa: PLC0415

    try:
        # Consolidated metadata are a copy, which may be stale: the array's own are read.
        with warnings.catch_warnings(action="ignore"):
            node = zarr.open(store, mode="r", use_consolidated=False, **options)
            image = find_image(node, level, where, notes)
            return _volume(image, where, name, notes, remote="storage_options" in options)
    except InputError:
        raise
    except ImportError as error:
        raise InputError(
            extras.explained(error) or f"{where} cannot be read here: {reason(error)}"
        ) from error
    except read_errors() as error:
        advice = ""
        if type(error).__name__ == "ProfileNotFound":
            advice = "; AWS_PROFILE names it, and a public bucket is read without: unset it"
        raise InputError(f"{where} cannot be read as Zarr: {reason(error)}{advice}") from error


def _volume(image: Image, where: str, name: str, notes: list[Note], *, remote: bool) -> Volume:
    array = image.array
    if len(array.shape) < 3:
        raise InputError(
            f"{where} has {len(array.shape)} dimensions {array.shape}: a tomogram has three axes"
        )
    order = ngff.find_order(image.named_axes(), array.shape, where, notes)
    spacing = None
    if image.level and order:
        spacing = ngff.find_spacing(image.level, order, image.values, notes)
    order = order or ngff.last_three(array.shape, where)
    notes += contradictions.of_metadata(image)
    view = Turned(array, order, where)
    require_volume(view, where)
    inventory = take_inventory(array, where)
    missing = None
    if inventory is not None:
        missing = [tuple(place[axis] for axis in order) for place in inventory.missing]
        notes += contradictions.of_chunks(inventory, missing, array.fill_value)
    if image.segmentation:
        notes.append(
            Note(
                "content",
                "segmentation",
                "the metadata call it a label image: it is a segmentation, not densities",
            )
        )
    facts = {
        "source": "remote" if remote else "file",
        "format": f"Zarr {array.metadata.zarr_format}",
        "array": array.path or None,
    }
    if spacing and image.level:
        facts["spacing from"] = f"the scale of OME-Zarr {image.level.version}".strip()
    if image.segmentation:
        facts["content"] = "segmentation"
    return Volume(name, view, spacing, facts, missing, notes)
