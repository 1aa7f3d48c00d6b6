"""A record that is not whole yet: the pages say what was not measured, and claim nothing of it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.record import Record
from cryoet_bench.site import build
from cryoet_bench.site.extent import Extent
from tests import synthetic
from tests.site.conftest import Reader
from tests.site.test_pages import broken_links

MORE = {"codec": (*synthetic.CODECS["codec"], "zstd-3"), "format": synthetic.CODECS["format"]}
CORE = [f"{codec}, {form}" for codec in synthetic.CODECS["codec"] for form in ("v2", "v3")]
LATENCY = {"way": ("50 ms", "50 ms, overlapping"), "from": ("here",)}

NARROW = synthetic.describe("read.Codecs.time_volume", "Read a volume", "seconds", MORE, core=CORE)
"""Of this the core was measured, and `MORE` is asked."""

OPEN = {"what": ("array",), "format": ("v2", "v3")}
OPENING = synthetic.describe("read.Opening.time_open", "Open a volume", "seconds", OPEN, core=[])
S3 = synthetic.describe("store.S3.time_read", "Read from S3", "seconds", LATENCY, core=[])
TRIPS = synthetic.describe(
    "store.RoundTrips.track_round_trips", "Round trips to S3", "round trips",
    {"way": LATENCY["way"]}, core=[],
)  # fmt: skip
PEAK = synthetic.describe(
    "memory.Peak.peakmem_read", "Peak memory", "bytes", {"array": ("cube-64 v2",)},
    type="peakmemory", core=[],
)  # fmt: skip
KINDS = synthetic.describe(
    "cost.ReadKinds.track_requests", "Requests by kind", "requests", {"kind": ("get",)}, core=[]
)

ASKED = (
    *(NARROW if one["name"] == NARROW["name"] else one for one in synthetic.SUITE),
    OPENING, S3, TRIPS, PEAK, KINDS,
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six releases: counts and times of the core, the rest of the first and the newest alone."""
    root = tmp_path_factory.mktemp("partial")
    revisions = synthetic.timeline(root / "timeline")
    record = Record(root / "results")
    newest = revisions.releases("main")[-6:]
    core = (*synthetic.SUITE, TRIPS)
    synthetic.make(record, newest, core, steps=())
    synthetic.make(record, newest[:1], (*core, KINDS), steps=())
    more = synthetic.Step(newest[-1].name, KINDS["name"], 2.0)
    synthetic.make(record, newest[-1:], (*core, KINDS, PEAK), steps=(more,))
    record.describe_suite({one["name"]: Benchmark(one) for one in ASKED}, "synthetic")
    folder = root / "site"
    folder.mkdir()
    build.build(record, revisions, folder)
    return folder


def _text(page: Path) -> str:
    plain = re.sub(r"<[^>]+>", " ", page.read_text("utf-8"))
    return " ".join(html.unescape(plain).split())


@pytest.mark.parametrize(
    ("extent", "words"),
    [
        (Extent(81, 0, 0, 0, 44), "not yet measured"),
        (Extent(81, 12, 44, 44, 44), "12 of 81 cases measured"),
        (Extent(81, 81, 44, 44, 44), "all 81 cases measured"),
        (Extent(81, 81, 2, 44, 44), "all 81 cases measured, in 2 to 44 of 44 releases"),
        (Extent(1, 1, 1, 1, 2), "1 case measured, in 1 of 2 releases"),
    ],
)
def test_an_extent_is_told_in_words(extent: Extent, words: str) -> None:
    assert extent.words == words


def test_every_question_is_listed_and_no_link_is_dead(site: Path) -> None:
    text = _text(site / "questions.html")
    assert all(one["pretty_name"] in text for one in ASKED)
    assert broken_links(site) == []


def test_a_question_without_a_time_says_so_and_what_stands_in_for_it(site: Path) -> None:
    assert not (site / "question" / "read-from-s3.html").exists()
    listed = (site / "questions.html").read_text("utf-8").partition("Read from S3")[2]
    entry = listed.partition("</li>")[0]
    assert "not yet measured" in entry
    assert 'href="question/round-trips-to-s3.html"' in entry


def test_a_question_says_how_much_of_it_was_measured(site: Path) -> None:
    question = site / "question"
    assert "6 of 8 cases measured." in _text(question / "read-a-volume.html")
    peak = _text(question / "peak-memory.html")
    assert "1 case measured, in 1 of 6 releases." in peak
    assert "there is nothing to compare yet" in peak
    assert "cases measured" not in _text(question / "read-part-of-a-volume.html")


def test_no_overview_speaks_of_what_was_not_measured(site: Path) -> None:
    assert "nothing of them is measured yet: Open." in _text(site / "index.html")
    assert "not measured yet: Open." in _text(site / "upgrade.html")
    script = (site / "data" / "pairs-0.js").read_text("utf-8")
    pairs = json.loads(script.partition(",")[2].rpartition(")")[0])
    assert not any(one["aspect"].startswith("open") for one in pairs["facets"])


def test_the_method_names_all_that_was_not_measured(site: Path) -> None:
    text = _text(site / "method.html").partition("What was not measured")[2]
    exact = sum(len(one.cases) for one in map(Benchmark, ASKED) if not one.is_timed)
    assert f"Counts and sizes: all {exact} cases measured, in 2 to 6 of 6 releases." in text
    assert "5 questions not yet measured whole" in text
    assert "Read from S3 not yet measured" in text


def test_a_release_says_how_much_of_the_suite_it_lacks(site: Path) -> None:
    assert "6 not yet measured" in _text(site / "release" / "zarr-3.4.2.html")


def test_no_release_is_blamed_for_what_any_of_many_may_have_done(site: Path) -> None:
    front = _text(site / "index.html").partition("What the releases did")[0]
    assert "zarr 3.4.2 against" in front
    assert "for the worse" not in front
    page = _text(site / "release" / "zarr-3.4.2.html")
    undated = page.partition("What changed here or earlier")[2]
    assert "Requests by kind (get): 2x more requests" in undated
    question = _text(site / "question" / "requests-by-kind.html")
    assert (
        "At zarr 3.4.2 or one of the 4 before it, not measured: 2x more requests for get"
        in question
    )


def test_a_choice_with_a_comma_in_its_name_stands_in_the_address(browser: Any, site: Path) -> None:
    """Once its two halves were taken for two choices."""
    context = browser.new_context(offline=True)
    page = Reader(context.new_page(), site).open("question/round-trips-to-s3.html")
    page.locator("input[name=way]").first.uncheck()
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    checked = page.locator("input[name=way]:checked")
    assert [one.get_attribute("value") for one in checked.all()] == ["50 ms, overlapping"]
    context.close()


def test_no_line_is_drawn_where_nothing_was_measured(browser: Any, site: Path) -> None:
    context = browser.new_context(offline=True)
    reader = Reader(context.new_page(), site)
    for path, is_drawn in (("requests-by-kind", False), ("round-trips-to-s3", True)):
        page = reader.open(f"question/{path}.html")
        page.wait_for_selector(".plot.drawn svg")
        lines = page.locator(".plot svg .mark-line path").all()
        assert any("L" in str(one.get_attribute("d")) for one in lines) == is_drawn
    context.close()
