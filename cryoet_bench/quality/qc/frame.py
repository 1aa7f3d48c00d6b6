"""How voxels are centred, scaled and binned, and what the bins hold.

A frame is guessed from a box in the middle; where the whole volume shows that it misled, it is
corrected and the volume swept again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc.kernels import BINS
from cryoet_bench.quality.qc.robust import MAD_TO_SIGMA
from cryoet_bench.quality.qc.sums import Sums
from cryoet_bench.volume.bricks import working_dtype

Array = npt.NDArray[Any]

SAMPLE = 2**16
BINS_PER_SIGMA = 2048


@dataclass(frozen=True)
class Frame:
    """How voxels are centred, d = (v - pivot) * scale, and binned, d * stretch + offset."""

    pivot: float
    scale: float
    stretch: float
    offset: float
    discrete: bool

    @property
    def numbers(self) -> npt.NDArray[np.float64]:
        """The form that the kernels take."""
        return np.array([self.pivot, self.scale, self.stretch, self.offset])

    @property
    def width(self) -> float:
        """Of a bin, in the volume's unit."""
        return 1.0 / (self.scale * self.stretch)

    @property
    def start(self) -> float:
        """Left edge of the first bin."""
        return self.pivot - self.offset * self.width


@dataclass(frozen=True)
class Histogram:
    """Counts of finite voxels in bins of equal width; the outermost hold what lies beyond.

    Parameters
    ----------
    counts : int64, shape (bins,)
        Voxels in each bin.
    start, width : float
        Bin i covers start + i * width up to start + (i + 1) * width.
    discrete : bool
        Each bin holds exactly one value, its left edge.
    """

    counts: npt.NDArray[np.int64]
    start: float
    width: float
    discrete: bool

    @property
    def edges(self) -> Array:
        """Edges of the bins, one more than there are bins."""
        return self.start + self.width * np.arange(self.counts.size + 1)

    def quantile(self, fraction: float) -> float:
        """Return a quantile, exact to one bin (1/2048 of the robust sd for floats)."""
        total = np.cumsum(self.counts)
        index = int(np.searchsorted(total, fraction * total[-1]))
        return self.start + self.width * (index + (0.0 if self.discrete else 0.5))


def sample(pilot: Array) -> Array:
    """Return some of the finite voxels of a box."""
    flat = pilot.ravel()
    flat = flat[:: max(1, flat.size // SAMPLE)].astype(working_dtype(pilot.dtype))
    return flat[np.isfinite(flat)]


def of_pilot(pilot: Array, dtype: np.dtype[Any]) -> Frame:
    """Return the frame that a box in the middle of a volume suggests."""
    values = sample(pilot).astype(np.float64)
    pivot = float(np.median(values)) if values.size else 0.0
    if dtype.kind in "biu" and dtype.itemsize <= 2:
        first = 0 if dtype.kind == "b" else np.iinfo(dtype).min
        pivot = math.floor(pivot)
        return Frame(pivot, 1.0, 1.0, pivot - first, discrete=True)
    width = MAD_TO_SIGMA * float(np.median(np.abs(values - pivot))) if values.size else 0.0
    return _scaled(pivot, width or (float(values.std()) if values.size else 0.0), dtype)


def _scaled(pivot: float, width: float, dtype: np.dtype[Any]) -> Frame:
    least = float(np.finfo(np.float64).tiny) * 1e20
    exact = float(working_dtype(dtype).type(pivot))
    return Frame(
        exact,
        1.0 / max(width or abs(pivot) or 1.0, least),
        BINS_PER_SIGMA,
        BINS / 2,
        discrete=False,
    )


def misframed(sums: Sums, frame: Frame) -> bool:
    """Tell whether the middle half of the voxels is not resolved, so the pilot misled."""
    if frame.discrete or not sums.count:
        return False
    low, high = _quartile_bins(sums)
    return low == 0 or high == BINS - 1 or (high - low < 16 and spread(sums) > 0)


def corrected(sums: Sums, frame: Frame) -> Frame:
    """Return the frame that the sums of the whole volume suggest."""
    low, high = _quartile_bins(sums)
    if low > 0 and high < BINS - 1:
        middle = frame.start + frame.width * (low + high + 1) / 2
        return _scaled(middle, frame.width * (high - low + 1), sums.dtype)
    mean = sums.z[1].sum() / sums.count
    return _scaled(frame.pivot + mean / frame.scale, spread(sums) / frame.scale, sums.dtype)


def _quartile_bins(sums: Sums) -> tuple[int, int]:
    total = np.cumsum(sums.histogram)
    low, high = np.searchsorted(total, (total[-1] * 0.25, total[-1] * 0.75))
    return int(low), int(high)


def spread(sums: Sums) -> float:
    """Return the standard deviation, in units of the frame."""
    first, second = sums.z[1].sum() / sums.count, sums.z[2].sum() / sums.count
    return math.sqrt(max(0.0, second - first**2))
