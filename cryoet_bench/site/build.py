"""The pages of the site, written from the record."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.changes.aspects import WORSE_BETTER, facets
from cryoet_bench.changes.finding import Finding
from cryoet_bench.changes.pairs import Pair
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.overview import overview
from cryoet_bench.record.record import Record
from cryoet_bench.site import charts, downloads, pictures, series
from cryoet_bench.site.sheet import Sheet, sheets
from cryoet_bench.site.wording import FILTERS, amount, bounds, describe, plural, slug
from cryoet_bench.timeline.releases import TRACKED
from cryoet_bench.timeline.revisions import Revision, Revisions

if TYPE_CHECKING:
    import jinja2

ADDRESS = "https://cryoet-bench.github.io/cryoet-bench/"
"""Where the site of the record is published: feeds and previews of links need whole addresses."""

SOURCE = "https://github.com/cryoet-bench/cryoet-bench"

ARRIVALS = frozenset({"newly available", "newly fixed"})
"""Kinds of findings that are listed shortly: there is nothing to compare them with."""

HERE = Path(__file__).parent
_STATIC = HERE / "static"
_TEMPLATES = HERE / "templates"


@dataclass(frozen=True)
class Question:
    """The page of a question.

    Attributes
    ----------
    benchmark : Benchmark
        Which.
    slug : str
        In addresses.
    histories : list of dict
        Of each sheet that has any.
    companion : Question or None
        The exact metric that is shown under it.
    fixed : mapping of str to str
        Which of the companion's cases, along axes that the question does not have.
    findings : list of Finding
        Of the first sheet, newest first.
    """

    benchmark: Benchmark
    slug: str
    histories: list[dict[str, Any]]
    companion: Question | None
    fixed: Mapping[str, str]
    findings: list[Finding]

    @property
    def module(self) -> str:
        """The module of the suite that asks it."""
        return self.benchmark.name.partition(".")[0]


def build(record: Record, revisions: Revisions, target: Path) -> None:
    """Write all pages into a folder.

    Parameters
    ----------
    record : Record
        What is shown.
    revisions : Revisions
        All of the timeline.
    target : pathlib.Path
        An existing folder.

    Raises
    ------
    InputError
        A journal is damaged.
    """
    found = list(sheets(record, revisions))
    every = list(revisions.by_commit.values())
    shown = _questions(record, found, every)
    facts: dict[str, Any] = {
        "sheets": found,
        "questions": shown,
        "question_of": {one.benchmark.name: one for one in shown},
        "revisions": every,
        "published": datetime.now(UTC).strftime("%Y-%m-%d"),
        "address": ADDRESS,
        "source": SOURCE,
        "withdrawn": revisions.timeline.withdrawn,
        "page_of": {one.name: f"release/{slug(one.name)}.html" for one in every},
    }
    for folder in ("assets", "data", "embed", "question", "release"):
        (target / folder).mkdir()
    _assets(target)
    _data(target, found, every, shown)
    downloads.write(target / "data", found, shown)
    pictures.write(target, found)
    site = _Site(facts, target)
    site.write("index.html", **_front(found))
    site.write("questions.html")
    site.write("releases.html")
    site.write("upgrade.html")
    site.write("quality.html", checks=downloads.CHECKS)
    pictured = [
        one.number for one in found if (target / pictures.SLICES.format(number=one.number)).exists()
    ]
    site.write(
        "method.html", unmeasured=_unmeasured(record, found), pictured=pictured, noise=_noise(found)
    )
    site.write("data.html", columns=downloads.COLUMNS, packages=TRACKED)
    site.write("feed.xml", confirmed=_confirmed(found))
    for revision in every:
        site.write(
            facts["page_of"][revision.name], "release.html", revision=revision,
            parts=[_part(sheet, revision) for sheet in found],
            before=revisions.before(revision), after=_after(revisions, revision),
        )  # fmt: skip
    for question in shown:
        site.write(f"question/{question.slug}.html", "question.html", question=question)
        site.write(f"embed/{question.slug}-badge.svg", "badge.svg", **_badge(question))
    for package in TRACKED:
        site.write(f"embed/{package}-badge.svg", "badge.svg", **_package_badge(package, found))
    _draw(target, shown, every)


class _Site:
    """Renders templates into files, with the facts that all pages share."""

    def __init__(self, facts: Mapping[str, Any], target: Path) -> None:
        self.facts = facts
        self.target = target

    def write(self, path: str, template: str = "", **content: Any) -> None:
        root = "../" * path.count("/")
        page = _environment().get_template(f"{template or path}.j2")
        text = page.render(**self.facts, root=root, path=path, **content)
        (self.target / path).write_text(text, "utf-8")


@cache
def _environment() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415  (asv alone does without these pages)

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(describe=describe, plural=plural)
    return environment


def _questions(
    record: Record, found: Sequence[Sheet], revisions: Sequence[Revision]
) -> list[Question]:
    suite = record.suite()
    known: dict[str, Question] = {}

    def question(benchmark: Benchmark) -> Question | None:
        if benchmark.name in known:
            return known[benchmark.name]
        histories = [series.history(benchmark, sheet, revisions) for sheet in found]
        histories = [one for one in histories if one["series"]]
        if not histories:
            return None
        name, fixed = series.explaining(benchmark, suite)
        own = found[0].screening.findings if found else ()
        known[benchmark.name] = Question(
            benchmark=benchmark,
            slug=slug(benchmark.title),
            histories=histories,
            companion=question(suite[name]) if name in suite else None,
            fixed=fixed,
            findings=[
                one
                for one in own
                if one.status != "overturned"
                and any(case.benchmark == benchmark.name for case in one.cases)
            ],
        )
        return known[benchmark.name]

    return [one for benchmark in suite.values() if (one := question(benchmark))]


def _assets(target: Path) -> None:
    for path in _STATIC.iterdir():
        shutil.copy(path, target / "assets")
    (target / "assets" / "vega.js").write_text(charts.script(), "utf-8")
    specifications = {
        f"{axis}-{scale}": charts.compiled(axis, scale)
        for axis in ("release", "date")
        for scale in ("linear", "log")
    }
    _script(target / "assets" / "charts.js", "charts", specifications)


def _script(path: Path, name: str, content: Any) -> None:
    """Write data as a script that a page can load from a file, where nothing else can be."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    path.write_text(f"site.add({json.dumps(name)},{text});\n", "utf-8")


