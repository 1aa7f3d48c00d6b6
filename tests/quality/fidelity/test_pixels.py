from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import metrics

from cryoet_bench.quality.fidelity import pixels as module
from cryoet_bench.quality.fidelity.pixels import PixelErrors, PixelSums
from cryoet_bench.volume.bricks import walk

DTYPES = ("f4", "f8", "f2", "i1", "u1", "i2", "u2", "i4", ">f4", ">i2")
EXTENT = st.integers(1, 19)
SHAPE = st.tuples(EXTENT, EXTENT, EXTENT)


def measured(
    a: object, b: object, step: tuple[int, int, int] | None = None, cell: int | None = None
) -> PixelErrors:
    sums = PixelSums(a.shape, cell)
    with ThreadPoolExecutor(2) as pool:
        for brick in walk(a, b, apron=6, step=step):
            sums.add(brick, pool)
    return sums.result()


def volumes(seed: int, shape: tuple[int, int, int], dtype: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    a = random.normal(20, 12, shape)
    b = a + random.normal(0, 2, shape)
    if np.dtype(dtype).kind != "f":
        low = np.iinfo(dtype).min
        a, b = np.clip(np.rint(a), max(low, -100), 100), np.clip(np.rint(b), max(low, -100), 100)
    return a.astype(dtype), b.astype(dtype)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    shape=SHAPE,
    step=SHAPE,
    dtypes=st.tuples(st.sampled_from(DTYPES), st.sampled_from(DTYPES)),
    cell=st.integers(1, 8),
)
def test_agrees_with_numpy_and_scikit_image_whatever_the_bricks(
    seed: int,
    shape: tuple[int, int, int],
    step: tuple[int, int, int],
    dtypes: tuple[str, str],
    cell: int,
) -> None:
    a, b = volumes(seed, shape, dtypes[0])[0], volumes(seed, shape, dtypes[1])[1]
    wide_a, wide_b = a.astype(float), b.astype(float)
    error = wide_b - wide_a
    got = measured(a, b, step, cell)
    close = {"rel": 1e-9, "abs": 1e-12}
    assert got.n_finite == a.size
    assert got.n_differing == np.count_nonzero(error)
    assert got.mse == pytest.approx(metrics.mean_squared_error(wide_a, wide_b), **close)
    assert got.bias == pytest.approx(error.mean(), rel=1e-9, abs=1e-11)
    assert got.max_error == np.abs(error).max()
    assert got.reference_sd == pytest.approx(wide_a.std(), **close)
    assert got.copy_sd == pytest.approx(wide_b.std(), **close)
    assert got.reference_range == np.ptp(wide_a)
    assert (got.copy_minimum, got.copy_maximum) == (wide_b.min(), wide_b.max())
    if got.mse > 0 and got.reference_range > 0:
        psnr = metrics.peak_signal_noise_ratio(wide_a, wide_b, data_range=np.ptp(wide_a))
        assert got.psnr == pytest.approx(psnr, rel=1e-6)
        assert np.abs(error)[got.max_error_at] == got.max_error
    if wide_a.std() > 0.1 and wide_b.std() > 0.1:
        slope, _ = np.polyfit(wide_a.ravel(), wide_b.ravel(), 1)
        assert got.gain == pytest.approx(slope, rel=1e-6)
        r = np.corrcoef(wide_a.ravel(), wide_b.ravel())[0, 1]
        assert got.correlation == pytest.approx(r, rel=1e-6)
    for axis in range(3):
        others = tuple(i for i in range(3) if i != axis)
        counts = np.count_nonzero(error, axis=others)
        np.testing.assert_array_equal(got.differing_along[axis], counts)
    z, y, x = (slice(0, cell),) * 3
    assert got.cell_rms[0, 0, 0] == pytest.approx(math.sqrt(np.square(error[z, y, x]).mean()))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), shape=SHAPE, step=SHAPE, chunks=SHAPE)
def test_a_chunked_volume_gives_what_the_whole_one_does(
    seed: int,
    shape: tuple[int, int, int],
    step: tuple[int, int, int],
    chunks: tuple[int, int, int],
) -> None:
    a, b = volumes(seed, shape, "f4")
    stored = zarr.create_array({}, data=b, chunks=tuple(map(min, chunks, shape)))
    whole, chunked = measured(a, b), measured(a, stored, step)
    for name in ("mse", "bias", "reference_sd", "copy_sd", "covariance"):
        assert getattr(chunked, name) == pytest.approx(getattr(whole, name), rel=1e-12, abs=1e-13)
    for name in ("max_error", "max_error_at", "n_differing", "first_differing", "marked"):
        assert getattr(chunked, name) == getattr(whole, name)


def test_a_large_offset_costs_no_digits() -> None:
    a, b = volumes(1, (20, 20, 20), "f8")
    near, far = measured(a, b), measured(a + 1e8, b + 1e8)
    assert far.reference_sd == pytest.approx(near.reference_sd, rel=1e-7)
    assert far.correlation == pytest.approx(near.correlation, rel=1e-6)


def test_counts_what_is_not_finite_and_leaves_it_out() -> None:
    a, b = volumes(2, (9, 8, 7), "f4")
    a[1, 2, 3] = b[1, 2, 3] = np.nan  # in both: no difference
    a[2, 2, 2] = b[2, 2, 2] = np.inf
    b[4, 5, 6] = np.nan
    a[5, 5, 5], b[5, 5, 5] = np.inf, -np.inf
    got = measured(a, b)
    assert (got.nonfinite_reference, got.nonfinite_copy, got.nonfinite_moved) == (3, 4, 2)
    assert got.nonfinite_first == (4, 5, 6)
    both = np.isfinite(a) & np.isfinite(b)
    assert got.n_finite == both.sum()
    assert got.mse == pytest.approx(np.square(b[both].astype(float) - a[both]).mean())


def test_bits_are_compared_and_not_only_values() -> None:
    a = np.zeros((3, 3, 3), np.float32)
    b = a.copy()
    assert measured(a, b).identical
    b[1, 1, 2] = -0.0
    got = measured(a, b)
    assert (got.n_differing, got.first_differing, got.mse) == (1, (1, 1, 2), 0.0)
    assert got.psnr == math.inf


def test_volumes_without_anything_to_measure() -> None:
    nothing = np.full((3, 3, 3), np.nan, np.float32)
    got = measured(nothing, nothing)
    assert got.identical
    assert got.n_finite == 0
    assert math.isnan(got.mse)
    constant = np.ones((3, 3, 3), np.float32)
    got = measured(constant, constant + 1)
    assert got.nrmse == math.inf
    assert got.psnr == -math.inf
    assert math.isnan(got.gain)
    assert math.isnan(got.correlation)
    assert measured(constant, constant).nrmse == 0


def test_the_compiled_loop_does_what_its_source_says(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = volumes(3, (5, 4, 6), "f4")
    b[2, 1, 3] = np.nan
    compiled = measured(a, b)
    monkeypatch.setattr(module, "_row", module._row.py_func)
    monkeypatch.setattr(module, "_difference", module._difference.py_func)
    interpreted = measured(a, b)
    assert interpreted.mse == pytest.approx(compiled.mse, rel=1e-12)
    assert interpreted.covariance == pytest.approx(compiled.covariance, rel=1e-12)
    assert interpreted.marked == compiled.marked
    assert interpreted.max_error_at == compiled.max_error_at
    np.testing.assert_allclose(interpreted.cell_rms, compiled.cell_rms)
