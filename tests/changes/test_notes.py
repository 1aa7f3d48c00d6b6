"""Performance release notes in every format, also of a record full of hostile names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from cryoet_bench.changes import causes, notes
from cryoet_bench.changes.finding import Cause, Screening
from cryoet_bench.changes.notes import Notes
from cryoet_bench.timeline import releases
from tests.changes.recorded import BYTES, READ, REQUESTS, TAGS, Invented, exact, times

HOSTILE = "<script>alert(1)</script>`![x](javascript:alert(1))`\x1b[31m]]> | # &amp; \u202e"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def screening(invented: Invented) -> Screening:
    invented.measure(READ, times({"zarr-3.6": [1.5] * 8}))
    invented.measure(REQUESTS, exact({"zarr-3.6": [1, 1, 1, 0.25] * 2}))
    values: dict[str, list[list[float | str]]] = {**exact({"zarr-3.6": [1, 1, 1, 1.7] * 2})}
    values[TAGS[-1]] = [[HOSTILE] * 8]
    invented.measure(BYTES, values)
    return invented.screen()


@pytest.fixture
def told(screening: Screening, invented: Invented) -> Notes:
    hostile = replace(screening, machine=HOSTILE, tomogram=HOSTILE)
    return notes.gather(hostile, invented.revisions.releases(), HOSTILE, HOSTILE)


class _Page(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_every_finding_and_runs_nothing(told: Notes) -> None:
    page = _Page(notes.as_html(told))
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert all(link.startswith(("#", "https://")) for link in page.links)
    for finding in told.screening.findings:
        assert finding.sentence.replace("\x1b", "") in page.text
        assert finding.command in page.text
    assert "Not yet confirmed" in page.text


def test_markdown_has_no_markup_but_its_own(told: Notes) -> None:
    text = notes.as_markdown(told)
    outside = re.sub(r"(`+).+?\1", "", re.sub(r"<!--.*-->", "", text))
    assert not re.search(r"(?<!\\)[<>|!]", outside)
    assert not re.search(r"(?<!\\)\[[^]]*(?<!\\)\]\((?!https://)", outside)
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## zarr 3.11, 2024-04-20",
        "## zarr 3.6, 2024-03-01",
    ]


def test_the_feed_is_atom_and_holds_what_is_sure(told: Notes) -> None:
    feed = ET.fromstring(notes.as_atom(told))
    assert feed.tag == f"{ATOM}feed"
    ids = [element.text for element in feed.iter(f"{ATOM}id")]
    assert len(ids) == len(set(ids)) == 1 + sum(group.holds for group in told.screening.groups)
    assert all(re.fullmatch(r"tag:[\w.,:/-]+", name or "") for name in ids)
    for element in (feed, *feed.iter(f"{ATOM}entry")):
        for name in ("title", "id", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1
    stamps = [element.text or "" for element in feed.iter(f"{ATOM}updated")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", one) for one in stamps)
    assert not any("slower" in (one.text or "") for one in feed.iter(f"{ATOM}title"))


def test_json_holds_every_field(told: Notes) -> None:
    document = json.loads(notes.as_json(told))
    findings = [one for group in document["groups"] for one in group["findings"]]
    assert {one["id"] for one in findings} == {one.id for one in told.screening.findings}
    assert document["judged"] == told.screening.judged
    assert all(re.fullmatch(r"[a-z0-9.-]+", one["id"]) for one in findings)


@pytest.mark.parametrize("form", notes.FORMATS)
def test_each_format_is_known_by_its_mark(told: Notes, form: str) -> None:
    assert notes.MARKS[form] in notes.FORMATS[form](told).encode()


def test_a_cause_is_told_with_its_number(screening: Screening, invented: Invented) -> None:
    link = "https://github.com/zarr-developers/zarr-python/pull/3004"
    group = screening.groups[0]
    first = replace(group.findings[0], cause=Cause(text="It joins ranges", link=link))
    changed = replace(screening, groups=(replace(group, findings=(first,)),))
    told = notes.gather(changed, invented.revisions.releases(), "Notes", "a phantom")
    assert link in _Page(notes.as_html(told)).links
    assert f"It joins ranges ([#3004]({link}))" in notes.as_markdown(told)


def test_causes_are_of_releases_that_exist() -> None:
    tags = {one.tag for one in releases.load().releases}
    known = causes.Causes.load().known
    assert {one.release for one in known} <= tags
    assert len(known) >= 10
