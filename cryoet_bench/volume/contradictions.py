"""Where a Zarr contradicts itself: its metadata, their copies, its levels and its chunks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cryoet_bench.volume import ngff
from cryoet_bench.volume.chunks import Inventory
from cryoet_bench.volume.image import Image
from cryoet_bench.volume.view import Note

if TYPE_CHECKING:
    import zarr


def of_metadata(image: Image) -> list[Note]:
    """Return where the array's own metadata differ from the copies that other readers trust."""
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


def _stale(image: Image) -> list[str]:
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
            if consolidated
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


def _levels(image: Image) -> list[Note]:
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


def of_chunks(
    inventory: Inventory, missing: Sequence[tuple[int, ...]], fill_value: Any
) -> list[Note]:
    """Return which chunks are missing, and which lie beyond the array."""
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
