"""The pages as a reader sees them: in a browser, without a network, from a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.site.test_site import HASH, publish

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium to look at the pages with")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


@pytest.fixture(params=[390, 1440])
def page(request: pytest.FixtureRequest, browser: Any, measured: Path) -> Iterator[Any]:
    """The front page, opened from its file in a window of some width."""
    folder = publish(measured)
    context = browser.new_context(viewport={"width": request.param, "height": 900}, offline=True)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("requestfailed", lambda sent: problems.append(sent.url))
    opened.goto((folder / "index.html").as_uri())
    yield opened
    context.close()
    assert problems == []


def test_the_front_page_reads_by_release(page: Any) -> None:
    text = page.inner_text("body")
    assert "Zarr for cryo-ET, release by release" in text
    assert "synthetic, 128 x 128 x 128 voxels of 10 Å" in text
    assert "1 failed: RuntimeError: the codec is gone" in text
    assert not HASH.search(text)
    assert "tachyon" not in text


def test_nothing_is_wider_than_the_window(page: Any) -> None:
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]


def test_the_explorer_is_one_click_away(page: Any) -> None:
    assert page.get_by_role("link", name="Explore every series").get_attribute("href")
