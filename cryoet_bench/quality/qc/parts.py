"""Whether all parts of a volume are there, once, in order, and alike from end to end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check, several, worst
from cryoet_bench.quality.qc.answer import AXES, Answer
from cryoet_bench.quality.qc.continuity import continuity
from cryoet_bench.quality.qc.kernels import BLOCK
from cryoet_bench.quality.qc.survey import ArrayLike, Survey
from cryoet_bench.quality.thresholds import LIMITS, Limits

Array = npt.NDArray[Any]
# Fewer voxels than this say nothing about a block.
_FEW = 512
# With more neighbours than this equal, one exact value is the background of the volume.
_VACUUM = 0.5
# The limit of drift was found in volumes of so many slices.
_USUAL = 128
# A slice with less of the volume's usual number of voxels is left out of trends.
_THIN = 0.2


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
    empty = {axis: indices for axis, indices in zip(AXES, slices, strict=True) if indices}
    lone = _lone_blocks(survey, slices)
    count = sum(map(len, slices)) + len(lone)
    if not (count and survey.sd > 0):
        answer = Answer("pass", "No slice and no block of the volume is empty.")
    # Empty slices along every axis are what lies between objects in vacuum, too.
    elif _uniform_elsewhere(survey, slices[0]) > _VACUUM or all(slices):
        answer = Answer(
            "n/a",
            "One exact value is the background of this volume "
            f"({100 * survey.uniform:.0f} % of neighbours are equal), as in simulated or masked "
            "maps: empty parts are normal in it.",
        )
    elif len(lone):
        answer = _empty_blocks(survey, lone)
    else:
        answer = _empty_slices(empty)
    return CATALOGUE["empty-parts"].answered(
        count, "", f"slices {limits['empty slices']}; blocks {limits['empty blocks']}",
        answer.verdict, answer.sentence, answer.finding,
        {"slices": empty, "blocks": lone[:100] * BLOCK, "block_edge": BLOCK},
    )  # fmt: skip


def _empty_blocks(survey: Survey, lone: Array) -> Answer:
    first = lone.min(axis=0) * BLOCK
    last = np.minimum((lone.max(axis=0) + 1) * BLOCK, survey.shape)
    where = ", ".join(f"{a}:{b}" for a, b in zip(first, last, strict=True))
    value = survey.block_low[tuple(lone[0])]
    return Answer(
        "fail",
        f"Nothing but {value:g} in {several(len(lone), 'block')} of {BLOCK} voxels a side, within "
        f"z, y, x = {where}: a chunk is missing or was never written.",
        "empty-block",
    )


def _empty_slices(empty: Mapping[str, list[int]]) -> Answer:
    names = "; ".join(
        f"{len(indices)} along {axis} from {indices[0]}" for axis, indices in empty.items()
    )
    return Answer(
        "fail",
        f"Slices hold a single value ({names}): they were never reconstructed or are lost.",
        "constant-slab",
    )


def _lone_blocks(survey: Survey, slices: Sequence[list[int]]) -> Array:
    """Return the constant blocks outside constant slices, which are reported as slices."""
    blocks = _constant_blocks(survey)
    for axis, indices in enumerate(slices):
        for start in indices:
            blocks[(slice(None),) * axis + (start // BLOCK,)] = False
    return np.argwhere(blocks)


def _uniform_elsewhere(survey: Survey, constant: list[int]) -> float:
    """Return the share of equal neighbours outside constant slices along z."""
    share = len(constant) / survey.shape[0]
    return (survey.uniform - share) / (1 - share) if share < 1 else survey.uniform


def constant_slices(survey: Survey) -> list[list[int]]:
    """Return the constant slices along z, y and x."""
    full = [slices.count > _THIN * slices.count.max(initial=1) for slices in survey.slices]
    constant = [np.flatnonzero((survey.slice_low == survey.slice_high) & full[0]).tolist()]
    for slices, enough in zip(survey.slices[1:], full[1:], strict=True):
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
    constant = (survey.block_low == survey.block_high) & (voxels >= _FEW)
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
    for axis, slices in zip(AXES, survey.slices, strict=True):
        usable = (slices.count > _THIN * slices.count.max(initial=1)) & (slices.sd > 0)
        if usable.sum() < BLOCK or survey.sd == 0:
            continue
        # Chance crowding makes the steeper trends, the fewer slices there are.
        few = min(1.0, math.sqrt(usable.sum() / _USUAL))
        steps_of_mean[axis] = few * _trend(slices.mean[usable] / survey.sd)
        steps_of_sd[axis] = few * _trend(np.log(slices.sd[usable]))
    if not steps_of_mean:
        return CATALOGUE["drift"].unanswered(
            f"The volume is too thin for a trend: no axis has {BLOCK} usable slices.", limits
        )
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
    return CATALOGUE["drift"].answered(
        value, "sd",
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
