"""Ready-to-paste code that writes a configuration, and the metadata that it leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.layouts import Shape
from cryoet_bench.study.configuration import Configuration
from cryoet_bench.study.families import FAMILIES, Serializer, Statistics


def snippets(
    configuration: Configuration, shape: Shape, dtype: str, spacing: tuple[float, ...] | None
) -> dict[str, str]:
    """Return code by the library that it is for; the volume is called ``volume``.

    Nothing for codecs with an error bound, and for those that another package registers.

    Parameters
    ----------
    configuration : Configuration
        What to write.
    shape : tuple of int
        Of the whole volume.
    dtype : str
        Of a voxel.
    spacing : tuple of float or None
        Of voxels, in angstrom.
    """
    family = FAMILIES.get(configuration.codec)
    if family is None or family.lossy:
        return {}
    codec = family.make(configuration, Statistics(1.0, 0.0, 1.0, dtype))
    if isinstance(codec, Serializer) and codec.module:
        return {}
    before, stored = _before(configuration, dtype)
    found = {}
    if configuration.zarr_format == 2 and codec.compressor is not None:
        found["zarr-python 2"] = before + _format2(configuration, codec.compressor, shape, stored)
    elif configuration.zarr_format == 2:
        found["zarr-python 2"] = before + _format2(configuration, None, shape, stored)
    itemsize = {"float16": 2, "int16": 2, "int8": 1, "uint16": 2}.get(stored, 4)
    call = _format3(configuration, codec, itemsize, shape, stored)
    found["zarr-python 3"] = before + call.format(target='"volume.zarr"', name="")
    found["OME-Zarr (NGFF), zarr-python 3"] = before + _ome(configuration, call, spacing)
    found["metadata"] = metadata(configuration, shape, stored)
    return found


def _before(configuration: Configuration, dtype: str) -> tuple[str, str]:
    """Return the lines that change the values first, and the type that is stored."""
    if configuration.kept_bits is not None:
        lines = (
            "import numcodecs\n"
            f"volume = numcodecs.BitRound(keepbits={configuration.kept_bits}).encode(volume)"
            f'.view("{dtype}").reshape(volume.shape)\n'
        )
        return lines, dtype
    if configuration.voxel == "float16":
        return (
            "import numpy as np\n"
            "factor = 2.0 ** -np.floor(np.log2(volume.std()))  # readers divide by it\n"
            'volume = (volume * factor).astype("float16")\n'
        ), "float16"
    if configuration.voxel == "uint16":
        return (
            "low, high = float(volume.min()), float(volume.max())\n"
            "factor = 65535 / (high - low)  # readers divide by the factor, then add low\n"
            'volume = ((volume - low) * factor).round().astype("uint16")\n'
        ), configuration.voxel
    if configuration.voxel != "same":
        steps = {"int16": 32767, "int8": 127}[configuration.voxel]
        return (
            "low, high = float(volume.min()), float(volume.max())\n"
            f"offset, factor = (low + high) / 2, {steps} / ((high - low) / 2)"
            "  # readers divide by the factor, then add the offset\n"
            f'volume = ((volume - offset) * factor).round().astype("{configuration.voxel}")\n'
        ), configuration.voxel
    return "", dtype


def _format2(
    configuration: Configuration, compressor: Mapping[str, Any] | None, shape: Shape, dtype: str
) -> str:
    made = f"numcodecs.get_codec({dict(compressor)!r})" if compressor else "None"
    return (
        "import numcodecs\nimport zarr\n"
        'array = zarr.create(store=zarr.DirectoryStore("volume.zarr", dimension_separator="/"),\n'
        f'    shape={shape}, chunks={configuration.chunks}, dtype="{dtype}",\n'
        f'    compressor={made}, dimension_separator="/", fill_value=0)\n'
        "array[:] = volume\n"
    )


def _format3(
    configuration: Configuration, codec: Any, itemsize: int, shape: Shape, dtype: str
) -> str:
    if configuration.zarr_format == 2:
        made = f"numcodecs.get_codec({dict(codec.compressor)!r})" if codec.compressor else "None"
        settings = f"compressors={made}, filters=None"
        keys = '{"name": "v2", "separator": "/"}'
    else:
        settings = ", ".join(f"{key}={value!r}" for key, value in codec.format3(itemsize).items())
        keys = '{"name": "default", "separator": "/"}'
    braced = settings.replace("{", "{{").replace("}", "}}")
    shards = f", shards={configuration.shards}" if configuration.shards else ""
    start = "import numcodecs\nimport zarr\n" if "numcodecs.get" in settings else "import zarr\n"
    return (
        f"{start}array = zarr.create_array({{target}}, {{name}}"
        f'shape={shape}, dtype="{dtype}",\n'
        f"    chunks={configuration.chunks}{shards}, zarr_format={configuration.zarr_format},\n"
        f"    {braced},\n"
        f"    chunk_key_encoding={keys.replace('{', '{{').replace('}', '}}')}, fill_value=0)\n"
        "array[...] = volume\n"
    )


def _ome(configuration: Configuration, call: str, spacing: tuple[float, ...] | None) -> str:
    scale = list(spacing or (1.0, 1.0, 1.0))
    axes = [{"name": axis, "type": "space", "unit": "angstrom"} for axis in "zyx"]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    multiscales: dict[str, Any] = {"axes": axes, "datasets": [level]}
    if configuration.zarr_format == 2:
        attributes: dict[str, Any] = {"multiscales": [{"version": "0.4", **multiscales}]}
    else:
        attributes = {"ome": {"version": "0.5", "multiscales": [multiscales]}}
    start, _, rest = call.partition("array = ")
    return (
        f"{start}"
        'group = zarr.open_group("volume.zarr", mode="w", '
        f"zarr_format={configuration.zarr_format})\n"
        f"group.attrs.update({attributes!r})\n"
        + f"array = {rest}".format(target="group.store", name='name="0", ')
    )


def metadata(configuration: Configuration, shape: Shape, dtype: str) -> str:
    """Return the metadata document of an array that is stored so, as zarr writes it here."""
    import tempfile  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415

    family = FAMILIES[configuration.codec]
    codec = family.make(configuration, Statistics(1.0, 0.0, 1.0, dtype))
    storage = Storage(
        codec=codec, layout=configuration.layout, zarr_format=configuration.zarr_format
    )
    with tempfile.TemporaryDirectory() as folder:
        arrays.create(stores.local(Path(folder)), shape, np.dtype(dtype), storage)
        name = "zarr.json" if configuration.zarr_format == 3 else ".zarray"
        return json.dumps(json.loads(Path(folder, name).read_text("utf-8")), indent=2)
