from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import scipy.signal
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.quality.fidelity import fsc as compute
from cryoet_bench.quality.fidelity.spectrum import cross_spectrum
from cryoet_bench.tomogram.phantom import PHANTOMS, make

EXTENT = st.integers(1, 17)
spectrum = sys.modules[cross_spectrum.__module__]


def plain(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """FSC over full transforms, each coefficient shared between two shells by its nearness."""
    size = min((extent for extent in a.shape if extent > 1), default=1)
    k = np.meshgrid(*(np.fft.fftfreq(extent) * size for extent in a.shape), indexing="ij")
    radius = np.sqrt(sum(np.square(axis) for axis in k))
    first, second = np.fft.fftn(a), np.fft.fftn(b)
    values = [1.0]
    for shell in range(1, size // 2 + 1):
        weight = np.maximum(0, 1 - np.abs(radius - shell))
        cross = (weight * first * second.conj()).sum().real
        powers = [(weight * np.abs(part) ** 2).sum() for part in (first, second)]
        values.append(cross / np.sqrt(powers[0] * powers[1]))
    return np.array(values)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    shape=st.tuples(EXTENT, EXTENT, EXTENT).filter(lambda shape: sum(n > 2 for n in shape) >= 2),
    noise=st.floats(0.01, 2),
)
def test_agrees_with_a_plain_implementation(
    seed: int, shape: tuple[int, int, int], noise: float
) -> None:
    random = np.random.default_rng(seed)
    a = random.standard_normal(shape)
    b = a + noise * random.standard_normal(shape)
    got = compute(a, b)
    np.testing.assert_allclose(got.whole, plain(a, b), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(compute(a * 1e-6, b * 1e-6).whole, got.whole, rtol=1e-6, atol=1e-9)


def test_agrees_with_torch_fourier_shell_correlation() -> None:
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torch_fourier_shell_correlation")
    random = np.random.default_rng(1)
    for shape in ((16, 16, 16), (15, 20, 12)):
        a = random.standard_normal(shape)
        b = a + 0.5 * random.standard_normal(shape)
        first, second = (torch.fft.fftn(torch.from_numpy(part)) for part in (a, b))
        expected = peer.fourier_correlation(first, second, shape, rfft=False)
        np.testing.assert_allclose(compute(a, b).whole, expected.numpy(), rtol=1e-6)


def test_white_noise_lowers_it_to_the_closed_form() -> None:
    random = np.random.default_rng(2)
    a = random.standard_normal((48, 48, 48)).astype("f4")
    b = a + 0.5 * random.standard_normal(a.shape).astype("f4")
    got = compute(a, b)
    np.testing.assert_allclose(got.measured[8:], 1 / math.sqrt(1.25), atol=0.03)
    assert got.flatness > 0.99
    assert got.crossings[0.999] is not None
    assert got.crossings[0.5] is None


def test_a_perfect_copy_is_exactly_one_and_gain_does_not_matter() -> None:
    a = make(PHANTOMS["phantom-tiny"]).data
    got = compute(a, a)
    assert (got.whole == 1).all()
    assert got.minimum == 1
    assert math.isnan(got.flatness)
    assert compute(a, 2 * a).minimum == pytest.approx(1, abs=1e-6)
    assert compute(a, -a).minimum == pytest.approx(-1, abs=1e-6)


def test_band_and_wedge_are_the_references() -> None:
    a = make(PHANTOMS["phantom-10A"]).data
    band = compute(a, a).band
    assert (band.tilt_axis, band.tilt_limit) == ("y", 60)
    # The phantom's band limit exp(-(|k| 3.6)^4) has fallen to 1e-2 of the power at 0.42.
    assert band.frequency == pytest.approx(0.42, abs=0.02)
    turned = np.ascontiguousarray(a.transpose(0, 2, 1))
    assert compute(turned, turned).band.tilt_axis == "x"
    white = np.random.default_rng(3).standard_normal((32, 32, 32))
    band = compute(white, white).band
    assert (band.tilt_axis, band.frequency) == (None, 0.5)


def test_empty_shells_do_not_set_the_minimum() -> None:
    random = np.random.default_rng(4)
    k = [np.fft.fftfreq(32)] * 3
    radius = np.sqrt(sum(np.square(axis) for axis in np.meshgrid(*k)))
    spectrum_ = np.fft.fftn(random.standard_normal((32, 32, 32)))
    a = np.fft.ifftn(spectrum_ * (radius < 0.25)).real
    b = a + 1e-4 * random.standard_normal(a.shape)
    got = compute(a, b)
    assert got.whole[14] < 0.5
    assert got.minimum > 0.9999
    assert got.band.frequency == pytest.approx(0.25, abs=0.04)


def test_tiles_give_nearly_what_the_whole_does(monkeypatch: pytest.MonkeyPatch) -> None:
    a = make(PHANTOMS["phantom-tiny"]).data
    b = (a + 0.05 * a.std() * np.random.default_rng(5).standard_normal(a.shape)).astype("f4")
    whole = compute(a, b)
    monkeypatch.setattr(spectrum, "WHOLE", 2**15)
    monkeypatch.setattr(spectrum, "TILE", 32)
    stored = [zarr.create_array({}, data=part, chunks=(32, 32, 32)) for part in (a, b)]
    tiled = compute(*stored)
    assert tiled.tiles == 8
    assert cross_spectrum(*stored).tile_shape == (32, 32, 32)
    expected = np.interp(tiled.frequency, whole.frequency, whole.whole)
    np.testing.assert_allclose(tiled.whole[3:12], expected[3:12], atol=5e-3)
    assert tiled.band.tilt_axis == "y"


def test_a_tile_at_the_far_end_reaches_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrum, "WHOLE", 2**10)
    monkeypatch.setattr(spectrum, "SMALLEST_TILE", 16)
    a = np.random.default_rng(6).standard_normal((20, 33, 16)).astype("f4")
    got = cross_spectrum(zarr.create_array({}, data=a, chunks=(8, 8, 8)), a)
    assert got.tile_shape == (16, 16, 16)
    assert got.tiles == 2 * 3 * 1


def test_the_taper_is_scipys() -> None:
    for extent in (1, 2, 31, 256):
        expected = scipy.signal.windows.tukey(extent, 0.25)
        np.testing.assert_allclose(spectrum._taper(extent), expected, atol=1e-12)


def test_nan_counts_as_the_mean_in_both() -> None:
    random = np.random.default_rng(7)
    a = random.standard_normal((16, 16, 16))
    b = a.copy()
    b[3, 4, 5] = np.nan
    got = compute(a, b)
    assert got.minimum == pytest.approx(1, abs=1e-9)
    assert cross_spectrum(b, a).reference_range == np.nanmax(b) - np.nanmin(b)


def test_volumes_without_power() -> None:
    constant = np.ones((8, 8, 8), "f4")
    got = compute(constant, constant)
    assert math.isnan(got.minimum)
    assert got.band.edge == 0
    nothing = np.full((8, 8, 8), np.nan, "f4")
    assert math.isnan(cross_spectrum(nothing, nothing).reference_range)


def test_the_compiled_loop_does_what_its_source_says(monkeypatch: pytest.MonkeyPatch) -> None:
    a = np.random.default_rng(8).standard_normal((6, 5, 4))
    b = a**2
    compiled = compute(a, b).whole
    monkeypatch.setattr(spectrum, "_add", spectrum._add.py_func)
    np.testing.assert_allclose(compute(a, b).whole, compiled, rtol=1e-12)
