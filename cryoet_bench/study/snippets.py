"""Ready-to-paste code that writes a configuration, and the metadata that it leaves."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.codecs import Codec
from cryoet_bench.storage.layouts import Shape
from cryoet_bench.study.configuration import Configuration
from cryoet_bench.study.families import FAMILIES, Family, Serializer, Statistics
from cryoet_bench.study.trial import STEPS


class _Deviation(float):
    """The standard deviation of a volume that is not known yet: its multiples are expressions."""

    def __rmul__(self, factor: float) -> _Share:
        return _Share(factor)


class _Share(float):
    """A share of that deviation, as code."""

    def __repr__(self) -> str:
        return f"{float(self):g} * sd"


def snippets(
    configuration: Configuration, shape: Shape, dtype: str, spacing: tuple[float, ...] | None
) -> dict[str, str]:
    """Return code by the library that it is for; the volume is called ``volume``.

    Nothing for a codec of the user's own, and for one that takes whole numbers as its bound.

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
    if family is None or family.whole_bounds:
        return {}
    codec = _codec(family, configuration, _Deviation(1.0), dtype)
    before, stored, attributes = _prepared(configuration, family, codec, dtype)
    found = {}
    if configuration.zarr_format == 2:
        found["zarr-python 2"] = before + _zarr2(configuration, codec, shape, stored) + attributes
    call = _zarr3(configuration, codec, shape, stored)
    found["zarr-python 3"] = before + call.format(target='"volume.zarr"', name="") + attributes
    found["OME-Zarr, zarr-python 3"] = before + _ome(configuration, call, spacing) + attributes
    if not attributes:  # ome-zarr has no place for the scale of stored values
        found["OME-Zarr with two smaller levels, ome-zarr 0.21"] = before + _ome_writer(
            configuration, codec, stored, spacing
        )
    if not family.lossy:  # the bound is of the volume
        found["metadata"] = metadata(configuration, shape, stored)
    return found


def _codec(family: Family, configuration: Configuration, sd: float, dtype: str) -> Codec:
    return family.make(configuration, Statistics(sd, 0.0, 1.0, np.dtype(dtype).str))


def _prepared(
    configuration: Configuration, family: Family, codec: Codec, dtype: str
) -> tuple[str, str, str]:
    """Return the lines that come first, the type that is stored, and the lines that come last."""
    first = ""
    if isinstance(codec, Serializer) and codec.module:
        first = f"import {codec.module}\n{codec.module}.register_codecs(verbose=False)\n"
    if family.level_of == "error":
        first += "sd = float(volume.std())\n"
    if configuration.kept_bits is not None:
        rounded = f"numcodecs.BitRound(keepbits={configuration.kept_bits}).encode(volume)"
        lines = f'import numcodecs\nvolume = {rounded}.view("{dtype}").reshape(volume.shape)\n'
        return first + lines, dtype, ""
    voxel = configuration.voxel
    if voxel == "same":
        return first, dtype, ""
    # Readers multiply by the scale, then add the offset, as the CF conventions say.
    if voxel == "float16":
        scaled = (
            "import numpy as np\n"
            "scale, offset = float(2.0 ** np.floor(np.log2(volume.std()))), 0.0\n"
            'volume = (volume / scale).astype("float16")\n'
        )
    else:
        whole = np.dtype(voxel).kind == "u"
        zero = "low" if whole else "(low + high) / 2"
        steps = STEPS[voxel] if whole else 2 * STEPS[voxel]
        scaled = (
            "low, high = float(volume.min()), float(volume.max())\n"
            f"scale, offset = (high - low) / {steps}, {zero}\n"
            f'volume = ((volume - offset) / scale).round().astype("{voxel}")\n'
        )
    attributes = 'array.attrs.update({"scale_factor": scale, "add_offset": offset})\n'
    return first + scaled, voxel, attributes


def _zarr2(configuration: Configuration, codec: Codec, shape: Shape, dtype: str) -> str:
    return (
        "import numcodecs\nimport zarr\n"
        'array = zarr.create(store=zarr.DirectoryStore("volume.zarr", dimension_separator="/"),\n'
        f'    shape={shape}, chunks={configuration.chunks}, dtype="{dtype}",\n'
        f'    compressor={_made(codec)}, dimension_separator="/", fill_value=0)\n'
        "array[:] = volume\n"
    )


