from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from asv import util

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import releases, repository
from cryoet_bench.timeline.releases import Timeline

TIMELINE = releases.load()
# Recorded results are filed under these. Each hash covers all commits before it.
HASHES = {
    "numcodecs-0.12.1": "d108f935ae1ff1a86dd317e6ba5961dfcee836e3",
    "zarr-2.17.0": "3d2f280e460ea062d012f46ae62aedf5bfa7a501",
    "zarr-2.17.1": "2a46d216f0dd398e37f43c3e42ab1707fe94c45d",
    "zarr-2.17.2": "f8e867364689acd660f6fce98b7fb5024fc2a6e4",
    "zarr-2.18.0": "f7f882eff562f0a8c15f503f5692a2214c367481",
    "zarr-2.18.1": "ed413d107bfb84404b0b6f95db8cf09512282378",
    "zarr-2.18.2": "da4228151625f7c8ff547ab5045a9386f856cf96",
    "numcodecs-0.13.0": "ddb2c6de4e183c1c6ccc63094b152d27f277f83c",
    "zarr-2.18.3": "002ffddd0e4657de445b67a35cc5e6f5d495cecb",
    "numcodecs-0.13.1": "f08abfdb2feeafe3c9f97bfd3236473001e87b06",
    "numcodecs-0.14.0": "575a4b6f09a1c1a5f21fd9e0f648c74b84319133",
    "numcodecs-0.14.1": "446645cc23893e7027fccd60f11bb204428c7cf8",
    "numcodecs-0.13.1-for-zarr-2.18.4": "21e492416ba522e694edd61fdd69ae644d3054fc",
    "zarr-2.18.4": "f6787c3641be5557a1d4ba2b1f89958ebce56a47",
    "numcodecs-0.15.0": "8aded21ad2267a927950282bf3bd077db79b3e8a",
    "numcodecs-0.15.1": "041d929dc145308da991ac3236c92fd6742fa983",
    "zarr-2.18.5": "db866d4b5e9c6b3aed4463ad349e6f4bfc7beac5",
    "zarr-2.18.6": "a5972a9d4bdefbf10ad6b509846a304029500703",
    "zarr-2.18.7": "542f1d3236971ea40b52cf564b96890b6d8af3c5",
    "zarr-3.0.8": "ecb174f1e6b4fd62f3dd912fdf69fa27109616be",
    "numcodecs-0.16.1": "6b6156c7f084ce4f080c2692647788891af990d9",
    "zarr-3.0.9": "9a82fc0364d9734407cc96bf9aef1479f3c36e4a",
    "zarr-3.0.10": "ba13059412a2cc253d3c120a2a8ee2c9f52769f9",
    "zarr-3.1.0": "c85c6c9fd865d52fd74f7a1098f0a4cec30025e1",
    "zarr-3.1.1": "20f2c70d044fb7b90c970942808ae4f015292a8f",
    "numcodecs-0.16.2": "14c679174ec1c3c0068878564dd2c78ec314eba5",
    "zarr-3.1.2": "2f4b505257480299f9c99666fef29d5e403092df",
    "numcodecs-0.16.3": "1d1ce0b421c9aab08277b1deaa5c16dbf8a84b46",
    "zarr-3.1.3": "cead5a6caa2ec42e55cda0051386875b5ee72f43",
    "numcodecs-0.16.4": "2c1dfbd56eeb626f50142e30682ab7d09d1ca142",
    "zarr-3.1.4": "1f6c3c2bfbe1f01955d21e5fc44e9f8dbab6120a",
    "numcodecs-0.16.5": "0de26032f584a4b5148ce069a5e52a1585c356ea",
    "zarr-3.1.5": "da0a305e3226e599cb78a8a9d25c53bb40ec6497",
    "numpy-2.4.3-for-zarr-3.1.6": "18634fac8c5b70e432a63e4db770a768f76461ed",
    "zarr-3.1.6": "16ed984179927552ac61e0e8f46c5079f602f1c5",
    "zarr-3.2.0": "59a8dd1192028cafb57f053c7dfa9471b6f8c068",
    "zarr-3.2.1": "44a5d95dcb652f08aeae6bed77c32679291dbb50",
    "zarr-3.3.0": "9ba0b9cfb79d93586216bc2b9cdf56792562e501",
    "zarr-3.4.0": "2daa12d56a6e2f7e52ff8cd7faa33ff03e159fdc",
    "numcodecs-0.17.0": "0cda7f48033eae6c536fa1bb5ef4e83f7fd0903d",
    "zarr-3.4.1": "4ef7fa936c6482ef34dc532c01affafa528a0f05",
    "numcodecs-0.17.1": "2783cdef690a3a245d17cec9a8b796e3287c13b1",
    "zarr-3.4.2": "82e4ecf96522dfd52a9cdb7b7a97cd653b96fef2",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The repository of the real timeline."""
    path = tmp_path / "timeline"
    repository.build(TIMELINE, path)
    return path


def log(path: Path, fields: str, line: str) -> list[list[str]]:
    """What the user's own git reports, oldest first."""
    command = ["git", "log", "--reverse", f"--format={fields}", line]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


class TestBuild:
    def test_hashes_are_those_of_recorded_results(self, path: Path) -> None:
        commits = repository.commits(path)
        assert len(HASHES) == 43
        assert {tag: commits[tag] for tag in HASHES} == HASHES

    def test_each_line_is_a_branch_of_asv(self, path: Path) -> None:
        lines = [line.name for line in TIMELINE.lines]
        listed = repository.git(path, "branch", "--format=%(refname:short)").split()
        assert sorted(listed) == sorted(["main", *lines])
        for line in TIMELINE.lines:
            assert (
                repository.git(path, "merge-base", "main", line.name).strip() == HASHES[line.fork]
            )
        configuration = Path(__file__).parents[2] / "asv.conf.json"
        assert util.load_json(str(configuration), js_comments=True)["branches"] == ["main", *lines]

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
        commits = repository.commits(path)
        for line in ("main", "zarr-2"):
            found = log(path, "%H %at %ct", line)
            history = TIMELINE.history(line)
            assert [row[0] for row in found] == [commits[release.tag] for release in history]
            assert [int(row[1]) for row in found] == [
                int(release.date.timestamp()) for release in history
            ]
            committed = [int(row[2]) for row in found]
            assert committed == sorted(set(committed))
        assert list(commits) == [release.tag for release in TIMELINE.releases]

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
        shorter = Timeline(tuple(TIMELINE.history()[:-1]))
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
        repository.build(Timeline(tuple(TIMELINE.history()[:-1])), path)
        with pytest.raises(InputError):
            repository.head(path, branch)


def test_unknown_revision(path: Path) -> None:
    with pytest.raises(InputError, match="no such revision"):
        repository.head(path, "zarr-9")


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no timeline at"):
        repository.head(tmp_path / "absent")
