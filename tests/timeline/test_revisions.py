from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import releases, repository
from cryoet_bench.timeline.releases import Companion, Line, Release, Timeline, Withdrawn
from cryoet_bench.timeline.revisions import Revisions

DAY = timedelta(days=1)
START = datetime(2024, 1, 1, tzinfo=UTC)


def entry(package: str, version: str, day: int, line: str = "main", **pins: str) -> Release:
    pins = {package: version, **pins}
    return Release(package=package, version=version, date=START + day * DAY, pins=pins, line=line)


TIMELINE = Timeline(
    (
        entry("zarr", "2.18.6", 0, numcodecs="0.15.1"),
        entry("zarr", "2.18.7", 1, numcodecs="0.15.1"),
        replace(entry("zarr", "3.0.8", 2, numcodecs="0.15.1"), broken="ImportError: x"),
        entry("numcodecs", "0.16.1", 3, zarr="3.0.8"),
        entry("numcodecs", "0.15.2", 4, "zarr-2", zarr="2.18.7"),
        entry("zarr", "3.0.9", 5, numcodecs="0.16.1"),
        entry("zarr", "3.0.10", 6, numcodecs="0.16.1"),
    ),
    companions=(
        Companion(name="always", pins={"runner": "1", "numcodecs": "9"}),
        Companion(name="late", pins={"zarrs": "1"}, since="zarr-3.0.8"),
    ),
    lines=(Line(name="zarr-2", fork="zarr-2.18.7"),),
    withdrawn=(
        Withdrawn(package="zarr", version="3.0.9", reason="loses data"),
        Withdrawn(package="zarr", version="3.0.5", reason="deletes data"),
    ),
)
WHEEL = "zarr @ file:///tmp/zarr-3.0.10-py3-none-any.whl"


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    path = tmp_path / "timeline"
    repository.build(TIMELINE, path)
    text = f"numcodecs==0.17\n{WHEEL}\n"
    repository.propose(path, "zarr-3.0.10-1a2b3c4d", text, "any message\n")
    return Revisions(TIMELINE, path)


def tags(found: list) -> list[str]:  # type: ignore[type-arg]
    return [revision.name for revision in found]


