"""Every named codec and layout, in both formats, as files that another engine reads too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from cryoet_bench.storage import arrays, installed, pyramids, stores, voxel_types
from cryoet_bench.storage.arrays import FORMATS, Storage
from cryoet_bench.storage.codecs import CODECS
from cryoet_bench.storage.installed import UnavailableError
from cryoet_bench.storage.layouts import LAYOUTS

VOLUME = np.random.default_rng(0).normal(size=(36, 70, 33)).astype(np.float32)
CASES = [
    *[(codec, "cube-32", form) for codec in CODECS for form in FORMATS],
    *[("blosc-lz4-5", layout, form) for layout in LAYOUTS for form in FORMATS],
]


@pytest.mark.filterwarnings("ignore:.*Numcodecs codecs are not in the Zarr:UserWarning")
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize(("codec", "layout", "form"), CASES)
def test_what_is_written_is_read(codec: str, layout: str, form: str, tmp_path: Path) -> None:
    storage = Storage.named(codec, layout, form)
    try:
        storage.require()
    except UnavailableError:
        own = bool(storage.codec.zarr_class) and form == "v2"
        assert own or (storage.layout.shards is not None and form == "v2")
        return
    array = arrays.create(stores.local(tmp_path), VOLUME.shape, VOLUME.dtype, storage)
    array[...] = VOLUME
    np.testing.assert_array_equal(arrays.open_array(stores.local(tmp_path))[...], VOLUME)
    # What zarr itself finds there, given nothing but the folder.
    found = zarr.open_array(str(tmp_path), mode="r")
    assert found.metadata.zarr_format == FORMATS[form]
    assert found.chunks == LAYOUTS[layout].chunks
    assert found.shards == LAYOUTS[layout].shards


def test_format_2_says_what_the_portal_writes(tmp_path: Path) -> None:
    storage = Storage.named("blosc-lz4-5", "cube-256", "v2")
    arrays.create(stores.local(tmp_path), VOLUME.shape, VOLUME.dtype, storage)
    assert json.loads((tmp_path / ".zarray").read_text()) == {
        "shape": list(VOLUME.shape),
        "chunks": [256, 256, 256],
        "dtype": "<f4",
        "fill_value": 0.0,
        "order": "C",
        "filters": None,
        "dimension_separator": "/",
        "compressor": {
            "id": "blosc",
            "cname": "lz4",
            "clevel": 5,
            "shuffle": 1,
            "blocksize": 0,
            **_typesize(tmp_path),
        },
        "zarr_format": 2,
    }


def _typesize(folder: Path) -> dict[str, Any]:
    # numcodecs writes it since 0.16.4 or so; it changes nothing.
    compressor = json.loads((folder / ".zarray").read_text())["compressor"]
    return {key: compressor[key] for key in ("typesize",) if key in compressor}


def test_bitshuffle_and_levels_reach_format_3(tmp_path: Path) -> None:
    storage = Storage.named("blosc-zstd-5-bitshuffle", "cube-32", "v3")
    arrays.create(stores.local(tmp_path), VOLUME.shape, VOLUME.dtype, storage)
    (compressor,) = json.loads((tmp_path / "zarr.json").read_text())["codecs"][1:]
    assert compressor["name"] == "blosc"
    assert compressor["configuration"] == {
        "cname": "zstd", "clevel": 5, "shuffle": "bitshuffle", "typesize": 4, "blocksize": 0
    }  # fmt: skip


def test_empty_chunks_are_written_unless_told_otherwise(tmp_path: Path) -> None:
    for write, objects in ((True, 8 + 1), (False, 1)):
        storage = Storage(
            codec=CODECS["none"],
            layout=LAYOUTS["cube-32"],
            zarr_format=3,
            write_empty_chunks=write,
        )
        folder = tmp_path / str(write)
        array = arrays.create(stores.local(folder), (64, 64, 64), VOLUME.dtype, storage)
        array[...] = 0
        assert len(stores.stored_files(folder)) == objects


@pytest.mark.parametrize("name", stores.STORES)
def test_every_store_holds_the_volume(name: str, tmp_path: Path) -> None:
    storage = Storage.named("blosc-lz4-5", "cube-32", "v2")
    opened = stores.STORES[name]
    try:
        store = opened(tmp_path)
    except UnavailableError as error:
        pytest.skip(str(error))
    arrays.create(store, VOLUME.shape, VOLUME.dtype, storage)[...] = VOLUME
    if name == "zip":
        store.close()
        store = opened(tmp_path)
    np.testing.assert_array_equal(arrays.open_array(store)[...], VOLUME)
    if name == "zip":
        store.close()


class TestInstalled:
    def test_reads_numbers_without_importing(self) -> None:
        assert installed.release("zarr") == tuple(int(n) for n in zarr.__version__.split("."))
        assert installed.release("no-such-package") == ()

    def test_says_what_is_missing(self) -> None:
        installed.require("zarr", 3)
        with pytest.raises(UnavailableError, match=r"needs zarr 99, 3\.\S+ is here"):
            installed.require("zarr", 99)
        with pytest.raises(UnavailableError, match="needs no-such-package, none is here"):
            installed.require("no-such-package")


class TestPyramids:
    def test_levels_are_means_of_blocks(self) -> None:
        volume = np.arange(5 * 4 * 6, dtype=np.float32).reshape(5, 4, 6)
        _, half, quarter = pyramids.levels(volume)
        assert half.shape == (2, 2, 3)
        assert half[1, 0, 2] == volume[2:4, 0:2, 4:6].mean()
        assert quarter.shape == (1, 1, 1)
        assert len(pyramids.levels(volume[:1])) == 1

    @pytest.mark.parametrize("form", list(FORMATS))
    def test_levels_come_back_as_their_metadata_names_them(self, form: str, tmp_path: Path) -> None:
        levels = pyramids.levels(VOLUME)
        store = stores.local(tmp_path)
        pyramids.write(store, levels, Storage.named("blosc-lz4-5", "cube-32", form))
        for number, level in enumerate(levels):
            np.testing.assert_array_equal(pyramids.open_level(store, number)[...], level)


class TestVolumes:
    @pytest.mark.parametrize("name", voxel_types.DTYPES)
    def test_types_keep_the_volume(self, name: str) -> None:
        small = (VOLUME * 3e-6).astype(np.float32)
        found = voxel_types.as_type(small, name)
        assert found.dtype == name
        correlation = np.corrcoef(found.astype(float).ravel(), small.astype(float).ravel())[0, 1]
        assert correlation > 0.9995

    def test_half_precision_does_not_underflow(self) -> None:
        found = voxel_types.as_type((VOLUME * 1e-6).astype(np.float32), "float16")
        assert abs(float(found.astype(np.float64).std()) - 1) < 0.01
