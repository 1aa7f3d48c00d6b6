"""Six things that the record has shown, each found by following links from the front page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cryoet_bench.record.record import REFERENCE, Record
from cryoet_bench.site import build
from tests import synthetic
from tests.site.conftest import Reader

ROOT = Path(__file__).parents[2]
TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / REFERENCE).exists():
        pytest.skip("the record of the reference machine is not in the repository yet")
    root = tmp_path_factory.mktemp("record")
    folder = root / "site"
    folder.mkdir()
    build.build(Record(root / "own", (ROOT / REFERENCE,)), synthetic.timeline(root / "git"), folder)
    return folder


@pytest.fixture
def page(browser: Any, site: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    reader = Reader(context.new_page(), site)
    yield reader.open("index.html")
    context.close()
    assert reader.problems == []


def _change(page: Any, release: str, question: str) -> str:
    """Follow the front page's link to a release, and return its change in a question."""
    page.get_by_role("link", name=release, exact=True).first.click()
    page.wait_for_selector("h1")
    found = page.locator("li.finding", has_text=question)
    assert found.count(), f"{release} has no change in: {question}"
    return " ".join(found.all_text_contents())


def test_python_calls_at_zarr_3(page: Any) -> None:
    assert re.search(rf"5\.[45]{TIMES}", _change(page, "zarr 3.0.8", "Python calls of a read"))


def test_requests_of_a_sharded_slice_at_zarr_3_3(page: Any) -> None:
    text = _change(page, "zarr 3.3.0", "Requests of a read")
    assert re.search(r"slice-xy, shard-32-in-128 v3, get_partial\s*17 requests\s*5 requests", text)


def test_bytes_of_bloscs_default_at_numcodecs_0_16_1(page: Any) -> None:
    assert "smaller" in _change(page, "numcodecs 0.16.1", "Stored size per voxel, by codec")


def test_writing_an_inner_chunk_at_zarr_3_1_4(page: Any) -> None:
    text = _change(page, "zarr 3.1.4", "Write into an array, by access pattern")
    assert "one-chunk, shard-32-in-128 v3" in text
    confirmed = re.search(r"one-chunk, shard-32-in-128 v3[^()]*÷2(\.\d)? \(÷", text)
    assert confirmed, "4x where the allocator is not fixed; as measured side by side"


def test_what_numcodecs_0_15_2_means_on_zarr_2(page: Any) -> None:
    page.get_by_role("link", name="numcodecs 0.15.2", exact=True).first.click()
    text = page.inner_text("main")
    assert "on the line zarr-2 of maintenance releases" in text
    assert "What changed" in text


def test_upgrading_from_the_last_zarr_2_for_reading_one_slice(page: Any) -> None:
    page.get_by_role("link", name="Should I upgrade?").first.click()
    page.wait_for_selector("#answer li")
    assert "zarr 2.18.7" in page.inner_text("#net")
    slices = page.locator("#answer li", has_text="Reading one slice, format 2").inner_text()
    assert re.search(r"slower|faster|no change", slices)
    assert "more Python calls" in slices


def test_small_exact_changes_of_a_release_are_folded_together(page: Any, site: Path) -> None:
    page.goto((site / "release" / "zarr-3.1.4.html").as_uri())
    folded = page.locator("details.more", has_text="below 2 %").first
    shown = folded.locator(".amount strong").all_text_contents()
    sizes = [float(text.strip("+\N{MINUS SIGN}\N{NO-BREAK SPACE}%")) for text in shown]
    assert sizes
    assert max(sizes) < 2
