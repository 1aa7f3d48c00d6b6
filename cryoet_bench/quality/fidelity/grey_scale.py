"""Is a copy on another grey scale? Then it is brought back before anything else is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.fidelity.probes import correlated
from cryoet_bench.volume.boxes import Voxels
from cryoet_bench.volume.bricks import working_dtype

# Where copy and reference are less alike than this, no line between them means anything.
_CORRELATION = 0.9
# Smaller deviations stay: they change no other measure's verdict, and the gain has its own limit.
_GAIN = 0.05
_OFFSET = 0.05
_LEFT = 0.2
_FEWEST = 64


class Rescaled:
    """A copy = gain * reference + offset, read on the reference's grey scale."""

    def __init__(self, copy: Voxels, gain: float, offset: float, like: np.dtype[Any]) -> None:
        self._copy, self._scale = copy, (gain, offset)
        self.shape = tuple(copy.shape)
        self.dtype = working_dtype(like, np.dtype(np.float32))
        self.chunks = getattr(copy, "shards", None) or getattr(copy, "chunks", None)

    def __getitem__(self, box: Any, /) -> npt.NDArray[Any]:
        """Return the voxels of a box."""
        return np.asarray(brought_back(np.asarray(self._copy[box]), self._scale), self.dtype)


def brought_back(voxels: npt.NDArray[Any], scale: tuple[float, float] | None) -> npt.NDArray[Any]:
    """Return voxels on the reference's grey scale."""
    if scale is None:
        return voxels
    gain, offset = scale
    return np.asarray((voxels.astype(np.float64) - offset) / gain)


def grey_scale(reference: npt.NDArray[Any], copy: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Return gain and offset where a copy is on another grey scale, None where on the same.

    A straight line has to explain all but a twenty-fifth of the error's power. Filters, noise,
    rounding and clipping leave more than that beside theirs.

    Parameters
    ----------
    reference, copy : numpy.ndarray
        A box of each.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        a, b = (part.astype(np.float64).ravel() for part in (reference, copy))
    finite = np.isfinite(a) & np.isfinite(b)
    a, b = a[finite], b[finite]
    if a.size < _FEWEST:
        return None
    spread = float(a.std())
    alike = correlated(a, b)
    if alike < _CORRELATION or not spread > 0:
        return None
    gain = alike * float(b.std()) / spread
    offset = float(np.mean(b - gain * a))
    error = np.sqrt(np.mean(np.square(b - a)))
    if not np.sqrt(np.mean(np.square(b - gain * a - offset))) < _LEFT * error:
        return None
    if abs(gain - 1) <= _GAIN:
        gain, offset = 1.0, float(np.mean(b - a))
    if gain == 1 and abs(offset) <= _OFFSET * spread:
        return None
    return gain, offset
