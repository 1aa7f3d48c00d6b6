"""The pages as a reader sees them: in a browser, without a network, from a file."""

from __future__ import annotations

import csv
import json
import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import axe_playwright_python
import pandas as pd
import pytest

from cryoet_bench.changes.subject import plain
from cryoet_bench.record.overview import value_in_words
from cryoet_bench.record.record import Record
from cryoet_bench.site import build, choose
from cryoet_bench.site.series import name_of
from cryoet_bench.site.wording import MINUS, page_of
from tests import synthetic
from tests.site.conftest import HOSTILE, LAB, Built, Reader

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RUN_AXE = """axe.run({ resultTypes: ["violations"], preload: false })
    .then(found => found.violations)"""
QUESTION = "question/read-part-of-a-volume.html"
PAGES = [
    "index.html", "releases.html", "questions.html", "upgrade.html", "choose.html", "quality.html",
    "method.html", "data.html", "release/zarr-3.0.8.html", "release/numcodecs-0.16.2.html",
    QUESTION,
]  # fmt: skip
ATOM = "{http://www.w3.org/2005/Atom}"


def percent(share: int) -> str:
    """Return a percentage as pages write it: no line ends within it."""
    return f"{share}\N{NO-BREAK SPACE}%"


def test_no_page_is_wider_than_the_window_or_breaks_a_rule_of_accessibility(
    browser: Any, built: Built
) -> None:
    found = []
    for width, scheme in ((390, "dark"), (1440, "light")):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        reader = Reader(context.new_page(), built.folder)
        for path in PAGES:
            page = reader.open(path)
            if path == QUESTION:
                page.wait_for_selector(".plot.drawn svg")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{path} is wider than {width}")
            page.add_script_tag(path=AXE)
            found += [
                f"{path} {width} {scheme}: {one['id']}: {one['nodes'][0]['html'][:150]}"
                for one in page.evaluate(RUN_AXE)
            ]
        found += reader.problems
        context.close()
    assert found == []


def test_the_front_page_weighs_little(built: Built) -> None:
    page = (built.folder / "index.html").read_text("utf-8")
    parts = re.findall(r'<(?:script|img)[^>]* src="([^"]+)"', page)
    parts += re.findall(r'rel="(?:icon|stylesheet)" href="([^"]+)"', page)
    weight = len(page.encode()) + sum((built.folder / part).stat().st_size for part in parts)
    assert weight < 1_000_000


def test_every_figure_of_the_tables_is_that_of_the_record(reader: Reader, built: Built) -> None:
    questions = {"time_read": QUESTION, "track_requests": "question/requests-of-a-read.html"}
    own = built.cases[
        (built.cases["machine"] == "epyc-2-cores")
        & built.cases["benchmark"].str.endswith(tuple(questions))
    ]
    shown: dict[tuple[str, str, str], str] = {}
    for metric, path in questions.items():
        page = reader.open(path, "#pattern=whole;slice-xy;boxes-64&layout=cube-64&format=v2;v3")
        page.wait_for_selector("#table tbody tr")
        head, *rows = page.eval_on_selector_all(
            "#table tr", "all => all.map(row => [...row.children].map(cell => cell.innerText))"
        )
        for label, *cells in rows:
            for series, text in zip(head[1:], cells, strict=True):
                shown[metric, series, label.split("\n")[0]] = text
    rows = own[own["case"].str.contains("cube")].to_dict("records")
    for row in random.Random(0).sample(rows, 200):
        case = re.sub(r"(cube-64) (v[23])", r"\1, \2", row["case"])
        text = shown[row["benchmark"].rpartition(".")[2], case, row["label"]]
        if row["status"] == "passed":
            assert text == value_in_words(row["value"], row["unit"])
        else:
            assert text.split("\n") == [row["status"], row["reason"]]


def test_the_choice_of_a_plot_stands_in_its_address(reader: Reader) -> None:
    page = reader.open(QUESTION)
    page.wait_for_selector(".plot.drawn svg")
    page.locator("input[name=pattern][value=whole]").uncheck()
    page.locator("input[name=x][value=date]").check()
    page.locator("input[name=y][value=log]").check()
    address = page.url
    assert "x=date" in address
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(".plot.drawn svg")
    assert not page.locator("input[name=pattern][value=whole]").is_checked()
    assert page.locator("input[name=x][value=date]").is_checked()
    head = page.locator("#table thead th").all_inner_texts()
    assert not any("whole" in text for text in head)
    assert "What explains it: Python calls of a read" in page.inner_text("#history")


def test_a_plot_needs_no_mouse(reader: Reader) -> None:
    page = reader.open(QUESTION)
    page.wait_for_selector(".plot.drawn svg")
    first = page.locator(".chooser input[type=checkbox]").first
    first.focus()
    before = first.is_checked()
    page.keyboard.press("Space")
    assert first.is_checked() != before


