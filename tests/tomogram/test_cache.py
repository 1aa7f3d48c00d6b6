from __future__ import annotations

import multiprocessing
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import Tomogram
from cryoet_bench.tomogram import cache as cache_

dtypes = st.one_of(
    st_numpy.integer_dtypes(endianness="="),
    st_numpy.unsigned_integer_dtypes(endianness="="),
    st_numpy.floating_dtypes(endianness="=", sizes=(16, 32, 64)),
)
volumes = dtypes.flatmap(
    lambda dtype: st_numpy.arrays(dtype, st_numpy.array_shapes(min_dims=3, max_dims=3, max_side=5))
)


def tomogram(name: str = "one", value: int = 1) -> Tomogram:
    return Tomogram(
        name, np.full((8, 9, 10), value, "float32"), (3.0, 2.0, 1.0), "file", {"path": "/there"}
    )


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(volumes, st.booleans())
def test_what_is_stored_is_loaded(cache: Path, data: np.ndarray, in_memory: bool) -> None:
    stored = Tomogram("any", data, None, "portal", {"level": 3})
    cache_.store(stored)
    loaded = cache_.load("any", in_memory=in_memory)
    assert loaded.data.dtype == data.dtype
    assert loaded.data.tobytes() == data.tobytes()
    assert (loaded.shape, loaded.sha256) == (stored.shape, stored.sha256)
    assert (loaded.source, dict(loaded.provenance)) == ("portal", {"level": 3})
    assert loaded.voxel_spacing is None


def test_voxels_are_stored_as_numpy_does(cache: Path) -> None:
    one = tomogram()
    np.testing.assert_array_equal(np.load(cache_.store(one) / "volume.npy"), one.data)


def test_entries_are_listed_by_name(cache: Path) -> None:
    assert cache_.entries() == []
    for name in ("b", "a"):
        cache_.store(tomogram(name))
    assert [entry.name for entry in cache_.entries()] == ["a", "b"]
    assert cache_.entries()[0].voxel_spacing == (3.0, 2.0, 1.0)
    cache_.remove("a")
    cache_.remove("a")
    assert cache_.names() == ["b"]


def test_missing_entry(cache: Path) -> None:
    with pytest.raises(cache_.MissingEntryError, match="no tomogram named 'absent'"):
        cache_.load("absent")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a b", ".hidden", "ä"])
def test_names_that_no_folder_should_have(cache: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a tomogram"):
        cache_.store(tomogram(name))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(st.data())
def test_no_flipped_bit_goes_unnoticed(cache: Path, data: st.DataObject) -> None:
    stored = tomogram()
    path = cache_.store(stored) / "volume.npy"
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        loaded = cache_.load("one")
    except cache_.DamagedEntryError:
        return
    # A blank of numpy's header, then.
    assert loaded.data.tobytes() == stored.data.tobytes()
    assert loaded.shape == stored.shape


@pytest.mark.parametrize("length", [0, 5, 100, 128, 1000, 3007])
def test_truncated_voxels_are_damage(cache: Path, length: int) -> None:
    path = cache_.store(tomogram()) / "volume.npy"
    assert path.stat().st_size == 3008
    path.write_bytes(path.read_bytes()[:length])
    for in_memory in (True, False):
        with pytest.raises(cache_.DamagedEntryError, match="'one'"):
            cache_.load("one", in_memory=in_memory)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "one", "voxel_spacing": [1]}'])
def test_unreadable_record_is_damage(cache: Path, text: str) -> None:
    (cache_.store(tomogram()) / "tomogram.json").write_text(text)
    with pytest.raises(cache_.DamagedEntryError, match="record is unreadable"):
        cache_.load("one")
    assert cache_.entries() == []
    assert cache_.names() == ["one"]


def test_swapped_voxels_are_damage(cache: Path) -> None:
    first, second = (cache_.store(tomogram(name, value)) for name, value in (("a", 1), ("b", 2)))
    (second / "volume.npy").replace(first / "volume.npy")
    with pytest.raises(cache_.DamagedEntryError, match="sha256"):
        cache_.load("a")
    np.save(first / "volume.npy", np.zeros((1, 2, 3)))
    with pytest.raises(cache_.DamagedEntryError, match="it holds float64"):
        cache_.load("a")


def test_interrupted_writes_leave_the_old_entry(cache: Path) -> None:
    cache_.store(tomogram())
    folder = cache_.tomogram_dir("one")

    def write_half() -> None:
        with cache_.staged(folder) as staging:
            (staging / "volume.npy").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert cache_.load("one").data[0, 0, 0] == 1
    assert [path.name for path in (cache / "tomograms").iterdir()] == ["one"]


def _store_often(value: int) -> None:
    for _ in range(20):
        cache_.store(tomogram(value=value))


def test_processes_that_store_the_same_name_do_not_meet(cache: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_store_often, args=(value,)) for value in (1, 2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert cache_.load("one").data[0, 0, 0] in {1, 2}
    assert [path.name for path in (cache / "tomograms").iterdir()] == ["one"]


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CRYOET_BENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot write to the cache .*: Not a directory; free it"):
        cache_.store(tomogram())


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    monkeypatch.setenv("CRYOET_BENCH_CACHE", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(small_disk: Path) -> None:
    cache_.store(tomogram())
    large = Tomogram("one", np.zeros((64, 64, 64), "float32"), None, "file")
    with pytest.raises(InputError, match="the disk is full"):
        cache_.store(large)
    assert cache_.load("one").shape == (8, 9, 10)
    assert [path.name for path in (small_disk / "tomograms").iterdir()] == ["one"]


def test_read_only_disk(small_disk: Path) -> None:
    cache_.store(tomogram())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(InputError, match="Read-only file system"):
        cache_.store(tomogram(value=2))
    assert cache_.load("one").data[0, 0, 0] == 1


def test_folder_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    monkeypatch.delenv("CRYOET_BENCH_CACHE", raising=False)
    assert cache_.cache_dir() == platformdirs.user_cache_path("cryoet-bench")
    monkeypatch.setenv("CRYOET_BENCH_CACHE", "~/there")
    assert cache_.cache_dir() == Path.home() / "there"
