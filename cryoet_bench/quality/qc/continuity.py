"""Checks of whether a volume continues: slice by slice, block by block, line by line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check, Verdict
from cryoet_bench.quality.qc.breaks import (
    Break,
    breaks,
    likeness,
    lost_likeness,
    uncertain,
)
from cryoet_bench.quality.qc.breaks import suspects as suspects_of
from cryoet_bench.quality.qc.copies import Copy
from cryoet_bench.quality.qc.cuboids import Block, blocks
from cryoet_bench.quality.qc.lines import Line, Stripe, hot_lines, stripes
from cryoet_bench.quality.qc.slices import duplicates, read_slice
from cryoet_bench.quality.qc.survey import ArrayLike, Survey
from cryoet_bench.quality.thresholds import LIMITS, Limits

Array = npt.NDArray[Any]
AXES = "zyx"
_SUSPECTS = 8
_FAINT_SUSPECTS = 12
_SIGNIFICANT = 6.0
# Two breaks at most so far apart enclose a slab from elsewhere.
_SLAB = 32
# Faces that meet must stand out by so many sd in sum to be a block beyond doubt.
_CERTAIN = 32.0
_MASKED = 0.3


def continuity(survey: Survey, array: ArrayLike, limits: Limits = LIMITS) -> list[Check]:
    """Return the checks of slices, blocks and lines."""
    if survey.sd == 0 or not survey.finite:
        return [
            CATALOGUE[key].unanswered("A volume without an image continues nowhere.", limits)
            for key in ("slice-order", "blocks", "lines")
        ]
    broken = [
        item for axis, planes in enumerate(survey.tiles.axes) for item in breaks(planes, axis)
    ]
    # The outline of a mask is no seam.
    masked = survey.padding.fill is not None and survey.padded > _MASKED * survey.size
    torn = [] if masked else blocks(survey.tiles, broken)
    bright = hot_lines(survey.tiles)
    torn = [block for block in torn if not any(_beside_face(line, block) for line in bright)]
    return [
        slice_order(survey, array, broken, limits),
        block_order(survey, torn, limits),
        line_order(survey, array, bright, broken, torn, limits),
    ]


def slice_order(
    survey: Survey, array: ArrayLike, broken: list[Break], limits: Limits = LIMITS
) -> Check:
    """Judge whether a slice occurs twice, or stands where it does not belong."""
    copies = duplicates(survey, array)
    ends = {(AXES[axis], span.start, span.stop - 1) for axis, span in enumerate(survey.padding.box)}
    periodic = [pair for pair in copies if pair in ends]
    copies = [pair for pair in copies if pair not in ends]
    limit = limits["slice order"]
    rule = f"duplicates {limits['duplicated slices']}; unlikeness {limit}"
    excess = max((item.excess / item.limit for item in broken), default=0.0)
    if limit.verdict(excess) == "pass":
        broken = []
    verdict: Verdict = "pass"
    finding, where = "", ""
    swapped = None if copies else _swapped(survey, array, broken)
    if copies:
        axis, first, second = copies[0]
        verdict, finding = limits["duplicated slices"].verdict(len(copies)), "duplicated-slice"
        sentence = (
            f"Slices {first} and {second} along {axis} are the same to the last bit"
            + (f" (and {len(copies) - 1} further pairs)" if len(copies) > 1 else "")
            + ": one overwrote another."
        )
    elif swapped:
        number, first, second = swapped
        verdict, finding = "fail", "swapped-slices"
        sentence = (
            f"Slices {first} and {second} along {AXES[number]} are in each other's place: "
            "exchanged, both continue their neighbours."
        )
    elif broken:
        verdict, finding, sentence = _named(broken)
    elif periodic:
        axis = periodic[0][0]
        sentence = (
            f"Every slice continues the one before; the first and the last along {axis} are equal, "
            "as in a periodic cell."
        )
    else:
        sentence = "Along z, y and x every slice continues the one before, and none occurs twice."
    place = None
    if copies:
        place = _across(survey, AXES.index(copies[0][0]), copies[0][1])
    elif swapped:
        where = f"{AXES[swapped[0]]} = {swapped[1]}"
        place = _across(survey, swapped[0], swapped[1])
    elif broken:
        where = f"{AXES[broken[0].axis]} = {broken[0].slices[0]}"
        place = _across(survey, broken[0].axis, broken[0].slices[0])
    return CATALOGUE["slice-order"].answered(
        excess, "of what is natural here", rule, verdict, sentence, finding,
        {
            "duplicates": copies[:20],
            "periodic": periodic,
            "discontinuities": [
                {
                    "axis": AXES[item.axis], "slices": item.slices, "kind": item.kind,
                    "excess": item.excess, "natural": item.limit,
                }
                for item in broken[:20]
            ],
            "where": where,
            "place": place,
        },
    )  # fmt: skip


def _across(survey: Survey, axis: int, index: int) -> list[int]:
    """Return the middle of a slice."""
    middle = [(span.start + span.stop) // 2 for span in survey.padding.box]
    return [index if axis == other else at for other, at in enumerate(middle)]


def _named(broken: list[Break]) -> tuple[Verdict, str, str]:
    """Say what the worst break is, with its numbers."""
    worst = broken[0]
    axis, (first, second) = AXES[worst.axis], worst.slices
    numbers = f"{worst.excess:.2f}, where {worst.limit:.2f} is natural in this volume"
    more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    single: dict[str, tuple[str, str]] = {
        "slice": (
            "foreign-slice",
            f"is like neither of its neighbours (ln of the excess {numbers}): it is from elsewhere",
        ),
        "offset slice": (
            "offset-slice", f"has a mean {worst.excess:.2f} sd away from its neighbours'",
        ),
        "scaled slice": (
            "scaled-slice",
            f"has a contrast {math.exp(worst.excess):.2f} times off its neighbours'",
        ),
    }  # fmt: skip
    if worst.kind in single:
        finding, what = single[worst.kind]
        return "fail", finding, f"Slice {first} along {axis} {what}{more}."
    between = f"Between slices {first} and {second} along {axis}"
    if worst.kind == "scale":
        return "warn", "scaled-part", (
            f"{between} the contrast changes at once by a factor {math.exp(worst.excess):.2f}"
            f"{more}: a part was scaled, or two volumes were joined."
        )  # fmt: skip
    if worst.kind == "offset":
        return "warn", "offset-part", (
            f"{between} the mean changes at once by {worst.excess:.2f} sd{more}: a part was "
            "shifted in grey value, or two volumes were joined."
        )  # fmt: skip
    partner = [
        item
        for item in broken[1:]
        if item.axis == worst.axis and abs(item.slices[0] - first) <= _SLAB
    ]
    if partner:
        low, high = sorted((first, partner[0].slices[0]))
        return "warn", "foreign-slab", (
            f"Slices {low + 1} to {high} along {axis} do not continue those on either side (ln of "
            f"the excess {numbers}): they are from elsewhere, or in reverse order."
        )  # fmt: skip
    return "warn", "lost-slices", (
        f"{between} the image changes abruptly (ln of the excess {numbers}){more}: slices are "
        "lost, or two volumes were joined."
    )  # fmt: skip


def _swapped(survey: Survey, array: ArrayLike, broken: list[Break]) -> tuple[int, int, int] | None:
    """Return the axis and the two slices along it that repair the breaks when exchanged."""
    for axis in range(3):
        items = [item for item in broken if item.axis == axis and item.kind != "offset"]
        suspects = sorted({index for item in items for index in item.slices})[:_SUSPECTS]
        if len(suspects) < 2 or len(items) > _SUSPECTS:
            continue
        enough = lost_likeness(survey.tiles.axes[axis], items) / 2
        pair = _pair_that_mends(array, axis, suspects, enough)
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
        pair = _pair_that_mends(array, axis, faint, enough) if faint else None
        if pair:
            return axis, *pair
    return None


def _pair_that_mends(
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


def block_order(survey: Survey, torn: list[Block], limits: Limits = LIMITS) -> Check:
    """Judge whether a block occurs twice, or does not continue its surroundings."""
    limit = limits["blocks"]
    symmetric = any(copy.symmetric for copy in survey.copies)
    copies = [] if symmetric else [copy for copy in survey.copies if not _in_padding(copy, survey)]
    found = len(copies) or len(torn)
    verdict: Verdict = limit.verdict(found)
    finding, where = "", ""
    place: list[int] | None = None
    if verdict == "pass":
        sentence = (
            "The volume repeats itself as a symmetric or periodic one does; nothing else occurs "
            "twice."
            if symmetric
            else "No block occurs twice, and none breaks off at planes."
        )
    elif copies:
        copy = copies[0]
        finding, where = "copied-block", _box(copy.second)
        place = [(low + high) // 2 for low, high in copy.second]
        turned = ", mirrored or turned" if copy.turned else ""
        sentence = (
            f"The voxels around z, y, x = {_box(copy.first)} occur again{turned} around {where}: "
            "one overwrote the other."
        )
    else:
        block = torn[0]
        where = _box(zip(block.start, block.stop, strict=True))
        place = [(a + b) // 2 for a, b in zip(block.start, block.stop, strict=True)]
        certain = block.faces >= 3 and block.strength >= _CERTAIN
        verdict = verdict if certain else "warn"
        finding = f"{block.kind}-block"
        what = {
            "foreign": "it is from elsewhere, mirrored or transposed",
            "noise": "it holds noise instead of an image",
            "scaled": f"its contrast is {block.ratio:.2f} times that of its surroundings",
        }[block.kind]
        faces = f"{block.faces} of its faces" if block.faces > 1 else "one of its faces"
        sentence = (
            f"The block z, y, x = {where} does not continue its surroundings at {faces}: {what}."
        )
    return CATALOGUE["blocks"].answered(
        found, "blocks", str(limit), verdict, sentence, finding,
        {
            "copies": [
                {"first": copy.first, "second": copy.second, "turned": copy.turned}
                for copy in copies[:20]
            ],
            "cuboids": [
                {
                    "start": block.start, "stop": block.stop, "faces": block.faces,
                    "strength": block.strength, "kind": block.kind, "ratio": block.ratio,
                }
                for block in torn[:20]
            ],
            "where": where,
            "place": place,
        },
    )  # fmt: skip


def _in_padding(copy: Copy, survey: Survey) -> bool:
    """Tell whether a copy is a slab at an end of the volume, as a repeated border is."""
    for axis, span in enumerate(survey.padding.box):
        for low, high in (copy.first[axis], copy.second[axis]):
            slab = all(
                copy.first[other][1] - copy.first[other][0] > 0.7 * (whole.stop - whole.start)
                for other, whole in enumerate(survey.padding.box)
                if other != axis
            )
            if slab and (low <= span.start + 1 or high >= span.stop - 1):
                return True
    return False


def _box(spans: Iterable[tuple[int, int]]) -> str:
    return ", ".join(f"{low}:{high}" for low, high in spans)


def line_order(
    survey: Survey,
    array: ArrayLike,
    bright: list[Line],
    broken: list[Break],
    torn: list[Block],
    limits: Limits = LIMITS,
) -> Check:
    """Judge whether lines stand out, or rows of a slice are rougher than those around."""
    limit = limits["lines"]
    damaged = stripes(survey.tiles, array)
    # Many damaged rows side by side are a stripe, a single one may be a line.
    hot = [
        line
        for line in bright
        if not _crosses(line, torn) and not any(_belongs(line, stripe) for stripe in damaged)
    ]
    known = {index for item in broken if item.axis == 0 for index in range(*_wide(item))}
    across = {index for item in broken if item.axis == 1 for index in range(*_wide(item))}
    rough = [
        stripe
        for stripe in damaged
        if stripe.plane not in known
        and not across & set(range(*stripe.rows))
        and not _inside(stripe, torn)
        and not any(line.axis == 2 and abs(line.at[0] - stripe.plane) <= 1 for line in hot)
    ]
    found = len(hot) + len(rough)
    certain = bool(hot) or any(stripe.certain for stripe in rough)
    verdict: Verdict = limit.verdict(found)
    if verdict == "fail" and not certain:
        verdict = "warn"
    finding, where = "", ""
    place: list[int] | None = None
    sentence = "No line of voxels and no row stands out from those around it."
    if verdict != "pass" and hot:
        line = hot[0]
        others = [axis for axis in AXES if axis != AXES[line.axis]]
        where = ", ".join(f"{axis} = {at}" for axis, at in zip(others, line.at, strict=True))
        finding = "hot-line"
        place = list(line.at)
        place.insert(line.axis, survey.shape[line.axis] // 2)
        sentence = (
            f"{len(hot)} lines one voxel wide stand out; the first, along {AXES[line.axis]} at "
            f"{where}, by {line.height:+.1f} sd: a bad detector column or damaged bytes."
        )
    elif verdict != "pass":
        stripe = rough[0]
        where = f"z = {stripe.plane}, y = {stripe.rows[0]}:{stripe.rows[1]}"
        finding = "damaged-rows"
        place = [stripe.plane, stripe.rows[0], survey.shape[2] // 2]
        sentence = (
            f"Rows {stripe.rows[0]} to {stripe.rows[1] - 1} along y of slice {stripe.plane} are "
            f"{math.exp(stripe.excess):.1f} times as rough as those around, and begin and end "
            f"abruptly ({len(rough)} such stripes): their bytes are damaged."
        )
    return CATALOGUE["lines"].answered(
        found, "lines or stripes", str(limit), verdict, sentence, finding,
        {
            "lines": [
                {"axis": AXES[line.axis], "at": line.at, "height": line.height}
                for line in hot[:20]
            ],
            "stripes": [
                {"plane": stripe.plane, "rows": stripe.rows, "excess": stripe.excess}
                for stripe in rough[:20]
            ],
            "where": where,
            "place": place,
        },
    )  # fmt: skip


def _belongs(line: Line, stripe: Stripe) -> bool:
    """Tell whether a line along x is one of several damaged rows."""
    first, stop = stripe.rows
    return (
        line.axis == 2 and line.at[0] == stripe.plane and stop - first > 1
        and first <= line.at[1] < stop
    )  # fmt: skip


def _wide(item: Break) -> tuple[int, int]:
    return item.slices[0] - 1, item.slices[1] + 2


def _beside_face(line: Line, block: Block) -> bool:
    """Tell whether a block is torn off where a line stands out: the line is what tears it."""
    others = [axis for axis in range(3) if axis != line.axis]
    return _crosses(line, [block]) and any(
        min(abs(at - block.start[axis]), abs(at + 1 - block.stop[axis])) <= 1
        for axis, at in zip(others, line.at, strict=True)
    )


def _crosses(line: Line, torn: list[Block]) -> bool:
    others = [axis for axis in range(3) if axis != line.axis]
    return any(
        all(
            block.start[axis] - 2 <= at < block.stop[axis] + 2
            for axis, at in zip(others, line.at, strict=True)
        )
        for block in torn
    )


def _inside(stripe: Stripe, torn: list[Block]) -> bool:
    return any(
        block.start[0] - 2 <= stripe.plane < block.stop[0] + 2
        and block.start[1] - 2 <= stripe.rows[1]
        and stripe.rows[0] < block.stop[1] + 2
        for block in torn
    )
