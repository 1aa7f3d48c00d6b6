from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import cache as tomogram_cache
from cryoet_bench.tomogram import sources
from cryoet_bench.tomogram.portal import Report, fetch, obtain, transfer
from cryoet_bench.tomogram.portal.request import parse
from tests.tomogram.portal import server, volumes
from tests.tomogram.portal.bucket_server import BUCKET
from tests.tomogram.portal.conftest import HASTE
from tests.tomogram.portal.proxy import Proxy
from tests.tomogram.portal.server import Portal
from tests.tomogram.portal.volumes import Stored, halved

FILTERED = "portal:10445/TS_100_3/spacing=10.012/processing=filtered"
CUBE = (slice(7, 39), slice(64, 96), slice(64, 96))


def test_a_subset_is_the_part_of_the_volume_that_it_says(
    online: Portal, filtered: Stored, silent: Report
) -> None:
    tomogram = obtain(f"{FILTERED}/subset=32", report=silent)
    np.testing.assert_array_equal(tomogram.data, filtered.voxels()[CUBE])
    assert tomogram.dtype == np.float32
    assert tomogram.voxel_spacing == (10.012, 10.012, 10.012)
    assert tomogram.source == "portal"


def test_provenance_says_all_that_is_needed_to_obtain_and_to_cite_it(
    online: Portal, silent: Report
) -> None:
    tomogram = obtain(f"{FILTERED}/subset=32", report=silent)
    facts = dict(tomogram.provenance)
    assert facts.pop("retrieved").startswith("20")
    assert facts.pop("address").endswith("/Tomograms/17004/TS_100_3.zarr/0")
    assert facts == {
        "spec": f"{FILTERED}/tomogram=17004/subset=32",
        "dataset": 10445,
        "run": "TS_100_3",
        "tomogram_id": 17004,
        "spacing": 10.012,
        "processing": "filtered",
        "level": 0,
        "region": "7:39,64:96,64:96",
        "chunks": 1,
        "missing_chunks": 0,
        "organism": "not_reported",
        "sample": "in_vitro",
        "licence": "CC0-1.0",
        "deposition": "CZCDP-10310",
        "doi": "10.1038/s41592-025-02800-5",
        "client": "cryoet-data-portal 4.9.0",
        "verified": "MD5",
    }
    assert tomogram.name == f"10445-TS_100_3-10.01A-filtered-{tomogram.sha256[:8]}"


@pytest.mark.parametrize(
    ("level", "region"), [(0, "3:46,50:130,60:157"), (1, "whole"), (2, "1:3,2:4,3:5")]
)
def test_every_level_and_region(
    online: Portal, filtered: Stored, silent: Report, level: int, region: str
) -> None:
    expected = filtered.voxels()
    for _ in range(level):
        expected = halved(expected)
    if region != "whole":
        bounds = (it.split(":") for it in region.split(","))
        expected = expected[tuple(slice(int(a), int(b)) for a, b in bounds)]
    tomogram = obtain(f"{FILTERED}/level={level}/region={region}", report=silent)
    np.testing.assert_array_equal(tomogram.data, expected)
    assert tomogram.voxel_spacing == pytest.approx((10.012 * 2**level,) * 3)


def test_the_mrc_twin_gives_the_same_voxels_from_the_needed_planes_alone(
    bucket_proxy: Proxy, filtered: Stored, silent: Report
) -> None:
    region = "region=10:15,20:60,30:90"
    of_mrc = obtain(f"{FILTERED}/{region}/source=mrc", report=silent)
    header, plane = 1024, 157 * 157 * 4
    # No ETag proves a span, so each is read twice.
    assert bucket_proxy.sent.total() == 2 * (header + 5 * plane)
    assert of_mrc.provenance["verified"] == "two reads that agree"
    of_zarr = obtain(f"{FILTERED}/{region}", report=silent)
    assert of_mrc.sha256 == of_zarr.sha256
    np.testing.assert_array_equal(of_mrc.data, filtered.voxels()[10:15, 20:60, 30:90])


