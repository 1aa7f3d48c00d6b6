"""The plots: what a reader does to them in a browser, and the pictures that other pages embed."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cryoet_bench.record.record import Record
from cryoet_bench.site import build, charts
from cryoet_bench.timeline import repository
from tests import synthetic
from tests.site.conftest import Built, Reader

QUESTION = "question/read-part-of-a-volume.html"
CALLS = "question/python-calls-of-a-read.html"
SVG = "{http://www.w3.org/2000/svg}"


def drawn(page: Any) -> Any:
    page.wait_for_selector(".plot.drawn svg")
    return page


def named(page: Any, selector: str) -> str:
    """Return the value of the checked input among some."""
    return str(page.locator(f"{selector}:checked").get_attribute("value"))


def first_point(page: Any) -> Any:
    return page.locator(".plot svg .mark-symbol path").first


def test_a_tooltip_goes_away(reader: Reader) -> None:
    """Once it stayed over the plot for good."""
    page = drawn(reader.open(QUESTION))
    tip = page.locator(".tip")

    def leave() -> None:
        page.mouse.move(5, 5)

    def scroll() -> None:
        page.mouse.wheel(0, 200)

    def redraw() -> None:
        page.eval_on_selector("input[name=x][value=date]", "one => one.click()")

    for end in (leave, lambda: page.keyboard.press("Escape"), scroll, redraw):
        page.mouse.move(5, 5)
        first_point(page).hover(force=True)
        tip.wait_for(state="visible")
        end()
        tip.wait_for(state="hidden")


def test_the_scale_that_is_named_is_the_one_that_is_drawn(reader: Reader) -> None:
    """Once the choice stayed with the first plot while the scale changed with the values."""
    page = drawn(reader.open(CALLS))
    labels = page.locator(".plot svg .role-axis-label text")
    seen = set()
    for box in [None, *page.locator(".chooser input[type=checkbox]").all()]:
        if box is not None and box.is_checked():
            box.evaluate("one => one.click()")  # the last one of an axis stays
        scale = named(page, "input[name=y]")
        seen.add(scale)
        page.wait_for_timeout(300)
        assert ("0" in labels.all_text_contents()) == (scale == "linear")
    assert seen == {"linear", "log"}


def test_a_combination_that_nobody_measured_is_none(reader: Reader) -> None:
    """Once "the table says why", and there was no table."""
    page = reader.open(QUESTION, "#layout=shard-32-in-128&format=v2")
    page.wait_for_selector("figcaption:not(:empty)")
    words = "There is no such combination of access, layout, and format among the measured cases"
    assert words in page.inner_text("figcaption")
    assert not page.locator("#table").is_visible()
    page.locator("input[name=format][value=v3]").check()
    drawn(page)
    assert page.inner_text("figcaption") == ""
    assert page.locator("#table").is_visible()


def test_a_number_on_a_plot_is_one_of_the_list(reader: Reader) -> None:
    page = drawn(reader.open(QUESTION))
    listed = page.locator(".causes li").count()
    page.wait_for_selector(".plot.companion.drawn svg")
    marks = page.locator(".plot svg .mark-text.role-mark text").all_text_contents()
    numbers = {int(one) for text in marks for one in re.findall(r"^\d+|(?<=, )\d+", text)}
    assert numbers == set(range(1, listed + 1))
    others = page.locator(".plot.companion svg .mark-text.role-mark text").all_text_contents()
    assert "▾" in others
    assert not any(re.fullmatch(r"[\d, ]+", one) for one in others)


@pytest.mark.parametrize("axis", ["release", "date"])
@pytest.mark.parametrize("width", [390, 1440])
def test_the_numbers_of_a_plot_do_not_touch(reader: Reader, axis: str, width: int) -> None:
    reader.page.set_viewport_size({"width": width, "height": 900})
    page = drawn(reader.open("question/requests-of-a-read.html", f"#x={axis}"))
    texts = page.locator(".plot svg .mark-text.role-mark text")
    boxes = sorted(
        (box["x"], box["x"] + box["width"])
        for one in texts.all()
        if re.fullmatch(r"[\d, ]+", one.text_content() or "") and (box := one.bounding_box())
    )
    assert boxes
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(boxes))


@pytest.mark.parametrize("state", ["#sheet=7", "#against=nothing", "#release=nothing&sheet=7"])
def test_an_address_of_nothing_shows_the_overview(reader: Reader, state: str) -> None:
    """Once no matrix at all."""
    page = reader.open("index.html", state)
    page.wait_for_timeout(300)
    assert page.locator(".matrix:visible").count() == 1
    assert page.input_value("#against select[name=sheet]") == "0"
    for name in ("against", "release"):
        assert (
            page.eval_on_selector(f"#against select[name={name}]", "one => one.selectedIndex") < 4
        )


def test_an_address_of_nothing_shows_a_question_as_it_is_first_shown(reader: Reader) -> None:
    page = drawn(reader.open(QUESTION, "#sheet=7&x=foo&y=bar&pattern=foo"))
    assert named(page, "input[name=x]") == "release"
    assert named(page, "input[name=sheet]") == "0"
    assert page.locator("input[name=pattern]:checked").count() > 0


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("#sheet=7", "From zarr 2.18.7 to zarr 3.4.2"),
        ("#from=zarr-9.9.9", "There is no release “zarr-9.9.9”: zarr 2.18.7 is taken instead."),
        (
            "#from=zarr-2.18.7&to=zarr-3.4.2&sheet=1",
            "zarr 2.18.7 was not measured on this machine and tomogram",
        ),
    ],
)
def test_an_upgrade_says_what_it_cannot_compare(reader: Reader, state: str, words: str) -> None:
    page = reader.open("upgrade.html", state)
    page.wait_for_selector("#answer li")
    assert words in page.inner_text("#net")
    page.locator("select[name=from]").select_option(index=0)
    page.locator("select[name=from]").select_option(index=1)
    assert "zarr-9.9.9" not in page.inner_text("#net")


def test_another_machine_keeps_what_is_ticked_and_the_focus(reader: Reader) -> None:
    page = drawn(reader.open(QUESTION))
    page.locator("input[name=pattern][value=whole]").uncheck()
    page.locator("input[name=sheet][value='0']").focus()
    page.keyboard.press("ArrowRight")
    assert named(page, "input[name=sheet]") == "1"
    assert not page.locator("input[name=pattern][value=whole]").is_checked()
    assert page.locator("input[name=pattern]:checked").count() > 0
    focus = page.evaluate("[document.activeElement.name, document.activeElement.value]")
    assert focus == ["sheet", "1"]


def test_too_few_rounds_are_not_no_change(reader: Reader) -> None:
    page = reader.open("index.html")
    page.evaluate("""async () => {
      const { table, revisions } = await site.load("pairs-0");
      const facet = document.querySelector("th[data-facet]").dataset.facet;
      const [from, to] = ["zarr-2.18.7", "zarr-3.4.2"].map((one) => revisions.indexOf(one));
      table[facet][from][to] = [0, "+5 %", "", 1.05];
    }""")
    page.select_option("#against select[name=against]", "last2")
    cell = page.locator("tr[data-release='zarr-3.4.2'] td.unclear")
    cell.wait_for()
    assert cell.inner_text().split() == ["?", "too", "few", "rounds", "to", "tell"]
    assert page.locator(".matrix span[aria-label]:visible").count() == 0


def test_the_table_says_why_there_is_no_value(reader: Reader) -> None:
    """Once in a title, which neither a keyboard nor a finger reaches."""
    page = drawn(reader.open(QUESTION))
    row = page.locator("#table tr", has_text="zarr 2.18.7")
    assert "n/a\nzarr 2 writes format 2 only" in row.inner_text()


def test_what_is_ticked_is_seen_without_colour(browser: Any, built: Built) -> None:
    context = browser.new_context(forced_colors="active", offline=True)
    page = drawn(Reader(context.new_page(), built.folder).open(QUESTION))
    page.locator("input[name=pattern][value=whole]").uncheck()
    looks = [
        page.locator(f".chip input[name=pattern]{state} + span").first.evaluate("""one => [
          getComputedStyle(one, "::before").visibility, getComputedStyle(one).backgroundColor]""")
        for state in (":checked", ":not(:checked)")
    ]
    assert [sign for sign, _ in looks] == ["visible", "hidden"]
    assert looks[0][1] != looks[1][1]
    context.close()


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of four releases, and of a candidate on the third of them."""
    root = tmp_path_factory.mktemp("proposed")
    revisions = synthetic.timeline(root / "timeline")
    path, below = revisions.path, revisions.releases("main")[-2]
    branch = f"refs/heads/{repository.CANDIDATES}/zarr-9.9.9-1a2b3c4d"
    stamp = int(below.date.timestamp()) + 1
    pins = "".join(f"{one}\n" for one in below.pins)
    commit = repository._commit(branch, stamp, stamp, "proposed", pins, below.commit)
    repository.git(path, "fast-import", "--quiet", "--date-format=raw", stdin=commit)
    revisions = type(revisions)(revisions.timeline, path)
    (candidate,) = revisions.candidates()
    first, second, third, newest = revisions.releases("main")[-4:]
    record = Record(root / "results")
    synthetic.make(record, [first, second, third, candidate, newest], steps=())
    folder = root / "site"
    folder.mkdir()
    build.build(record, revisions, folder)
    return folder


