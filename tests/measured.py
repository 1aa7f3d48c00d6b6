"""Fixtures: a measured toy project, made once for all tests and copied for each."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cryoet_bench.measure.plan import Selection
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.record import Record
from cryoet_bench.timeline.revisions import Revision, Revisions
from tests import toy

Once = Callable[[str, Callable[[Path], None]], Path]
"""Makes a folder of a name where there is none yet, and returns it."""

FACTS = {
    "name": "phantom-10A",
    "source": "synthetic",
    "shape": [128, 128, 128],
    "dtype": "float32",
    "voxel_spacing": [10.0, 10.0, 10.0],
    "sha256": "0" * 64,
}


def campaign(root: Path, *, tier: Any = "full", **options: Any) -> Campaign:
    """Return a campaign on the toy project in a folder."""
    revisions = Revisions(toy.TIMELINE, root / ".asv" / "timeline")
    selection = options.pop("selection", Selection(tier))
    return Campaign(root, revisions, "phantom-10A", Record.of(root), selection=selection, **options)


def last_two(root: Path) -> list[Revision]:
    """Return the two newest releases of the toy project."""
    return Revisions(toy.TIMELINE, root / ".asv" / "timeline").last(2)


@pytest.fixture(scope="session")
def measured_once(once: Once) -> Path:
    return once("toy", _measure) / "project"


def _measure(folder: Path) -> None:
    root = toy.make(folder / "project")
    os.environ["TOY_LOG"] = str(root / "log")
    with contextlib.chdir(root):
        Record.of(root).describe_tomogram(FACTS)
        list(campaign(root).measure(last_two(root)))


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of which nothing was measured, as the working folder."""
    root = toy.make(tmp_path / "project")
    monkeypatch.setenv("TOY_LOG", str(root / "log"))
    monkeypatch.delenv("CRYOET_BENCH_TOMOGRAM", raising=False)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def measured(measured_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose two newest releases were measured, as the working folder."""
    root = tmp_path / "project"
    shutil.copytree(measured_once, root, symlinks=True)
    monkeypatch.setenv("TOY_LOG", str(root / "log"))
    monkeypatch.delenv("CRYOET_BENCH_TOMOGRAM", raising=False)
    monkeypatch.chdir(root)
    return root
