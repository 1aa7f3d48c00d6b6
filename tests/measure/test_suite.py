"""What a visit records of the project that measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryoet_bench.measure.suite import state
from cryoet_bench.timeline.repository import git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A real repository with a benchmark and the record of a machine."""
    git(tmp_path, "init", "--quiet")
    for name in ("benchmarks/read.py", "record/mine/machine.json", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-q", "-m", "x")
    return tmp_path


@pytest.mark.parametrize("name", ["record/mine/machine.json", "record/another/machine.json"])
def test_a_packed_record_is_no_change_of_the_checkout(checkout: Path, name: str) -> None:
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("2")
    assert state(checkout)["clean"] is True


@pytest.mark.parametrize("name", ["benchmarks/read.py", "README.md"])
@pytest.mark.parametrize("is_staged", [False, True])
def test_a_changed_file_is_a_change(checkout: Path, name: str, is_staged: bool) -> None:
    (checkout / name).write_text("2")
    if is_staged:
        git(checkout, "add", name)
    assert state(checkout)["clean"] is False


def test_what_lies_in_the_checkout_is_no_change_of_it(checkout: Path) -> None:
    """Once a tomogram in the clone made every visit of a day one that cannot be submitted."""
    git(checkout, "config", "status.showUntrackedFiles", "all")
    before = state(checkout)
    for name in ("study-mine/study.json", "mine.mrc"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text("2")
    assert state(checkout) == before
    assert before["clean"] is True


def test_a_new_file_that_is_measured_with_makes_another_suite(checkout: Path) -> None:
    before = state(checkout)
    (checkout / "benchmarks" / "write.py").write_text("1")
    assert state(checkout)["suite"] != before["suite"]
