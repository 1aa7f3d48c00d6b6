from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import releases, repository
from cryoet_bench.timeline.releases import Timeline

TIMELINE = releases.load()
# Recorded results are filed under these. Each hash covers all commits before it.
HASHES = {
    "numcodecs-0.12.1": "d108f935ae1ff1a86dd317e6ba5961dfcee836e3",
    "zarr-2.18.7": "542f1d3236971ea40b52cf564b96890b6d8af3c5",
    "zarr-3.0.8": "ecb174f1e6b4fd62f3dd912fdf69fa27109616be",
    "zarr-3.4.2": "82e4ecf96522dfd52a9cdb7b7a97cd653b96fef2",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The repository of the real timeline."""
    path = tmp_path / "timeline"
    repository.build(TIMELINE, path)
    return path


def log(path: Path, fields: str) -> list[list[str]]:
    """What the person's own git tells, oldest first."""
    command = ["git", "log", "--reverse", f"--format={fields}", "main"]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


class TestBuild:
    def test_hashes_are_those_of_recorded_results(self, path: Path) -> None:
        commits = repository.commits(path)
        assert {tag: commits[tag] for tag in HASHES} == HASHES

    def test_configuration_of_the_person_has_no_influence(
        self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        home.mkdir()
        (home / ".gitconfig").write_text(
            "[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = trunk\n"
            "[commit]\ngpgSign = true\n[i18n]\ncommitEncoding = latin1\n[core]\nautocrlf = true\n"
        )
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("TZ", "Asia/Kathmandu")
        monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace")
        monkeypatch.setenv("GIT_COMMITTER_DATE", "1")
        monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
        monkeypatch.setenv("GIT_DIR", str(tmp_path))
        other = tmp_path / "a b" / "deeper"
        repository.build(TIMELINE, other)
        assert repository.commits(other) == repository.commits(path)
        assert repository.head(other) == repository.head(path)

    def test_one_commit_a_release_in_order_and_dated(self, path: Path) -> None:
        found = log(path, "%H %at %ct")
        assert len(found) == len(TIMELINE.releases)
        assert [row[0] for row in found] == list(repository.commits(path).values())
        assert [int(row[1]) for row in found] == [
            int(release.date.timestamp()) for release in TIMELINE.releases
        ]
        committed = [int(row[2]) for row in found]
        assert committed == sorted(set(committed))
        assert list(repository.commits(path)) == [release.tag for release in TIMELINE.releases]

    def test_content_is_the_pins(self, path: Path) -> None:
        for release in TIMELINE.releases:
            lines = repository.requirements(path, release.tag)
            assert dict(line.split("==") for line in lines) == release.pins
            assert repository.release_below(path, release.tag) == release.tag
        assert repository.requirements(path, "main") == (
            (path / "requirements.txt").read_text().splitlines()
        )

    def test_messages_name_forced_moves_and_breakage(self, path: Path) -> None:
        def message(tag: str) -> str:
            return repository.git(path, "log", "-1", "--format=%B", tag)

        assert message("zarr-3.1.0").strip() == "zarr 3.1.0"
        assert "Forced by zarr 3.1.6" in message("numpy-2.4.3-for-zarr-3.1.6")
        assert "Moved with it: adds deprecated 1.2.15, adds wrapt" in message("numcodecs-0.15.0")
        assert "No module named 'crc32c'" in message("numcodecs-0.16.4")

    def test_nothing_is_left_beside_it(self, path: Path) -> None:
        repository.build(TIMELINE, path)
        assert list(path.parent.iterdir()) == [path]

    def test_many_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "timeline"
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: repository.build(TIMELINE, path), range(16)))
        assert repository.head(path) == HASHES["zarr-3.4.2"]
        assert list(tmp_path.iterdir()) == [path]

    def test_folder_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(InputError, match="cannot write the timeline's repository"):
            repository.build(TIMELINE, tmp_path / "file" / "timeline")

    def test_git_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InputError, match="git is not installed"):
            repository.build(TIMELINE, tmp_path / "timeline")
        assert list(tmp_path.iterdir()) == []


class TestRefresh:
    def test_only_what_is_stale(self, path: Path) -> None:
        assert not repository.refresh(TIMELINE, path)
        shorter = Timeline(TIMELINE.releases[:-1])
        assert repository.refresh(shorter, path)
        assert repository.head(path) == repository.commits(path)[shorter.releases[-1].tag]
        assert "zarr-3.4.2" not in repository.commits(path)
        assert repository.refresh(TIMELINE, path)

    def test_missing_and_damaged(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "timeline"
        assert repository.refresh(TIMELINE, path)
        for reference in (path / ".git").glob("packed-refs"):
            reference.unlink()
        (path / ".git" / "refs" / "heads" / "main").unlink(missing_ok=True)
        assert repository.refresh(TIMELINE, path)
        assert repository.head(path) == HASHES["zarr-3.4.2"]

    def test_broken_reason_changes_the_repository(self) -> None:
        last = replace(TIMELINE.releases[-1], broken="ImportError: x")
        assert repository.digest(TIMELINE) != repository.digest(
            Timeline((*TIMELINE.releases[:-1], last))
        )


class TestCandidates:
    def test_stands_on_the_newest_release(self, path: Path) -> None:
        branch = repository.propose(path, "zarr-9.0", "zarr==9.0\n", "zarr 9.0\n")
        assert branch == "candidate/zarr-9.0"
        assert repository.head(path, f"{branch}~1") == repository.head(path)
        assert repository.requirements(path, branch) == ["zarr==9.0"]
        assert repository.release_below(path, branch) == TIMELINE.releases[-1].tag

    def test_can_be_proposed_again(self, path: Path) -> None:
        repository.propose(path, "zarr-9.0", "zarr==9.0\n", "zarr 9.0\n")
        repository.propose(path, "zarr-9.0", "zarr==9.1\n", "zarr 9.0\n")
        assert repository.requirements(path, "candidate/zarr-9.0") == ["zarr==9.1"]
        assert repository.head(path, "candidate/zarr-9.0~1") == repository.head(path)

    def test_survive_while_their_release_does(self, path: Path) -> None:
        branch = repository.propose(path, "zarr-9.0", "zarr==9.0\n", "zarr 9.0\n")
        commit = repository.head(path, branch)
        repository.build(TIMELINE, path)
        assert repository.head(path, branch) == commit
        repository.build(Timeline(TIMELINE.releases[:-1]), path)
        with pytest.raises(InputError):
            repository.head(path, branch)


def test_unknown_revision(path: Path) -> None:
    with pytest.raises(InputError, match="no such revision"):
        repository.head(path, "zarr-9")


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no timeline repository"):
        repository.head(tmp_path / "absent")
