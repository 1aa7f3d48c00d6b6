"""What a diagnosis rests on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy.typing as npt

from cryoet_bench.quality.fidelity.grey_scale import brought_back
from cryoet_bench.quality.fidelity.pixels import PixelErrors
from cryoet_bench.quality.metrics.fsc import Correlation
from cryoet_bench.quality.metrics.shells import CrossSpectrum
from cryoet_bench.volume.boxes import Voxels

Array = npt.NDArray[Any]

MIDDLE = 96
"""Edge in voxels of the box in the middle that a diagnosis looks into."""
ALIKE = 0.9
"""Correlation from which two parts are the same image; at half of it they are not."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a diagnosis rests on.

    Parameters
    ----------
    reference, copy : array-like
        The volumes, the copy on the reference's grey scale.
    scale : tuple of float or None
        Gain and offset that were taken out of the copy.
    pixels, correlation, spectrum
        What was measured on them.
    middle_reference, middle_stored : numpy.ndarray
        A box of `MIDDLE` voxels an edge in the middle of both, which every mirror image leaves in
        place, as stored.
    """

    reference: Voxels
    copy: Voxels
    scale: tuple[float, float] | None
    pixels: PixelErrors
    correlation: Correlation
    spectrum: CrossSpectrum
    middle_reference: Array
    middle_stored: Array

    @cached_property
    def middle_copy(self) -> Array:
        """The box of the copy, on the reference's grey scale."""
        return brought_back(self.middle_stored, self.scale)
