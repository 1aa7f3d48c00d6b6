"""The seven checks of any volume, from its statistics to the consistency of its parts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.quality.check import Check, Verdict, worst
from cryoet_bench.quality.qc.continuity import continuity
from cryoet_bench.quality.qc.kernels import BLOCK
from cryoet_bench.quality.qc.seams import profile
from cryoet_bench.quality.qc.survey import RANGE_END, UNIFORM, ArrayLike, Survey
from cryoet_bench.quality.qc.tiles import REACH
from cryoet_bench.quality.thresholds import LIMITS, OUTLIER_SIGMA, Limits

Array = npt.NDArray[Any]
AXES = "zyx"
# Fewer voxels than this say nothing about a distribution or a block.
FEW = 512
# A segmentation has fewer labels than this among the voxels that are sampled.
_LABELS = 4096
# In a volume of few grey values a spike is at least this share of the voxels.
_SPIKE = 0.005
_FEW_SPIKES = 4
# Where more than this share lies beyond the bulk, it is the specimen, and no voxel of it is hot.
_CROWDED = 0.02
# Where the spread is this many times the volume's, what is beyond that need not be hot.
_LOCAL = 1.2
# With more neighbours than this equal, one exact value is the background of the volume.
_VACUUM = 0.5
# The limit of drift was found in volumes of so many slices.
_USUAL = 128
# A slice with less of the volume's usual number of voxels is left out of trends.
_THIN = 0.2


def seven_checks(survey: Survey, array: ArrayLike, limits: Limits = LIMITS) -> list[Check]:
    """Return the checks that make sense for any volume, from its survey.

    Parameters
    ----------
    survey : Survey
        Of the volume.
    array : array of axes z, y, x
        The volume, from which single slices are read where the survey is suspicious of them.
    limits : mapping of str to Limit
        What verdicts rest on.
    """
    if is_segmentation(survey):
        return [statistics(survey, limits), segmentation(survey), *_without_densities(limits)]
    return [
        statistics(survey, limits),
        padding(survey, limits),
        distribution(survey, limits),
        outliers(survey, limits),
        signal_to_noise(survey, limits),
        dynamic_range(survey, limits),
        saturation(survey, limits),
        *consistency(survey, array, limits),
    ]


def is_segmentation(survey: Survey) -> bool:
    """Tell whether voxels are labels: few values, and neighbours equal far more often than not."""
    if survey.uniform < UNIFORM or not survey.finite or survey.sd == 0:
        return False
    values = np.unique(survey.values)
    if not (values == np.round(values)).all():
        return False
    # A smooth density in few grey values changes by one of them at a time; labels do not, unless
    # there are only two or three.
    pilot = survey.pilot[np.isfinite(survey.pilot).all(axis=(1, 2))]
    change = np.abs(np.diff(pilot, axis=-1))
    change = change[change > 0]
    return values.size <= 3 or (
        values.size < _LABELS
        and (not change.size or bool((change > 1.5 * change.min()).mean() > 0.2))
    )


def segmentation(survey: Survey) -> Check:
    """Say what labels a segmentation holds."""
    count = np.unique(survey.values).size
    sentence = (
        f"This is a segmentation or a mask, no tomogram: {count:,} labels from "
        f"{survey.minimum:g} to {survey.maximum:g} in the middle, {survey.uniform:.1%} of "
        "neighbours are equal. Checks of densities make no sense here and are left out."
    )
    return Check(
        "segmentation", "Kind of voxels", count, "labels", "densities or labels", "pass", sentence,
        "segmentation",
    )  # fmt: skip


def _without_densities(limits: Limits) -> list[Check]:
    """Return the checks of densities, with the reason why a segmentation has none."""
    return [
        Check(
            key, title, None, "", str(limits[limit]), "n/a",
            "Labels are no densities: this question makes no sense for a segmentation.",
        )
        for key, title, limit in (
            ("distribution", "Distribution of densities", "modes"),
            ("outliers", "Outliers and hot voxels", "outliers"),
            ("signal-to-noise", "Signal-to-noise ratio", "signal-to-noise"),
            ("dynamic-range", "Dynamic range", "integer steps"),
            ("saturation", "Saturation and clipping", "clipped voxels"),
            ("empty-parts", "Empty slices and blocks", "empty blocks"),
            ("slice-order", "Order of slices", "slice order"),
            ("blocks", "Blocks out of place", "blocks"),
            ("lines", "Hot lines and damaged rows", "lines"),
            ("drift", "Drift across the volume", "density drift"),
        )
    ]  # fmt: skip


def padding(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Say which box holds the specimen, and what was filled in around it."""
    limit, found = limits["padding"], survey.padding
    share = survey.padded / survey.size
    box = ", ".join(f"{span.start}:{span.stop}" for span in found.box)
    verdict = limit.verdict(share)
    parts = []
    if found.repeated:
        parts.append(f"slices repeated along {', '.join(found.repeated)}")
    if found.fill is not None:
        parts.append(f"voxels of {found.fill:g} around the specimen")
    if survey.padded:
        sentence = (
            f"{share:.1%} of the volume is padding or mask"
            + (f" ({'; '.join(parts)})" if parts else "")
            + f"; the specimen lies within z, y, x = {box}, and everything here is measured there."
        )
    else:
        sentence = "The specimen fills the volume: there is no padding and no mask."
    return Check(
        "padding", "Padding and mask", share, "of the voxels", str(limit), verdict, sentence,
        "padding" if verdict != "pass" else "",
        {
            "box": [[span.start, span.stop] for span in found.box],
            "fill": found.fill,
            "repeated": list(found.repeated),
            "voxels": survey.padded,
        },
    )  # fmt: skip


