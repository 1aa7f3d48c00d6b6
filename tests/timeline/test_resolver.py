from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import installers, releases, resolver
from cryoet_bench.timeline.environment import UnreachableError


def test_no_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installers, "find_uv", lambda: None)
    with pytest.raises(InputError, match="needs uv"):
        resolver.find_resolver()


def test_the_machine_has_a_resolver() -> None:
    found = resolver.find_resolver(["--offline"])
    assert Path(found.uv).is_file()
    assert found.options == ("--offline",)


@pytest.mark.network
def test_the_real_index_knows_the_newest_entry() -> None:
    newest = releases.load().releases[-1]
    try:
        found = resolver.find_resolver().newest(newest.package)
    except UnreachableError:
        pytest.skip("the package index cannot be reached from here")
    assert found is not None
    assert found.time >= newest.date
    assert found.time <= datetime.now(UTC)
