"""What a copy is for decides what it must keep: the profiles, as data.

Every limit has its reason beside it. The measures are named as in `Comparison.measures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryoet_bench.errors import require_known
from cryoet_bench.quality.check import Verdict
from cryoet_bench.quality.fidelity.defects import Defect, Place


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One limit on one measure.

    Parameters
    ----------
    measure : str
        Its name in `Comparison.measures`.
    title, unit : str
        For people.
    at_least, at_most : float, optional
        The limit; a measure without either must be true.
    reason : str
        Why there, in one sentence.
    unknown : {"pass", "warn", "fail"}
        The verdict where the measure cannot be made (a volume too thin, a spacing not said).
    metadata : bool
        It is about what a file says of its voxels, not about the voxels.
    """

    measure: str
    title: str
    reason: str
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    unknown: Verdict = "fail"
    metadata: bool = False

    @property
    def rule(self) -> str:
        """The limit in words."""
        if self.at_least is not None:
            return f"at least {self.at_least:g} {self.unit}".rstrip()
        if self.at_most is not None:
            return f"at most {self.at_most:g} {self.unit}".rstrip()
        return "yes"

    def verdict(self, value: Any) -> Verdict:
        """Hold a value against the limit; None is a measure that could not be made."""
        if value is None:
            return self.unknown
        if self.at_least is not None:
            holds = value >= self.at_least
        elif self.at_most is not None:
            holds = abs(value) <= self.at_most
        else:
            holds = value is True
        return "pass" if holds else "fail"


@dataclass(frozen=True)
class Profile:
    """What a copy must keep to serve a purpose.

    Parameters
    ----------
    name, purpose : str
        For people.
    requirements : tuple of Requirement
        The limits.
    tolerated : mapping of str to float
        Up to which severity damage that was recognised is only named: of single voxels and of
        regions, as in `Defect`. Damage to the whole volume fails every profile.
    """

    name: str
    purpose: str
    requirements: tuple[Requirement, ...]
    tolerated: Mapping[Place, float]

    def verdict_on(self, defect: Defect) -> Verdict:
        """Return what a recognised defect means for the purpose.

        Of a loss the requirements say whether it is too much, so it is only named. Damage weighs
        as much as the error in its worst place: a flipped last bit is a fault of the storage that
        no analysis will notice.
        """
        if defect.damage and defect.severity > self.tolerated.get(defect.place, 0.0):
            return "fail"
        return "warn"


_SHAPE = Requirement(
    measure="same_shape",
    title="Shape",
    reason="Positions in the copy must be positions in the reference.",
)
_SPACING = Requirement(
    measure="same_spacing",
    title="Voxel spacing",
    reason="A wrong spacing scales every distance, radius and resolution that is measured later.",
    # A plain Zarr array has no place for it; wherever two state one, they have to agree.
    unknown="warn",
    metadata=True,
)
_NAN = Requirement(
    measure="nonfinite_moved",
    title="NaN and infinity in place",
    unit="voxels",
    at_most=0,
    reason="One NaN spreads over the whole volume in the first Fourier transform.",
)

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "archival",
            "the copy replaces the original: every bit is kept",
            (
                _SHAPE,
                Requirement(
                    measure="same_dtype",
                    title="Type of a voxel",
                    reason="Software chooses its arithmetic by the type.",
                ),
                _SPACING,
                Requirement(
                    measure="bit_exact",
                    title="Bit-exact",
                    reason="A reconstruction costs days of computing; what an archive loses stays "
                    "lost.",
                ),
            ),
            {"voxel": 0.0, "region": 0.0},
        ),
        Profile(
            "analysis",
            "the copy is picked, averaged and segmented in the original's place",
            (
                _SHAPE,
                _SPACING,
                _NAN,
                Requirement(
                    measure="gain_error",
                    title="Gain",
                    at_most=0.01,
                    unknown="pass",
                    reason="Scores and thresholds that were set on the original carry over when "
                    "grey values scale by no more than a hundredth.",
                ),
                Requirement(
                    measure="bias_sd",
                    title="Mean error",
                    unit="sd",
                    at_most=0.01,
                    reason="As for the gain: a hundredth of the spread moves no threshold.",
                ),
                Requirement(
                    measure="fsc_minimum",
                    title="Least FSC in the band",
                    at_least=0.999,
                    unknown="pass",
                    reason="FSC = 1 / sqrt(1 + e) for an independent error of relative power e: "
                    "0.999 is 0.2 % in the worst shell, far below the noise of a tomogram, and "
                    "averaging subtomograms lowers both alike.",
                ),
                Requirement(
                    measure="max_error_sd",
                    title="Largest error",
                    unit="sd",
                    at_most=1,
                    reason="An error of one sd in a voxel is no longer lost in its noise: a local "
                    "flaw that averages hide.",
                ),
                Requirement(
                    measure="worst_block",
                    title="Correlation in the worst block",
                    at_least=0.9,
                    unknown="pass",
                    reason="A particle fills a few blocks of 16 voxels: what was exchanged in one "
                    "is another particle, however good the rest of the volume is.",
                ),
                Requirement(
                    measure="worst_slice",
                    title="RMS error of the worst slice",
                    unit="sd",
                    at_most=0.2,
                    reason="Lossy storage spreads its error over all slices; one that stands out "
                    "is another slice, which block averages hide.",
                ),
                Requirement(
                    measure="picking_agreement",
                    title="Same particles picked (F4)",
                    at_least=0.95,
                    unknown="pass",
                    reason="Equal scores may change places, which costs a pick or two in a "
                    "hundred; one in twenty is a change of the result.",
                ),
            ),
            {"voxel": 1.0, "region": 0.1},
        ),
        Profile(
            "visualisation",
            "the copy is looked at",
            (
                _SHAPE,
                _SPACING,
                _NAN,
                Requirement(
                    measure="pixel_correlation",
                    title="Correlation",
                    at_least=0.9,
                    unknown="pass",
                    reason="Contrast has its sign, and what is seen is where it was.",
                ),
                Requirement(
                    measure="shown_error",
                    title="Root-mean-square error as shown",
                    unit="sd",
                    at_most=0.1,
                    reason="A display stretches about 6 sd over 256 grey levels and shows what "
                    "lies beyond as black or white: a tenth of an sd is four levels, about what an "
                    "eye tells apart in noise.",
                ),
                Requirement(
                    measure="ssim",
                    title="Structural similarity (3-D)",
                    at_least=0.95,
                    unknown="pass",
                    reason="Below 0.95 two images shown in turn are seen to differ.",
                ),
                Requirement(
                    measure="worst_block",
                    title="Correlation in the worst block",
                    at_least=0.5,
                    unknown="pass",
                    reason="A block of 16 voxels that shows something else is seen, however good "
                    "the rest of the volume is.",
                ),
                Requirement(
                    measure="worst_slice",
                    title="RMS error of the worst slice",
                    unit="sd",
                    at_most=0.5,
                    reason="A slice that differs by half the spread flickers when one scrolls "
                    "through the volume.",
                ),
            ),
            # A display stretches 6 sd: a voxel that is off by all of it is a dot.
            {"voxel": 6.0, "region": 0.3},
        ),
    )
}


def profile_named(name: str) -> Profile:
    """Return a profile.

    Raises
    ------
    InputError
        There is none of that name.
    """
    require_known(name, PROFILES, "profile")
    return PROFILES[name]