def _zarr3(configuration: Configuration, codec: Codec, shape: Shape, dtype: str) -> str:
    """Return the lines with places for the target and the name of the array."""
    if configuration.zarr_format == 2:
        settings = f"compressors={_made(codec)}, filters=None"
        keys = '{"name": "v2", "separator": "/"}'
    else:
        arguments = codec.format3(np.dtype(dtype).itemsize)
        settings = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        keys = '{"name": "default", "separator": "/"}'
    shards = f", shards={configuration.shards}" if configuration.shards else ""
    numcodecs = "import numcodecs\n" if "numcodecs.get" in settings else ""
    return (
        f"{numcodecs}import zarr\narray = zarr.create_array({{target}}, {{name}}"
        f'shape={shape}, dtype="{dtype}",\n'
        f"    chunks={configuration.chunks}{shards}, zarr_format={configuration.zarr_format},\n"
        f"    {_literal(settings)},\n"
        f"    chunk_key_encoding={_literal(keys)}, fill_value=0)\n"
        "array[...] = volume\n"
    )


def _made(codec: Codec) -> str:
    return f"numcodecs.get_codec({dict(codec.compressor)!r})" if codec.compressor else "None"


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _ome(configuration: Configuration, call: str, spacing: tuple[float, ...] | None) -> str:
    scale = list(spacing or (1.0, 1.0, 1.0))
    axes = [{"name": axis, "type": "space", "unit": "angstrom"} for axis in "zyx"]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    multiscales: dict[str, Any] = {"axes": axes, "datasets": [level]}
    attributes: Mapping[str, Any] = (
        {"multiscales": [{"version": "0.4", **multiscales}]}
        if configuration.zarr_format == 2
        else {"ome": {"version": "0.5", "multiscales": [multiscales]}}
    )
    start, _, rest = call.partition("array = ")
    return (
        f'{start}group = zarr.open_group("volume.zarr", mode="w", '
        f"zarr_format={configuration.zarr_format})\n"
        f"group.attrs.update({attributes!r})\n"
        + f"array = {rest}".format(target="group.store", name='name="0", ')
    )


def _ome_writer(
    configuration: Configuration, codec: Codec, dtype: str, spacing: tuple[float, ...] | None
) -> str:
    """Return the call of ome-zarr's writer, as it was tried with 0.21.0 and dask 2026.8."""
    imports, version = "", "FormatV05"
    settings: dict[str, Any] = {"chunks": configuration.chunks}
    if configuration.shards:
        settings["shards"] = configuration.shards
    if configuration.zarr_format == 3:
        settings |= codec.format3(np.dtype(dtype).itemsize)
        options = repr(settings)
    else:
        imports, version = "import numcodecs\n", "FormatV04"
        options = f'{{"chunks": {configuration.chunks}, "compressor": {_made(codec)}}}'
    scale = dict(zip("zyx", spacing or (1.0, 1.0, 1.0), strict=True))
    return (
        f"{imports}from ome_zarr.format import {version}\n"
        "from ome_zarr.writer import write_image\n"
        f'write_image(volume, "volume.zarr", fmt={version}(), axes=list("zyx"), scale={scale},\n'
        '    axes_units=dict.fromkeys("zyx", "angstrom"),\n'
        '    scale_factors=[dict.fromkeys("zyx", factor) for factor in (2, 4)],\n'
        f"    storage_options={options})\n"
    )


def metadata(configuration: Configuration, shape: Shape, dtype: str) -> str:
    """Return the metadata document of an array that is stored so, as zarr writes it here."""
    codec = _codec(FAMILIES[configuration.codec], configuration, 1.0, dtype)
    storage = Storage(
        codec=codec, layout=configuration.layout, zarr_format=configuration.zarr_format
    )
    with tempfile.TemporaryDirectory() as folder:
        arrays.create(stores.local(Path(folder)), shape, np.dtype(dtype), storage)
        name = "zarr.json" if configuration.zarr_format == 3 else ".zarray"
        return json.dumps(json.loads(Path(folder, name).read_text("utf-8")), indent=2)
