from __future__ import annotations

from pathlib import Path

import pytest

from cryoet_bench.tomogram.portal import connection
from tests.tomogram.portal import bucket_server
from tests.tomogram.portal.conftest import HASTE
from tests.tomogram.portal.server import Portal

NOBODY = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("unreachable", "expected"),
    [
        ({}, {"catalogue": True, "bucket": True}),
        ({"AWS_ENDPOINT_URL": NOBODY}, {"catalogue": True, "bucket": False}),
        ({"CRYOET_BENCH_PORTAL_URL": NOBODY}, {"catalogue": False, "bucket": True}),
        (
            {"CRYOET_BENCH_PORTAL_URL": NOBODY, "AWS_ENDPOINT_URL": NOBODY},
            {"catalogue": False, "bucket": False},
        ),
    ],
)
def test_each_part_is_asked_by_itself(
    online: Portal,
    monkeypatch: pytest.MonkeyPatch,
    unreachable: dict[str, str],
    expected: dict[str, bool],
) -> None:
    for name, value in unreachable.items():
        monkeypatch.setenv(name, value)
    parts = connection.check(HASTE)
    assert {it.name: it.reachable for it in parts} == expected
    assert all(it.fault is None or "asked 3 times" in it.fault for it in parts)


def test_a_server_without_the_bucket(
    online: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "another-bucket").mkdir()
    with bucket_server.serving(tmp_path) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        [_, bucket] = connection.check(HASTE)
    assert bucket.fault is not None
    assert "there is no bucket cryoet-data-portal-public" in bucket.fault
