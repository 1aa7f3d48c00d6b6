"""The published folder: our pages from the record, and asv's data alongside."""

from __future__ import annotations

import html
import json
import re
import shutil
import urllib.request
from pathlib import Path
from threading import Thread
from typing import Any

import asv_tachyon
import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.measure.asv import explorer
from cryoet_bench.measure.asv.processes import quiet
from cryoet_bench.record.record import Series
from cryoet_bench.site import serve
from tests.measured import Once, campaign, last_two

HASH = re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{8,40}\b")


def publish(root: Path) -> Path:
    mine = campaign(root)
    with quiet():
        return explorer.publish(mine.laboratory.configuration, mine.record, mine.revisions)


@pytest.fixture
def published(measured: Path, once: Once) -> Path:
    """The site of the measured project, which is built once."""
    built = once("published", lambda folder: shutil.copytree(publish(measured), folder / "html"))
    return shutil.copytree(built / "html", measured / ".asv" / "html", dirs_exist_ok=True)


def test_releases_have_names_and_dates_and_no_hash(published: Path) -> None:
    page = (published / "releases.html").read_text()
    rows = re.findall(
        r'<a href="release/([^"]*).html">.*?<time datetime="([^"]*)">', page, re.DOTALL
    )
    assert rows == [
        ("zarr-3.1.1", "2025-07-03"),
        ("numcodecs-0.16.2", "2025-07-02"),
        ("zarr-3.1.0", "2025-07-01"),
    ]
    for path in published.glob("**/*.html"):
        if not {"explorer", "assets"} & set(path.parts):
            assert not HASH.search(path.read_text()), path.name


def test_the_page_of_a_release_says_what_failed_and_why(published: Path) -> None:
    page = html.unescape((published / "release" / "zarr-3.1.1.html").read_text())
    assert "1 failed: RuntimeError: the codec is gone" in page
    assert "Not measured on" in (published / "release" / "zarr-3.1.0.html").read_text()


def test_what_was_measured_again_has_failed_nowhere(measured: Path) -> None:
    """Once a case that failed, was measured again and passed stayed failed on this page."""
    (measured / "fixed").touch()
    list(campaign(measured, retry=True).measure(last_two(measured)))
    page = (publish(measured) / "release" / "zarr-3.1.1.html").read_text()
    assert "0 failed" in page
    assert "newly failing" not in page


def test_the_tomogram_is_named_and_is_synthetic(published: Path) -> None:
    words = "phantom-10A (synthetic, 128 \N{MULTIPLICATION SIGN} 128 \N{MULTIPLICATION SIGN} 128"
    assert words in (published / "index.html").read_text()


def test_asvs_values_are_those_of_the_record(published: Path, measured: Path) -> None:
    (graph,) = (
        path
        for path in (published / "explorer" / "graphs").rglob("volume.Volume.track_bytes.json")
        if "summary" not in path.parts
    )
    # zarr 3.1.1 lost a codec: a gap in its series, and the other values exact.
    values = [values for _, values in json.loads(graph.read_text())]
    assert values == [[8.0, 7.0, None], [None, 6.0, 5.0]]
    before, _ = last_two(measured)
    mine = campaign(measured)
    read = mine.suite["volume.Volume.time_read"]
    (graph,) = (
        path
        for path in (published / "explorer" / "graphs").rglob("volume.Volume.time_read.json")
        if "summary" not in path.parts
    )
    (_, times), *_ = json.loads(graph.read_text())
    outcomes = mine.journal(before).outcomes(read)
    assert times[:2] == pytest.approx([outcomes[case].value for case in read.cases[:2]], rel=1e-4)


def test_the_explorer_is_asv_tachyon_as_it_is(published: Path) -> None:
    static = Path(asv_tachyon.__file__).parent / "static"
    files = [path for path in static.rglob("*") if path.is_file()]
    assert files
    for path in files:
        copy = published / "explorer" / path.relative_to(static)
        assert copy.read_bytes() == path.read_bytes(), path.name


def test_the_explorer_names_releases_and_compares_no_two_tomograms(
    published: Path, measured: Path
) -> None:
    """Once it named hashes, took more for better, and set the phantom against a user's volume."""
    mine = campaign(measured)
    index = json.loads((published / "explorer" / "index.json").read_text())
    shown = {name[: index["hash_length"]] for name in index["revision_to_hash"].values()}
    assert shown == {one.name for one in mine.revisions.releases()}
    assert all(one["less_is_better"] for one in index["benchmarks"].values())
    rows = (published / "releases.html").read_text()
    assert all(f'id="{name}"' in rows for name in shown)
    one = {"machine": "m", "branch": "main", "env-CRYOET_BENCH_TOMOGRAM": "mine"}
    other = {**one, "env-CRYOET_BENCH_TOMOGRAM": "phantom-10A"}
    sets = [one, {**other, "branch": "zarr-2"}, other]
    path = measured / "index.json"
    path.write_text(
        json.dumps({"revision_to_hash": {}, "benchmarks": {}, "graph_param_list": sets})
    )
    explorer.name_releases(path, mine.revisions)
    assert json.loads(path.read_text())["graph_param_list"] == [other, sets[1], one]


def test_nothing_is_loaded_from_elsewhere(published: Path) -> None:
    loaded = re.compile(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"|url\(([^)]+)\)')
    for path in [*published.glob("*.html"), published / "assets" / "site.css"]:
        links = loaded.findall(path.read_text())
        assert not [a or b for a, b in links if re.match(r"https?:|//", a or b)]


def test_a_damaged_journal_leaves_the_old_site(published: Path, measured: Path) -> None:
    before = (published / "index.html").read_text()
    mine = campaign(measured)
    journal = mine.journal(last_two(measured)[0])
    journal.path.write_text("{\n" + journal.path.read_text())
    with pytest.raises(InputError, match=re.escape(journal.path.name)):
        publish(measured)
    assert (published / "index.html").read_text() == before


def test_a_journal_that_is_gone_is_gone_from_asvs_files(measured: Path) -> None:
    publish(measured)
    before, _ = last_two(measured)
    mine = campaign(measured)
    assert len(list((measured / ".asv" / "results").glob("*/*-toy-*"))) == 0
    names = {path.name for path in (measured / ".asv" / "results").glob("*/*.json")}
    journal = mine.record.journal(Series(mine.machine, "phantom-10A", before.name))
    journal.path.unlink()
    shutil.rmtree(measured / ".asv" / "html")
    publish(measured)
    left = {path.name for path in (measured / ".asv" / "results").glob("*/*.json")}
    assert {name[:8] for name in names - left} == {before.commit[:8]}


def test_the_server_answers_on_this_machine_alone(published: Path) -> None:
    with serve.serve(published) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address[:2]
        assert host == "127.0.0.1"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/explorer/index.json") as answer:
            found: dict[str, Any] = json.load(answer)
        assert found["project"] == "toy"
        server.shutdown()
