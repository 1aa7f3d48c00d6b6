from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numcodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import zarr

from cryoet_bench.errors import InputError
from cryoet_bench.quality.qc import Volume, inspect, open_volume
from cryoet_bench.quality.qc.cryoet import cryoet_checks, missing_wedge
from cryoet_bench.quality.qc.spectrum import spectrum
from cryoet_bench.quality.qc.survey import survey

Array = npt.NDArray[Any]


def ome_zarr(path: Path, volume: Array, zarr_format: int = 2) -> zarr.Group:
    """Write a portal-like group with one level of 10 angstrom."""
    group = zarr.create_group(path, zarr_format=zarr_format)
    compressors = numcodecs.Blosc("lz4", 5, 1) if zarr_format == 2 else "auto"
    group.create_array("0", data=volume, chunks=(32, 32, 32), compressors=compressors)
    group.attrs["multiscales"] = [
        {
            "axes": [{"name": a, "type": "space", "unit": "angstrom"} for a in "zyx"],
            "datasets": [
                {
                    "path": "0",
                    "coordinateTransformations": [{"type": "scale", "scale": [10.0] * 3}],
                }
            ],
        }
    ]
    return group


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_ome_zarr_is_swept_where_it_lies(
    tmp_path: Path, cache: Path, clean: Array, zarr_format: int
) -> None:
    ome_zarr(tmp_path / "run.zarr", clean, zarr_format)
    volume = open_volume(str(tmp_path / "run.zarr"))
    assert not isinstance(volume.array, np.ndarray)
    assert volume.voxel_spacing == (10.0, 10.0, 10.0)
    assert volume.missing_chunks == []
    inspection = inspect(volume)
    assert inspection.findings == []
    assert inspection.survey.median == survey(clean).median
    assert not cache.exists()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_missing_chunk_is_found_in_the_store_and_in_the_voxels(
    tmp_path: Path, clean: Array, zarr_format: int
) -> None:
    ome_zarr(tmp_path / "run.zarr", clean, zarr_format)
    key = {2: "0/1.2.3", 3: "0/c/1/2/3"}[zarr_format]
    found = tmp_path / "run.zarr" / key
    if not found.exists():
        found = tmp_path / "run.zarr" / "0/1/2/3"
    found.unlink()
    inspection = inspect(str(tmp_path / "run.zarr"))
    assert inspection["stored-chunks"].details["missing"] == [(1, 2, 3)]
    assert "(1, 2, 3)" in inspection["stored-chunks"].sentence
    assert "32:64, 64:96, 96:128" in inspection["empty-parts"].sentence
    assert inspection.verdict == "fail"


def test_chunks_that_were_never_written_are_normal_in_padding(tmp_path: Path, clean: Array) -> None:
    padded = clean.copy()
    padded[:, :, 64:] = 0
    ome_zarr(tmp_path / "run.zarr", padded)
    check = inspect(str(tmp_path / "run.zarr"))["stored-chunks"]
    assert (check.verdict, check.finding) == ("warn", "unwritten-chunks")
    assert check.sentence.endswith("fill value, 0.0. All of them lie in padding, where unwritten "
                                   "chunks are normal.")  # fmt: skip


def test_a_zarr_in_a_bucket_is_swept_from_there(
    tmp_path: Path, clean: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    ome_zarr(tmp_path / "run.zarr", clean)
    next((tmp_path / "run.zarr" / "0").rglob("*1?2?3")).unlink()
    with serve(tmp_path, monkeypatch) as bucket:
        # A public bucket needs no account, so one that is set wrongly is no obstacle.
        monkeypatch.setenv("AWS_PROFILE", "of nobody")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "without its secret")
        inspection = inspect(f"s3://{bucket}/run.zarr")
    assert inspection["stored-chunks"].details["missing"] == [(1, 2, 3)]
    assert inspection.volume.facts["source"] == "remote"


@contextlib.contextmanager
def serve(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a folder as a public bucket on loopback."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    try:
        client = boto3.client(
            "s3", region_name="us-east-1", config=Config(signature_version=UNSIGNED)
        )
        client.create_bucket(Bucket="public", ACL="public-read")
        for path in folder.rglob("*"):
            if path.is_file():
                client.put_object(
                    Bucket="public",
                    Key=str(path.relative_to(folder)),
                    Body=path.read_bytes(),
                    ACL="public-read",
                )
        yield "public"
    finally:
        server.stop()


def test_a_time_axis_of_one_is_looked_through(tmp_path: Path, noise: Array) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr", data=noise[None, None], chunks=(1, 1, 16, 16, 16)
    )
    assert array.ndim == 5
    assert inspect(str(tmp_path / "a.zarr")).survey.median == survey(noise).median


def test_mrc_is_mapped_and_its_spacing_read(tmp_path: Path, clean: Array) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as mrc:
        mrc.set_data(clean)
        mrc.voxel_size = 10.0
    inspection = inspect(str(tmp_path / "a.mrc"))
    assert isinstance(inspection.volume.array, np.memmap)
    assert inspection.findings == []
    assert inspection["voxel-spacing"].value == 10.0


