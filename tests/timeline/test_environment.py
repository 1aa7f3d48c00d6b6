from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import environment, installers
from cryoet_bench.timeline.environment import Environment, UnreachableError
from cryoet_bench.timeline.proof import Distribution
from tests.package_index import Index, serve, wheel

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def index(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Index]:
    for variable in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with serve() as index:
        for version in ("1.0", "2.0"):
            index.upload("zarr", version, NOW, ["asciitree"])
        index.upload("ascii-tree", "1.0", NOW)
        index.upload("fasteners", "1.0", NOW)
        yield index


@pytest.fixture
def tool() -> str:
    return "uv"


@pytest.fixture
def home(tool: str, tmp_path: Path, index: Index) -> Environment:
    uv = installers.find_uv() if tool == "uv" else None
    home = Environment(tmp_path / "env", uv, index.options)
    home.create(sys.executable)
    return home


WITH_EACH = pytest.mark.parametrize("tool", ["uv", "pip"])


def installed(home: Environment) -> set[str]:
    names = {path.name for path in home.path.rglob("*.dist-info")}
    return {name.removesuffix(".dist-info") for name in names if not name.startswith("pip-")}


@WITH_EACH
def test_holds_exactly_what_is_asked_for(home: Environment) -> None:
    home.install(["zarr==1.0", "ascii-tree==1.0"])
    assert installed(home) == {"zarr-1.0", "ascii_tree-1.0"}
    home.install(["zarr==2.0", "fasteners==1.0"])
    assert installed(home) == {"zarr-2.0", "fasteners-1.0"}


