"""Fixtures: a measured toy project, made once for all tests and copied for each."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from cryoet_bench.measure.run import Campaign
from tests import toy

LAST_TWO = toy.TIMELINE.releases[-2:]


@pytest.fixture(scope="session")
def measured_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = toy.make(tmp_path_factory.mktemp("toy") / "project")
    os.environ["TOY_LOG"] = str(root / "log")
    with contextlib.chdir(root):
        list(Campaign(root, toy.TIMELINE, "phantom-10A").measure(LAST_TWO))
    return root


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
