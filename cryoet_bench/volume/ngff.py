"""What OME-Zarr metadata say: which array is the image, its axes, its voxel spacing.

Sources: https://ngff.openmicroscopy.org/0.4, /0.5, and the draft 0.6 (RFC 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.volume.spacing import Spacing, angstrom
from cryoet_bench.volume.view import Note

Order = tuple[int, int, int]
Json = Mapping[str, Any]

_COUNTED = {"t": "time points", "time": "time points", "c": "channels", "channel": "channels"}


@dataclass(frozen=True)
class Level:
    """One level of a multiscale image.

    Parameters
    ----------
    path : str
        Of its array within the group.
    axes : sequence of mapping
        Of the array: name, type and unit, as far as they are given.
    transformations : sequence of mapping
        From voxels to the unit of the axes, all of which apply.
    version : str
        Of the metadata; empty where they do not say.
    """

    path: str
    axes: Sequence[Json]
    transformations: Sequence[Json]
    version: str


def find_levels(attributes: Json) -> list[Level]:
    """Return the levels of a group's first image, in the order of the metadata."""
    scales = _namespace(attributes).get("multiscales")
    if not scales:
        return []
    multiscale = scales[0]
    version = str(_namespace(attributes).get("version") or multiscale.get("version") or "")
    return [_level(multiscale, dataset, version) for dataset in multiscale["datasets"]]


def count_images(attributes: Json) -> int:
    """Return how many multiscale images a group describes."""
    return len(_namespace(attributes).get("multiscales") or ())


def _namespace(attributes: Json) -> Json:
    ome = attributes.get("ome")
    return ome if isinstance(ome, Mapping) else attributes


def _level(multiscale: Json, dataset: Json, version: str) -> Level:
    own = list(dataset.get("coordinateTransformations") or ())
    systems = multiscale.get("coordinateSystems")
    if systems:
        # From 0.6 on a multiscale's own transformations lead to other coordinate systems.
        output = own[0].get("output") if own else None
        name = output.get("name") if isinstance(output, Mapping) else output
        system = next((one for one in systems if one.get("name") == name), systems[0])
        axes, steps = system.get("axes", ()), own
    else:
        axes = multiscale.get("axes") or ()
        steps = own + list(multiscale.get("coordinateTransformations") or ())
    named = [axis if isinstance(axis, Mapping) else {"name": str(axis)} for axis in axes]
    return Level(str(dataset["path"]), named, steps, version)


def is_label_image(attributes: Json) -> bool:
    """Return whether a group says that it is a segmentation."""
    return "image-label" in _namespace(attributes)


def contained(attributes: Json) -> tuple[str, list[str]]:
    """Return what kind of container a group says it is, and where its images are within it."""
    ome = _namespace(attributes)
    if "labels" in ome:
        return "a collection of label images", [str(name) for name in ome["labels"]]
    if "plate" in ome:
        return "a plate", [f"{well['path']}/0" for well in ome["plate"].get("wells", ())]
    if "well" in ome:
        return "a well of a plate", [str(one["path"]) for one in ome["well"].get("images", ())]
    if "bioformats2raw.layout" in ome:
        series = ome.get("series") or ()
        return "a collection of images (bioformats2raw)", [str(name) for name in series]
    return "", []


