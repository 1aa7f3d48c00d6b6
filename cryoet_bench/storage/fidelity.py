"""How far a stored volume is from its original, with numpy alone.

The package `quality` judges a copy in full; these few numbers are what every measured release can
compute beside its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

# Less than this share of the strongest shell's variance is no signal. As in `quality.fidelity`: it
# puts the edge at 0.42 cycles per voxel on the portal's tomograms, where their power ends.
_SIGNAL = 0.01


@dataclass(frozen=True)
class Fidelity:
    """The error of a copy.

    Attributes
    ----------
    max_error : float
        Greatest absolute difference, in the volume's own units.
    nrmse : float
        Root of the mean squared difference, in standard deviations of the original.
    psnr : float
        Peak signal-to-noise ratio in decibels, the peak being the original's range; infinite
        for an exact copy.
    fsc_loss : float
        1 minus the least Fourier shell correlation over the shells that carry signal.
    """

    max_error: float
    nrmse: float
    psnr: float
    fsc_loss: float


def fidelity(original: npt.NDArray[Any], copy: npt.NDArray[Any]) -> Fidelity:
    """Compare a copy with its original, both of shape (z, y, x).

    PSNR is 20 log10(range / rms); the Fourier shell correlation is that of Harauz and van Heel
    (Optik 73, 146, 1986).
    """
    import numpy as np  # noqa: PLC0415

    reference = original.astype(np.float64)
    difference = copy.astype(np.float64) - reference
    rms = float(np.sqrt(np.mean(difference**2)))
    spread = float(np.ptp(reference))
    return Fidelity(
        max_error=float(np.abs(difference).max()),
        nrmse=rms / float(reference.std()),
        psnr=20 * float(np.log10(spread / rms)) if rms else float("inf"),
        fsc_loss=1 - min_fsc_in_band(reference, reference + difference) if rms else 0.0,
    )


def min_fsc_in_band(original: npt.NDArray[Any], copy: npt.NDArray[Any]) -> float:
    """Return the least Fourier shell correlation, from the first shell to the band's edge.

    Shells are one Fourier pixel of the longest axis wide and end at the Nyquist frequency. The
    band ends at the last shell with a hundredth of the strongest one's power: beyond it a tomogram
    carries nothing that a codec could lose. Shells 1 and 2 hold gradients and set no measure.
    """
    import numpy as np  # noqa: PLC0415

    size = max(original.shape)
    axes = [np.fft.fftfreq(length) for length in original.shape[:2]]
    axes.append(np.fft.rfftfreq(original.shape[2]))
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    shells = np.rint(np.sqrt(z**2 + y**2 + x**2) * size).astype(int).ravel()
    first, second = np.fft.rfftn(original).ravel(), np.fft.rfftn(copy).ravel()
    # The half spectrum lacks the mirror images of all columns but the first and, where even, last.
    weight = np.full(len(axes[2]), 2.0)
    weight[0] = 1.0
    if original.shape[2] % 2 == 0:
        weight[-1] = 1.0
    weights = np.broadcast_to(weight, (*original.shape[:2], len(weight))).ravel()

    def sums(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        total = np.bincount(shells, weights * values)
        return total[1 : size // 2 + 1]

    cross = sums((first * second.conj()).real)
    power, other = sums(np.abs(first) ** 2), sums(np.abs(second) ** 2)
    carrying = np.flatnonzero(power >= _SIGNAL * power[min(2, len(power) - 1) :].max())
    edge = carrying[-1] + 1
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = cross[:edge] / np.sqrt(power[:edge] * other[:edge])
    return float(np.nan_to_num(correlation, nan=0.0).min())