def test_a_stale_mrc_header_is_named(tmp_path: Path, clean: Array) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as mrc:
        mrc.set_data(clean)
        mrc.voxel_size = 10.0
        mrc.header.dmax = mrc.header.dmin + 1e-9
    with (tmp_path / "a.mrc").open("ab") as file:
        file.write(bytes(100))
    check = inspect(str(tmp_path / "a.mrc"))["header"]
    assert check.finding == "damaged-header"
    assert check.value == 2
    assert "100 bytes longer" in check.sentence


def test_a_tiff_without_spacing_is_warned_about(tmp_path: Path, noise: Array) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise)
    assert inspect(str(tmp_path / "a.tif"))["voxel-spacing"].finding == "no-spacing"


@pytest.mark.parametrize(
    ("spacing", "finding"),
    [
        ((10.0, 10.0, 10.0), ""),
        ((20.0, 10.0, 10.0), "anisotropic-spacing"),
        ((0.01, 0.01, 0.01), "implausible-spacing"),
        ((500.0,) * 3, "implausible-spacing"),
        (None, "no-spacing"),
    ],
)
def test_voxel_spacing(noise: Array, spacing: Any, finding: str) -> None:
    checks = cryoet_checks(Volume("v", noise, spacing), survey(noise), spectrum(noise))
    assert {check.key: check.finding for check in checks}["voxel-spacing"] == finding


@pytest.mark.parametrize("limit", [30, 45, 60])
@pytest.mark.parametrize("axis", [1, 2])
def test_tilt_range_and_axis_are_measured(limit: float, axis: int) -> None:
    rng = np.random.default_rng(limit)
    frequencies = np.meshgrid(*[np.fft.fftfreq(96)] * 3, indexing="ij", sparse=True)
    across = frequencies[3 - axis]
    inside = np.degrees(np.arctan2(np.abs(frequencies[0]), np.abs(across))) <= limit
    volume = np.fft.ifftn(np.fft.fftn(rng.standard_normal((96,) * 3)) * inside).real
    found = spectrum(volume)
    assert found is not None
    assert found.wedge is not None
    assert found.wedge.tilt_range == pytest.approx(limit, abs=2)
    assert found.wedge.tilt_axis == {1: 0.0, 2: 90.0}[axis]


def test_white_noise_has_no_wedge_and_fills_the_band() -> None:
    found = spectrum(np.random.default_rng(0).standard_normal((96, 96, 96)))
    assert found is not None
    assert found.wedge is None
    assert found.band_limit > 0.48
    assert missing_wedge(found).verdict == "warn"


def test_the_band_limit_of_a_filtered_volume() -> None:
    rng = np.random.default_rng(0)
    radius = np.sqrt(sum(k**2 for k in np.meshgrid(*[np.fft.fftfreq(96)] * 3, indexing="ij")))
    volume = np.fft.ifftn(np.fft.fftn(rng.standard_normal((96,) * 3)) * (radius < 0.2)).real
    found = spectrum(volume)
    assert found is not None
    assert found.band_limit == pytest.approx(0.2, abs=0.025)


def test_thin_volumes_have_no_spectrum() -> None:
    assert spectrum(np.ones((4, 40, 40))) is None
    assert spectrum(np.ones((40, 40, 40))) is None
    thin = spectrum(np.random.default_rng(0).standard_normal((16, 96, 96)))
    assert thin is not None
    assert thin.unseen == "thin"
    assert missing_wedge(thin).verdict == "n/a"


def write_bad(kind: str, folder: Path) -> Path:
    """Make something that cannot be examined."""
    path = folder / {"truncated": "a.mrc", "half a tiff": "a.tif"}.get(kind, "a.zarr")
    match kind:
        case "truncated":
            with mrcfile.new(path) as mrc:
                mrc.set_data(np.ones((8, 8, 8), np.float32))
            path.write_bytes(path.read_bytes()[:-200])
        case "half a tiff":
            tifffile.imwrite(path, np.ones((8, 64, 64), np.float32))
            path.write_bytes(path.read_bytes()[:9000])
        case "empty folder":
            path.mkdir()
        case "empty group":
            zarr.create_group(path)
        case "complex":
            zarr.create_array(path, data=np.ones((4, 4, 4), complex))
        case "flat":
            zarr.create_array(path, data=np.ones((4, 4)))
        case "damaged chunk":
            zarr.create_array(path, data=np.random.default_rng(0).random((16, 16, 16)))
            chunk = path / "c/0/0/0"
            chunk.write_bytes(chunk.read_bytes()[:50])
        case "damaged metadata":
            zarr.create_array(path, data=np.ones((4, 4, 4)))
            (path / "zarr.json").write_text("{")
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "nowhere", "truncated", "half a tiff", "empty folder", "empty group", "complex", "flat",
        "damaged chunk", "damaged metadata",
    ],
)  # fmt: skip
def test_what_cannot_be_examined_is_one_sentence(tmp_path: Path, cache: Path, kind: str) -> None:
    path = write_bad(kind, tmp_path)
    with pytest.raises(InputError) as error:
        inspect(str(path))
    assert re.search(re.escape(path.name), str(error.value)) or kind in {"flat", "complex"}
    assert "\n" not in str(error.value)
