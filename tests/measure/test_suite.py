"""What a visit records of the project that measures."""

from __future__ import annotations

from pathlib import Path

from cryoet_bench.measure.suite import state
from cryoet_bench.timeline.repository import git


def test_a_packed_record_is_no_change_of_the_checkout(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "read.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-q", "-m", "x")
    (tmp_path / "record" / "mine").mkdir(parents=True)
    (tmp_path / "record" / "mine" / "machine.json").write_text("{}")
    assert state(tmp_path)["clean"] is True
    (tmp_path / "benchmarks" / "read.py").write_text("2")
    assert state(tmp_path)["clean"] is False
