from __future__ import annotations

import sys

import pytest

from cryoet_bench.timeline import installers
from cryoet_bench.timeline.resolver import Resolver
from tests.package_index import Index


@pytest.fixture
def uv(index: Index) -> Resolver:
    """What asks the index of a file's tests."""
    found = installers.find_uv()
    assert found
    return Resolver(found, sys.executable, index.options)
