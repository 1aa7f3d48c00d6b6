from __future__ import annotations

import importlib
import json
import math

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.errors import InputError
from cryoet_bench.quality import compiled
from cryoet_bench.quality.fidelity import compare, comparison, picking, spectrum
from cryoet_bench.tomogram.phantom import PHANTOMS, make
from cryoet_bench.volume.boxes import Stored

# The package's name for it is the function.
ssim = importlib.import_module("cryoet_bench.quality.fidelity.ssim")


def test_stored_and_whole_volumes_compare_alike() -> None:
    a = make(PHANTOMS["phantom-tiny"]).data
    b = a.astype("f2").astype("f4")
    spacing = (10.012,) * 3
    whole = compare(a, b, reference_spacing=spacing, copy_spacing=spacing).measures()
    stored = [zarr.create_array({}, data=part, chunks=(20, 33, 64)) for part in (a, b)]
    chunked = compare(*stored, reference_spacing=spacing, copy_spacing=spacing).measures()
    for name, value in whole.items():
        if isinstance(value, float):
            assert chunked[name] == pytest.approx(value, rel=1e-9), name
        elif name != "fsc":
            assert chunked[name] == value, name


def test_the_last_digits_do_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    a = make(PHANTOMS["phantom-tiny"]).data
    b = a.astype("f2").astype("f4")
    spacing = (10.012,) * 3
    monkeypatch.setattr(compiled, "_PIECE", 2**14)
    found = []
    for threads in (1, 2, 5):
        for module in (comparison, picking, spectrum, ssim):
            monkeypatch.setattr(module, "THREADS", threads)
        measures = compare(a, b, reference_spacing=spacing, copy_spacing=spacing).measures()
        found.append(json.dumps(measures, default=np.ndarray.tolist))
    assert found[0] == found[1] == found[2]


def test_the_pieces_of_a_computation_hold_every_plane_once() -> None:
    for planes, voxels in ((1, 1), (5, 2**30), (128, 128**3), (256, 256**3), (7, 2**20)):
        cut = compiled.pieces(planes, voxels)
        assert [plane for start, stop in cut for plane in range(start, stop)] == [*range(planes)]
        assert all(stop > start for start, stop in cut)


EXTENT = st.integers(1, 12)


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(EXTENT, EXTENT, EXTENT),
    chunks=st.tuples(EXTENT, EXTENT, EXTENT),
    seed=st.integers(0, 99),
)
def test_a_box_of_a_stored_array_is_what_numpy_gives(
    shape: tuple[int, int, int], chunks: tuple[int, int, int], seed: int
) -> None:
    voxels = np.random.default_rng(seed).integers(0, 99, shape)
    array = zarr.create_array({}, data=voxels, chunks=tuple(map(min, chunks, shape)))
    stored = Stored(array)
    at = tuple(extent // 2 for extent in shape)
    for box in (
        at,
        at[0],
        (slice(None), at[1]),
        (slice(at[0], None), slice(0, 1), slice(None, at[2] + 1)),
    ):
        np.testing.assert_array_equal(stored[box], voxels[box])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 30), (2, 3, 5), (7, 1, 8)])
def test_flat_and_tiny_volumes_compare(shape: tuple[int, int, int]) -> None:
    random = np.random.default_rng(0)
    a = random.standard_normal(shape).astype("f4")
    b = a + 0.1 * random.standard_normal(shape).astype("f4")
    got = compare(a, b, reference_spacing=(10.0,) * 3)
    assert got.pixels.mse == pytest.approx(np.square(b.astype(float) - a).mean())
    same = compare(a, a.copy(), reference_spacing=(10.0,) * 3)
    assert same.exact
    assert not same.defects


def test_other_shapes_are_named_and_nothing_else_is_measured() -> None:
    a = np.zeros((4, 5, 6), "f4")
    got = compare(a, a.transpose(2, 1, 0))
    assert got.defects[0].name == "transposed"
    assert got.pixels is None
    assert compare(a, a[1:]).defects[0].name == "different-shape"


def test_spacings_agree_to_what_headers_keep() -> None:
    a = np.zeros((4, 5, 6), "f4")

    def same(one: float | None, other: float | None) -> bool | None:
        first, second = ((value,) * 3 if value else None for value in (one, other))
        return compare(a, a, reference_spacing=first, copy_spacing=second).same_spacing

    assert same(10.012, 10.0120001) is True
    assert same(10.012, 10.0) is False
    assert same(None, 10.0) is None
    assert same(None, None) is True


@pytest.mark.parametrize(
    "volume",
    [
        np.ones((8, 8, 8), "u1"),
        np.full((8, 9, 10), np.nan, "f4"),
        np.full((8, 8, 8), np.inf, "f8"),
        np.arange(512, dtype="u8").reshape(8, 8, 8) + 2**63,
        np.random.default_rng(0).integers(-(2**62), 2**62, (8, 8, 8)),
    ],
)
def test_any_volume_is_an_exact_copy_of_itself(volume: np.ndarray) -> None:
    got = compare(volume, volume.copy())
    values = got.measures()
    assert got.exact
    assert values["bit_exact"] is True
    assert (values["gain_error"], values["psnr"], values["ssim"]) == (0, math.inf, 1)
    assert json.dumps(values["defects"]) == "[]"
    turned = compare(volume, volume.astype(volume.dtype.newbyteorder(">")))
    assert turned.measures()["bit_exact"] is True


def test_integers_beyond_53_bits_are_compared_as_integers() -> None:
    a = np.full((8, 8, 8), 2**60, "u8")
    b = a.copy()
    b[1, 2, 3] += 1
    got = compare(a, b)
    assert not got.exact
    assert [defect.name for defect in got.defects] == ["changed-voxels"]


def test_measures_are_none_where_nothing_can_be_said() -> None:
    constant = np.ones((8, 8, 8), "u1")
    values = compare(constant, constant + 1).measures()
    assert values["gain"] is values["fsc_minimum"] is values["pixel_correlation"] is None
    assert values["bit_exact"] is False
    assert values["bias_sd"] == values["nrmse"] == math.inf


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_the_sign_of_zero_and_the_payload_of_nan_are_bits_and_no_values(dtype: str) -> None:
    a = np.random.default_rng(0).standard_normal((8, 8, 8)).astype(dtype)
    a[0], a[1] = 0.0, np.nan
    b = a.copy()
    b[0] = -0.0
    b[1] = -np.nan
    got = compare(a, b)
    assert not got.exact
    assert [(defect.name, defect.damage) for defect in got.defects] == [("same-values", False)]
    assert got.measures()["max_error"] == 0


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 5), "f4"),
        np.zeros((0, 4, 5), "f4"),
        np.zeros((4, 4, 4), "c8"),
        np.zeros((4, 4, 4), bool),
    ],
)
def test_what_is_no_volume_of_real_numbers_is_refused(bad: np.ndarray) -> None:
    good = np.zeros((4, 4, 4), "f4")
    with pytest.raises(InputError, match="the copy"):
        compare(good, bad)
    with pytest.raises(InputError, match="the reference"):
        compare(bad, good)