def test_the_overview_can_be_held_against_another_release(reader: Reader) -> None:
    page = reader.open("index.html")
    page.select_option("#against select[name=against]", "last2")
    page.wait_for_function("document.getElementById('against-note').textContent !== ''")
    row = page.locator("tr[data-release='zarr-3.4.2'] td.worse")
    assert "5.5\N{MULTIPLICATION SIGN}" in row.all_inner_texts()
    page.select_option("#against select[name=against]", "before")
    assert page.locator("tr[data-release='zarr-3.0.8'] td.worse").count() > 0


def test_an_upgrade_is_told_in_words(reader: Reader) -> None:
    page = reader.open("upgrade.html", "#from=zarr-2.18.7&to=zarr-3.4.2")
    page.wait_for_selector("#answer li")
    lines = page.locator("#answer li").all_inner_texts()
    reading = next(one for one in lines if one.startswith("Reading one slice"))
    assert re.search(r"slower \(.+ to .+\), from [\d.]+ ms to [\d.]+ ms", reading)
    assert "5.5\N{MULTIPLICATION SIGN} more Python calls" in reading
    assert "Format 3 cannot be compared" in page.inner_text("#net")


def test_what_moved_a_little_is_no_change_of_the_newest_release(built: Built) -> None:
    """Once 1.7 % more Python calls made the headline: 1 change for the worse."""
    text = (built.folder / "index.html").read_text("utf-8")
    first = text.partition('id="newest-1"')[2].partition("</section>")[0]
    assert f"Nothing is known to have changed by more than {percent(2)}." in first
    assert f"1 change below {percent(2)}" in first


def test_a_plot_names_the_causes_of_known_changes(reader: Reader) -> None:
    page = reader.open("question/python-calls-of-a-read.html")
    page.wait_for_selector(".plot.drawn svg")
    assert "zarr 3, a new major release" in page.locator(".plot svg").first.inner_html()
    changes = page.locator(".causes li").all_inner_texts()
    assert changes[-1].startswith("zarr 3.0.8, 2025-05-19: 5.5x more calls")
    assert "zarr 3, a new major release" in changes[-1]
    assert not any("newly available" in one for one in changes)


@pytest.mark.parametrize(
    ("release", "heading", "words"),
    [
        ("zarr-3.1.4", "What changed", "confirmed"),
        ("zarr-3.2.0", "What changed", "undone in zarr 3.2.1"),
        ("zarr-3.2.0", "What did not change after all", "Read a volume, by codec"),
        ("zarr-3.3.0", "What is still unclear", "Write a volume, by codec"),
        ("numcodecs-0.16.2", "What changed", "A trade-off of numcodecs 0.16.2"),
        ("numcodecs-0.16.2", "What may have changed", "not yet confirmed"),
        ("numcodecs-0.16.2", "What changed", f"{percent(10)} larger"),
        ("numcodecs-0.16.3", "What did not change after all", "Write a volume, by codec"),
    ],
)
def test_a_release_tells_what_is_known_from_what_is_not(
    reader: Reader, release: str, heading: str, words: str
) -> None:
    page = reader.open(f"release/{release}.html")
    text = page.locator("section").first.inner_text()
    part = text.partition(f"\n{heading}\n")[2].partition("\nWhat ")[0]
    assert words in part


def test_a_confirmed_change_shows_what_was_measured_side_by_side(built: Built) -> None:
    text = (built.folder / "release" / "zarr-3.1.4.html").read_text("utf-8")
    assert "Side by side" in text
    assert f"{MINUS}{percent(40)} ({MINUS}{percent(41)} to {MINUS}{percent(39)})" in text


def test_a_change_says_whether_it_holds_on_another_machine(reader: Reader) -> None:
    """One with a hostile name, which `reader` would see run."""
    page = reader.open("release/zarr-3.1.4.html")
    text = page.locator(".finding.confirmed .about").first.inner_text()
    between = f"{MINUS}{percent(41)} to {MINUS}{percent(39)}"
    assert f"also on {LAB} {MINUS}{percent(40)} ({between})" in text
    page = reader.open("release/numcodecs-0.16.3.html")
    about = page.locator(".finding.overturned .about").first.inner_text()
    assert f"less than {percent(3)} on {LAB}" in about
    assert page.evaluate("window.hacked") is None
    text = reader.open("method.html").inner_text("body")
    assert f"1 were measured side by side on {LAB}, too (Another): 1 changed there as well" in text


def test_an_overturned_change_is_part_of_no_trade_off(built: Built) -> None:
    text = (built.folder / "release" / "numcodecs-0.16.3.html").read_text("utf-8")
    assert f"{percent(10)} larger" in text
    assert "A trade-off" not in text


def test_an_overturned_change_is_coloured_nowhere(built: Built) -> None:
    for path in ("index.html", "question/read-a-volume-by-codec.html", "feed.xml"):
        text = (built.folder / path).read_text("utf-8")
        assert "zarr-3.2.0.read.codecs" not in text, path
    assert "zarr-3.1.4.write.codecs" in (built.folder / "feed.xml").read_text("utf-8")


