"""The dashboard as a user sees it: in a browser, without a network."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cryoet_bench.measure.run import Campaign
from cryoet_bench.site import build as site
from tests import toy
from tests.site.test_site import FACTS, HASH

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
RELEASES = ["numcodecs 0.16.2", "zarr 3.1.1"]
BENCHMARKS = ["volume.Volume.time_read", "volume.Volume.track_bytes", "volume.Ratio.track_ratio"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium to look at the dashboard with")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


@pytest.fixture
def page(browser: Any, measured: Path) -> Iterator[Any]:
    """The dashboard's first page, on a network that reaches this machine alone."""
    campaign = Campaign(measured, toy.TIMELINE, "phantom-10A")
    site.record_tomogram(campaign.results_dir, FACTS)
    folder = site.publish(campaign.configuration)
    with site.serve(folder) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        context = browser.new_context(viewport={"width": 1300, "height": 900})
        refused: list[str] = []

        def only_here(route: Any) -> None:
            if route.request.url.startswith(url):
                route.continue_()
            else:
                refused.append(route.request.url)
                route.abort()

        context.route("**/*", only_here)
        opened = context.new_page()
        problems: list[str] = []
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.goto(url)
        opened.get_by_role("button", name="Explore").wait_for()
        yield opened
        context.close()
        server.shutdown()
    assert refused == []
    assert problems == []


def view(page: Any, name: str) -> str:
    """Open one of the dashboard's views, and return the text that it shows."""
    page.locator(".seg-scroll button", has_text=name).click()
    page.wait_for_load_state("networkidle")
    text: str = page.inner_text("body")
    assert not HASH.search(text), f"a commit's hash is shown in {name}"
    return text


def test_the_first_page_lists_every_benchmark_and_names_the_tomogram(page: Any) -> None:
    text = view(page, "Overview")
    assert "Measured on phantom-10A (synthetic, 128 x 128 x 128 voxels of 10.012 Å" in text
    for benchmark in BENCHMARKS:
        assert benchmark in text


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_benchmark_has_its_history_by_release(page: Any, benchmark: str) -> None:
    view(page, "Explore")
    page.locator(".sidebar, aside").get_by_text(benchmark, exact=True).click()
    page.wait_for_selector("canvas, svg.chart, .u-wrap, .card svg")
    text = view(page, "Explore")
    assert "last zarr 3.1.1" in text
    link = page.get_by_text("open commit").get_attribute("href")
    page.goto(page.url.split("#")[0].rstrip("/") + link.lstrip("."))
    assert page.locator("tr:has(:target)").inner_text().startswith("zarr 3.1.1\t2025-07-03")


def test_the_heat_map_goes_by_release_and_knows_directions(page: Any) -> None:
    text = view(page, "Heatmap")
    header, *rows = page.locator("table tr").all_inner_texts()
    assert re.split(r"\s*\t\s*", header.strip())[-2:] == RELEASES
    slower = next(row for row in rows if row.startswith(BENCHMARKS[0]))
    assert float(slower.split()[-1]) == pytest.approx(2, rel=0.3)
    assert text


@pytest.mark.parametrize("name", ["Grid", "Multiples", "Compare", "Regressions", "Inventory"])
def test_no_view_shows_a_hash(page: Any, name: str) -> None:
    assert view(page, name)


def test_two_releases_are_compared_by_name(page: Any) -> None:
    view(page, "Compare")
    page.get_by_role("button", name="Revision pair").click()
    options = page.locator("select option").all_inner_texts()
    assert {"0 · zarr 3.1.0", "1 · numcodecs 0.16.2", "2 · zarr 3.1.1"} <= set(options)


def test_no_view_is_wider_than_the_window(page: Any) -> None:
    for name in ("Overview", "Explore", "Heatmap", "Compare"):
        view(page, name)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1300, name


def test_the_page_of_releases_is_one_click_away(page: Any) -> None:
    page.get_by_text("Releases: what moved, what failed").click()
    text = page.inner_text("body")
    assert "1 failed: RuntimeError: the codec is gone" in text
    assert not HASH.search(text)
