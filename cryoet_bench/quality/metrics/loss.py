"""How far a stored volume is from its original, in a few numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.metrics.fsc import correlation
from cryoet_bench.quality.metrics.shells import cross_spectrum


@dataclass(frozen=True)
class Loss:
    """The error of a copy.

    Attributes
    ----------
    max_error : float
        Greatest absolute difference, in the volume's own units.
    nrmse : float
        Root of the mean squared difference, in standard deviations of the original.
    psnr : float
        Peak signal-to-noise ratio in decibels; infinite for an exact copy.
    fsc_loss : float
        1 minus the least Fourier shell correlation in the original's band.
    """

    max_error: float
    nrmse: float
    psnr: float
    fsc_loss: float


def measure_loss(original: npt.NDArray[Any], copy: npt.NDArray[Any]) -> Loss:
    """Compare a copy with its original, both of shape (z, y, x) and finite."""
    reference = original.astype(np.float64)
    difference = copy.astype(np.float64) - reference
    mse = float(np.mean(difference**2))
    least = correlation(cross_spectrum(original, copy)).minimum if mse else 1.0
    return Loss(
        max_error=float(np.abs(difference).max()),
        nrmse=relative(math.sqrt(mse), float(reference.std())),
        psnr=psnr(mse, float(np.ptp(reference))),
        fsc_loss=1 - (0.0 if math.isnan(least) else least),
    )


def psnr(mse: float, data_range: float) -> float:
    """Return the peak signal-to-noise ratio in dB, 10 log10(range^2 / MSE).

    The range is the reference's and never the copy's, so that neither a gain nor a hot voxel in
    the copy can flatter it.
    """
    if mse == 0:
        return math.inf
    if not data_range > 0:
        return -math.inf if mse > 0 else math.nan
    return 10 * math.log10(data_range**2 / mse)


def relative(error: float, sd: float) -> float:
    """Return an error in standard deviations of the reference; infinite beside a constant."""
    if sd > 0:
        return error / sd
    return 0.0 if error == 0 else math.copysign(math.inf, error)
