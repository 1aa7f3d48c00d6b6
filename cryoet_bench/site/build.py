"""The site: all of its pages, written from the record."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from cryoet_bench.changes.comparison import CONFIDENCE, SMALLEST
from cryoet_bench.changes.finding import FEW, MAGNITUDES, SLIGHT
from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.record.record import Record
from cryoet_bench.site import badges, choose, downloads, pictures, scripts
from cryoet_bench.site.pages import Pages
from cryoet_bench.site.questions import chapters, questions
from cryoet_bench.site.releases import Part, after
from cryoet_bench.site.sheet import sheets
from cryoet_bench.site.verdict import known, of_the_last_year, verdict
from cryoet_bench.site.wording import page_of
from cryoet_bench.timeline.releases import TRACKED
from cryoet_bench.timeline.revisions import Revisions

ADDRESS = "https://cryoet-bench.github.io/cryoet-bench/"
"""Where the site of the record is published: feeds and previews of links need whole addresses."""

SOURCE = "https://github.com/cryoet-bench/cryoet-bench"

_STATIC = Path(__file__).parent / "static"
_FOLDERS = ("data", "embed", "question", "release")


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
    suite = record.suite()
    measured = list(sheets(record, revisions))
    every = list(revisions.by_commit.values())
    asked = questions(suite, measured, every)
    shown = [one for one in asked if one.is_measured]
    study = choose.read()
    assets = target / "assets"
    shutil.copytree(_STATIC, assets)
    for name in _FOLDERS:
        (target / name).mkdir()

    scripts.write_charts(assets)
    scripts.write_data(target / "data", revisions, measured, shown)
    downloads.write(target / "data", measured, shown)
    pictures.of_pages(assets, measured, study)
    pictures.to_embed(target / "embed", measured, shown, every)

    site = Pages(
        target,
        {
            "suite": suite,
            "sheets": measured,
            "questions": shown,
            "question_of": {one.benchmark.name: one for one in shown},
            "revisions": every,
            "names": {one.name for one in every},
            "withdrawn": revisions.timeline.withdrawn,
            "packages": TRACKED,
            "smallest": SMALLEST,
            "confidence": CONFIDENCE,
            "slight": SLIGHT["exact"] - 1,
            "small_change": dict(MAGNITUDES)["medium"] - 1,
            "few": FEW,
            "published": datetime.now(UTC).strftime("%Y-%m-%d"),
            "address": ADDRESS,
            "source": SOURCE,
        },
    )
    certain = known(
        [one for sheet in measured[:1] for one in sheet.screening.findings if one.is_dated]
    )
    newest = [verdict(sheet, package) for sheet in measured for package in TRACKED]
    site.write(
        "index.html",
        verdicts=[one for one in newest if one],
        recent=of_the_last_year(certain, measured[0]) if certain else [],
    )
    shown_first = {one.name: Part(sheet, one) for sheet in measured[:1] for one in every}
    site.write("releases.html", parts=shown_first)
    for revision in every:
        site.write(
            page_of(revision), "release.html", revision=revision,
            parts=[Part(sheet, revision) for sheet in measured],
            before=revisions.before(revision), after=after(revision, revisions),
        )  # fmt: skip
    site.write("questions.html", chapters=chapters(asked))
    for question in shown:
        site.write(f"question/{question.slug}.html", "question.html", question=question)
    site.write("upgrade.html")
    site.write("choose.html", study=study)
    site.write("quality.html", catalogue=CATALOGUE.values())
    site.write("method.html")
    site.write("data.html", columns=downloads.COLUMNS)
    site.write("feed.xml", certain=certain)
    for question in shown:
        badge = badges.of_question(question)
        site.write(f"embed/{question.slug}-badge.svg", "badge.svg", badge=badge)
    for package in TRACKED:
        badge = badges.of_package(package, verdict(measured[0], package) if measured else None)
        site.write(f"embed/{package}-badge.svg", "badge.svg", badge=badge)
