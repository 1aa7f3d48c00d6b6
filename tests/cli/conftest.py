from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cryoet_bench.timeline.revisions import Revisions
from cryoet_bench.tomogram import sources
from tests import toy
from tests.measured import FACTS


@dataclass
class _Facts:
    """A tomogram of which only its facts are asked."""

    facts: dict[str, Any]


@pytest.fixture
def checkout(measured: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the commands take the measured toy project for their checkout."""
    revisions = Revisions(toy.TIMELINE, measured / ".asv" / "timeline")
    monkeypatch.setattr("cryoet_bench.cli.checkout.project_root", lambda: measured)
    monkeypatch.setattr("cryoet_bench.cli.checkout.known_revisions", lambda _: revisions)
    monkeypatch.setattr(sources, "obtain", lambda *_, **__: _Facts(FACTS))
    return measured