def find_order(
    axes: Sequence[Json], shape: Sequence[int], where: str, notes: list[Note]
) -> Order | None:
    """Return which axes of an array are z, y and x; None where the names do not tell.

    Parameters
    ----------
    axes : sequence of mapping
        Named axes of the array, none where it has no names.
    shape : sequence of int
        Of the array.
    where : str
        What to call it in messages.
    notes : list of Note
        Is added to where the order is unusual.

    Raises
    ------
    InputError
        Another axis, as time or channel, is longer than one, or an axis of space is missing.
    """
    names = [str(axis.get("name", "")).lower() for axis in axes]
    if axes and len(axes) != len(shape):
        notes.append(
            Note(
                "header",
                "axes-do-not-match",
                f"the metadata name {len(axes)} axes ({', '.join(names)}) of an array that has "
                f"{len(shape)}: the last three are taken for z, y, x, and no spacing",
            )
        )
        return None
    if len(set(names)) != len(names):
        raise InputError(
            f"the axes of {where} are named {', '.join(names)}: two have one name, so it is not "
            "known which is which; fix its metadata"
        )
    order = _order(axes, names, where, notes)
    if order is None:
        return None
    longer = [index for index, n in enumerate(shape) if n > 1 and index not in order]
    if longer:
        counts = " and ".join(
            f"{shape[index]} {_COUNTED.get(names[index], 'images')} (axis {names[index]})"
            for index in longer
        )
        raise InputError(
            f"{where} has {counts}: a tomogram is one volume; write the one that you want to an "
            "image of its own"
        )
    if list(order) != sorted(order):
        notes.append(
            Note(
                "content",
                "axis-order",
                f"its axes are {', '.join(names)}: they were put into the order z, y, x",
                harmless=True,
            )
        )
    return order


def _order(axes: Sequence[Json], names: list[str], where: str, notes: list[Note]) -> Order | None:
    if set("zyx") <= set(names):
        return names.index("z"), names.index("y"), names.index("x")
    space = [index for index, axis in enumerate(axes) if axis.get("type") == "space"]
    if len(space) == 3 or (len(names) == 3 and not {*names} & {*"zyxtc"}):
        z, y, x = space if len(space) == 3 else (0, 1, 2)
        if any(names):
            listed = ", ".join(names[index] for index in (z, y, x))
            notes.append(
                Note("content", "axis-names", f"its axes are named {listed}: taken for z, y, x")
            )
        return z, y, x
    if axes:
        raise InputError(
            f"the axes of {where} are {', '.join(names)}: a tomogram has z, y and x; fix its "
            "metadata if they are wrong"
        )
    return None


def last_three(shape: Sequence[int], where: str) -> Order:
    """Return the last three axes, for an array whose axes have no names.

    Raises
    ------
    InputError
        Another axis is longer than one.
    """
    if any(n != 1 for n in shape[:-3]):
        raise InputError(
            f"{where} has {len(shape)} dimensions {tuple(shape)}: a tomogram has three; write the "
            "volume that you want to an array of its own"
        )
    return len(shape) - 3, len(shape) - 2, len(shape) - 1


def find_spacing(
    level: Level,
    order: Order,
    load: Callable[[str], Sequence[float] | None],
    notes: list[Note],
) -> Spacing | None:
    """Return the voxel spacing along z, y, x in angstrom; None where it is not known.

    Parameters
    ----------
    level : Level
        Its transformations are applied one after the other.
    order : tuple of int
        Which axes are z, y, x.
    load : callable
        Returns the values at a path within the group, None where there are none.
    notes : list of Note
        Is added to where the spacing is there but cannot be understood.
    """
    units = [level.axes[axis].get("unit") for axis in order]
    factors = np.ones(len(level.axes))
    scaled = False
    for step in _flat(level.transformations):
        kind = step.get("type")
        if kind in {"translation", "identity"}:
            continue
        values = step.get("scale")
        if kind == "scale" and values is None and "path" in step:
            values = load(str(step["path"]))
            if values is None:
                notes.append(_unknown(f"its scale lies at {step['path']}, where there is nothing"))
                return None
        if kind != "scale" or values is None:
            version = f" of version {level.version}" if level.version else ""
            notes.append(_unknown(f"a transformation of type {kind!r}{version} is not understood"))
            return None
        if len(values) != factors.size:
            notes.append(_unknown(f"its scale has {len(values)} numbers for {factors.size} axes"))
            return None
        factors = factors * np.asarray(values, np.float64)
        scaled = True
    if not scaled:
        return None
    return angstrom([float(factors[axis]) for axis in order], units)


def _flat(steps: Sequence[Json]) -> list[Json]:
    flat: list[Json] = []
    for step in steps:
        inner = step.get("transformations") if step.get("type") == "sequence" else None
        flat += _flat(inner) if inner else [step]
    return flat


def _unknown(why: str) -> Note:
    return Note("spacing", "spacing-elsewhere", f"the voxel spacing is unknown: {why}")
