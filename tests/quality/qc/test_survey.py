from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from cryoet_bench.errors import InputError
from cryoet_bench.quality.qc.kernels import BLOCK
from cryoet_bench.quality.qc.robust import MAD_TO_SIGMA
from cryoet_bench.quality.qc.survey import Survey, survey
from cryoet_bench.quality.thresholds import OUTLIER_SIGMA
from cryoet_bench.volume.boxes import boxes, whole_chunks

Array = npt.NDArray[Any]

DTYPES = ["u1", "i1", "<i2", ">i2", "<u2", "<i4", "<f2", "<f4", ">f4", "<f8"]
# Shrinking compiled code on volumes takes minutes and says little.
CAREFUL = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
SHAPES = st.tuples(*[st.sampled_from([1, 2, 3, 7, 16, 17, 31, 33])] * 3)


def made(shape: tuple[int, ...], dtype: str, seed: int, kind: str) -> Array:
    """Make a volume: a bell, a bell on a pedestal, few values, or heavy tails."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    match kind:
        case "pedestal":
            values += 500
        case "few values":
            values = np.round(values)
        case "heavy tails":
            values = values**3
        case "tiny scale":
            values *= 1e-6
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.round(values * 20 + 30), limits.min, limits.max)
    return values.astype(dtype)


def assert_right(found: Survey, volume: Array) -> None:
    """Hold every statistic against numpy and scipy in double precision."""
    flat = volume.astype(np.float64).ravel()
    flat = flat[np.isfinite(flat)]
    spread = flat.std()
    assert found.finite == flat.size
    assert found.nan == np.count_nonzero(np.isnan(volume.astype(np.float64)))
    assert (found.minimum, found.maximum) == (flat.min(), flat.max())
    assert found.at_minimum == np.count_nonzero(flat == flat.min())
    assert found.at_maximum == np.count_nonzero(flat == flat.max())
    close = {"rel": 1e-6, "abs": 1e-9 * max(spread, abs(flat.mean()))}
    assert found.mean == pytest.approx(flat.mean(), **close)
    assert found.sd == pytest.approx(spread, **close)
    assert found.median == pytest.approx(np.median(flat), **close)
    mad = stats.median_abs_deviation(flat)
    assert found.mad == pytest.approx(mad, **close)
    if spread > 1e-9 * abs(flat.mean()):
        assert found.skewness == pytest.approx(stats.skew(flat), rel=1e-6, abs=1e-6)
        assert found.kurtosis == pytest.approx(stats.kurtosis(flat), rel=1e-6, abs=1e-6)
        reach = OUTLIER_SIGMA * (MAD_TO_SIGMA * mad or spread)
        assert found.outliers.low == np.count_nonzero(flat < np.median(flat) - reach)
        assert found.outliers.high == np.count_nonzero(flat > np.median(flat) + reach)
    assert found.histogram.counts.sum() == flat.size


@CAREFUL
@given(
    shape=SHAPES,
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["bell", "pedestal", "few values", "heavy tails", "tiny scale"]),
    damaged=st.booleans(),
)
@example(shape=(1, 2, 2), dtype="<f4", seed=873, kind="tiny scale", damaged=False)
def test_statistics_agree_with_numpy_and_scipy(
    shape: tuple[int, int, int], dtype: str, seed: int, kind: str, damaged: bool
) -> None:
    volume = made(shape, dtype, seed, kind)
    if damaged and volume.dtype.kind == "f" and volume.size > 6:
        volume.reshape(-1)[:3] = (np.nan, np.inf, -np.inf)
    assert_right(survey(volume, workers=2), volume)


@settings(CAREFUL, max_examples=12)
@given(
    shape=st.tuples(*[st.integers(17, 50)] * 3),
    chunks=st.tuples(*[st.integers(9, 40)] * 3),
    dtype=st.sampled_from(["u1", "<i2", "<f4", "<f8"]),
    seed=st.integers(0, 10**6),
)
def test_chunked_equals_whole(
    shape: tuple[int, int, int], chunks: tuple[int, int, int], dtype: str, seed: int
) -> None:
    volume = made(shape, dtype, seed, "heavy tails")
    stored = zarr.create_array({}, shape=shape, chunks=chunks, dtype=dtype)
    stored[...] = volume
    whole, chunked = survey(volume), survey(stored)
    assert_right(chunked, volume)
    for one, other in zip(whole.slices, chunked.slices, strict=True):
        np.testing.assert_array_equal(one.count, other.count)
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-9, atol=1e-12 * whole.sd)
        np.testing.assert_allclose(one.sd, other.sd, rtol=1e-9)
    np.testing.assert_allclose(whole.neighbours, chunked.neighbours, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(whole.block_low, chunked.block_low)
    np.testing.assert_array_equal(whole.block_high, chunked.block_high)
    np.testing.assert_array_equal(whole.histogram.counts, chunked.histogram.counts)
    np.testing.assert_array_equal(whole.outliers.blocks, chunked.outliers.blocks)
    assert whole.outliers.hot == chunked.outliers.hot
    assert whole.mantissa_bits == chunked.mantissa_bits


def test_slices_blocks_and_neighbours_agree_with_numpy(noise: Array) -> None:
    found = survey(noise)
    wide = noise.astype(np.float64)
    for axis, profile in enumerate(found.slices):
        others = tuple(other for other in range(3) if other != axis)
        np.testing.assert_allclose(profile.mean, wide.mean(axis=others), atol=1e-9)
        np.testing.assert_allclose(profile.sd, wide.std(axis=others), rtol=1e-9)
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in itertools.pairwise(wide)]
    np.testing.assert_allclose(found.neighbours, expected, rtol=1e-9)
    for z, y, x in np.ndindex(*found.block_low.shape):
        box = tuple(slice(at * BLOCK, (at + 1) * BLOCK) for at in (z, y, x))
        assert found.block_low[z, y, x] == noise[box].min()
        assert found.block_high[z, y, x] == noise[box].max()
    np.testing.assert_array_equal(found.slice_low, noise.min(axis=(1, 2)))


@pytest.mark.parametrize("chunk", [7, 16, 100])
def test_hot_voxels_are_those_without_company(noise: Array, chunk: int) -> None:
    noise[5, 6, 7] = 60  # alone
    noise[20, 20, 20:22] = 60  # a pair keeps itself company
    noise[0, 0, 0] = -60  # alone in the corner
    noise[13, 13, 13] = 60  # alone, at the faces of the chunks of seven
    stored = zarr.create_array({}, shape=noise.shape, chunks=(chunk,) * 3, dtype="f4")
    stored[...] = noise
    found = survey(stored).outliers
    assert found.hot == 3
    assert sorted(map(tuple, found.places.tolist())) == [(0, 0, 0), (5, 6, 7), (13, 13, 13)]
    assert (found.low, found.high) == (1, 4)
    assert found.blocks.sum() == 5


def test_hot_voxels_agree_with_a_maximum_filter(clean: Array) -> None:
    volume = clean.copy()
    rng = np.random.default_rng(3)
    volume.reshape(-1)[rng.choice(volume.size, 60)] += rng.choice([-9, 9], 60) * volume.std()
    found = survey(volume)
    distance = volume.astype(np.float64) - found.median
    around = np.ones((3, 3, 3), bool)
    around[1, 1, 1] = False
    far = np.abs(distance) > OUTLIER_SIGMA * found.sigma
    beside = np.where(
        distance > 0,
        ndimage.maximum_filter(distance, footprint=around, mode="constant", cval=-np.inf),
        -ndimage.minimum_filter(distance, footprint=around, mode="constant", cval=np.inf),
    )
    assert found.outliers.hot == np.count_nonzero(far & (beside < np.abs(distance) / 2))


def test_a_pilot_that_misleads_is_found_out() -> None:
    volume = np.random.default_rng(0).standard_normal((96, 96, 96)).astype(np.float32)
    volume[16:80, 16:80, 16:80] = 1e-7 * volume[16:80, 16:80, 16:80] + 40
    assert_right(survey(volume), volume)


def test_empty_and_constant_volumes_have_no_moments() -> None:
    nothing = survey(np.full((4, 5, 6), np.nan, np.float32))
    assert nothing.finite == 0
    assert nothing.nan == 120
    assert np.isnan(nothing.mean)
    assert np.isnan(nothing.median)
    same = survey(np.full((4, 5, 6), 7.25, np.float32))
    assert (same.mean, same.sd, same.median, same.mad) == (7.25, 0.0, 7.25, 0.0)
    assert same.at_minimum == same.at_maximum == 120


@pytest.mark.parametrize(("keep", "bits"), [(23, 23), (10, 10), (7, 7), (0, 0)])
def test_bits_of_the_significand_in_use(keep: int, bits: int) -> None:
    values = np.random.default_rng(0).standard_normal((8, 8, 8)).astype(np.float32)
    mask = np.uint32(0xFFFFFFFF << (23 - keep) & 0xFFFFFFFF)
    assert survey((values.view(np.uint32) & mask).view(np.float32)).mantissa_bits == bits


def test_quantiles_are_exact_to_a_bin(clean: Array) -> None:
    found = survey(clean)
    for fraction in (0.01, 0.25, 0.5, 0.99):
        expected = float(np.quantile(clean, fraction))
        assert abs(found.histogram.quantile(fraction) - expected) <= found.histogram.width


def test_boxes_cover_each_voxel_once() -> None:
    for chunks in (None, (5, 6, 7), (64, 64, 64)):
        cover = np.zeros((33, 20, 41), np.uint8)
        for box in boxes(cover.shape, whole_chunks(cover.shape, chunks, 1000)):
            cover[box] += 1
        assert (cover == 1).all()


def test_progress_ends_at_one(clean: Array) -> None:
    seen: list[float] = []
    survey(clean, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 4)), "three axes"),
        (np.zeros((0, 4, 4)), "no voxels"),
        (np.zeros((2, 2, 2), complex), "real numbers"),
    ],
)
def test_what_is_no_volume_is_refused(array: Array, words: str) -> None:
    with pytest.raises(InputError, match=words):
        survey(array)
