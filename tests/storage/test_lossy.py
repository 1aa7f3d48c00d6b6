"""Lossy cases lose what they say, measured with other implementations."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numcodecs import BitRound
from skimage import metrics

from cryoet_bench.quality.metrics.fsc import correlation
from cryoet_bench.quality.metrics.loss import measure_loss
from cryoet_bench.quality.metrics.shells import cross_spectrum
from cryoet_bench.storage import arrays, stores
from cryoet_bench.storage.arrays import Storage
from cryoet_bench.storage.layouts import LAYOUTS
from cryoet_bench.storage.lossy import LOSSY


def _volume(shape: tuple[int, ...], seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Noise that a microscope's band limit has smoothed, at the portal's scale."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).normal(size=shape)
    smooth: np.ndarray[Any, Any] = gaussian_filter(noise, 1.0)
    return (smooth / smooth.std() * 5.5e-6).astype(np.float32)


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
    found = measure_loss(ORIGINAL, copy)
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
    assert 0 < measure_loss(ORIGINAL, copy).max_error <= bound * 1.0001
    assert size < ORIGINAL.nbytes / 2


def test_jpeg2000_keeps_its_ratio_of_peak_to_noise(tmp_path: Path) -> None:
    copy, size = _stored("jpeg2000-60-db", tmp_path)
    assert measure_loss(ORIGINAL, copy).psnr == pytest.approx(60, abs=1.5)
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
    found = measure_loss(ORIGINAL, copy)
    alone = _decoded_alone(name, (tmp_path / "0" / "0" / "0").read_bytes())
    reference = ORIGINAL.astype(np.float64)
    assert found.max_error == pytest.approx(np.abs(alone - reference).max(), rel=1e-4)
    rms = np.sqrt(metrics.mean_squared_error(reference, alone))
    assert found.nrmse == pytest.approx(rms / reference.std(), rel=1e-4)
    psnr = metrics.peak_signal_noise_ratio(reference, alone, data_range=np.ptp(reference))
    assert found.psnr == pytest.approx(psnr, rel=1e-4)
    least = correlation(cross_spectrum(reference, alone)).minimum
    assert found.fsc_loss == pytest.approx(1 - least, rel=1e-3)


def test_more_bits_never_hurt(tmp_path: Path) -> None:
    losses = [
        asdict(measure_loss(ORIGINAL, _stored(f"bitround-{bits}", tmp_path / str(bits))[0]))
        for bits in (5, 7, 10)
    ]
    for name in ("max_error", "nrmse", "fsc_loss"):
        values = [loss[name] for loss in losses]
        assert values == sorted(values, reverse=True)
