"""``cryoet-bench changes``: every format, and what it refuses in one sentence."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from cryoet_bench.cli import app
from cryoet_bench.errors import InputError
from cryoet_bench.timeline.repository import build
from cryoet_bench.timeline.revisions import Revisions
from tests.changes.recorded import (
    MACHINE,
    READ,
    REQUESTS,
    TIMELINE,
    Invented,
    benchmark,
    exact,
    times,
)


@pytest.fixture(scope="module")
def revisions(tmp_path_factory: pytest.TempPathFactory) -> Revisions:
    path = tmp_path_factory.mktemp("timeline") / "repository"
    build(TIMELINE, path)
    return Revisions(TIMELINE, path)


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, revisions: Revisions, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a record of another machine."""
    invented = Invented(tmp_path, revisions)
    invented.measure(READ, times({"zarr-3.6": [1.5] * 8}))
    values = exact({"zarr-3.6": [1, 1, 1, 0.25] * 2, "zarr-3.9": [2] * 8})
    invented.measure(REQUESTS, {**values, "zarr-2.9": [[200.0] * 8]})
    monkeypatch.setattr("cryoet_bench.cli.checkout.project_root", lambda: tmp_path)
    monkeypatch.setattr("cryoet_bench.cli.checkout.known_revisions", lambda _: revisions)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["changes", *arguments])


def revisions_of(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    groups = json.loads(result.output)["groups"]
    return [one["revision"] for group in groups for one in group["findings"]]


def test_the_table_tells_each_change_in_a_sentence() -> None:
    result = run("--verbose")
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "Read part of a volume: 50 % slower since zarr 3.6" in text.replace("51 %", "50 %")
    assert "Requests of a read (sharded layouts): 4x fewer requests since zarr 3.6" in text
    assert "Not yet confirmed" in text
    assert "cryoet-bench confirm zarr-3.5 zarr-3.6" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"zarr-2.9", "zarr-3.9", "zarr-3.6"}),
        (("--since", "zarr-3.9"), {"zarr-2.9", "zarr-3.9"}),
        (("--line", "zarr-2"), {"zarr-2.9"}),
        (("--line", "main", "--since", "zarr-3.9"), {"zarr-3.9"}),
        (("--package", "zarr"), {"zarr-2.9", "zarr-3.9", "zarr-3.6"}),
    ],
)
def test_the_releases_can_be_chosen(options: tuple[str, ...], expected: set[str]) -> None:
    assert set(revisions_of(run("--json", *options))) == expected


def test_every_format_is_written_whole_and_over_its_own_kind_only(tmp_path: Path) -> None:
    for form in ("md", "html", "json", "atom"):
        path = tmp_path / f"changes.{form}"
        for _ in range(2):
            assert run("--format", form, "-o", str(path)).exit_code == 0
        assert path.read_text("utf-8").rstrip()
    ET.parse(tmp_path / "changes.atom")
    result = run("--format", "html", "-o", str(tmp_path / "changes.md"))
    assert "exists and is no earlier" in str(result.exception)


def test_an_upgrade_is_told_net() -> None:
    result = run("--between", "zarr-3.2", "zarr-3.11", "--json")
    assert result.exit_code == 1, "reading is slower"
    document = json.loads(result.output)
    kinds = {one["kind"]: one for group in document["groups"] for one in group["findings"]}
    assert {"slower", "more requests", "fewer requests"} == kinds.keys()
    assert kinds["more requests"]["ratio"] == pytest.approx(2)
    assert kinds["fewer requests"]["ratio"] == pytest.approx(0.5)
    assert len(document["cases"]) == 16
    table = run("--between", "zarr-3.2", "zarr-3.11")
    assert "zarr 3.11 against zarr 3.2" in table.output
    assert "2x more requests in zarr 3.11 than in zarr 3.2" in " ".join(table.output.split())
    back = run("--between", "zarr-3.11", "zarr-3.2", "--format", "md")
    assert "# From zarr 3.11 to zarr 3.2: what going back changes" in back.output


def test_what_measures_more_is_a_command() -> None:
    said = " ".join(run("--between", "zarr-3.2", "zarr-3.5").output.split())
    assert "'scripts/bench zarr-3.2 zarr-3.5 --rounds N' measures more" in said


