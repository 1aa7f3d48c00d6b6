"""What a configuration promises of the values, and whether it kept that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Promise:
    """The largest error that a voxel may have: ``absolute + relative * |value|``.

    Parameters
    ----------
    absolute : float
        In the volume's own units.
    relative : float
        Of the voxel's own value.
    bounded : bool
        False for codecs that state no bound, as those with a quality: then shape and type alone
        are promised.
    """

    absolute: float = 0.0
    relative: float = 0.0
    bounded: bool = True

    @property
    def lossless(self) -> bool:
        """Whether every bit is to be kept."""
        return self.bounded and not (self.absolute or self.relative)

    def __and__(self, other: Promise) -> Promise:
        """Return the promise of one step after another: their errors may add up."""
        return Promise(
            absolute=self.absolute + other.absolute,
            relative=self.relative + other.relative + self.relative * other.relative,
            bounded=self.bounded and other.bounded,
        )

    def __str__(self) -> str:
        """Return it in words."""
        if not self.bounded:
            return "no bound stated"
        if self.lossless:
            return "lossless"
        terms = [f"{self.absolute:.3g}"] if self.absolute else []
        terms += [f"{self.relative:.3g} |value|"] if self.relative else []
        return f"error at most {' + '.join(terms)}"

    def broken_by(self, original: npt.NDArray[Any], copy: npt.NDArray[Any]) -> str:
        """Return how a copy breaks the promise, in words; an empty text where it keeps it.

        Parameters
        ----------
        original, copy : numpy.ndarray
            What was written and what was read back.
        """
        if copy.shape != original.shape:
            return f"shape {copy.shape} came back for {original.shape}"
        if copy.dtype != original.dtype:
            return f"{copy.dtype} came back for {original.dtype}"
        if not self.bounded:
            return ""
        if self.lossless:
            return _different_bits(original, copy)
        return self._beyond(original, copy)

    def _beyond(self, original: npt.NDArray[Any], copy: npt.NDArray[Any]) -> str:
        finite = np.isfinite(original)
        if not np.array_equal(finite, np.isfinite(copy)):
            return "NaN or infinity came or went"
        values = np.where(finite, original, 0).astype(np.float64)
        error = np.abs(np.where(finite, copy, 0).astype(np.float64) - values)
        # The copy is stored as the original's type: its own last bit is nobody's fault.
        last_bit = np.spacing(np.abs(values).astype(original.dtype)).astype(np.float64)
        allowed = self.absolute + self.relative * np.abs(values) + last_bit
        beyond = error > allowed
        count = int(np.count_nonzero(beyond))
        if not count:
            return ""
        worst = float((error[beyond] / allowed[beyond]).max())
        return f"{_voxels(count)} beyond the bound, the worst by {worst:.3g} times ({self})"


def _different_bits(original: npt.NDArray[Any], copy: npt.NDArray[Any]) -> str:
    def bits(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        return np.ascontiguousarray(array).view(np.uint8).reshape(array.size, -1)

    count = int(np.count_nonzero((bits(original) != bits(copy)).any(axis=1)))
    return f"{_voxels(count)} changed, though the codec is lossless" if count else ""


def _voxels(count: int) -> str:
    return "1 voxel" if count == 1 else f"{count:,} voxels"
