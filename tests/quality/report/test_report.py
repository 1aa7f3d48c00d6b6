from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.quality.check import Check, judge, worst
from cryoet_bench.quality.qc import examine
from cryoet_bench.quality.qc.report import build_report
from cryoet_bench.quality.report import (
    Report,
    Section,
    Table,
    markdown,
    schema,
    write_html,
    write_json,
    write_png,
)

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>taken()</script> | $\\frac$"


@pytest.fixture(scope="module")
def report() -> Report:
    """A report of a damaged volume with a hostile name."""
    rng = np.random.default_rng(0)
    volume = rng.standard_normal((40, 40, 40)).astype(np.float32)
    volume[3, 4, 5] = np.nan
    built = build_report(examine(volume, name=HOSTILE, voxel_spacing=10))
    table = Table(("what", "value"), ((HOSTILE, 1.5), ("yes", True), ("nothing", None)))
    extra = Section(HOSTILE, HOSTILE, table=table)
    return Report(
        built.kind,
        built.title,
        built.subject,
        built.checks,
        (*built.sections, extra),
        built.measures,
    )


def test_the_page_in_a_browser_without_network(
    report: Report, tmp_path: Path, browser: Any
) -> None:
    write_html(report, tmp_path / "report.html")
    context = browser.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator("h1").inner_text().startswith(HOSTILE[:20])
    assert page.locator("h1 .verdict").inner_text() == "fail"
    assert "taken" not in page.title().split(":")[-1]
    assert page.locator("script, main img[src='x']").count() == 0
    rows = page.locator("section").first.locator("tbody tr")
    assert rows.count() == len(report.checks)
    assert "1 voxel is NaN" in rows.first.inner_text()
    for title in ("Orthoslices", "Histogram", "Slice profiles", "Power spectrum"):
        picture = page.get_by_alt_text(title)
        assert picture.evaluate("image => image.complete && image.naturalWidth > 500")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_page_needs_nothing_but_itself(report: Report, tmp_path: Path) -> None:
    write_html(report, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "<script" not in text
    assert "http:" not in text.replace("http-equiv", "")
    assert "https:" not in text
    assert HOSTILE not in text


def test_json_follows_the_published_schema(report: Report, tmp_path: Path) -> None:
    write_json(report, tmp_path / "report.json")
    text = (tmp_path / "report.json").read_text()
    assert "NaN" not in text.replace("is NaN", "")
    written = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(written, schema())
    assert written["title"] == HOSTILE
    assert written["verdict"] == "fail"
    assert written["measures"]["statistics"]["nan"] == 1
    # The slice with the NaN has no correlation with its neighbours.
    assert written["measures"]["neighbour_correlation"][2:4] == [None, None]
    broken = written | {"verdict": "perhaps"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


def test_the_published_schema_is_the_one_in_use() -> None:
    published = Path(__file__).parents[3] / "docs" / "report.schema.json"
    assert json.loads(published.read_text()) == schema()


def test_markdown_is_one_row_a_check_whatever_the_name(report: Report) -> None:
    lines = markdown(report).splitlines()
    assert lines[0].startswith("# \\<img")
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == len(report.checks) + 1
    assert all(line.count("|") - line.count("\\|") == 6 for line in rows)


def test_the_picture_holds_all_sections(report: Report, tmp_path: Path) -> None:
    from PIL import Image

    write_png(report, tmp_path / "report.png", dpi=50)
    with Image.open(tmp_path / "report.png") as image:
        assert image.width == 450
        assert image.height == pytest.approx(50 * sum(s.height for s in report.sections if s.draw))


@pytest.mark.parametrize("write", [write_html, write_json, write_png])
def test_what_cannot_be_written_leaves_nothing(report: Report, tmp_path: Path, write: Any) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write(report, tmp_path / "nowhere" / "report")
    assert list(tmp_path.iterdir()) == []


def test_verdicts_are_ordered() -> None:
    assert worst([]) == "pass"
    assert worst(["pass", "fail", "warn"]) == "fail"
    assert [judge(value, 1, 2) for value in (1, 1.5, 2.5, float("nan"))] == [
        "pass", "warn", "fail", "fail",
    ]  # fmt: skip
    check = Check("k", "K", None, "", "", "warn", "It is so.")
    assert Report("qc", "t", {}, (check,)).verdict == "warn"
