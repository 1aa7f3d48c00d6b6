"""What the pages' scripts need, as scripts: nothing else can be loaded by a page from a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryoet_bench.changes.aspect_changes import AspectChange
from cryoet_bench.changes.aspects import WORSE_BETTER, facets
from cryoet_bench.changes.comparison import CONFIDENCE, SMALLEST
from cryoet_bench.site import charts
from cryoet_bench.site.questions import Question
from cryoet_bench.site.sheet import Sheet
from cryoet_bench.site.wording import alongside, amount, bounds, page_of, unbroken
from cryoet_bench.timeline.revisions import Revision, Revisions


def write_charts(folder: Path) -> None:
    """Write Vega's own script, and the specifications that it draws."""
    (folder / "vega.js").write_text(charts.script(), "utf-8")
    specifications = {
        f"{axis}-{scale}": charts.compiled(axis, scale)
        for axis in ("release", "date")
        for scale in ("linear", "log")
    }
    _write(folder, "charts", specifications)


def write_data(
    folder: Path, revisions: Revisions, sheets: Sequence[Sheet], questions: Sequence[Question]
) -> None:
    """Write the releases, the history of each question, and the pairs of each sheet."""
    every = list(revisions.by_commit.values())
    positions = {one.name: position for position, one in enumerate(every)}
    _write(folder, "releases", [_release(one, revisions, positions) for one in every])
    for question in questions:
        content = {
            "title": question.benchmark.title,
            "unit": question.benchmark.unit,
            "sheets": question.histories,
            "notes": [
                [positions[note.first.revision], note.number, note.text, note.label]
                for note in question.notes
            ],
        }
        _write(folder, question.slug, content)
    for sheet in sheets:
        _write(folder, f"pairs-{sheet.number}", _pairs(sheet))


def _write(folder: Path, name: str, content: Any) -> None:
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    script = f"site.add({json.dumps(name)},{unbroken(text)});\n"
    (folder / f"{name}.js").write_text(script, "utf-8")


def _release(revision: Revision, revisions: Revisions, positions: dict[str, int]) -> dict[str, Any]:
    before = revisions.before(revision)
    return {
        "name": revision.name,
        "label": revision.label,
        "alongside": alongside(revision),
        "date": f"{revision.date:%Y-%m-%d}",
        "line": revision.line,
        "candidate": revision.is_candidate,
        "before": before and positions[before.name],
        "page": page_of(revision),
    }


def _pairs(sheet: Sheet) -> dict[str, Any]:
    pairs = sheet.pairs
    table = {}
    described = []
    for facet in facets():
        rows = pairs.all_of(facet)
        if all(pair is None for row in rows for pair in row):
            continue
        worse, better = WORSE_BETTER[facet.aspect.metric]
        best = pairs.best(facet)
        described.append(
            {
                "key": facet.key,
                "aspect": facet.aspect.key,
                "doing": facet.aspect.doing,
                "format": facet.zarr_format,
                "metric": facet.aspect.metric,
                "companion": facet.aspect.companion,
                "worse": worse,
                "better": better,
                "best": None if best is None else pairs.revisions.index(best),
            }
        )
        table[facet.key] = [[_pair(pair) for pair in row] for row in rows]
    last = sheet.last_2()
    newest = sheet.newest("zarr")
    return {
        "revisions": pairs.revisions,
        "last2": last and last.name,
        "newest": newest and newest.name,
        "smallest": SMALLEST,
        "confidence": CONFIDENCE,
        "facets": described,
        "table": table,
    }


def _pair(pair: AspectChange | None) -> Any:
    """Return a pair for the pages: null if not measured, 0 if unchanged.

    Otherwise a list: worse (1), better (-1) or unclear (0), the amount in words, the bounds, the
    ratio, and of times the older in seconds.
    """
    if pair is None:
        return None
    if pair.verdict == "same":
        return 0
    sign = {"worse": 1, "better": -1, "unclear": 0}[pair.verdict]
    numbers = [pair.ratio] if pair.before is None else [pair.ratio, pair.before]
    rounded = [float(f"{one:.3g}") for one in numbers]
    return [sign, amount(pair.ratio), bounds(pair.interval), *rounded]
