"""Errors against other implementations: scikit-image, and Fourier shells summed the plain way."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import BitRound
from skimage import metrics

from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.fidelity import fidelity, min_fsc_in_band
from cryoet_bench.storage.layouts import LAYOUTS
from cryoet_bench.storage.lossy import LOSSY

SHAPES = st.tuples(*[st.integers(6, 20)] * 3)


def _volume(shape: tuple[int, ...], seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Noise that a microscope's band limit has smoothed, at the portal's scale."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).normal(size=shape)
    smooth: np.ndarray[Any, Any] = gaussian_filter(noise, 1.0)
    return (smooth / smooth.std() * 5.5e-6).astype(np.float32)


def _plain_fsc(first: Any, second: Any) -> tuple[Any, Any]:
    """FSC and shell power from the full transform, voxel by voxel."""
    size = max(first.shape)
    cross: dict[int, complex] = {}
    powers: dict[int, list[float]] = {}
    one, other = np.fft.fftn(first), np.fft.fftn(second)
    frequencies = [np.fft.fftfreq(length) for length in first.shape]
    for index in np.ndindex(first.shape):
        squares = sum(frequencies[axis][place] ** 2 for axis, place in enumerate(index))
        shell = round(float(np.sqrt(squares)) * size)
        if 1 <= shell <= size // 2:
            cross[shell] = cross.get(shell, 0) + one[index] * other[index].conjugate()
            power = powers.setdefault(shell, [0.0, 0.0])
            power[0] += abs(one[index]) ** 2
            power[1] += abs(other[index]) ** 2
    shells = sorted(cross)
    fsc = [cross[s].real / np.sqrt(powers[s][0] * powers[s][1]) for s in shells]
    return np.array(fsc), np.array([powers[s][0] for s in shells])


@settings(max_examples=15, deadline=None)
@given(SHAPES, st.integers(0, 100))
def test_fsc_equals_the_plain_sum(shape: tuple[int, int, int], seed: int) -> None:
    original = _volume(shape, seed).astype(np.float64)
    copy = original + np.random.default_rng(seed).normal(0, 1e-6, shape)
    fsc, power = _plain_fsc(original, copy)
    edge = np.flatnonzero(power >= 0.01 * power[min(2, len(power) - 1) :].max())[-1] + 1
    assert min_fsc_in_band(original, copy) == pytest.approx(fsc[:edge].min(), abs=1e-9)


def test_figures_equal_those_of_scikit_image() -> None:
    original = _volume((20, 24, 22))
    copy = original + np.random.default_rng(1).normal(0, 1e-7, original.shape).astype(np.float32)
    found = fidelity(original, copy)
    reference, other = original.astype(np.float64), copy.astype(np.float64)
    spread = reference.max() - reference.min()
    psnr = metrics.peak_signal_noise_ratio(reference, other, data_range=spread)
    assert found.psnr == pytest.approx(psnr, rel=1e-9)
    rms = np.sqrt(metrics.mean_squared_error(reference, other))
    assert found.nrmse == pytest.approx(rms / reference.std(), rel=1e-9)
    assert found.max_error == np.abs(reference - other).max()


def test_an_exact_copy_has_no_error() -> None:
    volume = _volume((8, 9, 10))
    found = fidelity(volume, volume.copy())
    assert (found.max_error, found.nrmse, found.fsc_loss) == (0, 0, 0)
    assert found.psnr == float("inf")


ORIGINAL = _volume((32, 32, 32))


def _stored(name: str, folder: Path) -> tuple[Any, int]:
    layout = LAYOUTS["cube-32"]
    lossy = LOSSY[name](ORIGINAL, layout.chunks)
    storage = Storage(codec=lossy.codec, layout=layout, zarr_format=2)
    storage.require()
    encoded = lossy.encode(ORIGINAL)
    arrays.create(stores.local(folder), encoded.shape, encoded.dtype, storage)[...] = encoded
    size = sum(f.stat().st_size for f in stores.stored_files(folder) if f.name[0] != ".")
    return lossy.decode(arrays.open_array(stores.local(folder))[...]), size


@pytest.mark.parametrize("bits", [5, 7, 10])
def test_bit_rounding_is_that_of_the_mantissa(bits: int, tmp_path: Path) -> None:
    copy, _ = _stored(f"bitround-{bits}", tmp_path)
    # Round half to even at the given bit of the mantissa, by scaling instead of bit masks.
    mantissa, exponent = np.frexp(ORIGINAL.astype(np.float64))
    expected = np.ldexp(np.rint(mantissa * 2 ** (bits + 1)) / 2 ** (bits + 1), exponent)
    np.testing.assert_array_equal(copy, expected.astype(np.float32))
    assert BitRound(bits).keepbits == bits


@pytest.mark.parametrize(("name", "bits"), [("int16-scaled", 16), ("int8-scaled", 8)])
def test_integers_err_by_half_a_step(name: str, bits: int, tmp_path: Path) -> None:
    copy, _ = _stored(name, tmp_path)
    step = float(np.ptp(ORIGINAL)) / (2**bits - 2)
    found = fidelity(ORIGINAL, copy)
    # float32 adds its own rounding, which matters beside 16 bits.
    assert found.max_error <= step / 2 + 4 * np.spacing(np.abs(ORIGINAL).max())
    assert found.nrmse * float(ORIGINAL.std()) == pytest.approx(step / np.sqrt(12), rel=0.05)


def test_half_precision_errs_by_its_mantissa_only_when_scaled(tmp_path: Path) -> None:
    scaled, _ = _stored("float16-scaled", tmp_path / "scaled")
    plain, _ = _stored("float16-unscaled", tmp_path / "plain")
    large = np.abs(ORIGINAL) > 1e-8
    relative = np.abs(scaled - ORIGINAL)[large] / np.abs(ORIGINAL)[large]
    assert relative.max() <= 2.0**-11 * 1.0001
    # Unscaled, values near 1e-6 are multiples of the smallest subnormal, 2 to the -24.
    np.testing.assert_array_equal(plain, ORIGINAL.astype(np.float16).astype(np.float32))
    assert np.abs(plain - ORIGINAL).max() == pytest.approx(2.0**-25, rel=0.01)


@pytest.mark.parametrize("name", ["zfp-0.01-sd", "zfp-0.1-sd", "sz3-0.01-sd", "sz3-0.1-sd"])
def test_bounded_codecs_keep_their_bound(name: str, tmp_path: Path) -> None:
    copy, size = _stored(name, tmp_path)
    bound = float(name.split("-")[1]) * float(ORIGINAL.std())
    assert 0 < fidelity(ORIGINAL, copy).max_error <= bound * 1.0001
    assert size < ORIGINAL.nbytes / 2


def test_jpeg2000_keeps_its_ratio_of_peak_to_noise(tmp_path: Path) -> None:
    copy, size = _stored("jpeg2000-60-db", tmp_path)
    assert fidelity(ORIGINAL, copy).psnr == pytest.approx(60, abs=1.5)
    # Planes have two dimensions to compress along; one long row would stay above a half.
    assert size < ORIGINAL.nbytes / 2.5


def _decoded_alone(name: str, chunk: bytes) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Decode a stored chunk with its library, without zarr, and undo the scaling by hand."""
    import imagecodecs

    if name.startswith("zfp"):
        # The power of two that makes one of the tolerance.
        tolerance = float(name.split("-")[1]) * float(ORIGINAL.std())
        return imagecodecs.zfp_decode(chunk).astype(np.float64) * 2.0 ** np.floor(
            np.log2(tolerance)
        )
    if name.startswith("sz3"):
        found = imagecodecs.sz3_decode(chunk, shape=ORIGINAL.shape, dtype=np.float32)
        return found.astype(np.float64)
    low, high = float(ORIGINAL.min()), float(ORIGINAL.max())
    planes = imagecodecs.jpeg2k_decode(chunk, planar=True).astype(np.float64)
    return planes / 65535 * (high - low) + low


