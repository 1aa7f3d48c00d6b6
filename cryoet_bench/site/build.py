"""The pages of the site, written from the record."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.changes.comparison import Change, compare
from cryoet_bench.record.overview import overview, value_in_words
from cryoet_bench.record.record import Record, Series, coverage, failures
from cryoet_bench.timeline.releases import MAIN
from cryoet_bench.timeline.revisions import Revision, Revisions

if TYPE_CHECKING:
    import pandas as pd

PAGES = Path(__file__).with_name("pages")


@dataclass(frozen=True)
class Row:
    """A revision on the page of releases.

    Attributes
    ----------
    revision : Revision
        Which.
    series : list of dict
        How much of the suite passed, in each of its series, and why the rest did not.
    """

    revision: Revision
    series: list[dict[str, Any]]


@dataclass(frozen=True)
class Sheet:
    """What one machine measured on one tomogram, of the newest release of the main line.

    Attributes
    ----------
    machine, tomogram : str
        Which.
    before, newest : Revision
        The newest measured release, and the measured one that it follows, if any.
    changes : list of Change
        What stands out between them.
    judged, unclear : int
        How many cases are within the noise, and how many were measured too few times to tell.
    overviews : list of (str, pandas.DataFrame)
        Codecs, layouts and access patterns by size and time.
    """

    machine: str
    tomogram: str
    before: Revision | None
    newest: Revision
    changes: list[Change]
    judged: int
    unclear: int
    overviews: list[tuple[str, pd.DataFrame]]


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
    """
    import jinja2  # noqa: PLC0415  (asv alone does without these pages)

    every = list(revisions.by_commit.values())
    cases = record.cases(every)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    facts = {
        "tomograms": _tomograms(record, cases),
        "published": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    environment.filters["value"] = value_in_words
    environment.filters["unit"] = lambda heading: heading.partition(" [")[2].rstrip("]")
    environment.filters["heading"] = lambda heading: heading.partition(" [")[0]
    sheets = list(_sheets(record, revisions, cases))
    pages = {
        "index.html": {"rows": _rows(every, cases)[::-1], "sheets": sheets},
    }
    for name, content in pages.items():
        page = environment.get_template(name).render(**facts, **content)
        (target / name).write_text(page, "utf-8")
    shutil.copy(PAGES / "site.css", target)


def _sheets(record: Record, revisions: Revisions, cases: pd.DataFrame) -> Iterator[Sheet]:
    """Yield a sheet for each machine and tomogram that has measured a release of the main line."""
    suite = record.suite()
    facts = record.tomograms()
    order = [one for one in revisions.releases(MAIN) if one.withdrawn is None]
    pairs = cases[["machine", "tomogram"]].drop_duplicates().itertuples(index=False)
    for machine, tomogram in pairs:
        own = cases[(cases["machine"] == machine) & (cases["tomogram"] == tomogram)]
        passed = own[own["status"] == "passed"]
        measured = [one for one in order if one.name in set(passed["revision"])]
        if not measured:
            continue
        newest = measured[-1]
        before = measured[-2] if len(measured) > 1 else None
        changes: list[Change] = []
        if before:
            series = [Series(machine, tomogram, one.name) for one in (before, newest)]
            changes = compare(suite.values(), *map(record.journal, series))
        values = passed[passed["revision"] == newest.name]
        yield Sheet(
            machine=machine,
            tomogram=tomogram,
            before=before,
            newest=newest,
            changes=[one for one in changes if one.stands_out and not one.is_control],
            judged=sum(one.verdict == "same" for one in changes),
            unclear=sum(one.verdict == "unclear" for one in changes),
            overviews=list(overview(values, facts[tomogram])) if tomogram in facts else [],
        )


def _rows(revisions: list[Revision], cases: pd.DataFrame) -> list[Row]:
    counts: list[Any] = coverage(cases).reset_index().to_dict("records")
    reasons = failures(cases).to_dict("records")
    rows = []
    for revision in revisions:
        series = [
            {
                **count,
                "unavailable": count["n/a"],
                "reasons": [r for r in reasons if _same_series(r, count)],
            }
            for count in counts
            if count["revision"] == revision.name
        ]
        rows.append(Row(revision, series))
    return rows


def _same_series(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    return all(one[key] == other[key] for key in ("machine", "tomogram", "revision"))


def _tomograms(record: Record, cases: pd.DataFrame) -> dict[str, str]:
    """Return what each measured tomogram is, in words, by name."""
    known = record.tomograms()
    return {name: describe(name, known.get(name)) for name in sorted(set(cases["tomogram"]))}


def describe(name: str, facts: Mapping[str, Any] | None) -> str:
    """Return what a tomogram is, in words."""
    if facts is None:
        return "synthetic" if name.startswith("phantom-") else "of unrecorded origin"
    size = " x ".join(map(str, facts["shape"]))
    spacing = facts["voxel_spacing"]
    voxels = f" of {spacing[0]:g} Å" if spacing else ""
    words = {"synthetic": "synthetic", "file": "from a file", "portal": "from the CryoET portal"}
    return f"{words[facts['source']]}, {size} voxels{voxels}, {facts['dtype']}"
