"""Figures against those of scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage import metrics

from cryoet_bench.quality.metrics.loss import measure_loss, psnr, relative


def _volume(shape: tuple[int, int, int]) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(shape) * 5.5e-6).astype(np.float32)


def test_figures_equal_those_of_scikit_image() -> None:
    original = _volume((20, 24, 22))
    copy = original + np.random.default_rng(1).normal(0, 1e-7, original.shape).astype(np.float32)
    found = measure_loss(original, copy)
    reference, other = original.astype(np.float64), copy.astype(np.float64)
    spread = reference.max() - reference.min()
    psnr = metrics.peak_signal_noise_ratio(reference, other, data_range=spread)
    assert found.psnr == pytest.approx(psnr, rel=1e-9)
    rms = np.sqrt(metrics.mean_squared_error(reference, other))
    assert found.nrmse == pytest.approx(rms / reference.std(), rel=1e-9)
    assert found.max_error == np.abs(reference - other).max()


def test_an_exact_copy_has_no_error() -> None:
    volume = _volume((8, 9, 10))
    found = measure_loss(volume, volume.copy())
    assert (found.max_error, found.nrmse, found.fsc_loss) == (0, 0, 0)
    assert found.psnr == float("inf")


def test_a_constant_original_gives_no_nonsense() -> None:
    constant = np.ones((6, 7, 8), np.float32)
    found = measure_loss(constant, constant + 1)
    assert (found.max_error, found.nrmse, found.psnr) == (1, math.inf, -math.inf)
    assert found.fsc_loss == 1
    assert math.isnan(psnr(math.nan, 0.0))
    assert relative(0.0, 0.0) == 0
