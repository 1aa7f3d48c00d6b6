"""What an MRC header decides: MRC2014 and IMOD's format page, field by field."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.errors import InputError
from cryoet_bench.volume.mrc import Nibbles
from cryoet_bench.volume.opening import open_volume
from tests.volume.inputs import names, noise, patch, write_mrc

IMOD = (152, np.int32(1146047817))
STATISTICS, ISPG, NSYMBT, MZ, CELL_Z, FLAGS = 76, 88, 92, 36, 48, 156


def statistics(low: float, high: float, mean: float) -> tuple[int, np.ndarray]:
    return STATISTICS, np.array([low, high, mean], "<f4")


@pytest.mark.parametrize(
    ("changes", "dtype"),
    [
        ([IMOD, (FLAGS, np.int32(0))], "uint8"),
        ([IMOD, (FLAGS, np.int32(1))], "int8"),
        ([IMOD, (FLAGS, np.int32(2 + 4 + 8))], "uint8"),
        ([IMOD, (FLAGS, np.int32(1 + 8))], "int8"),
        ([(FLAGS, np.int32(0)), statistics(-60, 60, 0)], "int8"),
        ([(FLAGS, np.int32(0)), statistics(0, -1, -2)], "int8"),  # MRC2014: never set
        ([statistics(3, 240, 128)], "uint8"),
    ],
)
def test_bytes_are_signed_or_not_as_the_header_decides(
    tmp_path: Path, changes: Any, dtype: str
) -> None:
    data = np.arange(6 * 7 * 8, dtype="u4").astype("u1").reshape(6, 7, 8)
    volume = open_volume(patch(write_mrc(tmp_path / "a.mrc", data.view("i1")), *changes))
    assert volume.array.dtype == dtype
    np.testing.assert_array_equal(volume.array[:], data.view(dtype))


@pytest.mark.parametrize("word", ["<", ">"])
def test_unsigned_bytes_of_either_byte_order(tmp_path: Path, word: str) -> None:
    data = np.arange(6 * 7 * 8, dtype="u4").astype("u1").reshape(6, 7, 8)
    path = write_mrc(tmp_path / "a.mrc", data.view("i1"))
    if word == ">":
        content = bytearray(path.read_bytes())
        header = np.frombuffer(bytes(content[:1024]), "<i4").copy()
        header[52], header[53] = 0, 0  # MAP and the stamp are bytes
        content[:1024] = header.astype(">i4").tobytes()
        content[208:216] = b"MAP \x11\x11\0\0"
        path.write_bytes(content)
    patch(path, (152, np.array([1146047817, 0], f"{word}i4")))
    np.testing.assert_array_equal(open_volume(path).array[:], data)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    edges=st.tuples(*[st.tuples(st.integers(0, 7), st.integers(0, 7))] * 3),
)
def test_a_box_of_four_bit_voxels_is_the_box_of_the_whole(
    shape: tuple[int, int, int], edges: Any
) -> None:
    data = np.random.default_rng(0).integers(0, 16, shape, dtype=np.uint8)
    padded = np.pad(data, ((0, 0), (0, 0), (0, shape[2] % 2)))
    view = Nibbles(padded[..., 0::2] | (padded[..., 1::2] << 4), shape[2])
    box = tuple(slice(*sorted(ends)) for ends in edges)
    np.testing.assert_array_equal(view[box], data[box])
    np.testing.assert_array_equal(view[0], data[0])
    np.testing.assert_array_equal(view[:, 0], data[:, 0])
    np.testing.assert_array_equal(view[:, :, -1], data[:, :, -1])


@pytest.mark.parametrize("width", [7, 8])
@pytest.mark.parametrize("halved", [False, True])
def test_four_bits(tmp_path: Path, width: int, halved: bool) -> None:
    data = np.random.default_rng(0).integers(0, 16, (4, 5, width), dtype=np.uint8)
    packed = np.pad(data, ((0, 0), (0, 0), (0, width % 2)))
    packed = packed[..., 0::2] | (packed[..., 1::2] << 4)
    path = write_mrc(tmp_path / "a.mrc", packed.view("i1"))
    if halved and width == 8:  # mode 0 with flag 16: the header counts bytes along x
        patch(path, IMOD, (FLAGS, np.int32(16)), (40, np.float32(80)), statistics(0, -1, -2))
    else:
        changes = (0, np.int32(width)), (12, np.int32(101)), (28, np.int32(width))
        patch(path, *changes, (40, np.float32(10 * width)), statistics(0, -1, -2))
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.array[:, :, :], data)
    assert volume.voxel_spacing == (10, 10, 10)


@pytest.mark.parametrize(
    ("mode", "cause"),
    [(3, "complex64"), (4, "complex64"), (16, "in colour"), (5, "mode 5"), (77, "mode 77")],
)
def test_a_mode_that_is_not_read_is_the_cause(tmp_path: Path, mode: int, cause: str) -> None:
    path = patch(write_mrc(tmp_path / "a.mrc", noise()), (12, np.int32(mode)))
    with pytest.raises(InputError, match=cause) as refused:
        open_volume(path)
    assert "truncated" not in str(refused.value)


@pytest.mark.parametrize(
    ("ispg", "mz", "cell_z", "z", "note"),
    [
        (0, 1, 60, 10, ["image-stack"]),
        (0, 1, 10, 10, ["image-stack"]),
        (1, 1, 60, 10, ["image-stack"]),
        (0, 6, 60, 10, []),  # MRC2014's volume but for ISPG, as IMOD writes it
        (1, 6, 120, 20, []),
        (401, 6, 60, 10, []),
        (630, 6, 60, 10, []),
    ],
)
def test_spacing_along_z(
    tmp_path: Path, ispg: int, mz: int, cell_z: float, z: float, note: list[str]
) -> None:
    path = write_mrc(tmp_path / "a.mrc", noise())
    patch(path, (ISPG, np.int32(ispg)), (MZ, np.int32(mz)), (CELL_Z, np.float32(cell_z)))
    volume = open_volume(path)
    assert volume.voxel_spacing == (z, 10, 10)
    assert names(volume) == note


def test_a_stack_of_volumes_names_the_choice(tmp_path: Path) -> None:
    path = patch(write_mrc(tmp_path / "a.mrc", noise()), (ISPG, np.int32(401)), (MZ, np.int32(3)))
    with pytest.raises(InputError, match="stack of 2 volumes of 3 sections"):
        open_volume(path)
    with pytest.raises(InputError, match="no multiple"):
        open_volume(patch(path, (MZ, np.int32(4))))


def test_samples_need_not_be_as_many_as_voxels(tmp_path: Path) -> None:
    """The cell is divided by MX, MY, MZ, not by the size of a part that was cut out."""
    path = write_mrc(tmp_path / "a.mrc", noise())
    patch(path, (28, np.array([16, 14, 12], "<i4")))
    assert open_volume(path).voxel_spacing == (5, 5, 5)


@pytest.mark.parametrize("start", [(5, -3, 100), (0, 0, 0)])
def test_start_and_origin_move_no_voxel(tmp_path: Path, start: tuple[int, ...]) -> None:
    path = write_mrc(tmp_path / "a.mrc", noise())
    patch(path, (16, np.array(start, "<i4")), (196, np.array(start, "<f4")))
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.array[:], noise())
    assert names(volume) == []


@pytest.mark.parametrize(
    "order", [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)]
)
def test_every_order_of_axes(tmp_path: Path, order: tuple[int, int, int]) -> None:
    """Columns, rows, sections hold the axes MAPC, MAPR, MAPS; the cell stays along x, y, z."""
    data = noise()  # z, y, x
    stored = data.transpose([3 - axis for axis in order[::-1]])
    path = write_mrc(tmp_path / "a.mrc", np.ascontiguousarray(stored))
    patch(
        path,
        (64, np.array(order, "<i4")),
        (28, np.array([8, 7, 6], "<i4")),
        (40, np.array([80, 140, 180], "<f4")),
    )
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.array[:], data)
    assert volume.voxel_spacing == (30, 20, 10)
    assert names(volume) == ([] if order == (1, 2, 3) else ["axis-order"])


def test_axes_that_are_none(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", noise())
    assert names(open_volume(patch(path, (64, np.array([0, 0, 0], "<i4"))))) == []
    assert names(open_volume(patch(path, (64, np.array([1, 1, 3], "<i4"))))) == ["axis-order"]


@pytest.mark.parametrize("stamp", [b"\x44\x20\0\0", b"\0\0\0\0", b"DD\0\0"])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_header_tells_the_byte_order_whatever_the_stamp(
    tmp_path: Path, stamp: bytes, swapped: bool
) -> None:
    path = write_mrc(tmp_path / "a.mrc", noise(dtype=">f4" if swapped else "<f4"))
    volume = open_volume(patch(path, (212, stamp)))
    np.testing.assert_array_equal(volume.array[:], noise())
    good = stamp[:2] == b"DD" and not swapped
    assert [name.endswith("machine-stamp") for name in names(volume)] == ([] if good else [True])


@pytest.mark.parametrize("name", ["a.mrc", "a.rec", "a.dat", "a"])
def test_a_file_from_before_the_word_map(tmp_path: Path, name: str) -> None:
    path = patch(write_mrc(tmp_path / name, noise()), (208, bytes(8)))
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.array[:], noise())
    assert names(volume) == ["no-map-word"]


@pytest.mark.parametrize("kind", [b"SERI", b"FEI1", b"AGAR", b"CCP4"])
def test_extended_headers_are_stepped_over(tmp_path: Path, kind: bytes) -> None:
    path = patch(write_mrc(tmp_path / "a.mrc", noise()), (NSYMBT, np.int32(160)), (104, kind))
    content = path.read_bytes()
    path.write_bytes(content[:1024] + bytes(range(160)) + content[1024:])
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.array[:], noise())
    assert names(volume) == []


def test_an_extended_header_that_a_program_dropped(tmp_path: Path) -> None:
    path = patch(write_mrc(tmp_path / "a.mrc", noise()), (NSYMBT, np.int32(57600)))
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.array[:], noise())
    assert names(volume) == ["dropped-extended-header"]
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="truncated"):
        open_volume(path)


def test_how_much_is_there_is_said(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", np.zeros((100, 100, 100), "f4"))
    path.write_bytes(path.read_bytes()[:2_000_000])
    with pytest.raises(InputError, match=r"truncated: it holds 2 of 4 MB \(50.0 %\)"):
        open_volume(path)
    with gzip.open(tmp_path / "a.mrc.gz", "wb") as packed:
        packed.write(path.read_bytes())
    with pytest.raises(InputError, match="truncated: it holds 2 of 4 MB"):
        open_volume(tmp_path / "a.mrc.gz")


def test_bytes_behind_the_voxels_are_said(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", noise())
    path.write_bytes(path.read_bytes() + bytes(1234))
    (note,) = open_volume(path).notes
    assert note.sentence == "The file is 1,234 bytes longer than its header says."


@pytest.mark.parametrize(("spacing", "doubted"), [(1.0, True), (1.01, False), ((1, 1, 2), False)])
def test_one_angstrom_is_doubted(tmp_path: Path, spacing: Any, doubted: bool) -> None:
    volume = open_volume(write_mrc(tmp_path / "a.mrc", noise(), spacing))
    assert ("default-spacing" in names(volume)) == doubted


def test_a_cell_that_is_not_at_right_angles(tmp_path: Path) -> None:
    path = patch(write_mrc(tmp_path / "a.mrc", noise()), (60, np.float32(120)))
    assert names(open_volume(path)) == ["oblique-cell"]


def test_a_single_image_is_no_volume(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="single image"):
        open_volume(write_mrc(tmp_path / "a.mrc", noise((7, 8))))