def _data(
    target: Path, found: Sequence[Sheet], revisions: Sequence[Revision], shown: Sequence[Question]
) -> None:
    releases = [
        {
            "name": one.name,
            "label": one.label,
            "date": f"{one.date:%Y-%m-%d}",
            "line": one.line,
            "page": f"release/{slug(one.name)}.html",
        }
        for one in revisions
    ]
    _script(target / "data" / "releases.js", "releases", releases)
    for question in shown:
        positions = {one.name: position for position, one in enumerate(revisions)}
        notes = _notes(question.findings, positions)
        content = {
            "title": question.benchmark.title,
            "unit": question.benchmark.unit,
            "sheets": question.histories,
            "notes": notes,
        }
        _script(target / "data" / f"{question.slug}.js", question.slug, content)
    for sheet in found:
        _script(
            target / "data" / f"pairs-{sheet.number}.js", f"pairs-{sheet.number}", _pairs(sheet)
        )


def _notes(findings: Sequence[Finding], positions: Mapping[str, int]) -> list[list[Any]]:
    """Return the releases with a finding that is known for sure, numbered as in the list."""
    known = [one for one in findings if one.holds]
    releases = list(dict.fromkeys(one.revision for one in known))
    return [[positions[name], number] for number, name in enumerate(releases, start=1)]


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
        "facets": described,
        "table": table,
    }


def _pair(pair: Pair | None) -> Any:
    """Return a pair for the pages: null where not measured, 0 where nothing is told apart."""
    if pair is None:
        return None
    if pair.verdict == "same":
        return 0
    sign = {"worse": 1, "better": -1, "unclear": 0}[pair.verdict]
    return [sign, amount(pair.ratio), bounds(pair.interval)]


def _front(found: Sequence[Sheet]) -> dict[str, Any]:
    confirmed = _confirmed(found)
    newest = max((one.date for sheet in found[:1] for one in sheet.measured), default=None)
    recent = [one for one in confirmed if newest and one.date > newest - timedelta(days=365)]
    return {
        "verdicts": [_verdict(sheet, package) for sheet in found for package in TRACKED],
        "recent": recent,
        "confirmed": confirmed,
    }


def _confirmed(found: Sequence[Sheet]) -> list[Finding]:
    """Return what is known for sure on the first sheet, newest release first."""
    return [
        one
        for sheet in found[:1]
        for one in sheet.screening.findings
        if one.holds and one.kind not in ARRIVALS
    ]


