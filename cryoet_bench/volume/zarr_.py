"""Zarr arrays and OME-Zarr groups, of format 2 and 3, in folders, zips and buckets."""

from __future__ import annotations

import itertools
import json
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryoet_bench import extras
from cryoet_bench.errors import InputError
from cryoet_bench.volume import ngff
from cryoet_bench.volume.anonymous import anonymous, has_account
from cryoet_bench.volume.chunks import Inventory, take_inventory
from cryoet_bench.volume.reading import read_errors, reason
from cryoet_bench.volume.view import Note, Volume, require_volume

if TYPE_CHECKING:
    import zarr

_MARKERS = ("zarr.json", ".zarray", ".zgroup")
_IMAGES = {".tif": "TIFF", ".tiff": "TIFF", ".mrc": "MRC", ".rec": "MRC", ".st": "MRC"}


def open_folder(path: Path, level: int) -> Volume:
    """Open a Zarr in a folder; see `cryoet_bench.volume.opening.open_volume`."""
    if not any((path / marker).is_file() for marker in _MARKERS):
        raise InputError(_no_zarr(path))
    notes = []
    if (path / "zarr.json").is_file() and any((path / m).is_file() for m in _MARKERS[1:]):
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
    zarrs = [one for one in inside if any((one / marker).is_file() for marker in _MARKERS)]
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
    tops = {name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in _MARKERS}
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


