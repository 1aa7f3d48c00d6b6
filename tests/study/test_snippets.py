"""The code to paste: run as it is, it stores what was promised."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from cryoet_bench.study.configuration import Configuration
from cryoet_bench.study.snippets import snippets
from tests.study.studies import volume

EDGES = (12, 12, 12)
# The largest error in standard deviations of the volume, by what is written.
CASES = {
    0.0: Configuration(codec="pcodec", level=5, chunks=EDGES),
    0.01: Configuration(codec="sz3", level=0.01, chunks=EDGES, zarr_format=2),
    0.02: Configuration(codec="lerc", level=0.02, chunks=EDGES, zarr_format=2),
    0.03: Configuration(codec="zstd", level=3, chunks=EDGES, voxel="int8", shards=(24, 24, 24)),
    0.0001: Configuration(codec="zstd", level=3, chunks=EDGES, voxel="uint16"),
    0.002: Configuration(codec="blosc-lz4", level=5, chunks=EDGES, voxel="float16"),
    0.015: Configuration(codec="none", chunks=EDGES, zarr_format=2, kept_bits=7),
}


@pytest.mark.parametrize("error", CASES)
def test_the_code_keeps_the_promise(
    error: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    original, configuration = volume(), CASES[error]
    code = snippets(configuration, original.shape, "float32", (10.0, 10.0, 10.0))
    for library in ("zarr-python 3", "OME-Zarr, zarr-python 3"):
        shutil.rmtree("volume.zarr", ignore_errors=True)
        exec(code[library], {"volume": original.copy()})
        root = zarr.open("volume.zarr", mode="r")
        array = root["0"] if "OME" in library else root
        assert (array.chunks, array.shards) == (EDGES, configuration.shards)
        scale = array.attrs.get("scale_factor", 1.0)
        copy = array[...].astype(float) * scale + array.attrs.get("add_offset", 0.0)
        assert np.abs(copy - original).max() <= error * original.std()
    if "metadata" in code:
        assert json.loads(code["metadata"])["shape"] == list(original.shape)


def test_there_is_none_for_a_codec_of_ones_own() -> None:
    assert snippets(Configuration(codec="mine", chunks=EDGES), EDGES, "float32", None) == {}