def _verdict(sheet: Sheet, package: str) -> dict[str, Any] | None:
    """Return the newest release of a package against what it followed."""
    newest = sheet.newest(package)
    if newest is None:
        return None
    line = [one for one in sheet.measured if one.line == newest.line and not one.is_candidate]
    at = line.index(newest)
    own = [one for one in line[:at] if one.package == package]
    before = line[at - 1] if at else None
    cells = [
        (
            facet,
            sheet.cell(facet, newest),
            before and sheet.pairs.compare(facet, before.name, newest.name),
        )
        for facet in sheet.facets
    ]
    findings = sheet.screening.of(newest.name)
    return {
        "sheet": sheet,
        "package": package,
        "newest": newest,
        "before": own[-1] if own else None,
        "worse": [one for one in findings if one.holds and one.is_worse],
        "better": [
            one for one in findings if one.holds and not one.is_worse and one.kind not in ARRIVALS
        ],
        "proposed": [one for one in findings if one.status == "proposed"],
        "cells": cells,
    }


def _part(sheet: Sheet, revision: Revision) -> dict[str, Any]:
    """Return what one sheet knows of a release."""
    findings = sheet.screening.of(revision.name)
    values = sheet.cases[
        (sheet.cases["revision"] == revision.name) & (sheet.cases["status"] == "passed")
    ]
    return {
        "sheet": sheet,
        "counts": sheet.coverage.get(revision.name),
        "failures": [one for one in sheet.failures if one["revision"] == revision.name],
        "known": [one for one in findings if one.holds and one.kind not in ARRIVALS],
        "arrivals": [one for one in findings if one.holds and one.kind in ARRIVALS],
        "proposed": [one for one in findings if one.status == "proposed"],
        "unsettled": [one for one in findings if one.status in {"overturned", "undecided"}],
        "overviews": list(overview(values, sheet.facts)) if sheet.facts else [],
    }


def _after(revisions: Revisions, revision: Revision) -> Revision | None:
    return next(
        (one for one in revisions.by_commit.values() if revisions.before(one) == revision
         and one.line == revision.line and not one.is_candidate), None,
    )  # fmt: skip


def _unmeasured(record: Record, found: Sequence[Sheet]) -> list[tuple[Benchmark, int, int]]:
    """Return the benchmarks of which the first sheet lacks cases: how many it has, of how many."""
    if not found:
        return []
    return [
        (benchmark, known, len(benchmark.cases))
        for benchmark in record.suite().values()
        if (known := found[0].of(benchmark)["case"].nunique()) < len(benchmark.cases)
    ]


def _noise(found: Sequence[Sheet]) -> list[str]:
    """Return the spread between rounds that half and nine in ten of the timed cases stay below."""
    for sheet in found[:1]:
        spreads = sheet.cases.loc[sheet.cases["timed"], "spread"].dropna()
        if len(spreads):
            return [f"{100 * spreads.quantile(share):.2g} %" for share in (0.5, 0.9)]
    return []


def _badge(question: Question) -> dict[str, Any]:
    known = [one for one in question.findings if one.holds]
    label = question.benchmark.title
    if not known:
        return _label(label, "no change", "same")
    last = known[0]
    sign = "worse" if last.is_worse else "better"
    return _label(label, f"{amount(last.ratio) or last.kind} at {last.label}", sign)


def _package_badge(package: str, found: Sequence[Sheet]) -> dict[str, Any]:
    verdict = _verdict(found[0], package) if found else None
    if verdict is None:
        return _label(f"{package} for cryo-ET", "not measured", "same")
    worse, better = len(verdict["worse"]), len(verdict["better"])
    words = ", ".join(
        f"{count} {word}" for count, word in ((worse, "worse"), (better, "better")) if count
    )
    sign = "worse" if worse else "better" if better else "same"
    return _label(f"{verdict['newest'].label} for cryo-ET", words or "no change", sign)


def _label(name: str, state: str, sign: str) -> dict[str, Any]:
    """Return the texts of a badge and their widths in pixels, at 6.6 for a letter of 11."""
    widths = [round(6.6 * len(text) + 14) for text in (name, state)]
    return {"name": name, "state": state, "sign": sign, "widths": widths}


def _draw(target: Path, shown: Sequence[Question], revisions: Sequence[Revision]) -> None:
    """Draw the picture of each question that other pages can embed, several at a time."""
    paths = [target / "embed" / f"{one.slug}.svg" for one in shown]
    charts_of = (pictures.question(one.benchmark, one.histories[0], revisions) for one in shown)
    with ThreadPoolExecutor() as pool:  # drawing is compiled code that lets other threads run
        list(pool.map(pictures.draw, paths, charts_of))
