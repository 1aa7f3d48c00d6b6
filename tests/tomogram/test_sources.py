from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import cache as cache_
from cryoet_bench.tomogram.part import Part
from cryoet_bench.tomogram.phantom import PHANTOMS, make
from cryoet_bench.tomogram.sources import add, obtain, recall
from cryoet_bench.volume.region import parse_region

DATA = np.arange(4 * 5 * 6, dtype="int16").reshape(4, 5, 6)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "volume.zarr"
    zarr.create_array(path, data=DATA, chunks=(2, 5, 6))
    return path


def damage(name: str) -> None:
    path = cache_.tomogram_dir(name) / "volume.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_phantom_is_made_once(cache: Path) -> None:
    made = obtain("phantom-tiny")
    assert made.sha256 == PHANTOMS["phantom-tiny"].sha256
    volume = cache_.tomogram_dir("phantom-tiny") / "volume.npy"
    written = volume.stat().st_ino
    assert obtain("phantom-tiny").data.tobytes() == made.data.tobytes()
    assert volume.stat().st_ino == written


def test_damaged_phantom_is_named_and_made_again(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    obtain("phantom-tiny")
    damage("phantom-tiny")
    assert obtain("phantom-tiny").sha256 == PHANTOMS["phantom-tiny"].sha256
    assert "'phantom-tiny'" in caplog.text
    assert "damaged" in caplog.text
    assert cache_.load("phantom-tiny").sha256 == PHANTOMS["phantom-tiny"].sha256


def test_impostor_is_replaced_by_the_phantom(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = make(PHANTOMS["phantom-tiny"], seed=1)
    cache_.store(type(other)("phantom-tiny", other.data, None, "synthetic"))
    assert obtain("phantom-tiny").sha256 == PHANTOMS["phantom-tiny"].sha256
    assert "not the phantom of record" in caplog.text


def test_phantom_with_other_bytes_stays_apart(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import dataclasses

    other = dataclasses.replace(PHANTOMS["phantom-tiny"], sha256="0" * 64)
    monkeypatch.setitem(PHANTOMS, "phantom-tiny", other)
    tomogram = obtain("phantom-tiny")
    assert tomogram.name == f"phantom-tiny-{tomogram.sha256[:8]}"
    assert cache_.names() == [tomogram.name]
    assert "its results stay apart" in caplog.text


def test_file_is_cached_under_its_checksum(cache: Path, file: Path) -> None:
    tomogram = obtain(str(file))
    np.testing.assert_array_equal(tomogram.data, DATA)
    assert cache_.names() == [tomogram.name]
    again = obtain(tomogram.name)
    assert again.sha256 == tomogram.sha256
    part = obtain(str(file), part=Part(region=parse_region("0:1,0:2,0:3")))
    assert part.name != tomogram.name
    assert len(cache_.names()) == 2


def test_adding_twice_changes_nothing(cache: Path, file: Path) -> None:
    folder = cache_.tomogram_dir(add(file).name)
    written = folder.stat().st_ino
    assert cache_.tomogram_dir(add(file).name).stat().st_ino == written
    assert add(file, voxel_spacing=3).voxel_spacing == (3, 3, 3)
    assert cache_.load(folder.name).voxel_spacing == (3, 3, 3)


@pytest.mark.parametrize("options", [{}, {"voxel_spacing": 7.0}, {"stem": "mine"}])
def test_damaged_file_entry_is_read_again(
    cache: Path, file: Path, options: dict, caplog: pytest.LogCaptureFixture
) -> None:
    tomogram = add(file, part=Part(region=parse_region("1:3,0:5,2:4")), **options)
    damage(tomogram.name)
    rebuilt = recall(tomogram.name)
    np.testing.assert_array_equal(rebuilt.data, tomogram.data)
    assert rebuilt.voxel_spacing == tomogram.voxel_spacing
    assert "damaged" in caplog.text
    assert cache_.load(tomogram.name).sha256 == tomogram.sha256


def test_damaged_entry_of_another_seed_is_made_again(cache: Path) -> None:
    tomogram = make(PHANTOMS["phantom-tiny"], seed=5)
    cache_.store(tomogram)
    damage(tomogram.name)
    assert recall(tomogram.name).sha256 == tomogram.sha256


def test_damaged_entry_whose_source_changed_or_is_gone(cache: Path, file: Path) -> None:
    tomogram = add(file)
    damage(tomogram.name)
    zarr.open_array(file, mode="r+")[0, 0, 0] = 99
    for _ in range(2):
        with pytest.raises(InputError, match=r"is damaged: .* gone or has changed"):
            recall(tomogram.name)
    file.rename(file.with_name("elsewhere"))
    with pytest.raises(InputError, match=r"is damaged: .* gone or has changed"):
        recall(tomogram.name)


def test_entry_without_a_readable_record_is_named(cache: Path, file: Path) -> None:
    name = add(file).name
    (cache_.tomogram_dir(name) / "tomogram.json").write_text("{")
    with pytest.raises(InputError, match=f"{name!r} .* is damaged: its record is unreadable"):
        recall(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("phantom-10", "did you mean phantom-10A"),
        ("volum", "did you mean volume-"),
        ("zzz", "see 'cryoet-bench tomogram list'"),
        ("absent/file.mrc", "see 'cryoet-bench tomogram list'"),
    ],
)
def test_unknown_names(cache: Path, file: Path, name: str, hint: str) -> None:
    add(file)
    with pytest.raises(InputError, match=f"no tomogram or file '{name}': {hint}"):
        obtain(name)


def test_file_is_no_name(cache: Path, file: Path) -> None:
    with pytest.raises(InputError, match="tomogram add"):
        recall(str(file))


def test_parts_of_what_is_no_file(cache: Path) -> None:
    with pytest.raises(InputError, match="for files only"):
        obtain("phantom-tiny", level=1)
    with pytest.raises(InputError, match="for files only"):
        obtain("portal:10445/TS_100_3", part=Part(region=parse_region("0:1,0:1,0:1")))
    assert not cache.exists()
