from __future__ import annotations

import json
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import files
from cryoet_bench.tomogram.part import WHOLE, Part
from cryoet_bench.volume.region import parse_region
from cryoet_bench.volume.spacing import angstrom

SHAPE = (5, 6, 7)
REGION = parse_region("1:4,0:5,2:6")
PART = Part(region=REGION)
# Each with the extremes that its dtype can hold.
MRC_DTYPES = ["int8", "int16", "uint16", "float16", "float32"]
ZARR_DTYPES = [*MRC_DTYPES, "uint8", "int32", "uint32", "int64", "uint64", "float64"]


def volume(dtype: str = "float32", shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    random = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return random.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def write_mrc(
    path: Path, data: np.ndarray, spacing: Any = 4.99, compression: str | None = None
) -> Path:
    with (
        warnings.catch_warnings(action="ignore"),
        mrcfile.new(path, data, compression=compression, overwrite=True) as mrc,
    ):
        mrc.voxel_size = spacing
    return path


def assert_read(path: Path, data: np.ndarray, **options: Any) -> None:
    """The whole and a region come out as they went in, in native byte order and C order."""
    for part, expected in ((WHOLE, data), (PART, data[REGION])):
        tomogram = files.read(path, part=part, **options)
        assert tomogram.data.dtype == data.dtype.newbyteorder("=")
        assert tomogram.data.dtype.isnative
        assert tomogram.data.flags.c_contiguous
        np.testing.assert_array_equal(tomogram.data, expected)
        assert tomogram.source == "file"


@pytest.mark.parametrize("compression", [None, "gzip", "bzip2"])
@pytest.mark.parametrize("dtype", MRC_DTYPES)
def test_mrc_of_every_mode(tmp_path: Path, dtype: str, compression: str | None) -> None:
    path = write_mrc(tmp_path / "a.mrc", volume(dtype), compression=compression)
    assert_read(path, volume(dtype))
    assert files.read(path).voxel_spacing == (4.99, 4.99, 4.99)


def test_mrc_of_the_other_byte_order(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", volume().astype(">f4"))
    assert path.read_bytes()[212:214] == b"\x11\x11"
    assert_read(path, volume())


def test_mrc_spacing_belongs_to_its_axis(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", volume(), spacing=(1.5, 2.5, 3.5))  # x, y, z
    assert files.read(path).voxel_spacing == (3.5, 2.5, 1.5)


def test_mrc_without_spacing(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", volume(), spacing=0)
    assert files.read(path).voxel_spacing is None
    assert files.read(path, voxel_spacing=7.5).voxel_spacing == (7.5, 7.5, 7.5)


def test_mrc_whose_header_permutes_the_axes(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    with warnings.catch_warnings(action="ignore"), mrcfile.new(path, volume()) as mrc:
        mrc.header.mapc, mrc.header.mapr, mrc.header.maps = 3, 1, 2  # columns z, rows x, sections y
    assert_read(path, volume().transpose(2, 0, 1))


def test_mrc_with_bytes_behind_the_volume(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", volume())
    path.write_bytes(path.read_bytes() + b"more")
    assert_read(path, volume())


def test_mrc_region_of_a_file_larger_than_memory(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", np.zeros((1, 1, 1), "float32"))
    header = bytearray(path.read_bytes()[:1024])
    header[:12] = np.array([4000, 4000, 1000], "int32").tobytes()
    path.write_bytes(header)
    with path.open("r+b") as file:
        file.truncate(1024 + 4 * 4000 * 4000 * 1000)  # sparse: 64 GB that take no room
    tracemalloc.start()
    try:
        tomogram = files.read(path, part=Part(region=parse_region("990:1000,0:64,3936:4000")))
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert tomogram.shape == (10, 64, 64)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"bigtiff": True}])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float16", "float32"])
def test_tiff_stack(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, volume(dtype), photometric="minisblack", **options)
    assert_read(path, volume(dtype))
    assert files.read(path).voxel_spacing is None


def test_tiff_of_the_other_byte_order(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, volume("int16"), byteorder=">", photometric="minisblack")
    assert_read(path, volume("int16"))


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("nm", 10), ("angstrom", 1), ("A", 1), ("um", 1e4), ("micron", 1e4), (r"\u00B5m", 1e4)],
)
def test_imagej_spacing_and_unit(tmp_path: Path, unit: str, factor: float) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        volume("uint16"),
        imagej=True,
        resolution=(1 / 0.5, 1 / 0.25),
        metadata={"spacing": 1.2, "unit": unit},
    )
    assert_read(path, volume("uint16"))
    assert files.read(path).voxel_spacing == pytest.approx(
        [1.2 * factor, 0.25 * factor, factor / 2]
    )


@pytest.mark.parametrize("unit", ["pixel", "", "furlong"])
def test_imagej_without_a_length(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, volume("uint8"), imagej=True, resolution=(1, 1), metadata={"spacing": 1, "unit": unit}
    )
    assert files.read(path).voxel_spacing is None


def test_real_microtubule(microtubule: Path) -> None:
    tomogram = files.read(microtubule)
    assert tomogram.shape == (36, 206, 94)
    assert tomogram.dtype == np.uint8
    assert tomogram.voxel_spacing == pytest.approx((10.52, 10.52, 10.52))
    assert tomogram.name == f"13pf_MT-{tomogram.sha256[:8]}"
    np.testing.assert_array_equal(tomogram.data, tifffile.imread(microtubule))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ZARR_DTYPES)