@pytest.mark.parametrize("form", ["table", "json", "md"])
def test_where_nothing_can_be_judged_it_says_what_to_do(
    tmp_path: Path, revisions: Revisions, form: str
) -> None:
    """Once it said that nothing stands out."""
    shutil.rmtree(tmp_path / "results")
    measured = times({"zarr-3.6": [1.5] * 8}, rounds=1)
    only = {tag: measured[tag] for tag in ("zarr-3.5", "zarr-3.6")}
    Invented(tmp_path, revisions).measure(READ, only)
    pair = ("--between", "zarr-3.5", "zarr-3.6", "--format", form)
    result = run(*pair)
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == (
        "no case of zarr 3.5 and zarr 3.6 was measured in enough rounds to be judged: run "
        "'scripts/bench zarr-3.5 zarr-3.6 --rounds 3'"
    )
    assert not result.stdout
    Invented(tmp_path, revisions).measure(REQUESTS, {tag: [[1.0] * 8] for tag in only})
    assert run(*pair).exit_code == 0, "a count was judged"


def test_the_rounds_that_it_asks_for_are_enough(tmp_path: Path, revisions: Revisions) -> None:
    shutil.rmtree(tmp_path / "results")
    one = benchmark("read.One.time_read", params=[["'whole'"]], param_names=["pattern"])
    rounds = {tag: [[value] for value in (1.0, 1.01, 0.99)] for tag in ("zarr-3.5", "zarr-3.6")}
    Invented(tmp_path, revisions).measure(one, rounds)
    assert run("--between", "zarr-3.5", "zarr-3.6").exit_code == 0


def test_what_neither_release_has_cannot_be_compared(tmp_path: Path, revisions: Revisions) -> None:
    shutil.rmtree(tmp_path / "results")
    Invented(tmp_path, revisions).measure(
        REQUESTS, {tag: [[""] * 8] for tag in ("zarr-3.5", "zarr-3.6")}
    )
    result = run("--between", "zarr-3.5", "zarr-3.6")
    assert "have no value of a case in common" in str(result.exception)


def test_to_look_at_the_record_changes_nothing(checkout: Path) -> None:
    before = sorted(checkout.rglob("*"))
    assert run().exit_code == 0
    assert sorted(checkout.rglob("*")) == before


def test_a_report_is_of_the_machine_that_is_shown(tmp_path: Path) -> None:
    groups = json.loads(run("--json").output)["groups"]
    (slower,) = [one for group in groups for one in group["findings"] if one["kind"] == "slower"]
    folder = tmp_path / "my reports" / "of today"
    result = CliRunner().invoke(app, ["report", slower["id"], "--out", str(folder)])
    program, doing, script = shlex.split(result.output.splitlines()[0])
    assert (program, doing) == ("uv", "run")
    assert Path(script).read_text("utf-8").startswith("# /// script")
    blocked = CliRunner().invoke(app, ["report", slower["id"], "--out", str(Path(script) / "x")])
    assert "cannot make the folder" in str(blocked.exception)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "pdf"), "there is no format 'pdf': choose table, md, html, json, atom"),
        (("--since", "zarr-9"), "no release or candidate named 'zarr-9'"),
        (("--line", "zarr-9"), "the timeline has no line 'zarr-9'"),
        (("--package", "numpy"), "no release is one of 'numpy': choose zarr"),
        (("--line", "main", "--since", "zarr-2.9"), "no release is left: leave out one of"),
        (("--machine", "mars"), f"on mars: choose one of {MACHINE}"),
        (
            ("--tomogram", "mine"),
            "on mine (but on phantom-10A): run 'scripts/bench --tomogram mine'",
        ),
        (("--between", "zarr-3.1", "zarr-3.1"), "zarr 3.1 is named twice"),
        (("--between", "zarr-3.0", "zarr-3.1", "--line", "main"), "leave out --since"),
        (("--between", "zarr-3.0", "zarr-9"), "no release or candidate named 'zarr-9'"),
        (("-o", "x.txt"), "a table is printed"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(options: tuple[str, ...], words: str) -> None:
    assert words in str(run(*options).exception)