def test_an_aligned_subset_costs_one_chunk_and_says_what_a_centred_one_costs(
    bucket_proxy: Proxy, online: Portal, filtered: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    obtain(f"{FILTERED}/subset=32")
    array = online.root / BUCKET / filtered.folder / "TS_100_3.zarr" / "0"
    assert list(bucket_proxy.chunk_bytes().values()) == [(array / "0/1/1").stat().st_size]
    centred = [(array / f"0/{y}/{x}").stat().st_size for y in (0, 1) for x in (0, 1)]
    said = " ".join(capsys.readouterr().err.split())
    assert "1 chunk, 715.2 kB; a centred one: 4 chunks, 2.9 MB" in said
    assert round(sum(centred) / 1e6, 1) == 2.9


def test_what_was_fetched_needs_no_network(
    online: Portal, silent: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = obtain(f"{FILTERED}/subset=32", report=silent)
    monkeypatch.setenv("CRYOET_BENCH_PORTAL_URL", "http://127.0.0.1:1/graphql")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert sources.obtain("portal:10445/TS_100_3/subset=32").sha256 == first.sha256
    assert sources.obtain(first.name).sha256 == first.sha256
    assert fetch(parse(f"{FILTERED}/subset=32"), silent).sha256 == first.sha256
    assert fetch(parse("portal:10445/TS_100_3/subset=32"), silent).sha256 == first.sha256
    with pytest.raises(InputError, match="did not answer, asked 3 times"):
        obtain("portal:10445/TS_100_3/subset=16", report=silent, patience=HASTE)


def test_of_several_fetched_ones_none_is_chosen_at_will(online: Portal, silent: Report) -> None:
    obtain(f"{FILTERED}/subset=16", report=silent)
    obtain(FILTERED.replace("filtered", "denoised") + "/subset=16", report=silent)
    with pytest.raises(InputError, match="2 fetched tomograms match"):
        obtain("portal:10445/TS_100_3/spacing=10.012/subset=16", report=silent)


def test_a_run_alone_means_its_first_tomogram_in_the_list_that_ships(
    online: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    tomogram = obtain("portal:10445/TS_100_3/subset=16")
    assert tomogram.voxel_spacing == pytest.approx((10.012,) * 3)
    assert tomogram.provenance["processing"] == "filtered"
    assert f"means {FILTERED}/subset=16, the first of this run" in capsys.readouterr().err


def test_fetching_again_transfers_nothing(bucket_proxy: Proxy, silent: Report) -> None:
    request = parse(f"{FILTERED}/subset=16")
    first = fetch(request, silent)
    bucket_proxy.reset()
    assert fetch(request, silent).sha256 == first.sha256
    assert bucket_proxy.requests == []


def test_a_damaged_entry_is_named_and_fetched_again(
    online: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    first = obtain(f"{FILTERED}/subset=16")
    path = tomogram_cache.tomogram_dir(first.name) / "volume.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    capsys.readouterr()
    again = obtain(f"{FILTERED}/subset=16")
    assert again.sha256 == first.sha256
    assert f"{first.name!r}" in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize("region", ["0:47,0:1,0:1", "0:1,0:1,157:158"])
def test_a_region_outside_the_volume(online: Portal, silent: Report, region: str) -> None:
    with pytest.raises(InputError, match=r"lies outside .*\(46, 157, 157\)"):
        obtain(f"{FILTERED}/region={region}", report=silent)


def test_a_level_that_is_not_there(online: Portal, silent: Report) -> None:
    with pytest.raises(InputError, match="does not describe level 7"):
        obtain(f"{FILTERED}/level=7/region=whole", report=silent)


@pytest.fixture
def own_copy(filtered: Stored, tmp_path: Path) -> Path:
    """A root of its own, to be damaged."""
    root = tmp_path / "root"
    filtered.write(root)
    return root


def _array(root: Path, stored: Stored) -> Path:
    return root / BUCKET / stored.folder / "TS_100_3.zarr" / "0"


def _obtain_from(
    root: Path, stored: Stored, spec: str, monkeypatch: pytest.MonkeyPatch, **record: object
) -> tuple[np.ndarray, int]:
    """Serve what is in `root`, recorded with some other values, and obtain from it."""
    tables = volumes.tables([stored])
    tables["Tomogram"][0].update(record)
    with server.serving(root, tables) as portal:
        for name, value in portal.environment.items():
            monkeypatch.setenv(name, value)
        tomogram = obtain(spec, patience=HASTE)
    return tomogram.data, tomogram.provenance["missing_chunks"]


@pytest.mark.usefixtures("cache")
def test_missing_chunks_are_counted_and_read_as_the_fill_value(
    own_copy: Path,
    filtered: Stored,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected = filtered.voxels()
    (_array(own_copy, filtered) / "0/0/1").unlink()
    (_array(own_copy, filtered) / "0/2/2").unlink()
    expected[:, :64, 64:128] = 0
    expected[:, 128:, 128:] = 0
    data, missing = _obtain_from(own_copy, filtered, f"{FILTERED}/region=whole", monkeypatch)
    np.testing.assert_array_equal(data, expected)
    assert missing == 2
    assert "2 of 9 chunks are not stored" in capsys.readouterr().err


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"sizeX": 630}, r"46 x 157 x 157 voxels, .* 46 x 157 x 630"),
        ({"voxelSpacing": 10.5}, r"10.01, 10.01, 10.01 angstrom .* 10.5"),
    ],
)
@pytest.mark.parametrize("source", ["zarr", "mrc"])
def test_a_record_that_disagrees_is_an_error_that_shows_both(
    own_copy: Path,
    filtered: Stored,
    monkeypatch: pytest.MonkeyPatch,
    record: dict[str, object],
    said: str,
    source: str,
) -> None:
    spec = f"portal:10445/TS_100_3/processing=filtered/subset=32/source={source}"
    with pytest.raises(InputError, match=said):
        _obtain_from(own_copy, filtered, spec, monkeypatch, **record)


@pytest.mark.usefixtures("cache")
def test_voxels_of_another_type_disagree_too(
    own_copy: Path, filtered: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = _array(own_copy, filtered)
    shutil.rmtree(array)
    zarr.create_array(array, shape=filtered.shape, chunks=(64,) * 3, dtype="int16", zarr_format=2)
    with pytest.raises(InputError, match=r"int16 voxels, .* float32"):
        _obtain_from(own_copy, filtered, f"{FILTERED}/subset=32", monkeypatch)


@pytest.mark.usefixtures("cache")
def test_a_chunk_that_cannot_be_decoded(
    own_copy: Path, filtered: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_array(own_copy, filtered) / "0/1/1").write_bytes(b"no blosc at all, but 32 bytes long")
    with pytest.raises(InputError, match="0/1/1 cannot be decoded"):
        _obtain_from(own_copy, filtered, f"{FILTERED}/subset=32", monkeypatch)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".zarray", None),
        (".zarray", b'{"shape": [1, 2]}'),
        (".zarray", b"\xff"),
        ("../.zattrs", None),
        ("../.zattrs", b""),
        ("../.zattrs", b"[]"),
    ],
)
def test_metadata_that_is_not_there_or_not_understood(
    own_copy: Path,
    filtered: Stored,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: bytes | None,
) -> None:
    path = _array(own_copy, filtered) / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match=r"has no object|does not describe"):
        _obtain_from(own_copy, filtered, f"{FILTERED}/subset=32", monkeypatch)


