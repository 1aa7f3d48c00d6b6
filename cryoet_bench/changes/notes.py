"""Performance release notes: the findings of every release, for people, feeds and programs.

What is shown may come from anywhere (names of tomograms and candidates, reasons of failures), so
every format escapes every value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryoet_bench.changes.finding import Group, Screening
from cryoet_bench.changes.sentence import STATUSES, amount, on_another
from cryoet_bench.changes.subject import plain
from cryoet_bench.record.overview import value_in_words
from cryoet_bench.timeline.revisions import Revision

_TEMPLATES = Path(__file__).with_name("templates")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#!|~&^$@])")
_FORBIDDEN = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HOME = "https://github.com/cryoet-bench/cryoet-bench"
_AUTHORITY = "github.com,2025:cryoet-bench/cryoet-bench"
"""Of the feed's tag URIs (RFC 4151), which name an entry for good wherever it is published."""

MARKS = {
    "md": b"<!-- cryoet-bench-changes -->",
    "html": b'content="cryoet-bench-changes"',
    "json": b'"format": "cryoet-bench-changes"',
    "atom": b">cryoet-bench-changes</generator>",
}
"""What tells that a file is one of ours, by format."""


@dataclass(frozen=True, kw_only=True)
class ReleaseNotes:
    """What one release changed.

    Attributes
    ----------
    revision : Revision
        The release, or the newer of two.
    known : tuple of Group
        Exact and confirmed findings.
    proposed : tuple of Group
        Changes of times that are not confirmed yet, or undecided.
    overturned : tuple of Group
        Those that turned out to be none when measured side by side.
    """

    revision: Revision
    known: tuple[Group, ...] = ()
    proposed: tuple[Group, ...] = ()
    overturned: tuple[Group, ...] = ()

    @property
    def parts(self) -> list[tuple[str, tuple[Group, ...]]]:
        """The groups under the headings that keep them apart; the first needs none."""
        parts = (
            ("", self.known),
            ("Not yet confirmed", self.proposed),
            ("No change after all, measured side by side", self.overturned),
        )
        return [(heading, groups) for heading, groups in parts if groups]


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What some releases changed.

    Attributes
    ----------
    title : str
        Of the document.
    tomogram : str
        What was measured on, in words.
    machine : str
        Where.
    releases : tuple of ReleaseNotes
        Newest first, each with at least one finding.
    screening : Screening
        Where they come from.
    """

    title: str
    tomogram: str
    machine: str
    releases: tuple[ReleaseNotes, ...]
    screening: Screening

    @property
    def updated(self) -> datetime:
        """When the newest of the releases was uploaded."""
        dates = [one.revision.date for one in self.releases]
        return max(dates, default=datetime(1970, 1, 1, tzinfo=UTC))

    @property
    def judged(self) -> str:
        """How much was judged and how small a change is found, in words."""
        text = f"{self.screening.judged:,} values were compared with an earlier release's."
        found = sorted(self.screening.smallest.values())
        if not found:
            return f"{text} No time was measured in enough rounds to be judged."
        sizes = f"{amount(found[0])} to {amount(found[-1])}, depending on the question"
        return (
            f"{text} Nine changes of a single time in ten are found if they are at least {sizes}."
        )


def gather(screening: Screening, revisions: Sequence[Revision], title: str, tomogram: str) -> Notes:
    """Return the notes of some releases.

    Parameters
    ----------
    screening : Screening
        What was found.
    revisions : sequence of Revision
        Which releases to show, oldest first.
    title : str
        Of the document.
    tomogram : str
        What was measured on, in words.
    """
    releases = []
    for revision in reversed(revisions):
        groups = [one for one in screening.groups if one.findings[0].revision == revision.name]
        if groups:
            known = tuple(one for one in groups if one.holds)
            overturned = tuple(one for one in groups if one.is_overturned)
            proposed = tuple(one for one in groups if one not in known and one not in overturned)
            notes = ReleaseNotes(
                revision=revision, known=known, proposed=proposed, overturned=overturned
            )
            releases.append(notes)
    return Notes(
        title=title,
        tomogram=tomogram,
        machine=screening.machine,
        releases=tuple(releases),
        screening=screening,
    )


def as_html(notes: Notes) -> str:
    """Return one self-contained page."""
    return _render("notes.html.j2", notes, escape=True)


def as_markdown(notes: Notes) -> str:
    """Return a document in GitHub's Markdown."""
    return _render("notes.md.j2", notes, escape=False)


def as_atom(notes: Notes) -> str:
    """Return a feed of the findings that hold (RFC 4287): exact and confirmed ones."""
    return _render("notes.atom.j2", notes, escape=True)


def as_json(notes: Notes, **more: Any) -> str:
    """Return everything that is known of each finding.

    Parameters
    ----------
    notes : Notes
        What to tell.
    **more
        Further members of the document.
    """
    screening = notes.screening
    groups = [
        {
            **asdict(group),
            "is_trade_off": group.is_trade_off,
            "findings": [
                {**asdict(one), "date": one.date.isoformat(), "magnitude": one.magnitude,
                 "is_worse": one.is_worse, "holds": one.holds}
                for one in group.findings
            ],
        }
        for release in notes.releases
        for group in (*release.known, *release.proposed, *release.overturned)
    ]  # fmt: skip
    document = {
        "format": "cryoet-bench-changes",
        "machine": screening.machine,
        "tomogram": screening.tomogram,
        "judged": screening.judged,
        "skipped": [asdict(one) for one in screening.skipped],
        "smallest_change": screening.smallest,
        "groups": groups,
        **more,
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Notes], str]] = {
    "md": as_markdown,
    "html": as_html,
    "json": as_json,
    "atom": as_atom,
}
"""How notes can be written, by name."""


def _render(name: str, notes: Notes, *, escape: bool) -> str:
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=escape,  # noqa: S701  (Markdown is escaped by `finalize`)
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printable if escape else _markdown,
    )
    environment.filters |= {
        "value": value_in_words, "plain": plain, "code": _code, "link": _link,
        "status": STATUSES.__getitem__, "on_another": on_another,
    }  # fmt: skip
    return environment.get_template(name).render(notes=notes, tag=_tag, home=_HOME)


def _printable(value: Any) -> Any:
    """Return a text without the characters that XML forbids, anything else as it is."""
    return _FORBIDDEN.sub("", value) if type(value) is str else value


def _markdown(value: Any) -> Any:
    """Return a text in which nothing is markup, on one line; what is markup already as it is."""
    from markupsafe import Markup  # noqa: PLC0415

    if isinstance(value, Markup):
        return value
    return _SPECIAL.sub(r"\\\1", " ".join(_FORBIDDEN.sub("", str(value)).split()))


def _code(value: str) -> Any:
    """Return a text as a code span of Markdown, whatever backquotes it has."""
    from markupsafe import Markup  # noqa: PLC0415

    line = " ".join(_FORBIDDEN.sub("", value).split())
    longest = max(map(len, re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if "`" in line else ""
    return Markup(f"{fence}{pad}{line}{pad}{fence}")  # noqa: S704  (Markdown, escaped by its fence)


def _link(address: str) -> Any:
    """Return an address of `causes.toml` as a link of Markdown, named by its number."""
    from markupsafe import Markup  # noqa: PLC0415

    return Markup(f"[#{address.rpartition('/')[2]}]({address})")  # noqa: S704


def _tag(*parts: str) -> str:
    """Return the permanent name of something in the feed."""
    return "tag:" + "/".join((_AUTHORITY, *(re.sub(r"[^\w.-]+", "-", part) for part in parts)))
