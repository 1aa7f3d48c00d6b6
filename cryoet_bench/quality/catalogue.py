"""What qc asks of a volume: each question with what it finds and its limits, in one place.

The checks take their titles from here; the reports, the documents and the site list it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryoet_bench.quality.check import Check, Verdict
from cryoet_bench.quality.thresholds import LIMITS, Limits


@dataclass(frozen=True)
class Question:
    """One question that is asked of every volume.

    Parameters
    ----------
    key : str
        Stable identifier, that of its `Check`.
    title : str
        Its name for people.
    finds : str
        What it looks at and what it finds, in one sentence.
    limits : tuple of str
        Names of what its verdict rests on, in `LIMITS`.
    of_densities : bool
        It makes no sense for the labels of a segmentation.
    """

    key: str
    title: str
    finds: str
    limits: tuple[str, ...] = ()
    of_densities: bool = True

    def rule(self, limits: Limits = LIMITS) -> str:
        """Return its limits in words; empty where it has none."""
        if len(self.limits) == 1:
            return str(limits[self.limits[0]])
        return "; ".join(f"{name} {limits[name]}" for name in self.limits)

    def answered(
        self,
        value: float | str | None,
        unit: str,
        threshold: str,
        verdict: Verdict,
        sentence: str,
        finding: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> Check:
        """Return the check that answers it; parameters as of `Check`."""
        return Check(
            self.key, self.title, value, unit, threshold, verdict, sentence, finding, details or {}
        )

    def unanswered(self, reason: str, limits: Limits = LIMITS) -> Check:
        """Return the check that could not be made, with the reason."""
        return Check(self.key, self.title, None, "", self.rule(limits), "n/a", reason)


CATALOGUE: Mapping[str, Question] = {
    question.key: question
    for question in (
        Question(
            "statistics", "Voxel values",
            "Mean, spread and extremes; finds NaN, infinity, and a volume of one single value.",
            ("non-finite voxels",), of_densities=False,
        ),
        Question(
            "segmentation", "Kind of voxels",
            "Tells a segmentation or a mask from densities, so that only what makes sense for "
            "labels is checked.", of_densities=False,
        ),
        Question(
            "padding", "Padding and mask",
            "Finds borders, masks and turned-in corners, and the box that holds the specimen: "
            "everything else is measured there.",
            ("padding",),
        ),
        Question(
            "distribution", "Distribution of densities",
            "Finds a second peak in the histogram, and a value that was written in.",
            ("modes", "repeated value"),
        ),
        Question(
            "outliers", "Outliers and hot voxels",
            "Counts voxels beyond six robust sd, and finds those that stand alone: X-rays, hot "
            "pixels, damaged bytes.",
            ("hot voxels", "outliers"),
        ),
        Question(
            "signal-to-noise", "Signal-to-noise ratio",
            "An upper bound from the correlation of neighbouring slices (Frank and Al-Ali 1975); "
            "finds pure noise and slices that are copies.",
            ("signal-to-noise", "slice likeness"),
        ),
        Question(
            "dynamic-range", "Dynamic range",
            "Counts the grey values in use; finds a float volume that was stored with 8 bits once, "
            "and integers that are too coarse.",
            ("hidden steps", "integer steps"),
        ),
        Question(
            "saturation", "Saturation and clipping",
            "Finds densities cut off at the extremes, and values that wrapped around an integer's "
            "range.",
            ("clipped voxels", "wrapped voxels"),
        ),
        Question(
            "empty-parts", "Empty slices and blocks",
            "Finds slices and blocks of one single value: parts that were lost or never written.",
            ("empty slices", "empty blocks"),
        ),
        Question(
            "slice-order", "Order of slices",
            "Finds slices that are swapped, foreign, lost, repeated, raised or scaled, along z, y "
            "and x.",
            ("duplicated slices", "slice order"),
        ),
        Question(
            "blocks", "Blocks out of place",
            "Finds blocks that were copied (in any orientation), scaled, or overwritten by noise "
            "or from elsewhere.",
            ("blocks",),
        ),
        Question(
            "lines", "Hot lines and damaged rows",
            "Finds lines one voxel wide that stand out, and rows of damaged bytes.",
            ("lines",),
        ),
        Question(
            "drift", "Drift across the volume",
            "Finds a mean or a contrast that changes steadily from end to end.",
            ("density drift", "spread drift"),
        ),
        Question(
            "missing-wedge", "Missing wedge",
            "Measures tilt axis and tilt range in the power spectrum; finds tilts that were lost.",
            ("tilt range",),
        ),
        Question(
            "band-limit", "Effective band limit",
            "Measures the finest detail that is there; finds a volume far larger than its detail.",
            ("band limit",),
        ),
        Question(
            "voxel-spacing", "Voxel spacing",
            "Finds a spacing that is missing, implausible, or not the same along all axes.",
            ("finest spacing", "spacing"), of_densities=False,
        ),
        Question(
            "contrast", "Sign of the contrast",
            "Tells by the skewness whether dense matter is dark, as pickers expect.",
            ("skewness",),
        ),
        Question(
            "byte-order", "Byte order",
            "Finds voxels that make sense only with their bytes reversed.",
            ("byte order",),
        ),
        Question(
            "stored-chunks", "Chunks in the store",
            "Finds chunks of a Zarr that are not in the store: they read as fill value without "
            "any error.",
            ("missing chunks",), of_densities=False,
        ),
        Question(
            "header", "Header",
            "Finds a header that contradicts itself or the file.",
            ("header",), of_densities=False,
        ),
        Question(
            "content", "Content of the file",
            "Finds a file that holds something else than one volume along z, y, x: a stack of "
            "images, several volumes, other axes.", of_densities=False,
        ),
    )
}  # fmt: skip
"""By key, in the order in which they are asked."""