def test_a_candidate_leaves_the_line_of_the_releases_whole(browser: Any, proposed: Path) -> None:
    """Once the line ended at the candidate, which no release comes after."""
    context = browser.new_context(offline=True)
    page = drawn(Reader(context.new_page(), proposed).open("question/control.html"))
    assert "candidate 1a2b3c4d" in page.inner_text("#table")
    lines = page.locator(".plot svg .mark-line path").all()
    assert sorted(str(one.get_attribute("d")).count("L") for one in lines) == [1, 3]
    context.close()


def test_an_embedded_picture_shows_releases_alone(proposed: Path) -> None:
    """Once a candidate, as if it were one."""
    picture = ET.parse(proposed / "embed" / "control.svg").getroot()
    points = [
        one
        for group in picture.iter(f"{SVG}g")
        if "mark-symbol role-mark" in group.attrib.get("class", "")
        for one in group.iter(f"{SVG}path")
    ]
    assert len(points) == 4


def test_no_two_series_of_an_embedded_picture_look_the_same(built: Built) -> None:
    picture = ET.parse(built.folder / "embed" / "read-a-volume-by-codec.svg").getroot()
    looks = [
        (one.attrib["stroke"], one.attrib["stroke-dasharray"])
        for group in picture.iter(f"{SVG}g")
        if "mark-line role-mark" in group.attrib.get("class", "")
        for one in group.iter(f"{SVG}path")
    ]
    assert len(set(looks)) == len(looks) == 6
    assert len({colour for colour, _ in looks}) == 3


