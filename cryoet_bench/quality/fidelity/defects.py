"""What was recognised in a copy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Place = Literal["voxel", "region", "whole"]


@dataclass(frozen=True)
class Defect:
    """Something that was recognised in a copy.

    Parameters
    ----------
    name : str
        Stable identifier, e.g. ``flipped-bit``.
    damage : bool
        Never the effect of a way of storing on purpose. Of anything else the limits of a profile
        say whether it is too much.
    sentence : str
        What was seen, for a microscopist.
    place : {"voxel", "region", "whole"}
        How much of the volume is damaged: single voxels, blocks or slices, or all of it.
    severity : float
        Of damage: the error in its worst place, in standard deviations (of the volume for single
        voxels, of the block or slice for regions). Infinite where no size makes it harmless.
    """

    name: str
    damage: bool
    sentence: str
    place: Place = "whole"
    severity: float = math.inf
