from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from cryoet_bench.tomogram.portal import Report
from cryoet_bench.tomogram.portal.patience import Patience
from tests.tomogram.portal import proxy, server, volumes
from tests.tomogram.portal.proxy import Proxy
from tests.tomogram.portal.server import Portal
from tests.tomogram.portal.volumes import Stored

STORED = volumes.challenge(4, chunk=64)
HASTE = Patience(timeout=20, attempts=3, wait=0.01)


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The stand-in with quarter-sized tomograms in quarter-sized chunks."""
    root = tmp_path_factory.mktemp("portal")
    for it in STORED:
        it.write(root)
    with server.serving(root, volumes.tables(STORED)) as running:
        yield running


@pytest.fixture
def online(portal: Portal, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """The stand-in, which everything in this test uses, with an empty cache."""
    for name, value in portal.environment.items():
        monkeypatch.setenv(name, value)
    return portal


@pytest.fixture
def bucket_proxy(online: Portal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the bucket."""
    with proxy.running(online.s3) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
        yield running


@pytest.fixture
def catalogue_proxy(online: Portal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the catalogue."""
    with proxy.running(online.graphql.removesuffix("/graphql")) as running:
        monkeypatch.setenv("CRYOET_BENCH_PORTAL_URL", f"{running.url}/graphql")
        yield running


@pytest.fixture
def filtered() -> Stored:
    """TS_100_3 at 10.012 angstrom, filtered: a quarter of (184, 630, 630) along every axis."""
    [stored] = [it for it in STORED if it.id == 17004]
    return stored


@pytest.fixture
def silent() -> Report:
    return Report(Console(quiet=True))