def test_what_to_write_is_what_the_study_recommends(reader: Reader) -> None:
    facts = json.loads((choose.FOLDER / "recommendations.json").read_text("utf-8"))
    page = reader.open("choose.html")
    for one in facts["recommendations"]:
        found = one["recommendation"]
        use = found["demand"]["use"]["name"]
        card = page.locator(f"section[aria-labelledby=use-{use}]").inner_text()
        assert found["choice"] in card
        assert found["sentence"] in card.replace("\N{NO-BREAK SPACE}", " ")
        rows = page.locator("tr.chosen", has_text=found["choice"]).all_inner_texts()
        assert any(use in row for row in rows)


def test_hostile_names_run_no_script(reader: Reader, built: Built) -> None:
    newest = "release/zarr-3.4.2.html"
    for path in (*PAGES, newest):
        page = reader.open(path)
        if path == QUESTION:
            page.locator("input[name=sheet]").nth(1).check()
        assert page.evaluate("window.hacked") is None, path
        assert page.locator("script", has_text="hacked=1").count() == 0, path
    assert "<script>window.hacked" in reader.open(newest).inner_text("body")
    feed = ET.parse(built.folder / "feed.xml").getroot()
    assert feed.findall(f"{ATOM}entry")
    with (built.folder / "data" / "record.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["machine"] for row in rows} == {"epyc-2-cores", f"'{HOSTILE}"}
    reader.problems.clear()  # an image that does not exist would be one


def test_the_whole_record_can_be_downloaded(built: Built) -> None:
    found = pd.read_parquet(built.folder / "data" / "record.parquet")
    assert len(found) == len(built.cases)
    key = ["machine", "tomogram", "revision", "benchmark", "case"]
    own = found.set_index(key)["value"].sort_index()
    assert own.equals(built.cases.set_index(key)["value"].sort_index())


def test_the_feed_links_to_changes_that_are_there(built: Built) -> None:
    feed = ET.parse(built.folder / "feed.xml").getroot()
    for entry in feed.findall(f"{ATOM}entry"):
        link = entry.find(f"{ATOM}link")
        assert link is not None
        path, _, name = link.attrib["href"].partition("/cryoet-bench/")[2].partition("#")
        assert f'id="{name}"' in (built.folder / path).read_text("utf-8")


def broken_links(folder: Path) -> list[str]:
    """Return the links to files that are not there, and to places that are not in them."""
    texts = {path.resolve(): path.read_text("utf-8") for path in folder.glob("**/*.html")}
    broken = []
    for path, text in texts.items():
        for target, place in re.findall(r'(?:href|src)="([^"#:]+)#?([^":]*)"', text):
            file = (path.parent / target).resolve()
            is_state = target.endswith("upgrade.html")
            leads = file.exists() and (not place or is_state or f'id="{place}"' in texts[file])
            if not leads and "explorer" not in target:
                broken.append(f"{path.name}: {target}#{place}")
    return broken


def test_every_link_of_every_page_leads_somewhere(built: Built) -> None:
    assert broken_links(built.folder) == []


@pytest.mark.parametrize(
    ("measured", "words"),
    [(0, "Nothing has been measured yet"), (1, "there is nothing to compare it with")],
)
def test_a_record_with_nothing_to_compare_says_so(
    tmp_path: Path, measured: int, words: str
) -> None:
    """Once one release had "nothing known to have changed", and a picture that was not there."""
    revisions = synthetic.timeline(tmp_path / "timeline")
    record = Record(tmp_path / "results")
    newest = revisions.releases("main")[-1:]
    synthetic.make(record, newest[:measured], steps=())
    folder = tmp_path / "site"
    folder.mkdir()
    build.build(record, revisions, folder)
    assert words in (folder / "index.html").read_text("utf-8")
    release = (folder / page_of(newest[0])).read_text("utf-8")
    assert ("there is nothing to compare it with" in release) == bool(measured)
    assert broken_links(folder) == []


def test_names_of_the_suite_are_told_in_words_that_a_reader_knows() -> None:
    place = {"values": "fill", "empty-chunks": "left-out"}
    assert name_of(place) == "fill value, empty chunks left out"
    assert plain("whole, cube-64 v2") == "whole, cube-64 v2"


@pytest.mark.parametrize("name", ["zarr", "numcodecs", "read-part-of-a-volume"])
def test_a_plot_and_a_badge_can_be_embedded(built: Built, name: str) -> None:
    badge = ET.parse(built.folder / "embed" / f"{name}-badge.svg").getroot()
    assert badge.attrib["aria-label"]
    plot = ET.parse(built.folder / "embed" / f"{name}.svg").getroot()
    assert len(plot.findall(".//{http://www.w3.org/2000/svg}path")) > 10
