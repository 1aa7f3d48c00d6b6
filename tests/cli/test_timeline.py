from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cryoet_bench.cli import app, checkout, main
from cryoet_bench.timeline import installers, releases, repository, resolver
from cryoet_bench.timeline.resolver import Resolver
from cryoet_bench.timeline.update import BEGINNING
from tests.package_index import Index, serve


@pytest.fixture
def project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Index]:
    """A project whose timeline is empty yet, and an index with its first entry."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setattr(releases, "DATA", tmp_path / "timeline.toml")
    monkeypatch.setattr("cryoet_bench.cli.checkout.project_root", lambda: tmp_path)
    with serve() as index:
        uv = installers.find_uv()
        assert uv
        found = Resolver(uv, sys.executable, index.options)
        monkeypatch.setattr(resolver, "find_resolver", lambda: found)
        index.upload("numpy", "1.0", BEGINNING - timedelta(days=2))
        index.upload("zarr", "2.0", BEGINNING - timedelta(days=1), ["numcodecs", "numpy"])
        index.upload("numcodecs", "0.12", BEGINNING, ["numpy"])
        yield index


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["timeline", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_list_is_a_table_of_dates_releases_and_moves() -> None:
    lines = run("list").splitlines()
    (row,) = (line for line in lines if "zarr 3.1.0" in line)
    assert row.split() == ["2025-07-15", "zarr", "3.1.0"]
    (row,) = (line for line in lines if "numcodecs 0.16.4" in line)
    assert "BROKEN" in row
    assert any("adds msgspec" in line for line in lines)


def test_list_of_a_line() -> None:
    said = run("list", "--line", "zarr-2").splitlines()
    (row,) = (line for line in said if "numcodecs 0.15.2" in line)
    assert row.rstrip().endswith("on the line zarr-2")
    assert any("zarr 2.18.7" in line for line in said)
    assert not any("zarr 3." in line for line in said)
    rows = json.loads(run("list", "--line", "zarr-2", "--json"))["releases"]
    assert rows[-1]["tag"] == "numcodecs-0.15.2"


def test_list_names_what_was_withdrawn() -> None:
    (row,) = (line for line in run("list").splitlines() if "zarr 3.0.5" in line)
    assert row.strip().startswith("zarr 3.0.5: zarr.load() deletes data.")


def test_list_for_machines() -> None:
    told = json.loads(run("list", "--json"))
    rows, timeline = told["releases"], releases.load()
    assert [row["tag"] for row in rows] == [release.tag for release in timeline.releases]
    assert [row["line"] for row in rows] == [release.line for release in timeline.releases]
    assert {one["version"] for one in told["withdrawn"]} >= {"3.0.0", "3.0.7", "0.16.0"}
    assert rows[0]["pins"]["zarr"] == "2.16.1"
    assert rows[0]["date"] == "2023-10-18T00:46:50+00:00"


def test_from_nothing_to_a_candidate(project: Index, tmp_path: Path) -> None:
    assert "numcodecs 0.12" in run("update")
    assert run("update").splitlines() == [
        "Compared with the package index (zarr: 1 version; numcodecs: 1 version).",
        "The timeline holds every release.",
    ]
    assert str(tmp_path / ".asv" / "timeline") in run("build")
    project.upload("zarr", "3.0rc1", BEGINNING, ["numcodecs<0.12", "numpy"])
    project.upload("numcodecs", "0.11", BEGINNING, ["numpy"])
    said = run("candidate", "zarr==3.0rc1").splitlines()
    digest = hashlib.sha256(b"zarr==3.0rc1").hexdigest()[:8]
    label = f"zarr 3.0rc1 (candidate {digest})"
    assert said == [
        f"{label} is based on numcodecs 0.12, branch candidate/zarr-3.0rc1-{digest}",
        "moved with it: numcodecs 0.12 to 0.11",
        f"To judge it: cryoet-bench gate candidate/zarr-3.0rc1-{digest}",
    ]
    path = tmp_path / repository.LOCATION
    assert "zarr==3.0rc1" in repository.requirements(path, f"candidate/zarr-3.0rc1-{digest}")
    known = checkout.known_revisions(tmp_path)
    assert checkout.propose(f"candidate/zarr-3.0rc1-{digest}", known).label == label


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["update"], "cannot reach the package index"),
        (["candidate", "dask"], "'dask' is no candidate"),
        (["list"], "is damaged"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str],
    message: str,
    project: Index,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("update")
    if message == "is damaged":
        releases.DATA.write_text("release = 1", "utf-8")
    before = releases.DATA.read_bytes()
    nowhere = ("-i", "http://127.0.0.1:9/simple")
    found = resolver.find_resolver()
    monkeypatch.setattr(
        resolver, "find_resolver", lambda: Resolver(found.uv, found.python, nowhere)
    )
    monkeypatch.setattr(sys, "argv", ["cryoet-bench", "timeline", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("cryoet-bench: ")
    assert message in said
    assert releases.DATA.read_bytes() == before