def test_zarr_array(tmp_path: Path, dtype: str, zarr_format: Any) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=volume(dtype), chunks=(2, 3, 4), zarr_format=zarr_format)
    assert_read(path, volume(dtype))


def test_zarr_of_the_other_byte_order(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=volume().astype(">f4"), zarr_format=2)
    assert json.loads((path / ".zarray").read_text())["dtype"] == ">f4"
    assert_read(path, volume())


def test_zarr_with_shards(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=volume(), chunks=(1, 2, 2), shards=(2, 4, 4))
    assert_read(path, volume())


def test_zarr_axes_of_length_one_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=volume()[None, None])
    assert_read(path, volume())


def test_zarr_region_reads_its_chunks_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=volume(), chunks=(1, 6, 7))
    (path / "c" / "0" / "0" / "0").write_bytes(b"damaged")
    np.testing.assert_array_equal(files.read(path, part=PART).data, volume()[REGION])
    with pytest.raises(InputError, match="cannot be read as Zarr"):
        files.read(path)


def write_ome(path: Path, zarr_format: Any, **multiscale: Any) -> Path:
    group = zarr.create_group(path, zarr_format=zarr_format)
    datasets = []
    for level in range(2):
        step = 2**level
        group.create_array(f"s{level}", data=volume()[::step, ::step, ::step])
        scale = {"type": "scale", "scale": [3.0 * step, 2.0 * step, 1.0 * step]}
        datasets.append({"path": f"s{level}", "coordinateTransformations": [scale]})
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    scales = [{"axes": axes, "datasets": datasets, **multiscale}]
    group.attrs.update(
        {"multiscales": scales} if zarr_format == 2 else {"ome": {"multiscales": scales}}
    )
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_ome_zarr_levels(tmp_path: Path, zarr_format: Any) -> None:
    path = write_ome(tmp_path / "a.ome.zarr", zarr_format)
    assert_read(path, volume(), level=0)
    assert files.read(path).voxel_spacing == (30, 20, 10)
    second = files.read(path, level=1)
    np.testing.assert_array_equal(second.data, volume()[::2, ::2, ::2])
    assert second.voxel_spacing == (60, 40, 20)
    assert second.name.startswith("a-")
    with pytest.raises(InputError, match="levels 0 to 1: there is no 2"):
        files.read(path, level=2)


def test_ome_zarr_scale_of_all_levels_counts_too(tmp_path: Path) -> None:
    shared = [{"type": "scale", "scale": [0.1, 0.1, 0.1]}]
    path = write_ome(tmp_path / "a.zarr", 3, coordinateTransformations=shared)
    assert files.read(path).voxel_spacing == pytest.approx((3, 2, 1))


@pytest.mark.parametrize("axes", [["z", "y", "x"], [{"name": name} for name in "zyx"], []])
def test_ome_zarr_without_units_has_no_spacing(tmp_path: Path, axes: list[Any]) -> None:
    assert files.read(write_ome(tmp_path / "a.zarr", 2, axes=axes)).voxel_spacing is None


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("angstrom", 1), ("nanometer", 10), ("micrometer", 1e4), ("picometer", 0.01)],
)
def test_units_of_ome_zarr(unit: str, factor: float) -> None:
    assert angstrom((1, 2, 3), (unit,) * 3) == pytest.approx((factor, 2 * factor, 3 * factor))
    assert angstrom((1, 2, 3), (unit, unit, "parsec")) is None


def test_names_come_from_the_file_and_its_voxels(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "Tomo of Å 1.mrc.gz", volume(), compression="gzip")
    tomogram = files.read(path)
    assert tomogram.name == f"Tomo_of___1-{tomogram.sha256[:8]}"
    assert files.read(path, stem="mine").name == f"mine-{tomogram.sha256[:8]}"
    part = files.read(path, part=PART)
    assert part.name != tomogram.name
    assert part.provenance["region"] == "1:4,0:5,2:6"


def test_a_missing_chunk_is_a_note_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=volume(), chunks=(3, 3, 4), zarr_format=2)
    (path / "1.0.1").unlink()
    (note,) = files.read(path).provenance["notes"]
    assert "1 of 8 chunks" in note
    assert "notes" in files.read(path, part=Part(region=parse_region("2:4,2:6,3:5"))).provenance
    for region in ("0:3,0:6,0:7", "0:5,3:6,0:7", "0:5,0:6,0:4"):
        assert "notes" not in files.read(path, part=Part(region=parse_region(region))).provenance


# What cannot be read: each one sentence.


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        files.read(path, **options)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert len(sentence) < 400
    return sentence


