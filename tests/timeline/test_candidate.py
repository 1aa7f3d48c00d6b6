from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import candidate, environment, releases, repository
from cryoet_bench.timeline.releases import Timeline
from cryoet_bench.timeline.resolver import BEGINNING, Resolver, update
from tests.package_index import Index, serve, wheel


@pytest.fixture
def index(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Index]:
    """One release of each package, and a pre-release of zarr that wants more."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with serve() as index:
        day = timedelta(days=1)
        index.upload("numpy", "1.0", BEGINNING - 2 * day)
        index.upload("zarr", "2.0", BEGINNING - day, ["numcodecs", "numpy"])
        index.upload("numcodecs", "0.12", BEGINNING, ["numpy"])
        index.upload("typing", "4", BEGINNING)
        index.upload("zarr", "3.0rc1", BEGINNING, ["numcodecs", "numpy", "typing"])
        yield index


@pytest.fixture
def uv(index: Index) -> Resolver:
    found = environment.find_uv()
    assert found
    return Resolver(found, sys.executable, index.options)


@pytest.fixture
def timeline(tmp_path: Path, uv: Resolver) -> Timeline:
    update(tmp_path / "timeline.toml", uv)
    return releases.load(tmp_path / "timeline.toml")


@pytest.fixture
def path(tmp_path: Path, timeline: Timeline) -> Path:
    path = tmp_path / ".asv" / "timeline"
    repository.build(timeline, path)
    return path


def lines(path: Path, made: candidate.Candidate) -> list[str]:
    return repository.requirements(path, made.branch)


@pytest.mark.parametrize("spec", ["zarr==3.0rc1", "zarr 3.0rc1", "zarr-3.0rc1", "zarr>=3.0rc0"])
def test_version(spec: str, timeline: Timeline, path: Path, uv: Resolver) -> None:
    made = candidate.propose(spec, timeline, path, uv)
    assert made.branch == "candidate/zarr-3.0rc1"
    assert made.moved == ("adds typing 4",)
    assert lines(path, made) == ["numcodecs==0.12", "numpy==1.0", "typing==4", "zarr==3.0rc1"]
    message = repository.git(path, "log", "-1", "--format=%B", made.branch)
    assert "zarr 3.0rc1 (candidate)" in message
    assert "adds typing 4" in message
    assert spec in message


def test_wheel_is_kept(
    tmp_path: Path, index: Index, timeline: Timeline, path: Path, uv: Resolver
) -> None:
    given = index.save("zarr-3.0rc1-py3-none-any.whl", tmp_path)
    made = candidate.propose(str(given), timeline, path, uv)
    given.unlink()
    assert (made.package, made.version) == ("zarr", "3.0rc1")
    (line,) = (line for line in lines(path, made) if line.startswith("zarr"))
    home = environment.Environment(tmp_path / "env", uv.uv, uv.options)
    home.create(uv.python)
    home.install(lines(path, made))
    assert list((tmp_path / "env").rglob("zarr-3.0rc1.dist-info"))
    assert line.endswith("/zarr-3.0rc1-py3-none-any.whl")


def test_other_content_is_another_commit(
    tmp_path: Path, timeline: Timeline, path: Path, uv: Resolver
) -> None:
    commits = []
    for code in ("one = 1", "two = 2"):
        name, content = wheel("numcodecs", "0.13", ["numpy"], code)
        (tmp_path / name).write_bytes(content)
        made = candidate.propose(str(tmp_path / name), timeline, path, uv)
        commits.append(repository.head(path, made.branch))
    assert len(set(commits)) == 2


def test_checkout_is_built(tmp_path: Path, timeline: Timeline, path: Path, uv: Resolver) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    # A build backend of a few lines, so that nothing is downloaded to build it.
    name, content = wheel("numcodecs", "0.13.dev1", ["numpy"])
    (sources / name).write_bytes(content)
    (sources / "backend.py").write_text(
        "import shutil\n"
        "def build_wheel(folder, config=None, metadata=None):\n"
        f"    shutil.copy({name!r}, folder)\n"
        f"    return {name!r}\n"
    )
    (sources / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "numcodecs"\nversion = "0.13.dev1"\n'
    )
    made = candidate.propose(str(sources), timeline, path, uv)
    assert made.branch == "candidate/numcodecs-0.13.dev1"
    shutil.rmtree(sources)
    assert any(line.startswith("numcodecs @ file://") for line in lines(path, made))


def test_downgrade_of_the_other_package_is_named(
    index: Index, timeline: Timeline, path: Path, uv: Resolver
) -> None:
    index.upload("numcodecs", "0.11", BEGINNING, ["numpy"])
    index.upload("zarr", "3.1rc1", BEGINNING, ["numcodecs<0.12", "numpy"])
    made = candidate.propose("zarr==3.1rc1", timeline, path, uv)
    assert made.moved == ("numcodecs 0.12 to 0.11",)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("zarr==99", "zarr==99"),
        ("scipy==1.0", "of zarr or numcodecs"),
        ("3.5.0", "is no candidate"),
        ("", "is no candidate"),
        ("nothing/here", "is no candidate"),
        ("nowhere/zarr-3.0-py3-none-any.whl", "cannot read the wheel"),
        ("{tmp}/odd.whl", "is not named as a wheel is"),
        ("{tmp}/empty", "holds no Python project"),
        ("{tmp}/broken", "cannot be built"),
        ("zarr @ file:///nowhere/zarr-3.0-py3-none-any.whl", "zarr"),
    ],
)
def test_what_is_no_candidate_is_one_sentence(
    spec: str, message: str, tmp_path: Path, timeline: Timeline, path: Path, uv: Resolver
) -> None:
    (tmp_path / "odd.whl").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pyproject.toml").write_text("[build-system]\nrequires = 1\n")
    with pytest.raises(InputError, match=message) as caught:
        candidate.propose(spec.replace("{tmp}", str(tmp_path)), timeline, path, uv)
    assert "\n" not in str(caught.value)
    assert "candidate/" not in repository.git(path, "branch", "--list", "--all")
