"""Whether a volume continues: slice by slice, block by block, line by line."""

from __future__ import annotations

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check
from cryoet_bench.quality.qc.block_order import block_order
from cryoet_bench.quality.qc.breaks import breaks
from cryoet_bench.quality.qc.cuboids import Block, blocks
from cryoet_bench.quality.qc.line_order import crosses, line_order
from cryoet_bench.quality.qc.lines import Line, hot_lines
from cryoet_bench.quality.qc.slice_order import slice_order
from cryoet_bench.quality.qc.survey import ArrayLike, Survey
from cryoet_bench.quality.thresholds import LIMITS, Limits

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


def _beside_face(line: Line, block: Block) -> bool:
    """Tell whether a block is torn off where a line stands out: the line is what tears it."""
    others = [axis for axis in range(3) if axis != line.axis]
    return crosses(line, [block]) and any(
        min(abs(at - block.start[axis]), abs(at + 1 - block.stop[axis])) <= 1
        for axis, at in zip(others, line.at, strict=True)
    )
