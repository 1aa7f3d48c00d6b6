"""What TIFF metadata decide: the OME schema, ImageJ's own writer, and pages that are not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cryoet_bench.errors import InputError
from cryoet_bench.volume.boxes import read_box
from cryoet_bench.volume.opening import open_volume
from tests.volume.inputs import names, noise

SIZES = {"PhysicalSizeX": 1.0, "PhysicalSizeY": 2.0, "PhysicalSizeZ": 3.0}


def write_ome(path: Path, data: np.ndarray, axes: str = "ZYX", **metadata: Any) -> Path:
    tifffile.imwrite(path, data, ome=True, metadata={"axes": axes, **metadata})
    return path


def write_pages(path: Path, pages: Any, description: str | None = None) -> Path:
    """Write pages one by one, as a microscope does."""
    with tifffile.TiffWriter(path) as writer:
        for index, page in enumerate(pages):
            text = description if index == 0 else None
            writer.write(page, description=text, metadata=None, contiguous=False)
    return path


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("nm", 10), ("Å", 1), ("pm", 0.01), ("µm", 1e4), ("mm", 1e7), (None, 1e4)],
)
def test_physical_sizes_and_their_units(tmp_path: Path, unit: str | None, factor: float) -> None:
    """The schema's unit is the micrometre where none is given."""
    units = {f"{name}Unit": unit for name in SIZES} if unit else {}
    volume = open_volume(write_ome(tmp_path / "a.ome.tif", noise(), **SIZES, **units))
    assert volume.voxel_spacing == pytest.approx((3 * factor, 2 * factor, factor))
    assert volume.facts["spacing from"] == "the PhysicalSize of the OME-XML"


def test_each_axis_has_its_own_unit(tmp_path: Path) -> None:
    units = {"PhysicalSizeXUnit": "Å", "PhysicalSizeYUnit": "nm", "PhysicalSizeZUnit": "pm"}
    volume = open_volume(write_ome(tmp_path / "a.ome.tif", noise(), **SIZES, **units))
    assert volume.voxel_spacing == pytest.approx((0.03, 20, 1))


@pytest.mark.parametrize("unit", ["pixel", "reference frame"])
def test_a_unit_that_is_no_length(tmp_path: Path, unit: str) -> None:
    units = {f"{name}Unit": unit for name in SIZES}
    path = write_ome(tmp_path / "a.ome.tif", noise(), **SIZES, **units)
    assert open_volume(path).voxel_spacing is None


def test_a_missing_size_along_z_is_said(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0}
    units = {f"{name}Unit": "nm" for name in sizes}
    volume = open_volume(write_ome(tmp_path / "a.ome.tif", noise(), **sizes, **units))
    assert volume.voxel_spacing == (10, 10, 10)
    assert names(volume) == ["no-spacing-along-z"]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"spacing": 2.0, "unit": "nm"}, (20, 5, 10)),
        ({"spacing": -2.0, "unit": "nm"}, (20, 5, 10)),
        ({"spacing": 2.0, "unit": "nm", "yunit": "angstrom", "zunit": "um"}, (2e4, 0.5, 10)),
        ({"spacing": 2.0, "unit": "cm"}, (2e8, 0.5e8, 1e8)),
        ({"spacing": 2.0, "unit": "pixel"}, None),
        ({"spacing": 2.0}, None),
    ],
)
def test_imagej_spacing(tmp_path: Path, metadata: Any, expected: Any) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(), imagej=True, resolution=(1, 2), metadata=metadata)
    assert open_volume(path).voxel_spacing == expected


