"""Every engine writes what zarr-python reads, and reads what it wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from cryoet_bench.harness import counting
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.engines import ENGINES
from cryoet_bench.storage.installed import UnavailableError

VOLUME = np.random.default_rng(2).normal(size=(40, 50, 30)).astype(np.float32)


@pytest.mark.parametrize("array", ["cube-32 v2", "cube-32 v3", "shard-16-in-64 v3"])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_written_is_read(engine: str, array: str, tmp_path: Path) -> None:
    storage = Storage.named("blosc-lz4-5", *array.split())
    tool = ENGINES[engine]
    try:
        tool.require(storage)
    except UnavailableError as error:
        pytest.skip(str(error))
    with tool.use():
        tool.create(tmp_path, VOLUME.shape, VOLUME.dtype, storage)[...] = VOLUME
        np.testing.assert_array_equal(tool.open(tmp_path, storage)[...], VOLUME)
    np.testing.assert_array_equal(zarr.open_array(str(tmp_path), mode="r")[...], VOLUME)


def test_the_fused_pipeline_is_used_within_its_context_alone(tmp_path: Path) -> None:
    tool = ENGINES["zarr-fused"]
    storage = Storage.named("blosc-lz4-5", "cube-32", "v3")
    tool.require(storage)
    tool.create(tmp_path, VOLUME.shape, VOLUME.dtype, storage)[...] = VOLUME

    def calls() -> int:
        array = tool.open(tmp_path, storage)
        array[...]
        return counting.python_calls(lambda: array[...])

    before = calls()
    with tool.use():
        fused = calls()
    assert fused < 0.7 * before
    assert calls() == pytest.approx(before, rel=0.05)
