"""The step at which something changed: the bisection, on releases and on commits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.changes.bisection import Bisection, bisect, commits_between, releases_between
from cryoet_bench.changes.pairing import Budget
from cryoet_bench.errors import InputError
from cryoet_bench.measure.plan import Selection
from cryoet_bench.timeline.revisions import Revisions
from tests import toy
from tests.measured import campaign


@given(st.data(), st.integers(2, 60))
def test_the_step_is_found_whatever_cannot_be_judged(data: st.DataObject, count: int) -> None:
    first_new = data.draw(st.integers(1, count - 1))
    broken = data.draw(st.sets(st.integers(1, count - 2))) if count > 2 else set()
    asked: list[int] = []

    def is_new(step: int) -> bool | None:
        asked.append(step)
        return None if step in broken else step >= first_new

    old, new = bisect(count, is_new)
    assert old < first_new <= new
    assert set(range(old + 1, new)) <= broken, "all between could not be judged"
    assert len(asked) == len(set(asked))
    if not broken:
        assert new - old == 1
        assert len(asked) <= count.bit_length()


def search(root: Path, pattern: str, minutes: float = 3) -> tuple[Bisection, list[str]]:
    said: list[str] = []
    of = campaign(root, selection=Selection("core", pattern))
    return Bisection(of, Budget(minutes), said.append), said


def test_the_release_that_changed_a_value_is_found(measured: Path) -> None:
    looking, said = search(measured, "track_bytes.*zstd")
    steps = releases_between(looking.campaign.revisions, "zarr-3.1.0", "zarr-3.1.1")
    place = looking.run(steps)
    assert (place.before.label, place.after.label) == ("numcodecs 0.16.2", "zarr 3.1.1")
    assert place.ratio == pytest.approx(6 / 7)
    assert said[-1] == "numcodecs 0.16.2 is like the first one."


@pytest.mark.slow
def test_the_release_that_changed_a_time_is_found(measured: Path) -> None:
    looking, _ = search(measured, "time_read.*zstd")
    steps = releases_between(looking.campaign.revisions, "zarr-3.1.0", "zarr-3.1.1")
    place = looking.run(steps)
    assert (place.before.label, place.after.label) == ("numcodecs 0.16.2", "zarr 3.1.1")
    assert place.ratio == pytest.approx(2, rel=0.3)


def test_without_a_change_or_the_time_it_says_so(measured: Path) -> None:
    looking, _ = search(measured, "track_bytes.*zstd")
    steps = releases_between(looking.campaign.revisions, "zarr-3.1.0", "numcodecs-0.16.2")
    with pytest.raises(InputError, match="none of 1 exact values differs"):
        looking.run(steps)
    hasty, _ = search(measured, "time_read.*zstd", minutes=0.001)
    with pytest.raises(InputError, match="give more --minutes"):
        hasty.run(steps)
    with pytest.raises(InputError, match=r"zarr 3\.1\.1 does not lead to zarr 3\.1\.0"):
        releases_between(looking.campaign.revisions, "zarr-3.1.1", "zarr-3.1.0")


def test_commits_come_from_the_tags_of_two_releases(tmp_path: Path, measured: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=clone, check=True, capture_output=True)

    git("init", "-q")
    for subject, tag in (("one", "v3.1.0"), ("two", ""), ("three", "v3.1.1"), ("four", "")):
        git("commit", "-q", "--allow-empty", "-m", subject)
        if tag:
            git("tag", tag)
    revisions = Revisions(toy.TIMELINE, measured / ".asv" / "timeline")
    ends = revisions.find("zarr-3.1.0"), revisions.find("zarr-3.1.1")
    asked: list[str] = []

    def propose(spec: str) -> object:
        asked.append(spec)
        return ends[1]

    steps = commits_between(clone, *ends, propose)  # type: ignore[arg-type]
    assert [step.label.partition(" ")[2] for step in steps] == ["one", "two", "three"]
    steps[1].revision()
    assert asked[0].startswith(f"zarr @ git+file://{clone}@")
    git("tag", "-d", "v3.1.1")
    with pytest.raises(InputError, match=r"has no tag v3\.1\.1"):
        commits_between(clone, *ends, propose)  # type: ignore[arg-type]
