from __future__ import annotations

import math

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from cryoet_bench.quality.fidelity import ssim as compute
from cryoet_bench.quality.fidelity import ssim as ssim_function
from cryoet_bench.quality.fidelity.ssim import SimilaritySums
from cryoet_bench.volume.bricks import walk

EXTENT = st.integers(7, 24)
SHAPE = st.tuples(EXTENT, EXTENT, EXTENT)


def volumes(seed: int, shape: tuple[int, ...], scale: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    a = random.standard_normal(shape)
    b = 0.9 * a + 0.3 * random.standard_normal(shape) + 0.1
    return a * scale, b * scale


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    shape=SHAPE,
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    dtype=st.sampled_from(["f4", "f8"]),
)
def test_agrees_with_scikit_image(
    seed: int, shape: tuple[int, int, int], scale: float, dtype: str
) -> None:
    a, b = (volume.astype(dtype) for volume in volumes(seed, shape, scale))
    data_range = float(np.ptp(a))
    expected, full = structural_similarity(
        a.astype(float), b.astype(float), win_size=7, data_range=data_range, full=True
    )
    got = compute(a, b, data_range=data_range)
    assert got.mean == pytest.approx(expected, rel=1e-6)
    inner = full[3:-3, 3:-3, 3:-3]
    assert got.minimum == pytest.approx(inner.min(), rel=1e-6, abs=1e-9)
    assert got.windows == inner.size


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2"])
def test_agrees_with_scikit_image_on_integers(dtype: str) -> None:
    random = np.random.default_rng(5)
    a = random.integers(0, 127, (12, 15, 9)).astype(dtype)
    b = np.clip(a + random.integers(-5, 6, a.shape), 0, 127).astype(dtype)
    expected = structural_similarity(a.astype(float), b.astype(float), data_range=127, win_size=7)
    assert compute(a, b, data_range=127).mean == pytest.approx(expected, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), shape=SHAPE, step=st.tuples(*[st.integers(1, 24)] * 3))
def test_windows_across_bricks_are_counted_once(
    seed: int, shape: tuple[int, int, int], step: tuple[int, int, int]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    a, b = (volume.astype("f4") for volume in volumes(seed, shape, 1.0))
    whole = compute(a, b, data_range=6.0)
    stored = zarr.create_array({}, data=b, chunks=tuple(map(min, step, shape)))
    sums = SimilaritySums(6.0)
    with ThreadPoolExecutor(2) as pool:
        for brick in walk(a, stored, apron=6, step=step):
            sums.add(brick, pool)
    chunked = sums.result()
    assert chunked.windows == whole.windows
    assert chunked.mean == pytest.approx(whole.mean, rel=1e-12)
    assert chunked.minimum == pytest.approx(whole.minimum, rel=1e-9, abs=1e-12)


def test_a_perfect_copy_is_one_and_a_thin_volume_has_none() -> None:
    a = volumes(1, (9, 9, 9), 1.0)[0]
    assert compute(a, a, data_range=1.0).mean == pytest.approx(1, abs=1e-12)
    thin = compute(a[:6], a[:6], data_range=1.0)
    assert thin.windows == 0
    assert math.isnan(thin.mean)


def test_windows_with_a_nan_are_left_out() -> None:
    a, b = volumes(2, (15, 15, 15), 1.0)
    b[0, 0, 0] = np.nan
    got = compute(a, b, data_range=6.0)
    assert got.windows == 9**3 - 1
    assert np.isfinite(got.mean)


def test_the_compiled_loop_does_what_its_source_says(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules[SimilaritySums.__module__]
    a, b = (volume.astype("f4") for volume in volumes(4, (8, 9, 8), 1.0))
    b[0, 0, 0] = np.nan
    compiled = ssim_function(a, b, data_range=6.0)
    monkeypatch.setattr(module, "_sums_of_seven", module._sums_of_seven.py_func)
    monkeypatch.setattr(module, "_similarity", module._similarity.py_func)
    interpreted = ssim_function(a, b, data_range=6.0)
    assert interpreted.mean == pytest.approx(compiled.mean, rel=1e-12)
    assert interpreted.windows == compiled.windows == 2 * 3 * 2 - 1
