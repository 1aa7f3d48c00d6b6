"""How the site holds up: build time, weight and time to the first plot, as the record grows.

``python -m evaluations.site_scale`` makes records of all releases that nobody measured: 60
questions of 25 cases, as the suite has now, and 67 of 150, some 10,000 series. It builds the site
of each, opens it from the disk in chromium, and prints a table. The exit code is 1 where a bar is
missed: 30 s for building the first, 1 MB for the front page, 1.5 s for the first plot.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from cryoet_bench.record.record import Record
from cryoet_bench.site import build
from tests import synthetic
from tests.conftest import CHROMIUM

BARS = {"build": 30.0, "front page": 1.0, "first plot": 1.5}


def main() -> int:
    """Print the table."""
    missed = False
    print(f"{'record':24} {'build [s]':>10} {'site [MB]':>10} {'front [MB]':>10} {'plot [s]':>9}")
    for questions, cases in ((60, 25), (67, 150)):
        seconds, weight, front, plot = figures(questions, cases)
        name = f"{questions} questions x {cases} cases"
        print(f"{name:24} {seconds:10.1f} {weight / 1e6:10.1f} {front / 1e6:10.2f} {plot:9.2f}")
        missed |= front > BARS["front page"] * 1e6 or plot > BARS["first plot"]
        missed |= cases == 25 and seconds > BARS["build"]
    return int(missed)


def figures(questions: int, cases: int) -> tuple[float, int, int, float]:
    """Return what a site takes to build, its weight, that of its front page, and the first plot's.

    Parameters
    ----------
    questions, cases : int
        Of the made-up record: how many, and of each how many.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        revisions = synthetic.timeline(root / "timeline")
        record = Record(root / "results")
        synthetic.make(record, revisions.releases(), _suite(questions, cases), steps=())
        target = root / "site"
        target.mkdir()
        begun = time.perf_counter()
        build.build(record, revisions, target)
        seconds = time.perf_counter() - begun
        weight = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        return seconds, weight, _weight(target), _first_plot(target)


def _suite(questions: int, cases: int) -> list[dict[str, object]]:
    codecs = [f"codec-{number}" for number in range(cases // 2 + cases % 2)]
    axes = {"codec": codecs, "format": ["v2", "v3"]}
    known = list(synthetic.SUITE)
    units = ("seconds", "bytes", "calls")
    more = [
        synthetic.describe(f"module{k % 12}.Q{k}.time_it", f"Question {k}", units[k % 3], axes)
        for k in range(questions - len(known))
    ]
    return [*known, *more]


def _weight(site: Path) -> int:
    page = (site / "index.html").read_text("utf-8")
    parts = re.findall(r'<(?:script|img)[^>]* src="([^"]+)"', page)
    parts += re.findall(r'rel="(?:icon|stylesheet)" href="([^"]+)"', page)
    return len(page.encode()) + sum((site / part).stat().st_size for part in parts)


def _first_plot(site: Path) -> float:
    """Return the least of three times from opening a question's file to its plot, in seconds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        times = []
        for _ in range(3):
            page = browser.new_context(offline=True).new_page()
            begun = time.perf_counter()
            page.goto((site / "question" / "question-0.html").as_uri())
            page.wait_for_selector(".plot.drawn svg")
            times.append(time.perf_counter() - begun)
        browser.close()
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
