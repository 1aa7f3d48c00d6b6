from __future__ import annotations

import hashlib
import itertools
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import candidate, environment, releases, repository
from cryoet_bench.timeline.releases import Timeline
from cryoet_bench.timeline.resolver import Resolver
from cryoet_bench.timeline.revisions import Revisions
from cryoet_bench.timeline.update import BEGINNING, update
from tests.measured import Once
from tests.package_index import CODE, Index, serve, wheel


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
def timeline(tmp_path: Path, uv: Resolver, once: Once) -> Timeline:
    """What the index holds before a test uploads more, which is the same for all."""
    made = once("candidates", lambda folder: update(folder / "timeline.toml", uv))
    return releases.load(Path(shutil.copy(made / "timeline.toml", tmp_path)))


@pytest.fixture
def path(tmp_path: Path, timeline: Timeline) -> Path:
    path = tmp_path / ".asv" / "timeline"
    repository.build(timeline, path)
    return path


BACKEND = """
import base64, hashlib, zipfile
from pathlib import Path

def build_wheel(folder, config=None, metadata=None):
    name = "{package}-{version}-py3-none-any.whl"
    information = "{package}-{version}.dist-info"
    files = {{
        "{package}.py": Path("{package}.py").read_text(),
        information + "/METADATA": "Metadata-Version: 2.1\\nName: {package}\\nVersion: {version}\\n"
            "Requires-Dist: numpy\\n",
        information + "/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        rows.append(path + ",sha256=" + digest.rstrip("=") + "," + str(len(text)) + "\\n")
    files[information + "/RECORD"] = "".join(rows) + information + "/RECORD,,\\n"
    with zipfile.ZipFile(Path(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return name
"""


def checkout(folder: Path, package: str, version: str, code: str) -> Path:
    """Write sources with a build backend of a few lines, so that nothing is downloaded."""
    folder.mkdir(parents=True)
    (folder / f"{package}.py").write_text(code)
    (folder / "backend.py").write_text(BACKEND.format(package=package, version=version))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{package}"\nversion = "{version}"\n'
    )
    return folder


def sdist(sources: Path, package: str, version: str) -> Path:
    """Pack sources as a source archive."""
    name = f"{package}-{version}"
    (sources / "PKG-INFO").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    )
    path = sources.parent / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(sources, name)
    return path


@pytest.mark.parametrize("spec", ["zarr==3.0rc1", "zarr 3.0rc1", "zarr-3.0rc1", "zarr>=3.0rc0"])
def test_version(spec: str, timeline: Timeline, path: Path, uv: Resolver) -> None:
    made = candidate.propose(spec, timeline, path, uv)
    assert re.fullmatch("candidate/zarr-3.0rc1-[0-9a-f]{8}", made.name)
    assert made.label == f"zarr 3.0rc1 (candidate {made.name[-8:]})"
    assert made.is_candidate
    assert made.release == timeline.releases[-1]
    assert made.moved == ("adds typing 4",)
    assert list(made.pins) == ["numcodecs==0.12", "numpy==1.0", "typing==4", "zarr==3.0rc1"]
    message = repository.git(path, "log", "-1", "--format=%B", made.name)
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
    (line,) = (line for line in list(made.pins) if line.startswith("zarr"))
    home = environment.Environment(tmp_path / "env", uv.uv, uv.options)
    home.create(uv.python)
    home.install(list(made.pins))
    assert list((tmp_path / "env").rglob("zarr-3.0rc1.dist-info"))
    checksum = hashlib.sha256(index.files[given.name]).hexdigest()
    assert line.endswith(f"/zarr-3.0rc1-py3-none-any.whl#sha256={checksum}")
    (zarr,) = (one for one in home.prove(made.pins) if one.name == "zarr")
    assert made.name.endswith(zarr.digest[:8])


def test_candidates_of_one_version_stay_side_by_side(
    tmp_path: Path, index: Index, timeline: Timeline, path: Path, uv: Resolver
) -> None:
    made = []
    for code in ("one = 1", "two = 2", "one = 1"):
        name, content = wheel("numcodecs", "0.13", ["numpy"], code)
        (tmp_path / name).write_bytes(content)
        made.append(candidate.propose(str(tmp_path / name), timeline, path, uv))
    assert made[0] == made[2]
    assert made[0].commit != made[1].commit
    assert Revisions(timeline, path).candidates() == sorted(made[:2], key=lambda one: one.name)
    assert len({made[0].pins, made[1].pins}) == 2

    # The same wheel on the release that came next is another candidate.
    index.upload("zarr", "2.1", BEGINNING + timedelta(days=1), ["numcodecs", "numpy"])
    update(tmp_path / "timeline.toml", uv)
    grown = releases.load(tmp_path / "timeline.toml")
    repository.build(grown, path)
    later = candidate.propose(str(tmp_path / name), grown, path, uv)
    assert later.release.tag == "zarr-2.1"
    known = {revision.commit for revision in Revisions(grown, path).candidates()}
    assert known == {made[0].commit, made[1].commit, later.commit}