@WITH_EACH
def test_imports_from_the_project_without_installing_it(home: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "a project"
    folder.mkdir()
    (folder / "ours.py").write_text("value = 7")
    home.include(folder)
    home.install(["fasteners==1.0"])
    script = "import ours, fasteners; print(ours.value)"
    done = subprocess.run([home.python, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "7"


@WITH_EACH
def test_what_does_not_exist_is_one_sentence(home: Environment) -> None:
    with pytest.raises(InputError, match=r"cannot install this: .*zarr") as caught:
        home.install(["zarr==99"])
    assert "\n" not in str(caught.value)


def test_nothing_is_compiled_later(tmp_path: Path, index: Index) -> None:
    home = Environment(tmp_path / "env", installers.find_uv(), index.options)
    home.create(sys.executable)
    home.install(["zarr==1.0"])
    (compiled,) = home.path.rglob("__pycache__/zarr.*.pyc")
    flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
    assert flags == 0b11  # checked against the source's hash (PEP 552), not against its time


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_no_network(tool: str, tmp_path: Path, index: Index) -> None:
    nowhere = ("-i", "http://127.0.0.1:9/simple")
    if tool == "pip":
        nowhere += ("--retries", "1")
    home = Environment(tmp_path / "env", installers.find_uv() if tool == "uv" else None, nowhere)
    home.create(sys.executable)
    with pytest.raises(UnreachableError, match="check the network"):
        home.install(["zarr==1.0"])


RELEASE = ["zarr==1.0", "ascii-tree==1.0"]


def zarr_of(home: Environment) -> str:
    """Return what the installed zarr says that it is, in a process of its own."""
    script = "import zarr; print(zarr.code)"
    done = subprocess.run([home.python, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def module(home: Environment, name: str = "zarr.py") -> Path:
    (path,) = home.path.rglob(f"site-packages/{name}")
    return path


def rewrite(path: Path, text: str) -> None:
    """Change a file of equal size in place, and set its times back."""
    before = path.stat()
    assert len(text) == before.st_size
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


class TestProve:
    @pytest.fixture(autouse=True)
    def coded(self, index: Index) -> None:
        """Releases of zarr that say which they are."""
        index.pages.pop("zarr")
        for version in ("1.0", "2.0"):
            code = f"code = 'release {version}'"
            index.upload("zarr", version, NOW, ["asciitree"], code=code)

    @pytest.fixture
    def candidates(self, tmp_path: Path) -> list[str]:
        """Two local wheels of the version that is released."""
        lines = []
        for number in (1, 2):
            name, content = wheel("zarr", "1.0", code=f"code = 'candidate {number}'")
            path = tmp_path / f"candidate {number}" / name
            path.parent.mkdir()
            path.write_bytes(content)
            lines.append(f"zarr @ {path.as_uri()}#sha256={hashlib.sha256(content).hexdigest()}")
        return lines

    def test_tells_what_is_installed(self, home: Environment) -> None:
        home.install(RELEASE)
        found = {one.name: one for one in home.prove(RELEASE)}
        assert found.keys() == {"zarr", "ascii-tree"}
        assert (found["zarr"].version, found["zarr"].origin) == ("1.0", "index")
        assert home.prove(RELEASE) == tuple(found[name] for name in ("ascii-tree", "zarr"))

    @WITH_EACH
    def test_every_order_of_a_release_and_its_candidates(
        self, home: Environment, candidates: list[str]
    ) -> None:
        kinds = {
            "release 1.0": "zarr==1.0",
            "candidate 1": candidates[0],
            "candidate 2": candidates[1],
            "release 2.0": "zarr==2.0",
        }
        digests: dict[str, set[str]] = {kind: set() for kind in kinds}
        walk = ["release 1.0", "candidate 1", "release 1.0"]
        if home.uv:
            walk += [
                "candidate 2",
                "release 2.0",
                "candidate 2",
                "candidate 1",
                "candidate 2",
                "release 1.0",
                "candidate 1",
            ]
        for kind in walk:
            requirements = [kinds[kind], "ascii-tree==1.0"]
            home.install(requirements)
            (zarr,) = (one for one in home.prove(requirements) if one.name == "zarr")
            assert zarr_of(home) == kind
            expected = "index" if kind.startswith("release") else "file:zarr-1.0-py3-none-any.whl"
            assert zarr.origin == expected
            digests[kind].add(zarr.digest)
        assert all(len(found) == 1 for kind, found in digests.items() if kind in walk)
        assert len(set.union(*digests.values())) == len(set(walk))

    @pytest.mark.parametrize("kept_times", [False, True])
    def test_a_file_changed_by_hand_is_put_right(self, kept_times: bool, home: Environment) -> None:
        home.install(RELEASE)
        proved = home.prove(RELEASE)
        code = module(home).read_text()
        if kept_times:
            rewrite(module(home), code.replace("release", "patched"))
            assert zarr_of(home) == "patched 1.0"  # no bytecode of the file before
        else:
            module(home).write_text("code = 'patched'")
        assert home.prove(RELEASE) == proved
        assert module(home).read_text() == code
        assert zarr_of(home) == "release 1.0"

    def test_a_file_changed_before_the_first_proof_is_put_right(self, home: Environment) -> None:
        home.install(RELEASE)
        module(home).write_text("code = 'patched'")
        home.prove(RELEASE)
        assert zarr_of(home) == "release 1.0"

    def test_a_change_reaches_no_other_environment(self, home: Environment, tmp_path: Path) -> None:
        home.install(RELEASE)
        module(home).write_text("code = 'patched'")
        other = Environment(tmp_path / "other", home.uv, home.options)
        other.create(sys.executable)
        other.install(RELEASE)
        assert zarr_of(other) == "release 1.0"

    @pytest.mark.parametrize("missing", ["zarr.py", "zarr-1.0.dist-info/RECORD"])
    def test_a_missing_file_is_put_back(self, missing: str, home: Environment) -> None:
        home.install(RELEASE)
        module(home, missing).unlink()
        home.prove(RELEASE)
        assert module(home, missing).exists()
        assert zarr_of(home) == "release 1.0"

    @pytest.mark.parametrize(
        "extra", ["sitecustomize.py", "zarr.pth", "numcodecs/__init__.py", "zarr-1.0.dist-info/x"]
    )
    def test_what_belongs_to_nothing_is_removed(self, extra: str, home: Environment) -> None:
        home.install(RELEASE)
        path = module(home).parent / extra
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
        home.prove(RELEASE)
        assert not path.exists()
        assert path.parent.exists() == (not extra.startswith("numcodecs"))

    def test_what_is_not_pinned_is_removed(self, home: Environment) -> None:
        home.install([*RELEASE, "fasteners==1.0"])
        home.prove(RELEASE)
        assert installed(home) == {"zarr-1.0", "ascii_tree-1.0"}
        home.install(["zarr==2.0", "ascii-tree==1.0"])
        home.prove(RELEASE)
        assert zarr_of(home) == "release 1.0"

    def test_packages_of_the_system_are_refused(self, home: Environment) -> None:
        home.install(RELEASE)
        settings = home.path / "pyvenv.cfg"
        text = settings.read_text()
        assert "include-system-site-packages = false" in text
        settings.write_text(text.replace("packages = false", "packages = true"))
        with pytest.raises(InputError, match="what is installed outside of it"):
            home.prove(RELEASE)

    def test_our_own_path_stays(self, home: Environment, tmp_path: Path) -> None:
        home.include(tmp_path)
        home.install(RELEASE)
        home.check(home.prove(RELEASE))
        assert module(home, "cryoet_bench_root.pth").read_text() == f"{tmp_path}\n"

    def test_a_changed_cache_is_passed_by(
        self,
        index: Index,
        candidates: list[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        requirements = [candidates[0], "ascii-tree==1.0"]
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        home = Environment(tmp_path / "env", installers.find_uv(), index.options)
        home.create(sys.executable)
        home.install(requirements)
        cached = [*(tmp_path / "cache").rglob("zarr.py")]
        assert cached
        for path in cached:
            path.write_text("code = 'patched'")
        home.install(["ascii-tree==1.0"])
        home.install(requirements)
        assert zarr_of(home) == "patched"
        home.prove(requirements)
        assert zarr_of(home) == "candidate 1"

    def test_what_cannot_be_put_right_is_one_sentence(
        self, home: Environment, index: Index
    ) -> None:
        name, content = wheel("fasteners", "2.0", code="value = 1")
        files = {}
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {path: archive.read(path) for path in archive.namelist()}
        files["fasteners.py"] = b"value = 2"
        index.upload("fasteners", "2.0", NOW)
        with zipfile.ZipFile(path := io.BytesIO(), "w") as archive:
            for file, data in files.items():
                archive.writestr(file, data)
        index.files[name] = path.getvalue()
        index.pages["fasteners"][-1]["hashes"] = {}
        home.install(["fasteners==2.0"])
        with pytest.raises(
            InputError, match=r"is not what is pinned: fasteners has another fasteners\.py"
        ) as caught:
            home.prove(["fasteners==2.0"])
        assert "\n" not in str(caught.value)

    def test_a_candidate_wheel_that_was_replaced_is_refused(
        self, home: Environment, candidates: list[str]
    ) -> None:
        path = Path(unquote(candidates[0].partition("file://")[2].partition("#")[0]))
        path.write_bytes(wheel("zarr", "1.0", code="code = 'another'")[1])
        with pytest.raises(InputError, match=r"(?i)hash"):
            home.install([candidates[0], "ascii-tree==1.0"])


class TestCheck:
    @pytest.fixture
    def proved(self, home: Environment) -> tuple[Distribution, ...]:
        home.install(RELEASE)
        return home.prove(RELEASE)

    def test_nothing_changed(self, home: Environment, proved: tuple[Distribution, ...]) -> None:
        home.check(proved)
        os.utime(module(home))  # the same content
        home.check(proved)

    def test_imports_change_nothing(
        self, home: Environment, proved: tuple[Distribution, ...]
    ) -> None:
        shutil.rmtree(module(home).parent / "__pycache__")
        subprocess.run([home.python, "-c", "import ascii_tree"], check=True, env={})
        home.check(proved)

    def test_another_release(self, home: Environment, proved: tuple[Distribution, ...]) -> None:
        home.install(["zarr==2.0", "ascii-tree==1.0"])
        with pytest.raises(InputError, match="changed in the meantime"):
            home.check(proved)
        home.prove(["zarr==2.0", "ascii-tree==1.0"])
        with pytest.raises(InputError, match="another release was installed"):
            home.check(proved)

    def test_changes_by_hand(self, home: Environment, proved: tuple[Distribution, ...]) -> None:
        text = module(home).read_text()
        rewrite(module(home), "#" * len(text))
        with pytest.raises(InputError, match=r"changed in the meantime: zarr\.py"):
            home.check(proved)
        rewrite(module(home), text)
        home.check(proved)
        (module(home).parent / "sitecustomize.py").touch()
        with pytest.raises(InputError, match=r"sitecustomize\.py"):
            home.check(proved)

    def test_never_proved(self, home: Environment) -> None:
        home.install(RELEASE)
        with pytest.raises(InputError):
            home.check([Distribution("zarr", "1.0", "index", "")])


def test_cause_leaves_out_hints() -> None:
    said = (
        "error: Because foo was not found\n  cause: it is absent\n"
        "\nhint: try something\nhint: and more"
    )
    assert environment.cause(said) == "Because foo was not found it is absent"
    assert environment.cause("  \u00d7 Failed\n  ╰─▶ Because\n") == "Failed Because"
    assert environment.cause("error: x\n\n[stderr]\nlong\nlast line\n") == "x last line"
    assert environment.cause("") == "no reason given"
