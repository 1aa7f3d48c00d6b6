"""What a file is, is told from its content; what is not read is called by its name."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from cryoet_bench.errors import InputError
from cryoet_bench.volume.opening import open_volume
from tests.volume.inputs import noise, write_mrc

EM = np.zeros(512, "u1")
EM[0], EM[3] = 6, 5
EM[4:16] = np.array([2, 3, 4], "<i4").view("u1")
NIFTI = bytes([92, 1, 0, 0]) + bytes(340) + b"n+1\0" + bytes(100)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(2000), "an HDF5 file"),
        (b"NRRD0004\ntype: float\n", "an NRRD file"),
        (b"II\x97\x01\x20\x02" + bytes(100), "a SER file"),
        (b"\0\0\0\x03\0\0\0\x01" + bytes(100), "a DM3 file"),
        (b"\0\0\0\x04\0\0\0\0" + bytes(100), "a DM4 file"),
        (EM.tobytes() + bytes(2 * 3 * 4 * 4), "an EM file"),
        (NIFTI, "a NIfTI file"),
        (b"\xfd7zXZ\0" + bytes(100), "compressed with xz"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "compressed with zstd"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG picture"),
        (b"a,b\n1,2\n", "neither MRC, TIFF nor Zarr"),
    ],
)
@pytest.mark.parametrize("name", ["a.dat", "a.mrc"])
def test_another_format_is_called_by_its_name(
    tmp_path: Path, content: bytes, kind: str, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        open_volume(path)
    sentence = str(refused.value)
    assert "truncated" not in sentence
    if not (name == "a.mrc" and kind.startswith("neither")):
        assert kind in sentence


def test_the_name_of_a_file_decides_nothing(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "tiff.mrc", noise(), photometric="minisblack")
    write_mrc(tmp_path / "mrc.tif", noise())
    np.save(tmp_path / "numpy.npy", noise())
    (tmp_path / "numpy.npy").rename(tmp_path / "numpy.bin")
    np.save(tmp_path / "fortran.npy", np.asfortranarray(noise()))
    for name in ("tiff.mrc", "mrc.tif", "numpy.bin", "fortran.npy"):
        np.testing.assert_array_equal(open_volume(tmp_path / name).array[:], noise())


def test_compressed_files_that_are_no_mrc(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(), photometric="minisblack")
    (tmp_path / "a.tif.gz").write_bytes(gzip.compress((tmp_path / "a.tif").read_bytes()))
    (tmp_path / "a.h5.gz").write_bytes(gzip.compress(b"\x89HDF\r\n\x1a\n" + bytes(2000)))
    (tmp_path / "broken.mrc.gz").write_bytes(gzip.compress(bytes(5000))[:20])
    for name, cause in (
        ("a.tif.gz", "a compressed TIFF"),
        ("a.h5.gz", "inside it is an HDF5 file"),
        ("broken.mrc.gz", "cannot be decompressed"),
    ):
        with pytest.raises(InputError, match=cause):
            open_volume(tmp_path / name)


@pytest.mark.parametrize("name", [".zarray", ".zgroup", "zarr.json", ".zattrs"])
def test_the_metadata_of_a_zarr_name_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / name).write_text("{}")
    with pytest.raises(InputError, match="name its folder"):
        open_volume(tmp_path / "a.zarr" / name)


def test_folders_that_are_no_zarr(tmp_path: Path) -> None:
    def refused() -> str:
        with pytest.raises(InputError) as error:
            open_volume(tmp_path)
        return str(error.value)

    assert "neither a Zarr array nor a Zarr group" in refused()
    for index in range(3):
        (tmp_path / f"slice{index}.tif").touch()
    assert "3 TIFF files" in refused()
    (tmp_path / "attributes.json").write_text('{"n5": "2.0.0"}')
    assert "N5" in refused()
    zarr.create_array(tmp_path / "inner.zarr", data=noise())
    assert "inner.zarr" in refused()


@pytest.mark.parametrize("address", ["s3://", "s3:///", "https://"])
def test_an_address_without_a_place_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="no address"):
        open_volume(address)


def test_an_archive_of_numpy_arrays_is_called_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", noise())
    with pytest.raises(InputError, match=r"save the one that you want as \.npy"):
        open_volume(tmp_path / "a.npz")


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match="NumPy"):
        open_volume(tmp_path / "a.npy")
