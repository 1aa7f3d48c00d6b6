"""The limits that verdicts rest on, each with its reason, in one place.

All are free of scale and dtype: they count voxels, compare with the volume's own spread, or are
in the field's units.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryoet_bench.quality.check import Verdict, judge

# A voxel this many robust sd from the median is an outlier: a normal distribution puts two in a
# thousand million there, so in any tomogram they have a cause (gold, ice, dust, a damaged read).
OUTLIER_SIGMA = 6.0


@dataclass(frozen=True)
class Limit:
    """A rule for one measure: up to `warn` is good, up to `fail` a warning, beyond a failure.

    With `falling`, small values are the bad ones: down to `warn` is good, down to `fail` a warning.
    """

    warn: float
    fail: float
    unit: str
    reason: str
    falling: bool = False

    def verdict(self, value: float) -> Verdict:
        """Hold a value against the rule."""
        if self.falling:
            return judge(-value, -self.warn, -self.fail)
        return judge(value, self.warn, self.fail)

    def __str__(self) -> str:
        """Say the rule in words."""
        sign = ">=" if self.falling else "<="
        text = f"{sign} {self.warn:g} {self.unit}".rstrip()
        if self.warn == self.fail or abs(self.fail) == float("inf"):
            return text
        return f"{text}, tolerable {sign} {self.fail:g}"


LIMITS = {
    "non-finite voxels": Limit(
        0, 0, "voxels",
        "One NaN spreads over the whole volume in the first Fourier transform.",
    ),
    "repeated value": Limit(
        0, 1e-4, "of the voxels",
        "Noise gives neighbouring values about equally often; a value that stands out by more than "
        "its counting error and threefold was written, not measured.",
    ),
    "modes": Limit(
        1, 2, "modes",
        "Ice and particles overlap in one broad peak at the noise of a tomogram; a second peak "
        "means masking, padding, or two volumes glued together.",
    ),
    "hot voxels": Limit(
        3e-7, 3e-5, "of the voxels",
        "The microscope's optics cannot make a single voxel stand out; a few per ten million can "
        "come from cosmic rays in unfiltered data.",
    ),
    "outliers": Limit(
        0.02, 0.1, "of the voxels",
        "Crowded particles put up to 0.6 % of a portal-like tomogram beyond six robust sd; more "
        "than 2 % means gold, ice or damage that will dominate any normalisation.",
    ),
    "signal-to-noise": Limit(
        0.05, 0.01, "",
        "Below 0.05 neighbouring slices share less than 5 % of their variance; the noisiest "
        "published unfiltered tomograms have about 0.1.",
        falling=True,
    ),
    "slice likeness": Limit(
        0.9995, 1 - 1e-9, "correlation",
        "Even at tenfold oversampling neighbouring slices differ by more than one part in 2000.",
    ),
    "hidden steps": Limit(
        0.005, 0.5, "sd",
        "Steps above 0.005 sd leave at most 11 bits over +-5 sd, in a float file that "
        "costs 32: it was 8-bit or badly scaled 16-bit before. Above half an sd detail is lost.",
    ),
    "integer steps": Limit(
        0.1, 0.5, "sd",
        "Six bits over +-3 sd keep the quantisation error below 0.1 % of the noise's variance; "
        "5 bits are published to suffice for raw data, 8 to 12 for maps (PMC9645247).",
    ),
    "clipped voxels": Limit(
        1e-6, 1e-3, "of the voxels",
        "In measured data the extreme value occurs once; a pile-up there is density cut off.",
    ),
    "empty blocks": Limit(
        0, 0, "blocks",
        "No 16-voxel cube of a measured volume is of one single value.",
    ),
    "empty slices": Limit(0, 0, "slices", "No measured slice is of one single value."),
    "duplicated slices": Limit(0, 0, "slices", "Noise never repeats, so equal slices are copies."),
    "slice order": Limit(
        0.02, 0.02, "correlation",
        "The likeness of neighbouring slices changes slowly through a volume; the largest step "
        "between the slices of clean phantoms and of a real tomogram is below 0.02.",
    ),
    "density drift": Limit(
        0.6, 1.5, "sd",
        "Clean phantoms, crowded at random, reach 0.4 sd from end to end along y and x; a steady "
        "gradient beyond 0.6 is uneven illumination, ice thickness or bad normalisation.",
    ),
    "spread drift": Limit(
        0.7, 1.5, "",
        "Natural logarithm of the sd's ratio from end to end. Clean phantoms reach 0.3.",
    ),
    "tilt range": Limit(
        50, 35, "degrees",
        "Stages reach 60 to 70 degrees; below 50 more than 44 % of Fourier space is empty.",
        falling=True,
    ),
    "band limit": Limit(
        0.1, 0.03, "cycles/voxel",
        "Below 0.1 the same detail fits into an eighth of the voxels with room to spare.",
        falling=True,
    ),
    "spacing": Limit(
        50, 200, "angstrom",
        "Tomograms of cells are reconstructed at 2 to 20 angstrom; above 50 no protein is seen.",
    ),
    "finest spacing": Limit(
        1, 0.1, "angstrom",
        "Detectors sample cryo-ET at 1 angstrom or coarser; less is a wrong unit.",
        falling=True,
    ),
    "skewness": Limit(
        0.1, float("inf"), "",
        "Protein scatters more than ice: in the portal's convention it is dark and gives the "
        "distribution a tail to the left. Bright protein is legitimate, but pickers must know.",
    ),
    "byte order": Limit(
        0.2, 0.2, "",
        "How much more alike neighbouring voxels become when their bytes are reversed.",
    ),
    "missing chunks": Limit(
        0, 0, "chunks",
        "A chunk that is not in the store reads as fill value without any error.",
    ),
    "header": Limit(0, 1, "disagreements", "Programs that trust a header misread the volume."),
}  # fmt: skip
