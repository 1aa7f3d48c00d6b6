"""How finely and how far the grey values of a volume reach: steps, clipping, wrapping around."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check, Verdict
from cryoet_bench.quality.qc.answer import Answer
from cryoet_bench.quality.qc.survey import Survey
from cryoet_bench.quality.qc.sweep import RANGE_END, RANGE_SIDE
from cryoet_bench.quality.thresholds import LIMITS, Limits

# Fewer voxels than this say nothing about a distribution.
FEW = 512
# Wrapped values are next to the largest this much more often than those between, and at least this
# part of as often as without any order.
_WRAPPED, _ORDERLESS = 1.12, 0.5
# They are at least so many for each of the largest voxels; fewer may be the outline of a bead.
_SEVERAL = 0.05


@dataclass(frozen=True)
class Steps:
    """How finely densities are resolved.

    `levels` distinct values were met in a sample of `sampled` voxels; `step` is the typical
    distance between neighbouring ones in the middle half of the distribution.
    """

    levels: int
    sampled: int
    step: float

    @property
    def quantised(self) -> bool:
        """Tell whether values repeat more than measured floats can: less than half are distinct."""
        return self.sampled >= FEW and self.levels < self.sampled / 2


def steps(survey: Survey) -> Steps:
    """Return how finely the densities of the central box are resolved."""
    values = survey.values
    if not values.size:
        return Steps(0, 0, math.nan)
    distinct = values[np.r_[True, values[1:] != values[:-1]]]
    low, high = values[values.size // 4], values[-1 - values.size // 4]
    middle = distinct[(distinct >= low) & (distinct <= high)]
    gaps = np.diff((middle if middle.size > 2 else distinct).astype(np.float64))
    return Steps(distinct.size, values.size, float(np.median(gaps)) if gaps.size else math.nan)


def dynamic_range(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge how many grey values the volume uses, and whether a float volume was quantised once."""
    found = steps(survey)
    integer = survey.dtype.kind != "f"
    limit = limits["integer steps" if integer else "hidden steps"]
    details: dict[str, Any] = {"levels": found.levels, "sampled": found.sampled}
    if survey.sd == 0 or not survey.finite:
        return CATALOGUE["dynamic-range"].answered(
            None, "bits", str(limit), "n/a",
            "A constant volume has no dynamic range.", "", details,
        )  # fmt: skip
    if not found.quantised or math.isnan(found.step):
        return CATALOGUE["dynamic-range"].answered(
            survey.mantissa_bits, "bits of significand", str(limit), "pass",
            f"Values hardly ever repeat: the range of {survey.dtype} is used without steps.",
            "", details,
        )  # fmt: skip
    coarse = found.step / survey.sigma
    bits = math.log2((survey.maximum - survey.minimum) / found.step + 1)
    verdict = limit.verdict(coarse)
    answer = (_of_integers if integer else _of_floats)(survey, found, bits, verdict)
    return CATALOGUE["dynamic-range"].answered(
        bits, "bits", f"step {limit}", verdict, answer.sentence, answer.finding,
        details | {"step": found.step, "step_sd": coarse},
    )  # fmt: skip


def _of_integers(survey: Survey, found: Steps, bits: float, verdict: Verdict) -> Answer:
    text = (
        f"Stored as {survey.dtype}; steps of {found.step / survey.sigma:.3f} sd use about "
        f"{bits:.1f} bits, "
    )
    if verdict == "pass":
        return Answer(verdict, f"{text}fine enough for maps.")
    return Answer(verdict, f"{text}too coarse for faint detail.", "coarse-steps")


def _of_floats(survey: Survey, found: Steps, bits: float, verdict: Verdict) -> Answer:
    coarse = found.step / survey.sigma
    if verdict == "pass":
        return Answer(
            verdict, f"Steps of {coarse:.2g} sd, about {bits:.0f} bits: finer than any noise here."
        )
    is_subnormal = abs(found.step * 2**24 - 1) < 1e-3
    if is_subnormal:
        return Answer(
            verdict,
            "All values are multiples of 2^-24, the smallest half-precision number: densities "
            f"this small were stored as float16 unscaled and kept only about {bits:.1f} bits.",
            "half-precision-subnormals",
        )
    return Answer(
        verdict,
        f"A float volume with steps of {coarse:.3f} sd, {found.levels:,} grey values met: it "
        f"was stored with about {math.ceil(bits - 0.01)} bits once; what that lost is gone.",
        "quantised",
    )


def saturation(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge whether densities pile up at the exact extremes."""
    limit = limits["clipped voxels"]
    piles = {
        "minimum": pile(survey, survey.at_minimum, at_start=True),
        "maximum": pile(survey, survey.at_maximum, at_start=False),
    }
    clipped = sum(piles.values())
    share = clipped / max(survey.finite, 1)
    verdict: Verdict = limit.verdict(share) if clipped else "pass"
    around = wrapped_neighbours(survey)
    if limits["wrapped voxels"].verdict(around) != "pass":
        return CATALOGUE["saturation"].answered(
            around, "pairs of voxels",
            str(limits["wrapped voxels"]), limits["wrapped voxels"].verdict(around),
            f"{around:,} times a voxel near the largest value lies beside one near the smallest: "
            "values beyond the integer type's range wrapped around to its other end.",
            "wrapped",
        )  # fmt: skip
    ends = " and ".join(name for name, count in piles.items() if count)
    sentence = (
        f"{clipped:,} voxels sit at the exact {ends}: density beyond it was cut off."
        if verdict != "pass"
        else "The extreme values are rare, as in measured data: nothing was cut off."
    )
    return CATALOGUE["saturation"].answered(
        share, "of the voxels", str(limit), verdict,
        sentence, "clipped" if verdict != "pass" else "",
        {"at_minimum": survey.at_minimum, "at_maximum": survey.at_maximum},
    )  # fmt: skip


def wrapped_neighbours(survey: Survey) -> int:
    """Return how many neighbours of the largest voxels wrapped around an integer's range.

    The further apart two values, the rarer they are as neighbours, beside how often they occur.
    Where values wrapped around, the largest meet the smallest more often than ones in between.
    """
    if survey.sd == 0 or not survey.finite:
        return 0
    held = np.flatnonzero(survey.histogram.counts)
    if held.size < 32:
        return 0
    reach = survey.maximum - survey.minimum
    at = (survey.histogram.start + survey.histogram.width * held - survey.minimum) / reach
    counts = survey.histogram.counts[held]
    lowest = int(counts[at < RANGE_END].sum())
    between = int(counts[(at >= RANGE_END) & (at < RANGE_SIDE)].sum())
    largest = int(counts[at > 1 - RANGE_END].sum())
    met, met_between = survey.beside_largest
    # Without any order among voxels, so many of the six neighbours would be among the smallest.
    chance = 6 * largest * lowest / survey.finite
    natural = met_between * lowest / max(between, 1)
    enough = met > 20 + max(_WRAPPED * natural, _ORDERLESS * chance, _SEVERAL * largest)
    return met if enough else 0


def pile(survey: Survey, count: int, *, at_start: bool) -> int:
    """Return the voxels at an extreme if they outnumber the next values inwards fourfold."""
    if survey.sd == 0 or count < 8:
        return 0
    counts = survey.histogram.counts
    held = counts[np.flatnonzero(counts)]
    inward = held[1:4] if at_start else held[-4:-1]
    # The extreme's own bin may hold more than the extreme value.
    own = int(held[0 if at_start else -1]) - count
    usual = max(int(inward.max(initial=0)), own)
    return count if count > 4 * usual else 0
