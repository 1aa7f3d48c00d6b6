from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import cache as cache_
from cryoet_bench.tomogram.part import Part, aligned, parse_part
from cryoet_bench.tomogram.sources import add, obtain, recall
from cryoet_bench.volume import Volume
from cryoet_bench.volume.region import format_region, parse_region


def placed(shape: tuple[int, int, int], part: Part) -> str:
    volume = Volume("a", np.broadcast_to(np.float32(0), shape))
    return format_region(part.place(volume, "a"))


def sparse_mrc(path: Path, shape: tuple[int, int, int]) -> Path:
    """An MRC file of float32 zeros that takes no room on the disk."""
    with mrcfile.new(path, np.zeros((1, 1, 1), "float32")) as file:
        file.voxel_size = 1
    header = bytearray(path.read_bytes()[:1024])
    sizes = np.array(shape[::-1], "int32")
    header[:12] = header[28:40] = sizes.tobytes()
    header[40:52] = (5 * sizes).astype("float32").tobytes()
    path.write_bytes(header)
    with path.open("r+b") as file:
        file.truncate(1024 + 4 * int(np.prod(shape, dtype=np.int64)))
    return path


@pytest.mark.parametrize(
    ("shape", "part", "region"),
    [
        ((256, 256, 256), Part(), "0:256,0:256,0:256"),
        ((256, 256, 257), Part(), "0:256,0:256,0:256"),
        ((400, 600, 600), Part(), "72:328,172:428,172:428"),
        ((30, 2000, 2000), Part(), "0:30,872:1128,872:1128"),
        ((400, 600, 600), Part(whole=True), "0:400,0:600,0:600"),
        ((400, 600, 600), Part(edge=64), "168:232,268:332,268:332"),
        ((64, 64, 64), Part(edge=32), "16:48,16:48,16:48"),
        ((64, 64, 64), Part(edge=100), "0:64,0:64,0:64"),
        ((64, 64, 64), Part(region=parse_region("0:8,1:64,2:64")), "0:8,1:64,2:64"),
        ((5, 64, 64), Part(region=parse_region("1:3,1:64,2:64")), "1:3,1:64,2:64"),
    ],
)
def test_where_a_part_lies(shape: tuple[int, int, int], part: Part, region: str) -> None:
    assert placed(shape, part) == region


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 50))
def test_no_box_of_that_size_touches_fewer_chunks(length: int, chunk: int, edge: int) -> None:
    region = aligned((length,) * 3, (chunk,) * 3, edge)
    size = min(length, edge)

    def cost(start: int) -> tuple[int, float]:
        touched = {voxel // chunk for voxel in range(start, start + size)}
        return len(touched), abs(start + size / 2 - length / 2)

    for found in region:
        assert found.stop - found.start == size
        assert 0 <= found.start <= length - size
        assert cost(found.start) == min(cost(start) for start in range(length - size + 1))


@pytest.mark.parametrize(
    ("subset", "region", "whole"),
    [
        options
        for options in itertools.product((None, 64), (None, "0:9,0:9,0:9"), (False, True))
        if sum(map(bool, options)) > 1
    ],
)
def test_options_that_contradict_each_other(
    subset: int | None, region: str | None, whole: bool
) -> None:
    with pytest.raises(InputError, match="choose one of --subset, --region and --whole"):
        parse_part(subset, region, whole)


@pytest.mark.parametrize("subset", [-1, 0, 7])
def test_a_subset_that_is_too_small(subset: int) -> None:
    with pytest.raises(InputError, match=f"edge {subset} is too small"):
        parse_part(subset, None, False)


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("0:9,0:9,0:7", "too thin to be measured: it has 7 along x"),
        ("5:6,0:9,0:9", "too thin to be measured: it has 1 along z"),
        ("0:9,0:65,0:9", r"lies outside a, which has shape \(z, y, x\) = \(64, 64, 64\)"),
    ],
)
def test_regions_that_cannot_be_measured(region: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        placed((64, 64, 64), Part(region=parse_region(region)))


def test_a_large_file_is_cut_before_it_is_read(
    cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = sparse_mrc(tmp_path / "TS_1.mrc", (1000, 1000, 1000))
    tracemalloc.start()
    try:
        tomogram = obtain(str(path))
        assert tracemalloc.get_traced_memory()[1] < 3 * 64 * 2**20
    finally:
        tracemalloc.stop()
    assert tomogram.shape == (256, 256, 256)
    assert tomogram.name == f"TS_1-256x256x256-{tomogram.sha256[:8]}"
    assert tomogram.voxel_spacing == (5, 5, 5)
    assert tomogram.provenance["region"] == "372:628,372:628,372:628"
    assert "1000 x 1000 x 1000 voxels (4,000 MB)" in caplog.text
    assert "--whole takes all of it" in caplog.text
    caplog.clear()
    assert obtain(tomogram.name).shape == (256, 256, 256)
    assert caplog.text == ""


def test_a_box_of_a_zarr_follows_its_chunks_and_reads_no_others(
    cache: Path, tmp_path: Path
) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(184, 630, 630), chunks=(64, 64, 64), dtype="int8", fill_value=0
    )
    array[0:64, 256:320, 256:320] = 1
    for file in (tmp_path / "a.zarr" / "c").rglob("*"):
        if file.is_file() and file.parts[-3:] != ("0", "4", "4"):
            file.write_bytes(b"damaged")
    tomogram = add(tmp_path / "a.zarr", part=Part(edge=64))
    # Along z, 64:128 is nearer to the centre than 0:64.
    assert tomogram.provenance["region"] == "64:128,256:320,256:320"
    assert tomogram.name.startswith("a-64x64x64-")
    assert add(tmp_path / "a.zarr").provenance["region"] == "0:184,192:448,192:448"


def test_a_box_of_a_tiff_is_read_from_its_planes(cache: Path, tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 255, (12, 40, 50), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", data)
    tomogram = add(tmp_path / "a.tif", part=Part(edge=16))
    np.testing.assert_array_equal(tomogram.data, data[:, 12:28, 17:33])
    assert tomogram.name.startswith("a-12x16x16-")


def test_a_damaged_box_is_cut_out_again(cache: Path, tmp_path: Path) -> None:
    data = np.random.default_rng(0).standard_normal((20, 30, 40)).astype("float32")
    zarr.create_array(tmp_path / "a.zarr", data=data, chunks=(10, 10, 10))
    tomogram = add(tmp_path / "a.zarr", part=Part(edge=10))
    path = cache_.tomogram_dir(tomogram.name) / "volume.npy"
    path.write_bytes(path.read_bytes()[:-1])
    assert recall(tomogram.name).sha256 == tomogram.sha256
