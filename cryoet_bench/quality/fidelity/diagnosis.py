"""Names for what happened to a copy, each from evidence that nothing else would leave.

Damage is what no way of storing a volume should do; a loss is what some ways of storing do on
purpose. The numbers say how much and decide, the name says where to look for the cause.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.fidelity import alignment, damage, losses
from cryoet_bench.quality.fidelity.defects import Defect
from cryoet_bench.quality.fidelity.evidence import Evidence
from cryoet_bench.quality.fidelity.grey_scale import brought_back
from cryoet_bench.quality.fidelity.pixels import PixelErrors
from cryoet_bench.quality.metrics.fsc import Correlation
from cryoet_bench.quality.metrics.shells import CrossSpectrum
from cryoet_bench.volume.boxes import Voxels

Array = npt.NDArray[Any]

# What may be planted in a copy that differs everywhere else as well.
_BEHIND_LOSSES = {
    "missing-block", "replaced-block", "mirrored-block", "replaced-slices", "constant-slices",
    "swapped-slices", "duplicated-slice",
}  # fmt: skip


def diagnose(
    reference: Voxels,
    copy: Voxels,
    centres: tuple[Array, Array],
    scale: tuple[float, float] | None,
    pixels: PixelErrors,
    correlation: Correlation,
    spectrum: CrossSpectrum,
) -> list[Defect]:
    """Return what is recognised in a copy that differs from its reference, the gravest first.

    Parameters
    ----------
    reference, copy : array-like
        The volumes, the copy on the reference's grey scale.
    centres : tuple of numpy.ndarray
        The box `middle` of `MIDDLE` voxels an edge of both, as stored.
    scale : tuple of float or None
        Gain and offset that were taken out of the copy.
    pixels, correlation, spectrum
        What was measured on reference and copy.
    """
    if scale is None and pixels.same_values:
        return [_equal_values(*centres, pixels)]
    with np.errstate(invalid="ignore", over="ignore"):
        evidence = Evidence(
            reference,
            copy,
            scale,
            pixels,
            correlation,
            spectrum,
            *centres,
            brought_back(centres[1], scale),
        )
        return _diagnose(evidence)


def _equal_values(reference: Array, stored: Array, pixels: PixelErrors) -> Defect:
    if pixels.identical:
        return Defect(
            "changed-voxels",
            True,
            "integers differ beyond the 53 bits with which they are compared",
            "voxel",
        )
    wider = reference.dtype.name != stored.dtype.name
    return Defect(
        "same-values",
        False,
        f"the bits of {pixels.n_differing:,} voxels differ and no value does: zeros have another "
        "sign, or NaN another payload" + (", in another type" if wider else ""),
    )


def _diagnose(evidence: Evidence) -> list[Defect]:
    pixels = evidence.pixels
    # These account for every voxel: whatever else would be seen is their effect.
    if found := _first(evidence, alignment.byte_order, alignment.orientation, alignment.shift):
        return found
    found = [*damage.nonfinite(evidence)]
    if evidence.scale is not None:
        # Of exact values nothing is left on another scale, so only what stands out is looked for.
        found += [*losses.line(evidence), *_first(evidence, damage.slices, damage.local)]
        return found + _first(evidence, losses.half_precision, losses.levels, losses.mantissa)
    if pixels.n_differing > pixels.nonfinite_moved:
        found += _first(
            evidence, damage.single_voxels, damage.slices, damage.block, losses.clipping,
            losses.lost_wedge, damage.local,
        )  # fmt: skip
    if not found or found[0].name in _BEHIND_LOSSES:
        found += losses.line(evidence)
        found += _first(evidence, losses.gradient)
        found += _first(evidence, losses.half_precision, losses.levels, losses.mantissa)
        found += _first(evidence, losses.smoothing)
    return found or _first(evidence, losses.noise)


def _first(evidence: Evidence, *explanations: Callable[[Evidence], Defect | None]) -> list[Defect]:
    """Return the first explanation that holds, if any does."""
    for explain in explanations:
        if defect := explain(evidence):
            return [defect]
    return []
