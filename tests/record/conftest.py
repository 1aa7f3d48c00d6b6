from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.validation import Rules
from cryoet_bench.timeline.repository import build
from cryoet_bench.timeline.revisions import Revisions
from tests import toy
from tests.record.submitted import CALLS, DIGEST, INSTRUCTIONS, MOVED, PAST, TIME


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    folder = tmp_path_factory.mktemp("timeline") / "timeline"
    build(toy.TIMELINE, folder)
    known = Revisions(toy.TIMELINE, folder).releases()
    return Rules(
        revisions={one.name: one for one in known},
        suite={it["name"]: Benchmark(it) for it in (TIME, CALLS, MOVED, INSTRUCTIONS)},
        digest=DIGEST,
        digests=frozenset({DIGEST, PAST}),
        tomograms=frozenset({"phantom-10A"}),
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
