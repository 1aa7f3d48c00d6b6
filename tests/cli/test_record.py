"""The commands that list and discard what was measured, and that compare two releases."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cryoet_bench import cli
from cryoet_bench.cli import app
from cryoet_bench.errors import InputError
from cryoet_bench.timeline import repository
from tests.measured import campaign, last_two
from tests.test_documents import blocks

pytestmark = pytest.mark.usefixtures("checkout")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_what_was_measured_is_listed() -> None:
    rows = json.loads(run("record", "list", "--json"))
    assert [row["revision"] for row in rows] == ["numcodecs-0.16.2", "zarr-3.1.1"]
    assert {row["visits"] for row in rows} == {2}
    assert all(row["origins"] == ["scripts/bench"] for row in rows)
    assert "numcodecs-0.16.2" in run("record", "list")


def test_what_is_discarded_is_measured_again(checkout: Path) -> None:
    before, _ = last_two(checkout)
    said = run("record", "discard", before.name, "--bench", "time_read", "--yes")
    assert said == "Discarded 2 rounds of numcodecs 0.16.2.\n"
    mine = campaign(checkout)
    assert not mine.journal(before).outcomes(mine.suite["volume.Volume.time_read"])
    assert mine.journal(before).outcomes(mine.suite["volume.Volume.track_bytes"])
    list(mine.measure([before]))
    assert mine.journal(before).outcomes(mine.suite["volume.Volume.time_read"])


def test_the_history_is_measured_packed_and_checked(checkout: Path) -> None:
    """The commands of docs/record.md, with fewer rounds."""
    shown = [line for block in blocks("docs/record.md") for line in block]
    assert [line.removeprefix("cryoet-bench ") for line in shown] == [
        "record", "record list", "record submit", "record check",
    ]  # fmt: skip
    printed = run("record", "--tier", "core", "--rounds", "1")
    assert all(name in printed for name in ("zarr-3.1.0", "numcodecs-0.16.2", "zarr-3.1.1"))
    rows = json.loads(run("record", "list", "--json"))
    (machine,) = {row["machine"] for row in rows}
    assert printed.startswith(f"Recording the core tier of 3 releases as {machine}.\n")
    assert [row["exact_differing"] for row in rows] == [0, 0, 0]
    assert all(row["exact_twice"] for row in rows)
    said = run("record", "submit")
    assert f"Packed 3 releases and 0 verdicts into {checkout}/record/" in said
    assert "describes a suite that it did not know" in said
    assert "that it did not know" not in run("record", "submit")
    folder = Path(said.rpartition(" ")[2].strip())
    found = CliRunner().invoke(app, ["record", "check", str(folder), "--json"])
    assert found.exit_code == 1
    (sentences,) = json.loads(found.output).values()
    assert len(sentences) == 3
    assert all("visit.project.commit" in one for one in sentences), "the toy is no git checkout"


@pytest.mark.parametrize("name", ["asv.conf.json", "mine.mrc"])
def test_a_changed_checkout_is_named_before_it_measures(checkout: Path, name: str) -> None:
    committed(checkout)
    with (checkout / name).open("a") as file:
        file.write("\n")
    result = CliRunner().invoke(app, ["record", "--tier", "core", "--rounds", "1"])
    assert result.exit_code == 0, result.output
    said = f"The checkout {checkout} has changes, so what is measured now cannot be submitted"
    assert result.output.startswith(said) == (name == "asv.conf.json")
    assert "has changes" not in result.stdout


def test_a_release_that_cannot_be_installed_is_named(checkout: Path) -> None:
    (checkout / "uninstallable").touch()
    said = run("record", "--tier", "core", "--rounds", "1")
    assert "zarr-3.1.0 could not be installed: no such package; rerun to try it again." in said


def test_a_history_of_nothing_is_no_success(checkout: Path) -> None:
    (checkout / "uninstallable").touch()
    shutil.rmtree(checkout / ".asv" / "env")  # or what is installed already is measured
    for path in (checkout / "results").rglob("*.jsonl"):
        path.unlink()
    result = CliRunner().invoke(app, ["record", "--tier", "core", "--rounds", "1"])
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == "nothing could be measured: no such package"
    assert result.output.count("could not be installed: no such package") == 3


def committed(checkout: Path) -> Callable[..., None]:
    """Make a git checkout of the toy, and return what runs git there."""

    def git(*arguments: str) -> None:
        repository.git(checkout, "-c", "user.name=x", "-c", "user.email=x@localhost", *arguments)

    git("init", "--quiet", "-b", "main")
    git("add", "asv.conf.json")
    git("commit", "--quiet", "--message", "the project")
    return git


def test_what_a_commit_changes_is_checked(checkout: Path) -> None:
    git = committed(checkout)
    (checkout / "README").touch()
    git("add", "README")
    git("commit", "--quiet", "--message", "a text")
    git("branch", "text")
    git("reset", "--quiet", "HEAD~")
    assert run("record", "check", "--commit", "text") == "text changes the record of no machine\n"
    run("record", "submit")
    git("add", "record")
    git("commit", "--quiet", "--message", "a record")
    git("branch", "measured")
    git("reset", "--quiet", "--hard", "HEAD~")
    found = CliRunner().invoke(app, ["record", "check", "--commit", "measured"])
    assert found.exit_code == 1
    first, *others = found.output.splitlines()
    assert first.startswith("measured changes record/suite.json, record/tomograms.json too")
    assert len(others) == 2
    assert all("visit.project.commit" in one for one in others), "the toy is no git checkout"
    result = CliRunner().invoke(app, ["record", "check", "record", "--commit", "measured"])
    assert isinstance(result.exception, InputError)


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_the_user_is_asked_first(
    checkout: Path, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = last_two(checkout)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    with pytest.raises(InputError, match="nothing was done"):
        cli._run(["record", "discard", before.name])
    assert campaign(checkout).journal(before).rounds


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["zarr-3.1.0"], "nothing of zarr 3.1.0 was measured on"),
        (["zarr-3.1.1", "--bench", "nothing"], "nothing of zarr 3.1.1 was measured on"),
        (["zarr-3.1.1", "--bench", "("], "is not a regular expression"),
        (["zarr-9"], "named 'zarr-9'"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["record", "discard", "--yes", *arguments])
    assert isinstance(result.exception, InputError)
    assert words in str(result.exception)


def test_two_releases_are_compared_with_an_exit_code(checkout: Path) -> None:
    arguments = ["changes", "--between", "numcodecs-0.16.2", "zarr-3.1.1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, "one codec is gone"
    assert "zarr 3.1.1 against numcodecs 0.16.2" in result.output
    result = CliRunner().invoke(app, [*arguments, "--json"])
    verdicts = {
        (c["benchmark"], c["case"]): c["verdict"] for c in json.loads(result.output)["cases"]
    }
    assert verdicts["volume.Volume.track_bytes", "zstd"] == "better"
    result = CliRunner().invoke(app, ["changes", "--between", "zarr-3.1.0", "zarr-3.1.1"])
    assert isinstance(result.exception, InputError)
    assert "zarr 3.1.0 was not measured on phantom-10A" in str(result.exception)
