"""The checks of any volume, from its statistics to the consistency of its parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check, several, worst
from cryoet_bench.quality.qc.breaks import slice_series
from cryoet_bench.quality.qc.grey_values import FEW, dynamic_range, pile, saturation, steps
from cryoet_bench.quality.qc.parts import consistency
from cryoet_bench.quality.qc.survey import UNIFORM, ArrayLike, Survey
from cryoet_bench.quality.qc.tiles import REACH
from cryoet_bench.quality.thresholds import LIMITS, OUTLIER_SIGMA, Limits

Array = npt.NDArray[Any]
# A segmentation has fewer labels than this among the voxels that are sampled.
_LABELS = 4096
# In a volume of few grey values a spike is at least this share of the voxels.
_SPIKE = 0.005
_FEW_SPIKES = 4
# Where more than this share lies beyond the bulk, it is the specimen, and no voxel of it is hot.
_CROWDED = 0.02
# Where the spread is this many times the volume's, what is beyond that need not be hot.
_LOCAL = 1.2


def volume_checks(survey: Survey, array: ArrayLike, limits: Limits = LIMITS) -> list[Check]:
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
        reason = "Labels are no densities: this question makes no sense for a segmentation."
        return [
            statistics(survey, limits),
            segmentation(survey),
            *(
                question.unanswered(reason, limits)
                for question in CATALOGUE.values()
                if question.of_densities
            ),
        ]
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
        f"{survey.minimum:g} to {survey.maximum:g} in the middle, {100 * survey.uniform:.1f} % of "
        "neighbours are equal. Checks of densities make no sense here and are left out."
    )
    return CATALOGUE["segmentation"].answered(
        count, "labels", "densities or labels", "pass", sentence,
        "segmentation",
    )  # fmt: skip


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
            f"{100 * share:.1f} % of the volume is padding or mask"
            + (f" ({'; '.join(parts)})" if parts else "")
            + f"; the specimen lies within z, y, x = {box}, and everything here is measured there."
        )
    else:
        sentence = "The specimen fills the volume: there is no padding and no mask."
    return CATALOGUE["padding"].answered(
        share, "of the voxels", str(limit), verdict, sentence,
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
            f"{several(bad, 'voxel')} {'is' if bad == 1 else 'are'} NaN or infinite; any Fourier "
            "transform, filter or alignment of this volume will fail or spread them everywhere."
        )
    elif survey.sd == 0:
        verdict, finding = "fail", "constant-volume"
        sentence = f"Every voxel is {survey.minimum:g}: there is no image in this volume."
    else:
        sentence = (
            f"All voxels are numbers: mean {survey.mean:.3g}, sd {survey.sd:.3g}, "
            f"median {survey.median:.3g}, robust sd {survey.sigma:.3g}."
        )
    return CATALOGUE["statistics"].answered(
        bad, "non-finite", str(limit), verdict, sentence, finding, details
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
            f"The value {value:.6g} fills {100 * share:.3f} % of the voxels and stands out of its "
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
    return CATALOGUE["distribution"].answered(
        modes, "peaks" if modes != 1 else "peak",
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
    # What was cut off piles up at the ends, which is reported elsewhere.
    weights[0] -= pile(survey, survey.at_minimum, at_start=True)
    weights[-1] -= pile(survey, survey.at_maximum, at_start=False)
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
            f"{100 * share:.2f} % of the voxels lie beyond {OUTLIER_SIGMA:g} robust sd, "
            f"{100 * clustered:.0f} % of them in clusters: gold, thick ice, or a bulk of vacuum "
            "makes up the distribution."
        )
    elif total:
        sentence = (
            f"{total:,} voxels lie beyond {OUTLIER_SIGMA:g} robust sd, "
            f"{100 * clustered:.0f} % of them beside others, as in dense structure."
        )
    else:
        sentence = f"No voxel lies beyond {OUTLIER_SIGMA:g} robust sd."
    return CATALOGUE["outliers"].answered(
        alone, "hot voxels",
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
    others = np.maximum(planes.square[at] - REACH**2, 0) / (np.maximum(planes.voxels[at], 2) - 1)
    kept = np.count_nonzero(np.sqrt(others) <= _LOCAL * survey.sigma / survey.sd)
    return round(found.hot * kept / len(found.places))


def signal_to_noise(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge the signal-to-noise ratio, r / (1 - r) from the correlation r of adjacent slices.

    Frank and Al-Ali, Nature 256, 376 (1975). Neighbouring slices are no independent measurements
    of the same density: correlated noise raises the value, so it is an upper bound.
    """
    limit, copies = limits["signal-to-noise"], limits["slice likeness"]
    known = survey.neighbours[np.isfinite(survey.neighbours)]
    if not known.size:
        known = slice_series(survey.tiles.axes[0]).correlation
        known = known[np.isfinite(known)]
    if not known.size:
        return CATALOGUE["signal-to-noise"].unanswered(
            "It cannot be estimated: it takes two neighbouring slices along z that are finite and "
            "not constant.",
            limits,
        )
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
    return CATALOGUE["signal-to-noise"].answered(
        ratio, "", str(limit), verdict, sentence, finding,
        {"correlation": likeness},
    )  # fmt: skip


def _typical_likeness(survey: Survey) -> float:
    """Return the median over the slices' variance of how alike neighbours are.

    So slices of vacuum around the specimen do not count.
    """
    weight = survey.slices[0].sd[1:] * survey.slices[0].sd[:-1]
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