@pytest.mark.parametrize("kind", ["checkout", "archive", "address"])
def test_sources_are_built(
    kind: str, tmp_path: Path, timeline: Timeline, path: Path, uv: Resolver
) -> None:
    sources = checkout(tmp_path / "a checkout", "numcodecs", "0.13.dev1", "value = 1")
    spec = {
        "checkout": str(sources),
        "archive": str(sdist(sources, "numcodecs", "0.13.dev1")),
        "address": f"numcodecs @ {sources.as_uri()}",
    }[kind]
    made = candidate.propose(spec, timeline, path, uv)
    assert re.fullmatch("candidate/numcodecs-0.13.dev1-[0-9a-f]{8}", made.name)
    assert candidate.propose(spec, timeline, path, uv) == made
    shutil.rmtree(sources)
    assert any(line.startswith("numcodecs @ file://") for line in made.pins)


def test_a_branch_of_git_is_its_commit(
    tmp_path: Path, timeline: Timeline, path: Path, uv: Resolver
) -> None:
    sources = checkout(tmp_path / "sources", "numcodecs", "0.13.dev1", "value = 1")
    repository.git(sources, "init", "--quiet", "-b", "trunk")
    repository.git(sources, "add", ".")
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    repository.git(sources, *author, "commit", "--quiet", "-m", "first")
    commit = repository.head(sources, "trunk")
    made = candidate.propose(f"numcodecs @ git+{sources.as_uri()}@trunk", timeline, path, uv)
    assert made.name == f"candidate/numcodecs-git-{commit[:8]}"
    home = environment.Environment(tmp_path / "env", uv.uv, uv.options)
    home.create(uv.python)
    home.install(made.pins)
    (found,) = (one for one in home.prove(made.pins) if one.name == "numcodecs")
    assert found.origin.endswith(f"@{commit}")
    home.install(timeline.releases[-1].requirements.splitlines())
    (found,) = (
        one
        for one in home.prove(timeline.releases[-1].requirements.splitlines())
        if one.name == "numcodecs"
    )
    assert found.origin == "index"


def test_each_revision_runs_its_own_code_in_every_order(
    tmp_path: Path, index: Index, timeline: Timeline, path: Path, uv: Resolver
) -> None:
    """A release, and candidates of its version by wheel, checkout and source archive."""
    code = CODE["numcodecs"] + "code = {!r}\n"
    name, content = wheel("numcodecs", "0.12", ["numpy"], code.format("wheel"))
    (tmp_path / name).write_bytes(content)
    folders = [
        checkout(tmp_path / kind / "sources", "numcodecs", "0.12", code.format(kind))
        for kind in ("checkout", "archive")
    ]
    specs = {
        "wheel": tmp_path / name,
        "checkout": folders[0],
        "archive": sdist(folders[1], "numcodecs", "0.12"),
    }
    revisions = {
        kind: candidate.propose(str(spec), timeline, path, uv) for kind, spec in specs.items()
    }
    revisions["release"] = Revisions(timeline, path).find("numcodecs 0.12")
    assert len({revision.commit for revision in revisions.values()}) == 4
    home = environment.Environment(tmp_path / "env", uv.uv, uv.options)
    home.create(uv.python)
    script = "import numcodecs; print(getattr(numcodecs, 'code', 'release'))"
    r, w, c, a = "release", "wheel", "checkout", "archive"
    walk = [r, w, r, c, r, a, w, c, w, a, c, a, r]
    assert set(itertools.pairwise(walk)) == set(itertools.permutations(revisions, 2))
    for kind in walk:
        home.install(revisions[kind].pins)
        home.check(home.prove(revisions[kind].pins))
        done = subprocess.run(
            [home.python, "-c", script], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == kind


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
        ("{tmp}/zarr-3.0-py3-none-any.whl", "has no record"),
        ("{tmp}/zarr-3.0.tar.gz", "cannot be built"),
        ("nowhere/zarr-3.0.tar.gz", "no such file"),
        ("{tmp}/empty", "holds no Python project"),
        ("{tmp}/broken", "cannot be built"),
        ("zarr @ file:///nowhere/zarr-3.0-py3-none-any.whl", "zarr"),
        ("https://example.org/zarr-3.0-py3-none-any.whl", "a requirement such as 'zarr @"),
        ("zarr @ git+file://{tmp}/empty@main", "git says: .* not appear to be a git repository"),
        ("zarr @ git+file://{tmp}/.asv/timeline@nosuch", "git says: couldn't find remote ref"),
        ("{tmp}/zarr-3.0-cp27-cp27m-win32.whl", "cannot install zarr @ file"),
        ("{tmp}/dask-3.0-py3-none-any.whl", "of zarr or numcodecs"),
    ],
)
def test_what_is_no_candidate_is_one_sentence(
    spec: str, message: str, tmp_path: Path, timeline: Timeline, path: Path, uv: Resolver
) -> None:
    (tmp_path / "odd.whl").touch()
    (tmp_path / "zarr-3.0-py3-none-any.whl").touch()
    (tmp_path / "zarr-3.0.tar.gz").touch()
    for package, tag in (("zarr", "cp27-cp27m-win32"), ("dask", "py3-none-any")):
        (tmp_path / f"{package}-3.0-{tag}.whl").write_bytes(wheel(package, "3.0")[1])
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pyproject.toml").write_text("[build-system]\nrequires = 1\n")
    with pytest.raises(InputError, match=message) as caught:
        candidate.propose(spec.replace("{tmp}", str(tmp_path)), timeline, path, uv)
    assert "\n" not in str(caught.value)
    assert "candidate/" not in repository.git(path, "branch", "--list", "--all")