def statistics(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge whether every voxel is a number, and whether they differ at all."""
    bad = survey.nan + survey.plus_infinity + survey.minus_infinity
    limit = limits["non-finite voxels"]
    details = {
        name: getattr(survey, name)
        for name in (
            "minimum", "maximum", "mean", "sd", "median", "mad", "nan", "plus_infinity",
            "minus_infinity",
        )
    }  # fmt: skip
    verdict, finding = limit.verdict(bad), "non-finite" if bad else ""
    if not survey.finite:
        sentence = "No voxel holds a number: the volume is empty."
    elif bad:
        sentence = (
            f"{bad:,} voxels are NaN or infinite; any Fourier transform, filter or alignment of "
            "this volume will fail or spread them everywhere."
        )
    elif survey.sd == 0:
        verdict, finding = "fail", "constant-volume"
        sentence = f"Every voxel is {survey.minimum:g}: there is no image in this volume."
    else:
        sentence = (
            f"All voxels are numbers: mean {survey.mean:.3g}, sd {survey.sd:.3g}, "
            f"median {survey.median:.3g}, robust sd {survey.sigma:.3g}."
        )
    return Check(
        "statistics",
        "Voxel values",
        bad,
        "non-finite",
        str(limit),
        verdict,
        sentence,
        finding,
        details,
    )


def distribution(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge whether the histogram is one broad peak, without a value that was written in."""
    share, value = repeated_value(survey)
    modes = count_modes(survey)
    repeated, several = limits["repeated value"], limits["modes"]
    finding = ""
    if share > 0:
        finding = "repeated-value"
        sentence = (
            f"The value {value:.6g} fills {share:.3%} of the voxels and stands out of its "
            "neighbours in the histogram: part of the volume was filled or masked."
        )
    elif modes > 1:
        finding = "several-modes"
        sentence = (
            f"The histogram has {modes} peaks: masked, padded or joined volumes look like this."
        )
    else:
        sentence = (
            f"One peak, skewness {survey.skewness:.2f}, excess kurtosis {survey.kurtosis:.2f}: "
            "ice with particles looks like this."
        )
    return Check(
        "distribution", "Distribution of densities", modes, "peaks" if modes != 1 else "peak",
        f"{several}; repeated value {repeated}",
        worst((repeated.verdict(share), several.verdict(modes))), sentence, finding,
        {
            "skewness": survey.skewness,
            "excess_kurtosis": survey.kurtosis,
            "repeated_share": share,
            "repeated_value": value,
        },
    )  # fmt: skip


def repeated_value(survey: Survey) -> tuple[float, float]:
    """Return the share and value of a spike in the histogram, 0 and NaN where there is none.

    A spike is a bin with three times as many voxels as any typical neighbour and ten counting
    errors more; the extremes are left to the check of saturation.
    """
    counts = survey.histogram.counts
    held = np.flatnonzero(counts)
    if held.size < 20:
        return 0.0, math.nan
    # Occupied bins only, so that quantised volumes are held against their own levels.
    level = np.pad(counts[held].astype(np.float64), 8, mode="reflect")
    mean = np.convolve(level, np.full(17, 1 / 17), mode="valid")
    # A sieve: three times as many as around is more than twice a mean that includes the spike.
    high = np.flatnonzero(level[8:-8] > 2 * mean)
    high = high[(high > 1) & (high < held.size - 2)]
    if not high.size:
        return 0.0, math.nan
    around = np.median(np.lib.stride_tricks.sliding_window_view(level, 17)[high], axis=1)
    excess = level[high + 8] - np.maximum(3 * around, around + 10 * np.sqrt(around) + 10)
    winner = int(np.argmax(excess))
    if excess[winner] <= 0:
        return 0.0, math.nan
    best = high[winner]
    # What was in steps once, in whole or in part, has a spike at many of them.
    spikes = np.count_nonzero(excess > 0)
    if spikes > _FEW_SPIKES or (
        steps(survey).quantised and level[best + 8] < _SPIKE * survey.finite
    ):
        return 0.0, math.nan
    value = survey.histogram.start + survey.histogram.width * held[best]
    if not survey.histogram.discrete:
        value = _commonest(survey.values, value, survey.histogram.width)
    return float((level[best + 8] - around[winner]) / survey.finite), value


def _commonest(values: Array, start: float, width: float) -> float:
    """Return the most frequent sampled value of a bin, its middle where none was sampled."""
    low, high = np.searchsorted(values, (start - width, start + 2 * width))
    if low == high:
        return start + width / 2
    unique, counts = np.unique(values[low:high], return_counts=True)
    return float(unique[np.argmax(counts)])


def count_modes(survey: Survey) -> int:
    """Count peaks of the histogram that are separated by valleys half as high.

    The histogram is smoothed over a quarter of a robust sd; peaks of less than 1 % of the voxels
    do not count.
    """
    if survey.finite < FEW or survey.sigma == 0:
        return 1
    # Of few grey values, each alone would be a peak.
    level = steps(survey)
    coarse = 2 * level.step / survey.sigma if level.quantised and level.step > 0 else 0.0
    edges = survey.median + survey.sigma * np.arange(-16, 16.25, min(max(0.25, coarse), 2))
    held = np.flatnonzero(survey.histogram.counts)
    centres = survey.histogram.start + survey.histogram.width * (
        held + (0.0 if survey.histogram.discrete else 0.5)
    )
    weights = survey.histogram.counts[held].astype(np.float64)
    # What was cut off piles up at the ends, which is told elsewhere.
    weights[0] -= _pile(survey, survey.at_minimum, at_start=True)
    weights[-1] -= _pile(survey, survey.at_maximum, at_start=False)
    coarse = np.histogram(centres, edges, weights=weights)[0]
    smooth = np.convolve(coarse, [0.25, 0.5, 0.25], mode="same") / survey.finite
    peaks, valley, top = 0, 0.0, 0.0
    for height in smooth:
        if top and height < top / 2:
            peaks += 1
            valley, top = height, 0.0
        elif top:
            top = max(top, height)
        else:
            valley = min(valley, height)
            if height > max(2 * valley, 0.01):
                top = height
    return max(peaks + (1 if top else 0), 1)


def outliers(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge voxels far from the bulk, and above all those that stand alone."""
    found = survey.outliers
    total = found.low + found.high
    share, alone = total / max(survey.finite, 1), hot_voxels(survey)
    hot = alone / max(survey.finite, 1)
    lone, many = limits["hot voxels"], limits["outliers"]
    judged = alone > 1 and share < _CROWDED
    verdict = worst((lone.verdict(hot) if judged else "pass", many.verdict(share)))
    clustered = 1 - alone / total if total else 0.0
    finding = ""
    if judged and lone.verdict(hot) != "pass":
        finding = "hot-voxels"
        place = ", ".join(str(int(at)) for at in found.places[0]) if len(found.places) else "?"
        sentence = (
            f"{alone:,} single voxels stand out without any neighbour doing so (the first at "
            f"z, y, x = {place}): X-rays, hot detector pixels or damaged bytes, not structure."
        )
    elif verdict != "pass":
        finding = "many-outliers"
        sentence = (
            f"{share:.2%} of the voxels lie beyond {OUTLIER_SIGMA:g} robust sd, {clustered:.0%} of "
            "them in clusters: gold, thick ice, or a bulk of vacuum makes up the distribution."
        )
    elif total:
        sentence = (
            f"{total:,} voxels lie beyond {OUTLIER_SIGMA:g} robust sd, {clustered:.0%} of them "
            "beside others, as in dense structure."
        )
    else:
        sentence = f"No voxel lies beyond {OUTLIER_SIGMA:g} robust sd."
    return Check(
        "outliers", "Outliers and hot voxels", alone, "hot voxels",
        f"hot {lone}; beyond {OUTLIER_SIGMA:g} sd {many}", verdict, sentence, finding,
        {
            "below": found.low,
            "above": found.high,
            "share": share,
            "clustered": clustered,
            "hot_places": found.places[:20],
        },
    )  # fmt: skip


def hot_voxels(survey: Survey) -> int:
    """Return how many of the voxels that stand alone do so among those around them, too.

    Where half a volume is vacuum, noise in the other half is far beyond the spread of the whole.
    """
    found, tiles = survey.outliers, survey.tiles
    if not len(found.places) or survey.sd == 0:
        return found.hot
    z, y, x = found.places.T
    at = (z, y // tiles.edge, x // tiles.edge)
    planes = tiles.axes[0]
    # A hot voxel adds its own square, cut off, to that of its tile.
    others = np.maximum(planes.square[at] - REACH**2, 0) / np.maximum(planes.voxels[at] - 1, 1)
    kept = np.count_nonzero(np.sqrt(others) <= _LOCAL * survey.sigma / survey.sd)
    return round(found.hot * kept / len(found.places))


def signal_to_noise(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge the signal-to-noise ratio, r / (1 - r) from the correlation r of adjacent slices.

    Frank and Al-Ali, Nature 256, 376 (1975). Neighbouring slices are no independent measurements
    of the same density: correlated noise raises the value, so it is an upper bound.
    """
    limit, copies = limits["signal-to-noise"], limits["slice likeness"]
    known = survey.neighbours[np.isfinite(survey.neighbours)]
    title, rule = "Signal-to-noise ratio", str(limit)
    if not known.size:
        known = profile(survey.tiles.axes[0]).correlation
        known = known[np.isfinite(known)]
    if not known.size:
        return Check(
            "signal-to-noise", title, None, "", rule, "n/a",
            "It cannot be estimated: it takes two neighbouring slices along z that are finite and "
            "not constant.",
        )  # fmt: skip
    likeness = _typical_likeness(survey) if known.size == survey.shape[0] - 1 else math.nan
    if math.isnan(likeness):
        likeness = float(np.median(known))
    ratio = likeness / (1 - likeness) if likeness < 1 else math.inf
    finding = ""
    verdict = worst((limit.verdict(ratio), copies.verdict(likeness)))
    if limit.verdict(ratio) != "pass":
        finding = "no-signal"
        sentence = (
            f"Neighbouring slices correlate by only {likeness:.3f}: the volume is close to pure "
            "noise at this voxel size."
        )
    elif verdict != "pass":
        finding = "repeated-slices"
        sentence = (
            f"Neighbouring slices correlate by {likeness:.5f}: they are copies or interpolated."
        )
    else:
        sentence = (
            f"Neighbouring slices correlate by {likeness:.3f}: an upper bound of {ratio:.2g} for "
            "the ratio (correlated noise counts as signal here; half-sets tell more)."
        )
    return Check(
        "signal-to-noise", title, ratio, "", rule, verdict, sentence, finding,
        {"correlation": likeness},
    )  # fmt: skip


def _typical_likeness(survey: Survey) -> float:
    """Return the median over the slices' variance of how alike neighbours are.

    So slices of vacuum around the specimen do not count.
    """
    weight = survey.profiles[0].sd[1:] * survey.profiles[0].sd[:-1]
    order = np.argsort(survey.neighbours)
    total = np.cumsum(weight[order])
    return float(survey.neighbours[order][np.searchsorted(total, total[-1] / 2)])


def half_set_ratio(first: Array, second: Array) -> float:
    """Return the signal-to-noise ratio of two reconstructions from halves of the data.

    Parameters
    ----------
    first, second : array, shape (z, y, x)
        Independent measurements of the same density.

    Returns
    -------
    float
        r / (1 - r) of one half, with r their correlation: Frank and Al-Ali, Nature 256, 376 (1975).

    Raises
    ------
    InputError
        They have different shapes.
    """
    if first.shape != second.shape:
        raise InputError(f"half-sets must have one shape, not {first.shape} and {second.shape}")
    likeness = float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
    return likeness / (1 - likeness) if likeness < 1 else math.inf


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
    title, integer = "Dynamic range", survey.dtype.kind != "f"
    limit = limits["integer steps" if integer else "hidden steps"]
    details: dict[str, Any] = {"levels": found.levels, "sampled": found.sampled}
    if survey.sd == 0 or not survey.finite:
        return Check(
            "dynamic-range", title, None, "bits", str(limit), "n/a",
            "A constant volume has no dynamic range.", "", details,
        )  # fmt: skip
    if not found.quantised or math.isnan(found.step):
        return Check(
            "dynamic-range", title, survey.mantissa_bits, "bits of significand", str(limit), "pass",
            f"Values hardly ever repeat: the range of {survey.dtype} is used without steps.",
            "", details,
        )  # fmt: skip
    coarse = found.step / survey.sigma
    bits = math.log2((survey.maximum - survey.minimum) / found.step + 1)
    verdict = limit.verdict(coarse)
    details |= {"step": found.step, "step_sd": coarse}
    finding = ""
    subnormal = abs(found.step * 2**24 - 1) < 1e-3
    if integer:
        finding = "coarse-steps" if verdict != "pass" else ""
        sentence = (
            f"Stored as {survey.dtype}; steps of {coarse:.3f} sd use about {bits:.1f} bits, "
            + ("too coarse for faint detail." if verdict != "pass" else "fine enough for maps.")
        )
    elif subnormal and verdict != "pass":
        finding = "half-precision-subnormals"
        sentence = (
            "All values are multiples of 2^-24, the smallest half-precision number: densities "
            f"this small were stored as float16 unscaled and kept only about {bits:.1f} bits."
        )
    elif verdict != "pass":
        finding = "quantised"
        sentence = (
            f"A float volume with steps of {coarse:.3f} sd, {found.levels:,} grey values met: it "
            f"was stored with about {math.ceil(bits - 0.01)} bits once; what that lost is gone."
        )
    else:
        sentence = f"Steps of {coarse:.2g} sd, about {bits:.0f} bits: finer than any noise here."
    return Check(
        "dynamic-range", title, bits, "bits", f"step {limit}", verdict, sentence, finding, details
    )


def saturation(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge whether densities pile up at the exact extremes."""
    limit = limits["clipped voxels"]
    piles = {
        "minimum": _pile(survey, survey.at_minimum, at_start=True),
        "maximum": _pile(survey, survey.at_maximum, at_start=False),
    }
    clipped = sum(piles.values())
    share = clipped / max(survey.finite, 1)
    verdict: Verdict = limit.verdict(share) if clipped else "pass"
    around = wrapped_voxels(survey)
    if limits["wrapped voxels"].verdict(around) != "pass":
        return Check(
            "saturation", "Saturation and clipping", around, "wrapped voxels",
            str(limits["wrapped voxels"]), limits["wrapped voxels"].verdict(around),
            f"{around:,} voxels near the largest value lie beside ones near the smallest: values "
            "beyond the integer type's range wrapped around to its other end.",
            "wrapped",
        )  # fmt: skip
    ends = " and ".join(name for name, count in piles.items() if count)
    sentence = (
        f"{clipped:,} voxels sit at the exact {ends}: density beyond it was cut off."
        if verdict != "pass"
        else "The extreme values are rare, as in measured data: nothing was cut off."
    )
    return Check(
        "saturation", "Saturation and clipping", share, "of the voxels", str(limit), verdict,
        sentence, "clipped" if verdict != "pass" else "",
        {"at_minimum": survey.at_minimum, "at_maximum": survey.at_maximum},
    )  # fmt: skip


def wrapped_voxels(survey: Survey) -> int:
    """Return how many voxels wrapped around the range of an integer type, 0 where none did.

    In noise without any smoothness a large value has none of its six neighbours among the small
    ones as often as their share says; in a tomogram that is rarer still.
    """
    if survey.sd == 0 or not survey.finite:
        return 0
    span = RANGE_END * (survey.maximum - survey.minimum)
    held = np.flatnonzero(survey.histogram.counts)
    if held.size < 32:
        return 0
    at = survey.histogram.start + survey.histogram.width * held
    counts = survey.histogram.counts[held]
    low = int(counts[at < survey.minimum + span].sum())
    high = int(counts[at > survey.maximum - span].sum())
    chance = high * (1 - (1 - low / survey.finite) ** 6)
    return survey.wrapped if survey.wrapped > 1.3 * chance + 20 + 0.05 * high else 0


def _pile(survey: Survey, count: int, *, at_start: bool) -> int:
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


def consistency(survey: Survey, array: ArrayLike, limits: Limits = LIMITS) -> list[Check]:
    """Judge whether all parts of a volume are there, once, and in order."""
    return [
        empty_parts(survey, limits),
        *continuity(survey, array, limits),
        drift(survey, limits),
    ]


def empty_parts(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge slices and blocks of one single value: what is missing reads as fill value."""
    slices = constant_slices(survey)
    blocks = _constant_blocks(survey)
    for axis, indices in enumerate(slices):
        # A constant slab is reported once, as slices.
        for start in indices:
            blocks[(slice(None),) * axis + (start // BLOCK,)] = False
    lone = np.argwhere(blocks)
    count = sum(len(indices) for indices in slices)
    verdict: Verdict = "fail" if (count or len(lone)) and survey.sd > 0 else "pass"
    # Empty slices along every axis are what lies between objects in vacuum, too.
    vacuum = verdict == "fail" and (_uniform_elsewhere(survey, slices[0]) > _VACUUM or all(slices))
    if vacuum:
        verdict = "n/a"
    rule = f"slices {limits['empty slices']}; blocks {limits['empty blocks']}"
    details = {
        "slices": {
            axis: indices for axis, indices in zip(AXES, slices, strict=True) if len(indices)
        },
        "blocks": lone[:100] * BLOCK,
        "block_edge": BLOCK,
    }
    finding = ""
    if verdict == "fail" and len(lone):
        finding = "empty-block"
        first = lone.min(axis=0) * BLOCK
        last = np.minimum((lone.max(axis=0) + 1) * BLOCK, survey.shape)
        where = ", ".join(f"{a}:{b}" for a, b in zip(first, last, strict=True))
        value = survey.block_low[tuple(lone[0])]
        sentence = (
            f"{len(lone)} blocks of {BLOCK} voxels a side hold nothing but {value:g}, within "
            f"z, y, x = {where}: a chunk is missing or was never written."
        )
    elif verdict == "fail":
        finding = "constant-slab"
        names = "; ".join(
            f"{len(indices)} along {axis} from {indices[0]}"
            for axis, indices in zip(AXES, slices, strict=True)
            if len(indices)
        )
        sentence = (
            f"Slices hold a single value ({names}): they were never reconstructed or are lost."
        )
    elif vacuum:
        sentence = (
            f"One exact value is the background of this volume ({survey.uniform:.0%} of neighbours "
            "are equal), as in simulated or masked maps: empty parts are normal in it."
        )
    else:
        sentence = "No slice and no block of the volume is empty."
    return Check(
        "empty-parts", "Empty slices and blocks", count + len(lone), "", rule, verdict, sentence,
        finding, details,
    )  # fmt: skip


def _uniform_elsewhere(survey: Survey, constant: list[int]) -> float:
    """Return the share of equal neighbours outside constant slices along z."""
    share = len(constant) / survey.shape[0]
    return (survey.uniform - share) / (1 - share) if share < 1 else survey.uniform


def constant_slices(survey: Survey) -> list[list[int]]:
    """Return the constant slices along z, y and x."""
    full = [slices.count > _THIN * slices.count.max(initial=1) for slices in survey.profiles]
    constant = [np.flatnonzero((survey.slice_low == survey.slice_high) & full[0]).tolist()]
    for slices, enough in zip(survey.profiles[1:], full[1:], strict=True):
        away = np.abs(slices.mean - survey.mean) + survey.sd
        # Sums of squares leave rounding noise of about 1e-8 of the distance from the mean.
        constant.append(np.flatnonzero((slices.sd < 1e-6 * away) & enough).tolist())
    sizes = [survey.size // n for n in survey.shape]
    return [
        indices if size > 1 and n > 1 else []
        for indices, size, n in zip(constant, sizes, survey.shape, strict=True)
    ]


def _constant_blocks(survey: Survey) -> Array:
    edges = [np.diff(np.r_[np.arange(0, n, BLOCK), n]) for n in survey.shape]
    voxels = edges[0][:, None, None] * edges[1][:, None] * edges[2]
    constant = (survey.block_low == survey.block_high) & (voxels >= FEW)
    # At the rim of a mask a block may hold a single voxel of the specimen.
    tiles = survey.tiles
    for z, y, x in np.argwhere(constant) if survey.padded else []:
        held = tiles.axes[0].voxels[
            z * BLOCK : (z + 1) * BLOCK, y * BLOCK // tiles.edge, x * BLOCK // tiles.edge
        ]
        constant[z, y, x] = held.sum() > 0.99 * held.size * held.max(initial=1)
    return np.asarray(constant)


def drift(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge whether mean and spread of the slices change steadily from end to end."""
    density, spread = limits["density drift"], limits["spread drift"]
    steps_of_mean, steps_of_sd = {}, {}
    for axis, slices in zip(AXES, survey.profiles, strict=True):
        usable = (slices.count > _THIN * slices.count.max(initial=1)) & (slices.sd > 0)
        if usable.sum() < BLOCK or survey.sd == 0:
            continue
        # Chance crowding makes the steeper trends, the fewer slices there are.
        few = min(1.0, math.sqrt(usable.sum() / _USUAL))
        steps_of_mean[axis] = few * _trend(slices.mean[usable] / survey.sd)
        steps_of_sd[axis] = few * _trend(np.log(slices.sd[usable]))
    if not steps_of_mean:
        return Check(
            "drift", "Drift across the volume", None, "sd", str(density), "n/a",
            f"The volume is too thin for a trend: no axis has {BLOCK} usable slices.",
        )  # fmt: skip
    axis = max(steps_of_mean, key=lambda name: abs(steps_of_mean[name]))
    other = max(steps_of_sd, key=lambda name: abs(steps_of_sd[name]))
    value, ratio = abs(steps_of_mean[axis]), abs(steps_of_sd[other])
    verdict = worst((density.verdict(value), spread.verdict(ratio)))
    finding = ""
    if density.verdict(value) != "pass":
        finding = "gradient"
        sentence = (
            f"The mean density drifts by {value:.2f} sd from one end to the other along {axis}: "
            "uneven illumination or thickness was not levelled."
        )
    elif verdict != "pass":
        finding = "spread-gradient"
        sentence = (
            f"The contrast changes by a factor {math.exp(ratio):.1f} from end to end along "
            f"{other}: thickness or defocus varies strongly, or a part was scaled."
        )
    else:
        sentence = (
            f"Mean and contrast stay level: the largest trend is {value:.2f} sd along {axis}."
        )
    return Check(
        "drift", "Drift across the volume", value, "sd",
        f"mean {density}; log contrast {spread}", verdict, sentence, finding,
        {"mean": steps_of_mean, "log_sd": steps_of_sd},
    )  # fmt: skip


def _trend(values: Array) -> float:
    """Return the rise of a straight line from end to end; 0 where it explains less than half."""
    position = np.linspace(-0.5, 0.5, values.size)
    slope = float(np.dot(position, values) / np.dot(position, position))
    varied = float(np.sum((values - values.mean()) ** 2))
    explained = slope**2 * float(np.dot(position, position))
    return slope if varied > 0 and explained > 0.5 * varied else 0.0