class Turned:
    """A Zarr array seen along z, y, x: others of its axes, of length one, are left out.

    Parameters
    ----------
    array : zarr.Array
        Of three axes or more.
    order : sequence of int
        Which of its axes is z, which y, which x.
    where : str
        What to call it in messages.
    """

    def __init__(self, array: zarr.Array[Any], order: Sequence[int], where: str) -> None:
        self._array, self._order, self._where = array, tuple(order), where
        self._others = tuple(axis for axis in range(array.ndim) if axis not in self._order)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)
        self.shape = self._along(array.shape)
        self.chunks = self._along(array.chunks)
        self.shards = self._along(array.shards) if array.shards else None

    def _along(self, lengths: Sequence[int]) -> tuple[int, int, int]:
        z, y, x = (int(lengths[axis]) for axis in self._order)
        return z, y, x

    def __getitem__(self, box: Any, /) -> npt.NDArray[Any]:
        """Return the voxels of a box; integers drop their axis, as in numpy.

        Raises
        ------
        InputError
            A chunk is damaged; the message says which.
        """
        places = ((box if isinstance(box, tuple) else (box,)) + (slice(None),) * 3)[:3]
        spans = []
        for place, extent in zip(places, self.shape, strict=True):
            index = place if isinstance(place, slice) else range(extent)[place]
            spans.append(index if isinstance(index, slice) else slice(index, index + 1))
        try:
            voxels = self._read(spans)
        except read_errors() as error:
            at = self._damaged(spans)
            chunk = f"its chunk at grid position {at} is damaged: " if at else ""
            raise InputError(
                f"{self._where} cannot be read as Zarr: {chunk}{reason(error)}"
            ) from error
        return voxels.squeeze(
            tuple(axis for axis in range(3) if not isinstance(places[axis], slice))
        )

    def _read(self, spans: Sequence[slice]) -> npt.NDArray[Any]:
        stored = [slice(0, 1)] * self._array.ndim
        for axis, span in zip(self._order, spans, strict=True):
            stored[axis] = span
        voxels = np.asarray(self._array[tuple(stored)]).transpose(self._order + self._others)
        return voxels.reshape(voxels.shape[:3])

    def _damaged(self, spans: Sequence[slice]) -> tuple[int, ...] | None:
        """Return the grid position of the first chunk of a box that cannot be read."""
        grids = [
            range(span.indices(n)[0] // step, -(-span.indices(n)[1] // step))
            for span, n, step in zip(spans, self.shape, self.chunks, strict=True)
        ]
        for place in itertools.product(*grids):
            voxel = [
                slice(at * step, at * step + 1) for at, step in zip(place, self.chunks, strict=True)
            ]
            try:
                self._read(voxel)
            except read_errors():
                return place
        return None


@dataclass(frozen=True)
class _Image:
    """The array of an image, and what the metadata around it say."""

    array: zarr.Array[Any]
    level: ngff.Level | None
    group: zarr.Group | None
    segmentation: bool = False


def _open(
    store: Any, where: str, name: str, level: int, notes: list[Note], **options: Any
) -> Volume:
    import zarr  # noqa: PLC0415

    try:
        # Consolidated metadata are a copy, which may be stale: the array's own are read.
        with warnings.catch_warnings(action="ignore"):
            node = zarr.open(store, mode="r", use_consolidated=False, **options)
            image = _image(node, level, where, notes)
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


def _image(node: Any, level: int, where: str, notes: list[Note]) -> _Image:
    import zarr  # noqa: PLC0415

    if isinstance(node, zarr.Array):
        image = _of_parent(node, where)
        if level:
            raise InputError(f"{where} is a single Zarr array: it has no level {level}")
        return image
    attributes = node.attrs.asdict()
    levels = ngff.find_levels(attributes)
    if not levels:
        inner, path = _only_image(node, attributes, where)
        notes.append(Note("content", "image-inside", f"its image {path} is read", True))
        return _image(inner, level, f"{where}/{path}", notes)
    if not 0 <= level < len(levels):
        raise InputError(f"{where} has the levels 0 to {len(levels) - 1}: there is no {level}")
    array = node[levels[level].path]
    if not isinstance(array, zarr.Array):
        raise InputError(f"level {level} of {where} is no array")
    return _Image(array, levels[level], node, ngff.is_label_image(attributes))


def _of_parent(array: zarr.Array[Any], where: str) -> _Image:
    """Return an array with what the group that it is a level of says of it."""
    import zarr  # noqa: PLC0415

    folder = Path(where).absolute().parent
    if "://" in where or not any((folder / marker).is_file() for marker in _MARKERS):
        return _Image(array, None, None)
    try:
        group = zarr.open_group(folder, mode="r", use_consolidated=False)
        levels = ngff.find_levels(group.attrs.asdict())
    except read_errors():
        return _Image(array, None, None)
    own = Path(where).absolute().name
    for level in levels:
        if level.path.strip("/") == own:
            return _Image(array, level, group, ngff.is_label_image(group.attrs.asdict()))
    return _Image(array, None, None)


def _only_image(group: zarr.Group, attributes: Mapping[str, Any], where: str) -> tuple[Any, str]:
    """Return the one image within a group, and where it is.

    Raises
    ------
    InputError
        There is none, or there are several: they are named.
    """
    kind, paths = ngff.contained(attributes)
    if not paths and "plate" not in kind:
        paths = [
            name for name, inner in sorted(group.groups()) if ngff.find_levels(inner.attrs.asdict())
        ]
    if kind.startswith("a collection of label"):
        named = ", ".join(f"{where}/{path}" for path in paths[:5])
        raise InputError(
            f"{where} is {kind}: " + (f"name one, as {named}" if paths else "an empty one")
        )
    if len(paths) == 1:
        return group[paths[0]], paths[0]
    if paths:
        named = ", ".join(f"{where}/{path}" for path in paths[:5])
        more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
        raise InputError(
            f"{where} is {kind or 'a Zarr group'} of {len(paths)} images: name one of {named}{more}"
        )
    arrays = sorted(name for name, _ in group.arrays())
    if arrays:
        raise InputError(
            f"{where} is a Zarr group without multiscales: name one of its arrays, "
            f"as in {where}/{arrays[0]}"
        )
    inside = sorted(name for name, _ in group.groups())
    if inside:
        raise InputError(
            f"{where} is a Zarr group without arrays; it holds the groups "
            f"{', '.join(inside[:5])}: name what is inside"
        )
    raise InputError(
        f"{where} is {kind or 'an empty Zarr group'}: it is a Zarr group without arrays"
    )


def _volume(image: _Image, where: str, name: str, notes: list[Note], *, remote: bool) -> Volume:
    array = image.array
    dtype = array.dtype
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise InputError(f"{where} holds {dtype} values: a tomogram has real numbers")
    if len(array.shape) < 3:
        raise InputError(
            f"{where} has {len(array.shape)} dimensions {array.shape}: a tomogram has three axes"
        )
    if 0 in array.shape:
        raise InputError(f"{where} has no voxels: its shape is {array.shape}")
    axes = image.level.axes if image.level else _named_axes(array)
    order = ngff.find_order(axes, array.shape, where, notes)
    spacing = None
    if image.level and order:
        spacing = ngff.find_spacing(image.level, order, lambda path: _values(image, path), notes)
    order = order or ngff.last_three(array.shape, where)
    notes += _reconciled(image)
    view = Turned(array, order, where)
    require_volume(view, where)
    inventory = take_inventory(array, where)
    missing = None
    if inventory is not None:
        missing = [tuple(place[axis] for axis in order) for place in inventory.missing]
        notes += _inventory_notes(inventory, missing, array.fill_value)
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
        **(
            {"spacing from": f"the scale of OME-Zarr {image.level.version}".strip()}
            if spacing and image.level
            else {}
        ),
        **({"content": "segmentation"} if image.segmentation else {}),
    }
    return Volume(name, view, spacing, facts, missing, notes)


def _named_axes(array: zarr.Array[Any]) -> list[dict[str, str]]:
    """Return the names of a plain array's axes: Zarr 3's own, or those that xarray writes."""
    names: Any = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS")
    # Names such as dim_0 tell nothing; some that are x, y and z tell the order.
    if not names or not {"x", "y", "z"} <= {str(one).lower() for one in names}:
        return []
    return [{"name": str(one)} for one in names]


