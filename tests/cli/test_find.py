"""``cryoet-bench find``: what is printed, and what stays known where the commits do not come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cryoet_bench.cli import app
from cryoet_bench.errors import InputError

SEARCH = ["find", "track_bytes.*zstd", "--between", "zarr-3.1.0", "zarr-3.1.1"]

pytestmark = pytest.mark.usefixtures("checkout")


def test_the_release_is_told_whatever_becomes_of_the_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere" / "clone").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = CliRunner().invoke(app, [*SEARCH, "--json", "--clone", "clone"])
    assert isinstance(result.exception, InputError)
    assert f"{tmp_path / 'elsewhere' / 'clone'} has no tag v3.1.0" in str(result.exception)
    (found,) = json.loads(result.stdout)
    assert (found["before"], found["after"]) == ("numcodecs 0.16.2", "zarr 3.1.1")
