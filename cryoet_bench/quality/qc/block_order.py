"""The check of blocks: whether one occurs twice, or does not continue its surroundings."""

from __future__ import annotations

from collections.abc import Iterable

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check
from cryoet_bench.quality.qc.answer import Answer
from cryoet_bench.quality.qc.copies import Copy
from cryoet_bench.quality.qc.cuboids import Block
from cryoet_bench.quality.qc.survey import Survey
from cryoet_bench.quality.thresholds import LIMITS, Limit, Limits

# Faces that meet must stand out by so many sd in sum to be a block beyond doubt.
_CERTAIN = 32.0


def block_order(survey: Survey, torn: list[Block], limits: Limits = LIMITS) -> Check:
    """Judge whether a block occurs twice, or does not continue its surroundings."""
    limit = limits["blocks"]
    symmetric = any(copy.symmetric for copy in survey.copies)
    copies = [] if symmetric else [copy for copy in survey.copies if not _in_padding(copy, survey)]
    found = len(copies) or len(torn)
    if limit.verdict(found) == "pass":
        answer = Answer("pass", _continuous(symmetric))
    elif copies:
        answer = _copied(copies[0], found, limit)
    else:
        answer = _torn(torn[0], found, limit)
    return CATALOGUE["blocks"].answered(
        found, "blocks", str(limit), answer.verdict, answer.sentence, answer.finding,
        answer.details(
            copies=[
                {"first": copy.first, "second": copy.second, "turned": copy.turned}
                for copy in copies[:20]
            ],
            cuboids=[
                {
                    "start": block.start, "stop": block.stop, "faces": block.faces,
                    "strength": block.strength, "kind": block.kind, "ratio": block.ratio,
                }
                for block in torn[:20]
            ],
        ),
    )  # fmt: skip


def _continuous(symmetric: bool) -> str:
    if symmetric:
        return (
            "The volume repeats itself as a symmetric or periodic one does; nothing else occurs "
            "twice."
        )
    return "No block occurs twice, and none breaks off at planes."


def _copied(copy: Copy, found: int, limit: Limit) -> Answer:
    where = _box(copy.second)
    turned = ", mirrored or turned" if copy.turned else ""
    return Answer(
        limit.verdict(found),
        f"The voxels around z, y, x = {_box(copy.first)} occur again{turned} around {where}: one "
        "overwrote the other.",
        "copied-block",
        where,
        [(low + high) // 2 for low, high in copy.second],
    )


def _torn(block: Block, found: int, limit: Limit) -> Answer:
    certain = block.faces >= 3 and block.strength >= _CERTAIN
    where = _box(zip(block.start, block.stop, strict=True))
    faces = f"{block.faces} of its faces" if block.faces > 1 else "one of its faces"
    what = {
        "foreign": "it is from elsewhere, mirrored or transposed",
        "noise": "it holds noise instead of an image",
        "scaled": f"its contrast is {block.ratio:.2f} times that of its surroundings",
    }[block.kind]
    return Answer(
        limit.verdict(found) if certain else "warn",
        f"The block z, y, x = {where} does not continue its surroundings at {faces}: {what}.",
        f"{block.kind}-block",
        where,
        [(a + b) // 2 for a, b in zip(block.start, block.stop, strict=True)],
    )


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