def test_imagej_without_spacing_along_z_is_said(tmp_path: Path) -> None:
    """ImageJ leaves out a depth of one unit in some versions, and none at all in others."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(), imagej=True, resolution=(1, 1), metadata={"unit": "nm"})
    volume = open_volume(path)
    assert volume.voxel_spacing == (10, 10, 10)
    assert names(volume) == ["no-spacing-along-z"]


def test_a_calibration_of_grey_values_is_said(tmp_path: Path) -> None:
    """ImageJ keeps signed 16 bits as unsigned ones, with the coefficients -32768 and 1."""
    path = tmp_path / "a.tif"
    calibration = {"cf": 0, "c0": -32768.0, "c1": 1.0, "vunit": "Gray Value"}
    tifffile.imwrite(path, noise(dtype="u2"), imagej=True, metadata=calibration)
    (note,) = open_volume(path).notes
    assert note.name == "calibrated-values"
    assert "-32768 + 1 times" in note.clause


def test_white_is_zero_is_said(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(dtype="u1"), photometric="miniswhite")
    volume = open_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.array[:], noise(dtype="u1"))
    assert [note.harmless for note in volume.notes] == [True]


def test_dots_per_inch_are_no_voxel_spacing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, noise(), resolution=(72, 72), resolutionunit="INCH", photometric="minisblack"
    )
    assert open_volume(path).voxel_spacing is None


@pytest.mark.parametrize("kind", ["ome", "imagej", "shaped"])
@pytest.mark.parametrize("present", [1, 3, 5])
def test_planes_that_are_declared_and_not_there_are_never_zeros(
    tmp_path: Path, kind: str, present: int
) -> None:
    whole = tmp_path / f"whole{'.ome' if kind == 'ome' else ''}.tif"
    options: dict[str, Any] = {"metadata": {"axes": "ZYX"}}
    if kind != "shaped":
        options[kind] = True
    tifffile.imwrite(whole, noise(), **options)
    with tifffile.TiffFile(whole) as tiff:
        text = tiff.pages.first.description
    path = write_pages(
        tmp_path / f"part{'.ome' if kind == 'ome' else ''}.tif", noise()[:present], text
    )
    with pytest.raises(InputError, match=r"declare 6 planes|6 planes that it declares") as no:
        open_volume(path)
    assert str(path) in str(no.value)


def test_pages_that_no_metadata_declare_are_said(tmp_path: Path) -> None:
    with tifffile.TiffFile(write_ome(tmp_path / "a.ome.tif", noise()[:4])) as tiff:
        text = tiff.ome_metadata
    volume = open_volume(write_pages(tmp_path / "more.ome.tif", noise(), text))
    assert volume.array.shape == (4, 7, 8)
    assert names(volume) == ["pages-left-out"]


@pytest.mark.parametrize("where", ["first", "last"])
def test_a_thumbnail_is_left_out_with_a_word(tmp_path: Path, where: str) -> None:
    pages = [*noise()]
    pages.insert(0 if where == "first" else 6, noise()[0][::2, ::2])
    volume = open_volume(write_pages(tmp_path / "a.tif", pages))
    np.testing.assert_array_equal(volume.array[:], noise())
    assert names(volume) == ["several-series"]


def test_several_stacks_are_named(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as writer:
        writer.write(noise(), metadata={"axes": "ZYX"})
        writer.write(noise((5, 9, 9)), metadata={"axes": "ZYX"})
    with pytest.raises(InputError, match=r"2 series .*6 x 7 x 8.*5 x 9 x 9"):
        open_volume(tmp_path / "two.ome.tif")


def test_a_pyramid_is_read_at_full_resolution(tmp_path: Path) -> None:
    data = noise((6, 32, 32))
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(data, subifds=1, tile=(16, 16), metadata={"axes": "ZYX"})
        writer.write(data[:, ::2, ::2], subfiletype=1, tile=(16, 16))
    volume = open_volume(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(volume.array[:], data)


@pytest.mark.parametrize(
    ("axes", "shape", "named"),
    [
        ("TZYX", (2, 6, 7, 8), "2 time points"),
        ("CZYX", (3, 6, 7, 8), "3 channels"),
        ("TZCYX", (2, 6, 3, 7, 8), "2 time points and 3 channels"),
    ],
)
def test_a_choice_is_named(tmp_path: Path, axes: str, shape: Any, named: str) -> None:
    path = write_ome(tmp_path / "a.ome.tif", noise(shape), axes)
    with pytest.raises(InputError, match=named):
        open_volume(path)


@pytest.mark.parametrize("axes", ["TYX", "CYX"])
def test_planes_that_are_no_slices_are_said(tmp_path: Path, axes: str) -> None:
    volume = open_volume(write_ome(tmp_path / "a.ome.tif", noise(), axes))
    assert names(volume) == ["planes-are-no-slices"]


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_a_box_is_the_box_of_the_whole(tmp_path: Path, options: Any) -> None:
    data = noise((6, 20, 30), "i2")
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", **options)
    array = open_volume(tmp_path / "a.tif").array
    for box in (np.s_[1:4, 2:9, 3:], np.s_[2], np.s_[:, 3], np.s_[:, :, -1], np.s_[5:2]):
        np.testing.assert_array_equal(array[box], data[box])
    np.testing.assert_array_equal(read_box(array, np.s_[1:4, 2:9, 3:5]), data[1:4, 2:9, 3:5])


def test_how_much_is_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((100, 100, 100), "f4"), photometric="minisblack")
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(InputError, match=r"truncated: it holds 1 of .* MB \("):
        open_volume(path)
