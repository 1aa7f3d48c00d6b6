"""The check of slices: whether one occurs twice, or stands where it does not belong."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check, several
from cryoet_bench.quality.qc.answer import AXES, Answer
from cryoet_bench.quality.qc.breaks import Break, likeness, lost_likeness, uncertain
from cryoet_bench.quality.qc.breaks import suspects as suspects_of
from cryoet_bench.quality.qc.slices import duplicates, read_slice
from cryoet_bench.quality.qc.survey import ArrayLike, Survey
from cryoet_bench.quality.thresholds import LIMITS, Limits

Array = npt.NDArray[Any]
Pair = tuple[str, int, int]
"""An axis, and two slices along it."""

_SUSPECTS = 8
_FAINT_SUSPECTS = 12
_SIGNIFICANT = 6.0
# Two breaks at most so far apart enclose a slab from elsewhere.
_SLAB = 32


def slice_order(
    survey: Survey, array: ArrayLike, broken: list[Break], limits: Limits = LIMITS
) -> Check:
    """Judge whether a slice occurs twice, or stands where it does not belong."""
    ends = {(AXES[axis], span.start, span.stop - 1) for axis, span in enumerate(survey.padding.box)}
    equal = duplicates(survey, array)
    periodic = [pair for pair in equal if pair in ends]
    copies = [pair for pair in equal if pair not in ends]
    limit = limits["slice order"]
    excess = max((item.excess / item.limit for item in broken), default=0.0)
    if limit.verdict(excess) == "pass":
        broken = []
    if copies:
        answer = _copied(survey, copies, limits)
    elif exchanged := _swapped(survey, array, broken):
        answer = _exchanged(survey, *exchanged)
    elif broken:
        answer = _named(survey, broken)
    else:
        answer = Answer("pass", _continuous(periodic))
    return CATALOGUE["slice-order"].answered(
        excess, "of what is natural here",
        f"duplicates {limits['duplicated slices']}; unlikeness {limit}",
        answer.verdict, answer.sentence, answer.finding,
        answer.details(
            duplicates=copies[:20],
            periodic=periodic,
            discontinuities=[
                {
                    "axis": AXES[item.axis], "slices": item.slices, "kind": item.kind,
                    "excess": item.excess, "natural": item.limit,
                }
                for item in broken[:20]
            ],
        ),
    )  # fmt: skip


def _copied(survey: Survey, copies: list[Pair], limits: Limits) -> Answer:
    axis, first, second = copies[0]
    more = f" (and {several(len(copies) - 1, 'further pair')})" if len(copies) > 1 else ""
    return Answer(
        limits["duplicated slices"].verdict(len(copies)),
        f"Slices {first} and {second} along {axis} are the same to the last bit{more}: one "
        "overwrote another.",
        "duplicated-slice",
        place=_middle(survey, AXES.index(axis), first),
    )


def _exchanged(survey: Survey, axis: int, first: int, second: int) -> Answer:
    return Answer(
        "fail",
        f"Slices {first} and {second} along {AXES[axis]} are in each other's place: exchanged, "
        "both continue their neighbours.",
        "swapped-slices",
        f"{AXES[axis]} = {first}",
        _middle(survey, axis, first),
    )


def _continuous(periodic: list[Pair]) -> str:
    if periodic:
        return (
            f"Every slice continues the one before; the first and the last along {periodic[0][0]} "
            "are equal, as in a periodic cell."
        )
    return "Along z, y and x every slice continues the one before, and none occurs twice."


def _middle(survey: Survey, axis: int, index: int) -> list[int]:
    """Return the middle of a slice."""
    middle = [(span.start + span.stop) // 2 for span in survey.padding.box]
    return [index if axis == other else at for other, at in enumerate(middle)]


def _named(survey: Survey, broken: list[Break]) -> Answer:
    """Return what the worst break is, with its numbers."""
    worst = broken[0]
    axis, first = AXES[worst.axis], worst.slices[0]
    finding, sentence = _slice_alone(worst, broken) or _between(worst, broken)
    return Answer(
        # One slice alone is beyond doubt; where a part begins, two volumes may have been joined.
        "fail" if finding.endswith("-slice") else "warn",
        sentence,
        finding,
        f"{axis} = {first}",
        _middle(survey, worst.axis, first),
    )


def _slice_alone(worst: Break, broken: list[Break]) -> tuple[str, str] | None:
    """Return the defect of one slice and the sentence on it; None where a part differs."""
    numbers = _numbers(worst)
    findings = {
        "slice": (
            "foreign-slice",
            f"is like neither of its neighbours (ln of the excess {numbers}): it is from elsewhere",
        ),
        "offset slice": (
            "offset-slice",
            f"has a mean {worst.excess:.2f} sd away from its neighbours'",
        ),
        "scaled slice": (
            "scaled-slice",
            f"has a contrast {math.exp(worst.excess):.2f} times off its neighbours'",
        ),
    }
    if worst.kind not in findings:
        return None
    finding, what = findings[worst.kind]
    return finding, f"Slice {worst.slices[0]} along {AXES[worst.axis]} {what}{_more(broken)}."


def _between(worst: Break, broken: list[Break]) -> tuple[str, str]:
    """Return the defect that begins between two slices, and the sentence on it."""
    axis, (first, second) = AXES[worst.axis], worst.slices
    between, more = f"Between slices {first} and {second} along {axis}", _more(broken)
    if worst.kind == "scale":
        return "scaled-part", (
            f"{between} the contrast changes at once by a factor {math.exp(worst.excess):.2f}"
            f"{more}: a part was scaled, or two volumes were joined."
        )
    if worst.kind == "offset":
        return "offset-part", (
            f"{between} the mean changes at once by {worst.excess:.2f} sd{more}: a part was "
            "shifted in grey value, or two volumes were joined."
        )
    partner = [
        item
        for item in broken[1:]
        if item.axis == worst.axis and abs(item.slices[0] - first) <= _SLAB
    ]
    if partner:
        low, high = sorted((first, partner[0].slices[0]))
        return "foreign-slab", (
            f"Slices {low + 1} to {high} along {axis} do not continue those on either side (ln of "
            f"the excess {_numbers(worst)}): they are from elsewhere, or in reverse order."
        )
    return "lost-slices", (
        f"{between} the image changes abruptly (ln of the excess {_numbers(worst)}){more}: slices "
        "are lost, or two volumes were joined."
    )


def _numbers(worst: Break) -> str:
    return f"{worst.excess:.2f}, where {worst.limit:.2f} is natural in this volume"


def _more(broken: list[Break]) -> str:
    return f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""


def _swapped(survey: Survey, array: ArrayLike, broken: list[Break]) -> tuple[int, int, int] | None:
    """Return the axis and the two slices along it that repair the breaks when exchanged."""
    for axis in range(3):
        items = [item for item in broken if item.axis == axis and item.kind != "offset"]
        suspects = sorted({index for item in items for index in item.slices})[:_SUSPECTS]
        if len(suspects) < 2 or len(items) > _SUSPECTS:
            continue
        enough = lost_likeness(survey.tiles.axes[axis], items) / 2
        pair = _pair_that_repairs(array, axis, suspects, enough)
        if pair:
            return axis, *pair
    torn = {item.axis for item in broken if item.kind in {"slice", "break"}}
    for axis, planes in enumerate(survey.tiles.axes):
        # One of the two may hide in the noise.
        if not (axis in torn or (not broken and uncertain(planes))):
            continue
        faint = suspects_of(planes, _FAINT_SUSPECTS)
        # Put in place, two slices regain what they share with four neighbours; the correlations of
        # noise are 1 / sqrt(voxels) wide, and eight of them enter.
        voxels = survey.size // survey.shape[axis]
        enough = max(2 * likeness(planes), _SIGNIFICANT * math.sqrt(8 / voxels))
        pair = _pair_that_repairs(array, axis, faint, enough) if faint else None
        if pair:
            return axis, *pair
    return None


def _pair_that_repairs(
    array: ArrayLike, axis: int, suspects: list[int], enough: float
) -> tuple[int, int] | None:
    size = array.shape[axis]
    near = {i for index in suspects for i in (index - 1, index, index + 1) if 0 <= i < size}
    planes = {index: _normalised(read_slice(array, axis, index)) for index in sorted(near)}

    def gain(first: int, second: int) -> float:
        """Return by how much the correlations beside two slices rise when they are exchanged."""
        exchanged = {**planes, first: planes[second], second: planes[first]}
        beside = {i for index in (first, second) for i in (index - 1, index)}
        return sum(
            float(np.vdot(exchanged[i], exchanged[i + 1]))
            - float(np.vdot(planes[i], planes[i + 1]))
            for i in beside
            if i in planes and i + 1 in planes
        )

    gains = {pair: gain(*pair) for pair in itertools.combinations(suspects, 2)}
    best = max(gains, key=lambda pair: gains[pair])
    return best if gains[best] > enough else None


def _normalised(plane: Array) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        centred = plane.astype(np.float64) - plane.mean(dtype=np.float64)
        length = float(np.linalg.norm(centred))
    return centred / length if length > 0 else centred