def git(path: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=path, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class TestOne:
    def test_release(self, revisions: Revisions) -> None:
        release = revisions.find("zarr-3.0.8")
        assert (release.label, release.package, release.version) == ("zarr 3.0.8", "zarr", "3.0.8")
        assert release.commit == git(revisions.path, "rev-parse", "zarr-3.0.8^{commit}")
        assert release.date == START + 2 * DAY
        assert release.pins == ("numcodecs==0.15.1", "zarr==3.0.8")
        assert release.beside == ("runner==1", "zarrs==1")
        assert release.requirements == (*release.pins, *release.beside)
        assert release.release is TIMELINE.releases[2]
        assert (release.broken, release.withdrawn) == ("ImportError: x", None)
        assert not release.is_candidate

    def test_candidate(self, revisions: Revisions) -> None:
        (found,) = revisions.candidates()
        assert found.name == "candidate/zarr-3.0.10-1a2b3c4d"
        assert found.label == "zarr 3.0.10 (candidate 1a2b3c4d)"
        assert found.is_candidate
        assert found.pins == ("numcodecs==0.17", WHEEL)
        assert found.beside == ("runner==1", "zarrs==1")
        assert found.release is TIMELINE.releases[-1]
        assert found.moved == ("numcodecs 0.16.1 to 0.17",)
        assert found.date > found.release.date
        assert (found.line, found.package, found.version) == ("main", "zarr", "3.0.10")
        assert found.commit == git(revisions.path, "rev-parse", found.name)

    def test_of_a_maintenance_line(self, revisions: Revisions) -> None:
        found = revisions.find("numcodecs 0.15.2")
        assert found.line == "zarr-2"
        assert found.beside == ("runner==1",)  # zarrs came after the fork
        before = revisions.before(found)
        assert before is not None
        assert before.name == "zarr-2.18.7"
        assert git(revisions.path, "rev-parse", "zarr-2~1") == before.commit

    def test_withdrawn(self, revisions: Revisions) -> None:
        assert revisions.find("zarr-3.0.9").withdrawn == "loses data"

    def test_before(self, revisions: Revisions) -> None:
        (candidate,) = revisions.candidates()
        assert revisions.before(candidate) == revisions.find("zarr-3.0.10")
        assert revisions.before(revisions.releases()[0]) is None
        for line in ("main", "zarr-2"):
            history = revisions.releases(line)
            assert [revisions.before(revision) for revision in history] == [None, *history[:-1]]


class TestQuery:
    def test_lines_are_histories(self, revisions: Revisions) -> None:
        for line in ("main", "zarr-2"):
            listed = git(revisions.path, "log", "--reverse", "--format=%H", line).split()
            assert [revision.commit for revision in revisions.releases(line)] == listed
        assert tags(revisions.releases()) == [release.tag for release in TIMELINE.releases]

    def test_last(self, revisions: Revisions) -> None:
        assert tags(revisions.last(2)) == ["numcodecs-0.16.1", "zarr-3.0.10"]  # without withdrawn
        assert tags(revisions.last(2, "zarr-2")) == ["zarr-2.18.7", "numcodecs-0.15.2"]
        assert len(revisions.last(99)) == 5
        with pytest.raises(InputError, match="cannot take 0 releases"):
            revisions.last(0)

    def test_since(self, revisions: Revisions) -> None:
        assert tags(revisions.since("zarr 3.0.8")) == [
            "zarr-3.0.8", "numcodecs-0.16.1", "zarr-3.0.10",
        ]  # fmt: skip
        assert tags(revisions.since("zarr-2.18.7", "zarr-2")) == ["zarr-2.18.7", "numcodecs-0.15.2"]
        assert tags(revisions.since("numcodecs-0.15.2")) == ["numcodecs-0.15.2"]
        with pytest.raises(InputError, match=r"zarr 3\.0\.8 is not on the line zarr-2"):
            revisions.since("zarr-3.0.8", "zarr-2")

    def test_no_such_line(self, revisions: Revisions) -> None:
        with pytest.raises(InputError, match="no line 'zarr-9': choose one of main, zarr-2"):
            revisions.releases("zarr-9")

    @pytest.mark.parametrize(
        "spelled", ["zarr-3.0.8", "zarr 3.0.8", "zarr==3.0.8", " Zarr == 3.0.8 ", "ZARR  3.0.8"]
    )
    def test_spellings_of_a_release(self, spelled: str, revisions: Revisions) -> None:
        assert tags(revisions.named([spelled])) == ["zarr-3.0.8"]

    @pytest.mark.parametrize(
        "spelled",
        [
            "candidate/zarr-3.0.10-1a2b3c4d",
            "zarr-3.0.10-1a2b3c4d",
            "zarr 3.0.10-1a2b3c4d",
            "zarr 3.0.10 (candidate 1a2b3c4d)",
        ],
    )
    def test_spellings_of_a_candidate(self, spelled: str, revisions: Revisions) -> None:
        assert revisions.named([spelled]) == revisions.candidates()

    def test_what_git_calls_them(self, revisions: Revisions) -> None:
        newest = revisions.releases("main")[-1]
        assert revisions.find("main") == newest
        assert revisions.find("zarr-2") == revisions.releases("zarr-2")[-1]
        assert revisions.find("main~1") == revisions.before(newest)
        for name in ("main~99", "^main", "--all", "HEAD:README", ""):
            with pytest.raises(InputError, match="no release or candidate named"):
                revisions.find(name)

    def test_commits(self, revisions: Revisions) -> None:
        for revision in [*revisions.releases(), *revisions.candidates()]:
            assert revisions.by_commit[revision.commit] is revision
            assert revisions.named([revision.commit, revision.commit[:8]]) == [revision]

    def test_in_order_and_once(self, revisions: Revisions) -> None:
        names = [*revisions.by_commit, "zarr 3.0.8", "zarr-3.0.10-1a2b3c4d"]
        found = revisions.named(reversed(names))
        assert [revision.commit for revision in found] == list(revisions.by_commit)
        assert tags(found)[-2:] == ["zarr-3.0.10", "candidate/zarr-3.0.10-1a2b3c4d"]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("zarr-3.0.88", "no release or candidate named 'zarr-3.0.88'.*did you mean zarr-3.0.8"),
            ("zarr 3.0.10-1a2b3c4e", "did you mean candidate/zarr-3.0.10-1a2b3c4d"),
            ("scipy", r"no release or candidate named 'scipy' .*timeline list"),
            ("", "no release or candidate named ''"),
            ("0123456789", "no release or candidate named"),
            ("zarr==3.0.5", r"was withdrawn \(deletes data\).*--candidate zarr==3\.0\.5"),
        ],
    )
    def test_unknown_is_one_sentence(self, name: str, message: str, revisions: Revisions) -> None:
        with pytest.raises(InputError, match=message) as caught:
            revisions.named(["zarr-3.0.8", name])
        assert "\n" not in str(caught.value)


def test_the_real_timeline(tmp_path: Path) -> None:
    timeline, path = releases.load(), tmp_path / "timeline"
    repository.build(timeline, path)
    revisions = Revisions(timeline, path)
    assert len(revisions.releases()) == len(timeline.releases) == len(revisions.by_commit)
    assert all(revision.beside for revision in revisions.releases())


def test_stale_repository(tmp_path: Path) -> None:
    path = tmp_path / "timeline"
    repository.build(Timeline(TIMELINE.releases[:2]), path)
    with pytest.raises(InputError, match="timeline build"):
        Revisions(TIMELINE, path).releases()