@pytest.mark.parametrize(
    "name", ["zfp-0.01-sd", "zfp-0.1-sd", "sz3-0.01-sd", "sz3-0.1-sd", "jpeg2000-60-db"]
)
def test_errors_are_those_of_the_codec_without_zarr(name: str, tmp_path: Path) -> None:
    copy, _ = _stored(name, tmp_path)
    found = fidelity(ORIGINAL, copy)
    alone = _decoded_alone(name, (tmp_path / "0" / "0" / "0").read_bytes())
    reference = ORIGINAL.astype(np.float64)
    assert found.max_error == pytest.approx(np.abs(alone - reference).max(), rel=1e-4)
    rms = np.sqrt(metrics.mean_squared_error(reference, alone))
    assert found.nrmse == pytest.approx(rms / reference.std(), rel=1e-4)
    psnr = metrics.peak_signal_noise_ratio(reference, alone, data_range=np.ptp(reference))
    assert found.psnr == pytest.approx(psnr, rel=1e-4)
    fsc, power = _plain_fsc(reference, alone)
    edge = np.flatnonzero(power >= 0.01 * power[2:].max())[-1] + 1
    assert found.fsc_loss == pytest.approx(1 - fsc[:edge].min(), rel=1e-3)


def test_more_bits_never_hurt(tmp_path: Path) -> None:
    losses = [
        asdict(fidelity(ORIGINAL, _stored(f"bitround-{bits}", tmp_path / str(bits))[0]))
        for bits in (5, 7, 10)
    ]
    for name in ("max_error", "nrmse", "fsc_loss"):
        values = [loss[name] for loss in losses]
        assert values == sorted(values, reverse=True)