def test_region_outside(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", volume())
    assert "outside" in refused(path, part=Part(region=parse_region("0:5,0:6,0:8")))


def test_no_such_file(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "absent.mrc")


@pytest.mark.parametrize("name", ["a.mrc", "a.tif", "a.txt"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert "is empty" in refused(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "reason"), [("a.mrc", "has not the word MAP"), ("a.txt", "neither MRC, TIFF nor")]
)
def test_text_file(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / name).write_text("no tomogram\n" * 200)
    assert reason in refused(tmp_path / name)


def test_images(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", volume()[0])
    assert "a stack is needed" in refused(tmp_path / "a.tif")
    assert "2 dimensions" in refused(write_mrc(tmp_path / "a.mrc", volume()[0]))
    zarr.create_array(tmp_path / "a.zarr", data=volume()[0])
    assert "2 dimensions" in refused(tmp_path / "a.zarr")
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((4, 5, 6, 3), "uint8"), photometric="rgb")
    assert "in colour" in refused(tmp_path / "c.tif")


@pytest.mark.parametrize("dtype", ["complex64", "bool"])
def test_values_that_are_no_real_numbers(tmp_path: Path, dtype: str) -> None:
    data = np.ones(SHAPE, dtype)
    zarr.create_array(tmp_path / "a.zarr", data=data)
    assert f"holds {dtype}" in refused(tmp_path / "a.zarr")
    if dtype == "complex64":
        assert f"holds {dtype}" in refused(write_mrc(tmp_path / "a.mrc", data))
        tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack")
        assert f"holds {dtype}" in refused(tmp_path / "a.tif")


def test_text_in_zarr(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=SHAPE, dtype="S4", zarr_format=2)
    assert "real numbers" in refused(tmp_path / "a.zarr")


def test_array_without_voxels(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", shape=(0, 4, 4), dtype="uint8")
    assert "no voxels" in refused(tmp_path / "a.zarr")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_groups_without_a_volume(tmp_path: Path, zarr_format: Any) -> None:
    path = tmp_path / "a.zarr"
    group = zarr.create_group(path, zarr_format=zarr_format)
    assert "group without arrays" in refused(path)
    group.create_array("tomogram", data=volume())
    assert f"as in {path / 'tomogram'}" in refused(path)
    group.attrs["multiscales"] = [{"datasets": [{"path": "absent"}]}]
    assert "'absent' is missing" in refused(path)
    group.create_group("absent")
    assert "is no array" in refused(path)


def test_folder_and_levels_that_are_not_there(tmp_path: Path) -> None:
    assert "neither a Zarr array nor a Zarr group" in refused(tmp_path)
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=volume())
    assert "no level 1" in refused(path, level=1)
    assert "no level 1" in refused(write_mrc(tmp_path / "a.mrc", volume()), level=1)


@pytest.mark.parametrize(
    "text", ["", '{"zarr_for', '{"zarr_format": 3, "node_type": "array"}', "[]"]
)
def test_damaged_zarr_metadata(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=volume())
    (path / "zarr.json").write_text(text)
    assert "cannot be read as Zarr" in refused(path)


@pytest.mark.parametrize("spacing", [0, -1, float("nan"), float("inf")])
def test_voxel_spacing_that_is_no_length(tmp_path: Path, spacing: float) -> None:
    path = write_mrc(tmp_path / "a.mrc", volume())
    assert "is no length" in refused(path, voxel_spacing=spacing)


def _mrc(path: Path) -> Path:
    return write_mrc(path / "a.mrc", volume())


def _mrc_gz(path: Path) -> Path:
    return write_mrc(path / "a.mrc.gz", volume(), compression="gzip")


def _mrc_bz2(path: Path) -> Path:
    return write_mrc(path / "a.mrc.bz2", volume(), compression="bzip2")


def _imagej(path: Path) -> Path:
    tifffile.imwrite(path / "a.tif", volume(), imagej=True, metadata={"spacing": 1, "unit": "nm"})
    return path / "a.tif"


def _tiff(path: Path) -> Path:
    tifffile.imwrite(path / "b.tif", volume(), compression="zlib", photometric="minisblack")
    return path / "b.tif"


def _pages(path: Path) -> Path:
    """Each page right behind its tags, as a microscope writes them one by one."""
    with tifffile.TiffWriter(path / "c.tif") as writer:
        for section in volume():
            writer.write(section, contiguous=False, metadata=None)
    return path / "c.tif"


@pytest.mark.parametrize("write", [_mrc, _mrc_gz, _mrc_bz2, _imagej, _tiff, _pages])
def test_cut_off_anywhere_a_file_is_refused_or_whole(
    write: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = write(folder)
    content = path.read_bytes()
    np.testing.assert_array_equal(files.read(path).data, volume())
    refusals = 0

    @settings(deadline=None, max_examples=60)
    @given(st.integers(0, len(content) - 1))
    def cut_off(length: int) -> None:
        nonlocal refusals
        path.write_bytes(content[:length])
        try:
            found = files.read(path)
        except InputError:
            refusals += 1
        else:
            np.testing.assert_array_equal(found.data, volume())

    cut_off()
    assert refusals > 0
