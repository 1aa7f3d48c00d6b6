"""Names for what happened to a copy, each from evidence that nothing else would leave.

Damage is what no way of storing a volume should do; a loss is what some ways of storing do on
purpose. The numbers say how much and decide, the name says where to look for the cause.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cryoet_bench.quality.check import several
from cryoet_bench.quality.fidelity import alignment, damage, losses
from cryoet_bench.quality.fidelity.defects import Defect
from cryoet_bench.quality.fidelity.evidence import Evidence

# What may be planted in a copy that differs everywhere else as well.
_BEHIND_LOSSES = {
    "missing-block", "replaced-block", "mirrored-block", "replaced-slices", "constant-slices",
    "swapped-slices", "duplicated-slice",
}  # fmt: skip


def diagnose(evidence: Evidence) -> list[Defect]:
    """Return what is recognised in a copy that differs from its reference, the gravest first."""
    if evidence.scale is None and evidence.pixels.same_values:
        return [_equal_values(evidence)]
    with np.errstate(invalid="ignore", over="ignore"):
        return _recognised(evidence)


def _equal_values(evidence: Evidence) -> Defect:
    if evidence.pixels.identical:
        return Defect(
            "changed-voxels",
            True,
            "integers differ beyond the 53 bits with which they are compared",
            "voxel",
        )
    wider = evidence.middle_reference.dtype.name != evidence.middle_stored.dtype.name
    return Defect(
        "same-values",
        False,
        f"the bits of {several(evidence.pixels.n_differing, 'voxel')} differ and no value does: "
        "zeros have another sign, or NaN another payload" + (", in another type" if wider else ""),
    )


def _recognised(evidence: Evidence) -> list[Defect]:
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
