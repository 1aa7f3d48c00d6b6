from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from cryoet_bench.tomogram.portal import fetch
from cryoet_bench.tomogram.portal.report import Report
from tests.tomogram.portal import fault_run
from tests.tomogram.portal.fault_run import Scenario, Stage


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with (
        mock.patch.dict(os.environ),
        fault_run.stage(tmp_path_factory.mktemp("faults")) as running,
    ):
        yield running


@pytest.fixture(autouse=True)
def _restored_environment() -> Iterator[None]:
    with mock.patch.dict(os.environ):
        yield


def test_the_fetch_that_faults_are_injected_into(on: Stage, cache: Path, silent: Report) -> None:
    on.clear()
    fetch(fault_run.REQUEST, silent)
    assert len(on.catalogue.requests) == fault_run.CATALOGUE_REQUESTS
    assert len(on.bucket.requests) == fault_run.BUCKET_REQUESTS
    assert len(on.bucket.chunk_bytes()) == 8


@pytest.mark.parametrize("scenario", [it for it in fault_run.SCENARIOS if it != "disk full"])
def test_a_fault_ends_in_true_voxels_or_one_sentence(
    on: Stage, scenario: Scenario, tmp_path: Path
) -> None:
    """At one point each; evaluations/portal_faults.py tries twenty."""
    assert fault_run.outcome(scenario, 100, on, tmp_path) in ("voxels", "sentence")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("seed", [100, 101, 102])
def test_a_full_disk_ends_in_true_voxels_or_one_sentence(
    on: Stage, seed: int, tmp_path: Path
) -> None:
    assert fault_run.outcome("disk full", seed, on, tmp_path) in ("voxels", "sentence")


def test_after_a_kill_no_chunk_is_sent_more_than_once_more(on: Stage, tmp_path: Path) -> None:
    sizes = fault_run.chunk_sizes(on)
    sent = fault_run.killed_and_resumed(on, sum(sizes.values()) * 3 // 4, tmp_path)
    assert sent.keys() == sizes.keys()
    assert all(sent[it] <= 2 * sizes[it] for it in sizes)
    # Four are fetched at a time, so some were complete when it was killed: these not again.
    assert any(sent[it] == sizes[it] for it in sizes)