def _values(image: _Image, path: str) -> Sequence[float] | None:
    import zarr  # noqa: PLC0415

    node = image.group.get(path) if image.group is not None else None
    return [float(v) for v in node[:]] if isinstance(node, zarr.Array) else None  # type: ignore[union-attr]


def _reconciled(image: _Image) -> list[Note]:
    """Compare the array's own metadata with the copies of them that other readers trust."""
    notes = []
    array, level = image.array, image.level
    names = getattr(array.metadata, "dimension_names", None)
    if level and names and len(level.axes) == len(names):
        axes = [str(axis.get("name")) for axis in level.axes]
        if all(names) and list(names) != axes:
            notes.append(
                Note(
                    "header",
                    "axis-names",
                    f"the array names its dimensions {', '.join(map(str, names))}, the image "
                    f"{', '.join(axes)}: the image's names are taken",
                )
            )
    stale = _stale(image)
    if stale:
        notes.append(
            Note(
                "header",
                "stale-consolidated-metadata",
                f"the consolidated metadata are stale ({'; '.join(stale)}): readers that trust "
                "them see another volume",
            )
        )
    return notes + _levels(image)


def _stale(image: _Image) -> list[str]:
    """Return how a group's consolidated metadata differ from those of its array and its own."""
    group, level = image.group, image.level
    if group is None or level is None:
        return []
    path = level.path.strip("/")
    if group.metadata.zarr_format == 2:
        copies = _json(group, ".zmetadata").get("metadata", {})
        own = {key: _json(group, key) for key in (f"{path}/.zarray", ".zattrs")}
    else:
        consolidated = _json(group, "zarr.json").get("consolidated_metadata") or {}
        copies = (
            {f"{key}/zarr.json": entry for key, entry in consolidated["metadata"].items()}
            if (consolidated)
            else {}
        )
        own = {f"{path}/zarr.json": _json(group, f"{path}/zarr.json")}
    return [
        f"{name} is {_brief(copies[key][name])} there and {_brief(entry.get(name))} in {key}"
        for key, entry in own.items()
        if key in copies
        for name in copies[key]
        if copies[key][name] != entry.get(name)
    ]


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 60 else f"{text[:57]}..."


def _json(group: zarr.Group, key: str) -> dict[str, Any]:
    """Return a JSON document below a group; empty where there is none."""
    from zarr.core.buffer import default_buffer_prototype  # noqa: PLC0415
    from zarr.core.sync import sync  # noqa: PLC0415

    prefix = f"{group.store_path.path}/" if group.store_path.path else ""
    stored = sync(group.store_path.store.get(f"{prefix}{key}", default_buffer_prototype()))
    return {} if stored is None else dict(json.loads(stored.to_bytes()))


def _levels(image: _Image) -> list[Note]:
    """Hold the levels that an image lists against the arrays that there are."""
    import zarr  # noqa: PLC0415

    if image.group is None or image.level is None:
        return []
    attributes = image.group.attrs.asdict()
    levels = ngff.find_levels(attributes)
    arrays = {level.path: image.group.get(level.path) for level in levels}
    absent = [path for path, array in arrays.items() if not isinstance(array, zarr.Array)]
    sizes = [array.size for array in arrays.values() if isinstance(array, zarr.Array)]
    notes = []
    if absent:
        notes.append(
            Note(
                "header",
                "levels-missing",
                f"the image lists {len(levels)} levels, of which {', '.join(absent)} "
                f"{'is' if len(absent) == 1 else 'are'} not there",
            )
        )
    if sizes != sorted(sizes, reverse=True):
        notes.append(
            Note(
                "header",
                "levels-out-of-order",
                "the levels are not listed from the finest to the coarsest: a finer one than "
                "level 0 may be there",
            )
        )
    images = ngff.count_images(attributes)
    if images > 1:
        notes.append(
            Note(
                "content",
                "several-images",
                f"the group describes {images} multiscale images: the first is read",
            )
        )
    return notes


def _inventory_notes(
    inventory: Inventory, missing: Sequence[tuple[int, ...]], fill_value: Any
) -> list[Note]:
    """Return what an inventory found, as notes."""
    notes = []
    if missing:
        at = ", ".join(map(str, missing[0]))
        verb = "is" if len(missing) == 1 else "are"
        notes.append(
            Note(
                "chunks",
                "missing-chunks",
                f"{len(missing)} of {inventory.total} chunks {verb} not in the store, the first at "
                f"grid position ({at}): unwritten or lost, which the store cannot tell apart; "
                f"voxels there read as the fill value, {fill_value}",
            )
        )
    if inventory.beyond:
        notes.append(
            Note(
                "header",
                "chunks-beyond",
                f"{len(inventory.beyond)} chunks in the store lie beyond the array's shape (as "
                f"{inventory.beyond[0]}): its metadata are older or newer than its voxels",
            )
        )
    return notes
