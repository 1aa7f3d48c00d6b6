"""``cryoet-bench confirm``: what is measured, said and kept, on the toy project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cryoet_bench.cli import app
from cryoet_bench.errors import InputError
from cryoet_bench.record.record import CONFIRMATIONS
from cryoet_bench.timeline.revisions import Revisions
from cryoet_bench.tomogram import sources
from tests import toy
from tests.measured import FACTS


@dataclass
class Facts:
    """A tomogram of which only its facts are asked."""

    facts: dict[str, Any]


@pytest.fixture(autouse=True)
def checkout(measured: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the command take the toy project for its checkout."""
    revisions = Revisions(toy.TIMELINE, measured / ".asv" / "timeline")
    monkeypatch.setattr("cryoet_bench.cli.checkout.project_root", lambda: measured)
    monkeypatch.setattr("cryoet_bench.cli.checkout.known_revisions", lambda _: revisions)
    monkeypatch.setattr(sources, "obtain", lambda _: Facts(FACTS))
    return measured


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["confirm", *arguments], catch_exceptions=False)


def test_all_proposals_are_measured_and_decided_once(checkout: Path) -> None:
    only = "--bench", "none"
    first = run("--proposed", *only, "--json", "verdicts.json")
    assert first.exit_code == 1, first.output
    assert "Measuring 1 case of numcodecs 0.16.2 and zarr 3.1.1 side by side" in first.output
    (found,) = json.loads((checkout / "verdicts.json").read_text())["confirmations"]
    assert (found["before"], found["after"]) == ("numcodecs-0.16.2", "zarr-3.1.1")
    assert (found["case"], found["verdict"]) == (["'none'"], "changed")
    with pytest.raises(InputError, match="proposes nothing that is not decided"):
        run("--proposed", *only)


def test_of_one_release_what_it_follows_is_the_other(checkout: Path) -> None:
    result = run("zarr-3.1.1", "--bench", "none|late", "--json", "-")
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    assert [one["before"] for one in document["confirmations"]] == ["numcodecs-0.16.2"]
    (other,) = document["not_measured"]
    assert (other["before"], other["case"]) == ("numcodecs-0.16.2", ["'late'"])
    assert "came later" in other["reason"]
    assert list(checkout.glob(f"results/*/*/{CONFIRMATIONS}"))


def test_nothing_to_measure_is_said() -> None:
    with pytest.raises(InputError, match="name a release, or choose --proposed"):
        run()
    with pytest.raises(InputError, match="proposes nothing"):
        run("--proposed", "--bench", "track_bytes")
