"""Which array of a Zarr is the image, and what the metadata around it say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.errors import InputError
from cryoet_bench.volume import ngff
from cryoet_bench.volume.reading import read_errors
from cryoet_bench.volume.view import Note

if TYPE_CHECKING:
    import zarr

MARKERS = ("zarr.json", ".zarray", ".zgroup")
"""Files that make a folder a Zarr."""


def is_zarr(folder: Path) -> bool:
    """Tell whether a folder is a Zarr array or group."""
    # Unlike Path.is_file, false where the folder may not be read.
    return any(os.path.isfile(folder / marker) for marker in MARKERS)  # noqa: PTH113


@dataclass(frozen=True)
class Image:
    """The array of an image, and what the metadata around it say.

    Parameters
    ----------
    array : zarr.Array
        The voxels.
    level : Level or None
        Which level of an OME-Zarr it is; None for a plain array.
    group : zarr.Group or None
        That lists the level.
    segmentation : bool
        It is a label image, as the metadata say.
    """

    array: zarr.Array[Any]
    level: ngff.Level | None
    group: zarr.Group | None
    segmentation: bool = False

    def named_axes(self) -> Sequence[Mapping[str, Any]]:
        """Return the axes, as the level names them or the array: Zarr 3's own names or xarray's."""
        if self.level:
            return self.level.axes
        names: Any = getattr(self.array.metadata, "dimension_names", None)
        names = names or self.array.attrs.get("_ARRAY_DIMENSIONS")
        # Names such as dim_0 tell nothing; some that are x, y and z tell the order.
        if not names or not {"x", "y", "z"} <= {str(one).lower() for one in names}:
            return []
        return [{"name": str(one)} for one in names]

    def values(self, path: str) -> Sequence[float] | None:
        """Return the numbers of an array beside this one; None where there is none."""
        import zarr  # noqa: PLC0415

        node = self.group.get(path) if self.group is not None else None
        return [float(v) for v in node[:]] if isinstance(node, zarr.Array) else None  # type: ignore[union-attr]


def find_image(node: Any, level: int, where: str, notes: list[Note]) -> Image:
    """Return the image that an array or a group holds.

    Parameters
    ----------
    node : zarr.Array or zarr.Group
        What was opened.
    level : int
        Of an OME-Zarr, 0 the finest.
    where : str
        What to call it in messages.
    notes : list of Note
        Is added to where the image lies further inside.

    Raises
    ------
    InputError
        There is none, there are several, or it has no such level.
    """
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
        return find_image(inner, level, f"{where}/{path}", notes)
    if not 0 <= level < len(levels):
        raise InputError(f"{where} has the levels 0 to {len(levels) - 1}: there is no {level}")
    array = node[levels[level].path]
    if not isinstance(array, zarr.Array):
        raise InputError(f"level {level} of {where} is no array")
    return Image(array, levels[level], node, ngff.is_label_image(attributes))


def _of_parent(array: zarr.Array[Any], where: str) -> Image:
    """Return an array with what the group that it is a level of says of it."""
    import zarr  # noqa: PLC0415

    folder = Path(where).absolute().parent
    if "://" in where or not is_zarr(folder):
        return Image(array, None, None)
    try:
        group = zarr.open_group(folder, mode="r", use_consolidated=False)
        levels = ngff.find_levels(group.attrs.asdict())
    except read_errors():
        return Image(array, None, None)
    own = Path(where).absolute().name
    for level in levels:
        if level.path.strip("/") == own:
            return Image(array, level, group, ngff.is_label_image(group.attrs.asdict()))
    return Image(array, None, None)


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
