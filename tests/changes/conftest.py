from __future__ import annotations

from pathlib import Path

import pytest

from cryoet_bench.timeline.repository import build
from cryoet_bench.timeline.revisions import Revisions
from tests.changes.recorded import TIMELINE, Invented


@pytest.fixture(scope="session")
def revisions(tmp_path_factory: pytest.TempPathFactory) -> Revisions:
    path = tmp_path_factory.mktemp("timeline") / "repository"
    build(TIMELINE, path)
    return Revisions(TIMELINE, path)


@pytest.fixture
def invented(tmp_path: Path, revisions: Revisions) -> Invented:
    """A record in which nothing is written yet."""
    return Invented(tmp_path, revisions)
