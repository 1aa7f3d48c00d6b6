"""The site of a made-up record, built once, and what reads it in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cryoet_bench.changes.confirmation import Verdict
from cryoet_bench.record.record import Record
from cryoet_bench.site import build
from cryoet_bench.timeline.releases import load
from cryoet_bench.timeline.revisions import Revisions
from tests import synthetic
from tests.measured import Once

HOSTILE = "=1+1 <script>window.hacked=1<\u2028script>"
MORE = (
    synthetic.Step("zarr-3.2.0", "cost.Reads.track_requests", 1.5, "whole"),
    synthetic.Step("zarr-3.2.1", "cost.Reads.track_requests", 1 / 1.5, "whole"),
    synthetic.Step("numcodecs-0.16.2", "size.Codecs", 1.1, "gzip"),
    synthetic.Step("numcodecs-0.16.2", "write.Codecs", 0.5, "gzip"),
    synthetic.Step("numcodecs-0.16.3", "size.Codecs", 1.1, "gzip"),
    synthetic.Step("numcodecs-0.16.3", "write.Codecs", 0.5, "gzip"),
    synthetic.Step("zarr-3.3.0", "write.Codecs", 1.4),
    synthetic.Step("zarr-3.2.0", "read.Codecs", 1.4),
    synthetic.Step("zarr-3.4.2", "size.Codecs", 1.01, "blosc-zstd"),
)
"""Steps of every fate: taken back, a trade-off, slight, and those that `CONFIRMED` decides on."""

CONFIRMED: tuple[tuple[str, str, str, Verdict, float], ...] = (
    ("zarr-3.1.3", "zarr-3.1.4", "write.Codecs.time_volume", "changed", 0.6),
    ("zarr-3.1.2", "numcodecs-0.16.3", "write.Codecs.time_volume", "equivalent", 1.0),
    ("zarr-3.1.6", "zarr-3.2.0", "read.Codecs.time_volume", "equivalent", 1.0),
    ("zarr-3.2.1", "zarr-3.3.0", "write.Codecs.time_volume", "undecided", 1.2),
)
LAB = "<img src=x onerror=window.hacked=1>lab"
"""A machine that measured releases side by side and no history."""
PUBLISHED = Path("published", "under", "a path")
REASON = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


@dataclass(frozen=True)
class Built:
    """A built site, and the record that it shows."""

    folder: Path
    record: Record
    cases: Any


@pytest.fixture(scope="session")
def built(once: Once) -> Built:
    """The site of all releases on one machine, of two on a hostile one, and verdicts of `LAB`."""
    root = once("site", _build)
    record = Record(root / "results")
    revisions = Revisions(load(), root / "timeline")
    cases = record.cases(list(revisions.by_commit.values()))
    return Built(root / PUBLISHED, record, cases)


def _build(root: Path) -> None:
    revisions = synthetic.timeline(root / "timeline")
    every = revisions.releases()
    record = Record(root / "results")
    synthetic.make(record, every, steps=(*synthetic.STEPS, *MORE))
    for one in CONFIRMED:
        synthetic.confirm(record, *one)
    record.describe_machine(LAB, {"cpu": "Another"})
    for one in CONFIRMED[:2]:
        synthetic.confirm(record, *one, machine=LAB)
    facts = synthetic.FACTS | {"name": HOSTILE, "source": "file"}
    synthetic.make(record, every[-2:], machine=HOSTILE, facts=facts, steps=(), reason=REASON)
    (root / PUBLISHED).mkdir(parents=True)
    build.build(record, revisions, root / PUBLISHED)


class Reader:
    """A page of the site in a browser without a network, and what went wrong in it."""

    def __init__(self, page: Any, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("requestfailed", self._failed)
        page.on("request", lambda sent: self._asked(sent.url))

    def open(self, path: str, state: str = "") -> Any:
        self.page.goto("about:blank")
        self.page.goto((self.folder / path).as_uri() + state)
        return self.page

    def _failed(self, sent: Any) -> None:
        if sent.failure != "net::ERR_ABORTED":  # the page was left before it was there
            self.problems.append(sent.url)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.folder.as_uri(), "about:", "data:")):
            self.problems.append(f"left the folder: {url}")


@pytest.fixture
def reader(browser: Any, built: Built) -> Iterator[Reader]:
    """A reader at a desk, in a light room."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    found = Reader(context.new_page(), built.folder)
    yield found
    context.close()
    assert found.problems == []
