"""The check of lines: whether one stands out, or rows of a slice are rougher than those around."""

from __future__ import annotations

import math

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check, Verdict, several
from cryoet_bench.quality.qc.answer import AXES, Answer
from cryoet_bench.quality.qc.breaks import Break
from cryoet_bench.quality.qc.cuboids import Block
from cryoet_bench.quality.qc.lines import Line, Stripe, stripes
from cryoet_bench.quality.qc.survey import ArrayLike, Survey
from cryoet_bench.quality.thresholds import LIMITS, Limits


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
        if not crosses(line, torn) and not any(_belongs(line, stripe) for stripe in damaged)
    ]
    rough = [stripe for stripe in damaged if not _is_explained(stripe, hot, broken, torn)]
    found = len(hot) + len(rough)
    verdict = limit.verdict(found)
    if verdict == "pass":
        answer = Answer("pass", "No line of voxels and no row stands out from those around it.")
    elif hot:
        answer = _hot(survey, hot, verdict)
    else:
        answer = _damaged(survey, rough, verdict)
    return CATALOGUE["lines"].answered(
        found, "lines or stripes", str(limit), answer.verdict, answer.sentence, answer.finding,
        answer.details(
            lines=[
                {"axis": AXES[line.axis], "at": line.at, "height": line.height}
                for line in hot[:20]
            ],
            stripes=[
                {"plane": stripe.plane, "rows": stripe.rows, "excess": stripe.excess}
                for stripe in rough[:20]
            ],
        ),
    )  # fmt: skip


def crosses(line: Line, torn: list[Block]) -> bool:
    """Tell whether a line runs through a block that does not continue its surroundings."""
    others = [axis for axis in range(3) if axis != line.axis]
    return any(
        all(
            block.start[axis] - 2 <= at < block.stop[axis] + 2
            for axis, at in zip(others, line.at, strict=True)
        )
        for block in torn
    )


def _hot(survey: Survey, hot: list[Line], verdict: Verdict) -> Answer:
    line = hot[0]
    others = [axis for axis in AXES if axis != AXES[line.axis]]
    where = ", ".join(f"{axis} = {at}" for axis, at in zip(others, line.at, strict=True))
    place = list(line.at)
    place.insert(line.axis, survey.shape[line.axis] // 2)
    what = "A line one voxel wide stands out,"
    if len(hot) > 1:
        what = f"{len(hot)} lines one voxel wide stand out, the first"
    return Answer(
        verdict,
        f"{what} along {AXES[line.axis]} at {where}, by {line.height:+.1f} sd: a bad detector "
        "column or damaged bytes.",
        "hot-line",
        where,
        place,
    )


def _damaged(survey: Survey, rough: list[Stripe], verdict: Verdict) -> Answer:
    stripe = rough[0]
    first, stop = stripe.rows
    rows = f"{first}" if stop - first == 1 else f"{first} to {stop - 1}"
    certain = any(one.certain for one in rough)
    return Answer(
        verdict if certain else "warn",
        f"At y = {rows} slice {stripe.plane} is {math.exp(stripe.excess):.1f} times as rough as "
        "around, and that begins and ends abruptly "
        f"({several(len(rough), 'such stripe')}): bytes are damaged.",
        "damaged-rows",
        f"z = {stripe.plane}, y = {first}:{stop}",
        [stripe.plane, first, survey.shape[2] // 2],
    )


def _is_explained(stripe: Stripe, hot: list[Line], broken: list[Break], torn: list[Block]) -> bool:
    """Tell whether rows are rough where slices break, in a torn block, or beside a hot line."""
    known = {index for item in broken if item.axis == 0 for index in range(*_wide(item))}
    across = {index for item in broken if item.axis == 1 for index in range(*_wide(item))}
    return (
        stripe.plane in known
        or bool(across & set(range(*stripe.rows)))
        or _inside(stripe, torn)
        or any(line.axis == 2 and abs(line.at[0] - stripe.plane) <= 1 for line in hot)
    )


def _belongs(line: Line, stripe: Stripe) -> bool:
    """Tell whether a line along x is one of several damaged rows."""
    first, stop = stripe.rows
    return (
        line.axis == 2 and line.at[0] == stripe.plane and stop - first > 1
        and first <= line.at[1] < stop
    )  # fmt: skip


def _wide(item: Break) -> tuple[int, int]:
    return item.slices[0] - 1, item.slices[1] + 2


def _inside(stripe: Stripe, torn: list[Block]) -> bool:
    return any(
        block.start[0] - 2 <= stripe.plane < block.stop[0] + 2
        and block.start[1] - 2 <= stripe.rows[1]
        and stripe.rows[0] < block.stop[1] + 2
        for block in torn
    )
