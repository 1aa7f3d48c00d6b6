from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal import fetch
from cryoet_bench.tomogram.portal.report import Report
from tests.tomogram.portal import fault_run
from tests.tomogram.portal.fault_run import Form, Scenario, Stage
from tests.tomogram.portal.proxy import Fault


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


VERIFIED = {
    "md5": "MD5",
    "multipart": "multipart ETag",
    "unknown parts": "two reads that agree",
    "mrc": "two reads that agree",
}
# Those of answers with other bytes, where nothing but a second read can tell.
UNPROVEN: tuple[tuple[Form, Scenario], ...] = (
    ("multipart", "flips"),
    ("multipart", "short"),
    ("unknown parts", "flips"),
    ("unknown parts", "shifted range"),
    ("mrc", "flips"),
    ("mrc", "zeros"),
    ("mrc", "whole for range"),
)
# Those that take longest, or that another kind stands for.
AT_LENGTH = (
    "disk full", "late", "drip", "drip of headers", "no length", "chunked", "login page",
    "not modified", "no content", "elsewhere", "whole for range", "shifted range", "long",
    "swapped", "flips", "closed", "false gzip", "no etag", "other region",
)  # fmt: skip


@pytest.mark.parametrize("form", VERIFIED)
def test_the_fetch_that_faults_are_injected_into(
    on: Stage, cache: Path, silent: Report, form: Form
) -> None:
    on.clear()
    on.bucket.etag = fault_run.ETAGS.get(form)
    tomogram = fetch(fault_run.request(form), silent)
    np.testing.assert_array_equal(tomogram.data, on.truth)
    assert tomogram.provenance["verified"] == VERIFIED[form]
    assert len(on.catalogue.requests) == fault_run.CATALOGUE_REQUESTS
    assert len(on.bucket.requests) == fault_run.BUCKET_REQUESTS[form]
    assert len(on.bucket.chunk_bytes()) == (0 if form == "mrc" else 8)


@pytest.mark.parametrize(("form", "scenario"), UNPROVEN)
def test_without_an_md5_a_fault_ends_in_true_voxels_or_one_sentence(
    on: Stage, scenario: Scenario, form: Form, tmp_path: Path
) -> None:
    """At one point each; evaluations/portal_faults.py tries all kinds, at three."""
    assert fault_run.outcome(scenario, 100, on, tmp_path, form) in ("voxels", "sentence")


@pytest.mark.parametrize("scenario", [it for it in fault_run.SCENARIOS if it not in AT_LENGTH])
def test_a_fault_ends_in_true_voxels_or_one_sentence(
    on: Stage, scenario: Scenario, tmp_path: Path
) -> None:
    """At one point each; evaluations/portal_faults.py tries three."""
    assert fault_run.outcome(scenario, 100, on, tmp_path) in ("voxels", "sentence")


@pytest.mark.parametrize(
    ("part", "said"),
    [("bucket", "less than 10 kB/s"), ("catalogue", "no complete answer within 1.5 s")],
)
@pytest.mark.usefixtures("cache")
def test_a_server_that_drips_is_given_up_in_the_stated_time(
    on: Stage, silent: Report, part: str, said: str
) -> None:
    on.clear()
    getattr(on, part).reset(Fault("drip", 0, 10**6, only=lambda method, _: method != "HEAD"))
    start = time.monotonic()
    with pytest.raises(InputError, match=said):
        fetch(fault_run.REQUEST, silent, fault_run.HASTE)
    limits = fault_run.HASTE
    assert time.monotonic() - start < limits.attempts * limits.answer + 10


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