@pytest.mark.usefixtures("cache")
def test_an_mrc_that_is_cut_off(
    own_copy: Path, filtered: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _array(own_copy, filtered).parents[1] / "TS_100_3.mrc"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="its header announces"):
        _obtain_from(own_copy, filtered, f"{FILTERED}/subset=32/source=mrc", monkeypatch)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("place", "content", "said"),
    [
        (0, bytes(1024), "is not an MRC volume"),
        (12, b"\x63\x00\x00\x00", "is not an MRC volume"),
        (64, b"\x03\x00\x00\x00", "other planes than those of z"),
    ],
)
def test_an_mrc_that_is_none_or_lies_otherwise(
    own_copy: Path,
    filtered: Stored,
    monkeypatch: pytest.MonkeyPatch,
    place: int,
    content: bytes,
    said: str,
) -> None:
    path = _array(own_copy, filtered).parents[1] / "TS_100_3.mrc"
    file = bytearray(path.read_bytes())
    file[place : place + len(content)] = content
    path.write_bytes(file)
    with pytest.raises(InputError, match=said):
        _obtain_from(own_copy, filtered, f"{FILTERED}/subset=32/source=mrc", monkeypatch)


def test_two_do_not_fetch_the_same_at_once(online: Portal, silent: Report) -> None:
    name = "17004-zarr-0-7-39_64-96_64-96"
    with (
        transfer.transfer_dir(name, "0"),
        pytest.raises(InputError, match="another process is fetching into"),
    ):
        obtain(f"{FILTERED}/subset=32", report=silent)
    assert obtain(f"{FILTERED}/subset=32", report=silent).shape == (32, 32, 32)


def test_the_other_source_where_one_is_not_there(
    online: Portal, filtered: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no mrc of"):
        _obtain_from(
            online.root, filtered, f"{FILTERED}/subset=32/source=mrc", monkeypatch, s3MrcFile=None
        )
