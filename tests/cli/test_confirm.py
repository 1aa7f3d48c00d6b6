"""``cryoet-bench confirm``: what is measured, said and kept, on the toy project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cryoet_bench.cli import app
from cryoet_bench.errors import InputError
from cryoet_bench.record.record import CONFIRMATIONS

pytestmark = pytest.mark.usefixtures("checkout")


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


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["zarr-3.1.0"], "zarr 3.1.0 is the first release"),
        (["zarr-3.1.1", "zarr 3.1.1"], "is named twice.*'cryoet-bench noise zarr-3.1.1'"),
        (["zarr-3.1.1", "zarr-3.1.0"], "zarr 3.1.1 is newer than zarr 3.1.0: name the older one"),
        (["zarr-3.1.1", "--bench", "nothing"], "no benchmark matches 'nothing'"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(names: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(*names)
