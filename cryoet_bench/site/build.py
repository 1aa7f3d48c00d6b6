"""The pages of the site, written from the record."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.record.record import Record, coverage, failures
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
    pages = {
        "index.html": {"rows": _rows(every, cases)[::-1]},
    }
    for name, content in pages.items():
        page = environment.get_template(name).render(**facts, **content)
        (target / name).write_text(page, "utf-8")
    shutil.copy(PAGES / "site.css", target)


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
