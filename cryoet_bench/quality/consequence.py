"""What checks mean for whoever wants to use a volume: the gravest first, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from cryoet_bench.quality.check import Check, Verdict

_GRAVITY: Mapping[Verdict, int] = {"fail": 0, "warn": 1, "pass": 2, "n/a": 3}
# Of two findings of one verdict, the cause comes before what follows from it: a missing chunk
# explains an empty block, a second peak and a break between slices.
_CAUSES = (
    "missing-chunk", "constant-volume", "wrong-byte-order", "damaged-header", "non-finite",
    "empty-block", "constant-slab", "duplicated-slice", "swapped-slices", "lost-slices",
    "foreign-slice", "foreign-slab", "copied-block", "foreign-block", "noise-block",
    "scaled-block", "scaled-part", "offset-part", "damaged-rows", "hot-line", "offset-slice",
    "scaled-slice", "wrapped", "no-signal",
    "repeated-slices", "half-precision-subnormals", "quantised", "coarse-steps", "hot-voxels",
    "clipped", "break-between-slices", "gradient", "spread-gradient",
)  # fmt: skip
_LATE = (
    "repeated-value", "several-modes", "many-outliers", "oversampled", "narrow-tilt-range",
    "no-wedge", "inverted-contrast", "implausible-spacing", "anisotropic-spacing", "no-spacing",
    "default-spacing", "no-spacing-along-z", "padding", "unwritten-chunks", "segmentation",
)  # fmt: skip
# What a user can do about a finding without a new reconstruction. Where the original is needed, it
# says "again".
_REMEDIES = {
    "missing-chunk": "copy the missing chunks again",
    "wrong-byte-order": "swap the bytes of each voxel",
    "damaged-header": "write the header again",
    "non-finite": "replace the voxels that are no numbers",
    "swapped-slices": "exchange the swapped slices",
    "hot-voxels": "remove the hot voxels",
    "hot-line": "remove the hot lines",
    "damaged-rows": "copy the volume again, or interpolate the damaged rows",
    "offset-slice": "level the slice whose mean is off",
    "scaled-slice": "rescale the slice whose contrast is off",
    "offset-part": "bring both parts to one mean",
    "scaled-part": "bring both parts to one contrast",
    "wrapped": "convert the original again, over a range that holds all its values",
    "gradient": "level the density",
    "inverted-contrast": "invert the contrast",
    "implausible-spacing": "correct the voxel spacing",
    "no-spacing": "write the voxel spacing",
    "default-spacing": "write the voxel spacing",
    "no-spacing-along-z": "write the voxel spacing",
}


@dataclass(frozen=True)
class Advice:
    """Whether to use a volume.

    Parameters
    ----------
    answer : {"yes", "after fixing", "no"}
        Use it?
    fixes : tuple of str
        What to do first, in the imperative.
    """

    answer: Literal["yes", "after fixing", "no"]
    fixes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in a few words."""
        return self.answer if not self.fixes else f"{self.answer}: {'; '.join(self.fixes)}"


def by_consequence(checks: Iterable[Check]) -> list[Check]:
    """Return checks in the order in which a reader should meet them, the gravest first."""
    return sorted(checks, key=lambda check: (_GRAVITY[check.verdict], _rank(check.finding)))


def _rank(finding: str) -> int:
    """Return the place of a finding; a value beyond its limit that names no cause comes last."""
    if finding in _CAUSES:
        return _CAUSES.index(finding)
    if finding in _LATE:
        return len(_CAUSES) + 1 + _LATE.index(finding)
    return len(_CAUSES) if finding else len(_CAUSES) + 1 + len(_LATE)


def advice(checks: Iterable[Check]) -> Advice:
    """Return whether to use a volume: not if a check fails that only a new volume would pass.

    What only warns does not stand in the way, unless it is easily fixed.
    """
    wrong = [check for check in by_consequence(checks) if check.verdict in ("fail", "warn")]
    fixes = [
        _REMEDIES[check.finding]
        for check in wrong
        if check.finding in _REMEDIES and not _follows(check, wrong)
    ]
    if any(
        check.verdict == "fail" and check.finding not in _REMEDIES and not _follows(check, wrong)
        for check in wrong
    ):
        return Advice("no")
    return Advice("after fixing", tuple(dict.fromkeys(fixes))) if fixes else Advice("yes")


# What one finding looks like to the other checks; it goes when its cause does. A missing chunk
# reads as a block of one value, and hot voxels are all that the skewness sees.
_CONSEQUENCES = {
    "missing-chunk": (
        "empty-block", "constant-slab", "repeated-value", "several-modes", "break-between-slices",
    ),
    "wrong-byte-order": (
        "non-finite", "hot-voxels", "many-outliers", "no-signal", "no-wedge", "clipped",
        "inverted-contrast", "repeated-value", "several-modes", "break-between-slices",
    ),
    "hot-voxels": ("clipped", "many-outliers", "inverted-contrast", "no-wedge"),
    "wrapped": ("clipped", "several-modes", "inverted-contrast", "no-wedge"),
}  # fmt: skip


def _follows(check: Check, wrong: Iterable[Check]) -> bool:
    """Return whether a finding is the consequence of another one, and will go with it."""
    return any(check.finding in _CONSEQUENCES.get(cause.finding, ()) for cause in wrong)
