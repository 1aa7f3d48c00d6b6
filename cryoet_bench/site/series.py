"""The history of one question as the browser gets it: its axes, its series, their points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cryoet_bench.changes.companions import COMPANIONS
from cryoet_bench.changes.subject import PLAIN, plain, values
from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.record.overview import value_in_words
from cryoet_bench.site.wording import plural

if TYPE_CHECKING:
    from cryoet_bench.site.sheet import Sheet
    from cryoet_bench.timeline.revisions import Revision

AT_ONCE = 12
"""Series that a plot shows at most before the reader chooses."""

COLOURS = 8
"""Series that differ by their format alone share a colour: there are so many."""

Place = Mapping[str, str]
"""A case by its axes: ``{"pattern": "whole", "layout": "cube-64", "format": "v2"}``."""


def place(axes: Sequence[str], case: Sequence[str]) -> Place:
    """Return a case by its axes; an array is a layout in a format."""
    found = {}
    for axis, value in zip(axes, case, strict=True):
        if axis == "array" and " v" in value:
            found["layout"], _, found["format"] = value.rpartition(" ")
        else:
            found["layout" if axis == "array" else axis] = value
    return found


def explaining(benchmark: Benchmark, suite: Mapping[str, Benchmark]) -> tuple[str, Place]:
    """Return the exact metric that is shown under the history of a time, and which of its cases.

    Of the metrics that explain it, the one that explains most. Its cases are chosen along with
    those of the time; the place holds what is left to choose, where one value explains all.
    """
    companion = next(iter(COMPANIONS.get(benchmark.name, ())), None)
    if companion is None or companion.benchmark not in suite:
        return "", {}
    metric = suite[companion.benchmark]
    wanted = {companion.case(values(case)) for case in benchmark.cases}
    own = {axis for one in _places(benchmark, benchmark.cases) for axis in one}
    axes = _axes(
        [{"place": one} for one in _places(metric, metric.cases) if tuple(one.values()) in wanted]
    )
    fixed = {axis: found[0] for axis, found in axes.items() if axis not in own and len(found) == 1}
    return metric.name, fixed


def _places(benchmark: Benchmark, cases: Iterable[Case]) -> list[Place]:
    axes = benchmark.description["param_names"]
    return [place(axes, [words((value,)) for value in case]) for case in cases]


def history(benchmark: Benchmark, sheet: Sheet, releases: Sequence[Revision]) -> dict[str, Any]:
    """Return the series of a question on one sheet.

    Parameters
    ----------
    benchmark : Benchmark
        The question.
    sheet : Sheet
        Where it was measured.
    releases : sequence of Revision
        Those that points refer to, by their position.
    """
    positions = {one.name: position for position, one in enumerate(releases)}
    core = {words(case) for case in benchmark.cases_of("core")}
    points: dict[str, list[list[Any]]] = {}
    columns = ["revision", "case", "status", "value", "rounds", "spread", "reason"]
    for row in sheet.of(benchmark)[columns].itertuples(index=False):
        at = positions[str(row.revision)]
        points.setdefault(str(row.case), []).append(_point(at, row, benchmark))
    series = [
        {
            "place": where,
            "core": words(case) in core,
            "points": points[words(case)],
        }
        for case, where in zip(benchmark.cases, _places(benchmark, benchmark.cases), strict=True)
        if words(case) in points
    ]
    axes = _axes(series)
    return {
        "number": sheet.number,
        "machine": sheet.machine,
        "tomogram": sheet.tomogram,
        "series": series,
        "axes": axes,
        "plain": {one: PLAIN[one] for named in axes.values() for one in named if one in PLAIN},
        "chosen": _chosen(series),
    }


def _point(position: int, row: Any, benchmark: Benchmark) -> list[Any]:
    """Return where a point is, its value, its bounds, and the value and its rounds in words.

    Without a value the words are its status and the reason.
    """
    if row.status != "passed":
        return [position, None, None, None, row.status, row.reason]
    low, high = None, None
    rounds = plural(row.rounds, "round") if benchmark.is_timed else ""
    if benchmark.is_timed and row.spread > 0:
        low, high = (float(f"{row.value * math.exp(s * row.spread):.5g}") for s in (-1, 1))
        rounds += f", {100 * row.spread:.2g} % apart"
    return [position, row.value, low, high, value_in_words(row.value, benchmark.unit), rounds]


def _axes(series: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for one in series:
        for axis, value in one["place"].items():
            found.setdefault(axis, {})[value] = None
    return {axis: list(values) for axis, values in found.items()}


def _chosen(series: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the values along each axis that are shown first, of the core cases.

    The first axis is what a question compares, be it patterns, codecs or engines: where the core
    has one value of it, all are shown, and the others give up values before it does. Both formats
    are shown.
    """
    with_values = [one for one in series if any(p[1] is not None for p in one["points"])]
    measured = _axes(with_values)
    chosen = _axes([one for one in with_values if one["core"]]) or dict(measured)
    first = next(iter(chosen), "")
    if len(chosen.get(first, ())) == 1:
        chosen[first] = measured[first]

    def spared(axis: str) -> tuple[bool, bool, bool, int]:
        values = chosen[axis]
        return len(values) == 1, axis in {first, "format"}, axis == "format", -len(values)

    while _is_crowded([one["place"] for one in with_values if _matches(one["place"], chosen)]):
        axis = min(chosen, key=spared)
        if len(chosen[axis]) == 1:
            break
        chosen[axis].pop()
    return chosen


def _is_crowded(places: Sequence[Place]) -> bool:
    return len(places) > AT_ONCE or len({group_of(one) for one in places}) > COLOURS


def _matches(where: Place, chosen: Mapping[str, Sequence[str]]) -> bool:
    return all(value in chosen.get(axis, ()) for axis, value in where.items())


def shown_first(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the series of a history that are shown before the reader chooses."""
    return [one for one in found["series"] if _matches(one["place"], found["chosen"])]


def group_of(where: Place) -> str:
    """Return what series of one colour share: their values along the axes but the format."""
    return name_of({axis: value for axis, value in where.items() if axis != "format"})


def dashed_format(places: Iterable[Place]) -> str:
    """Return the format whose lines are dashed among series of both, or nothing, as history.js."""
    formats = sorted({one["format"] for one in places if "format" in one})
    return formats[0] if len(formats) > 1 else ""


def name_of(where: Place) -> str:
    """Return the name of a series: its values along the axes."""
    return plain(", ".join(where.values())) or "all"