def test_more_series_than_colours_look_different_by_their_dash() -> None:
    names = [(f"codec-{k}", form) for k in range(8) for form in ("v2", "v3")]
    rows = [
        {"series": f"{codec}, {form}", "group": codec, "dashed": form == "v2",
         "date": "2025-01-01", "value": 1.0}
        for codec, form in names
    ]  # fmt: skip
    line = charts.picture(rows, unit="x", width=300, height=200)["layer"][0]["encoding"]
    colours, dashes = (line[channel]["scale"]["range"] for channel in ("color", "strokeDash"))
    looks = {(colour, tuple(dash)) for colour, dash in zip(colours, dashes, strict=True)}
    assert len(looks) == len(names)


@pytest.fixture(params=["light", "dark"])
def room(request: pytest.FixtureRequest, browser: Any) -> Iterator[tuple[Any, str]]:
    """A page of a reader with light or with dark pages, and the colour of those."""
    context = browser.new_context(color_scheme=request.param, offline=True)
    yield context.new_page(), {"light": "#ffffff", "dark": "#12181e"}[request.param]
    context.close()


@pytest.mark.parametrize("name", ["years-wide", "years-narrow", "choose-wide", "choose-narrow"])
def test_a_picture_without_a_background_is_legible(
    room: tuple[Any, str], built: Built, name: str
) -> None:
    page, paper = room
    page.goto((built.folder / "assets" / f"{name}.svg").as_uri())
    inks = page.locator("text").evaluate_all("all => all.map(one => getComputedStyle(one).fill)")
    assert inks
    back = [int(paper[place : place + 2], 16) for place in (1, 3, 5)]
    for ink in set(inks):
        front = [int(one) for one in re.findall(r"\d+", ink)]
        assert contrast(front, back) >= 4.5, ink


def contrast(one: list[int], other: list[int]) -> float:
    """Return how much two colours differ, as WCAG defines it."""
    light, dark = sorted(map(_luminance, (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: list[int]) -> float:
    shares = [one / 255 for one in colour]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
