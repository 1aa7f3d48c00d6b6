from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import environment
from cryoet_bench.timeline.environment import Environment, UnreachableError
from tests.package_index import Index, serve

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


@pytest.fixture(params=["uv", "pip"])
def home(request: pytest.FixtureRequest, tmp_path: Path, index: Index) -> Environment:
    uv = environment.find_uv() if request.param == "uv" else None
    home = Environment(tmp_path / "env", uv, index.options)
    home.create(sys.executable)
    return home


def installed(home: Environment) -> set[str]:
    names = {path.name for path in home.path.rglob("*.dist-info")}
    return {name.removesuffix(".dist-info") for name in names if not name.startswith("pip-")}


def test_holds_exactly_what_is_asked_for(home: Environment) -> None:
    home.install(["zarr==1.0", "ascii-tree==1.0"])
    assert installed(home) == {"zarr-1.0", "ascii_tree-1.0"}
    home.install(["zarr==2.0", "fasteners==1.0"])
    assert installed(home) == {"zarr-2.0", "fasteners-1.0"}


def test_imports_from_the_project_without_installing_it(home: Environment, tmp_path: Path) -> None:
    folder = tmp_path / "a project"
    folder.mkdir()
    (folder / "ours.py").write_text("value = 7")
    home.include(folder)
    home.install(["fasteners==1.0"])
    script = "import ours, fasteners; print(ours.value)"
    done = subprocess.run([home.python, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "7"


def test_what_does_not_exist_is_one_sentence(home: Environment) -> None:
    with pytest.raises(InputError, match=r"cannot install this: .*zarr") as caught:
        home.install(["zarr==99"])
    assert "\n" not in str(caught.value)


def test_nothing_is_compiled_later(tmp_path: Path, index: Index) -> None:
    home = Environment(tmp_path / "env", environment.find_uv(), index.options)
    home.create(sys.executable)
    home.install(["zarr==1.0"])
    assert list(home.path.rglob("__pycache__/zarr.*.pyc"))


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_no_network(tool: str, tmp_path: Path, index: Index) -> None:
    nowhere = ("-i", "http://127.0.0.1:9/simple")
    if tool == "pip":
        nowhere += ("--retries", "1")
    home = Environment(tmp_path / "env", environment.find_uv() if tool == "uv" else None, nowhere)
    home.create(sys.executable)
    with pytest.raises(UnreachableError, match="check the network"):
        home.install(["zarr==1.0"])


class TestFindPython:
    def script(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A machine on which this interpreter is no Python 3.12."""
        self.script(tmp_path / "old" / "python", "echo 3.11")
        monkeypatch.setattr(sys, "executable", str(tmp_path / "old" / "python"))
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))

    def test_on_the_path(self, tmp_path: Path) -> None:
        self.script(tmp_path / "bin" / "python3.12", "echo 3.12")
        assert environment.find_python(None) == str(tmp_path / "bin" / "python3.12")

    def test_newest_of_pyenv_although_its_shim_refuses(self, tmp_path: Path) -> None:
        self.script(tmp_path / "bin" / "python3.12", "exit 127")
        for version in ("3.12.1", "3.12.10", "3.12.9"):
            python = tmp_path / "pyenv" / "versions" / version / "bin" / "python3.12"
            self.script(python, "echo 3.12")
        found = environment.find_python(None)
        assert found == str(tmp_path / "pyenv" / "versions" / "3.12.10" / "bin" / "python3.12")

    def test_of_uv(self, tmp_path: Path) -> None:
        self.script(tmp_path / "managed", "echo 3.12")
        self.script(tmp_path / "uv", f'test "$2" = find && echo {tmp_path / "managed"}')
        assert environment.find_python(str(tmp_path / "uv")) == str(tmp_path / "managed")

    def test_none_says_how_to_get_it(self, tmp_path: Path) -> None:
        self.script(tmp_path / "uv", "exit 2")
        with pytest.raises(InputError, match=r"uv python install 3\.12.* or 'pyenv install 3\.12'"):
            environment.find_python(str(tmp_path / "uv"))


def test_cause_leaves_out_hints() -> None:
    said = (
        "error: Because foo was not found\n  cause: it is absent\n"
        "\nhint: try something\nhint: and more"
    )
    assert environment.cause(said) == "Because foo was not found it is absent"
    assert environment.cause("  \u00d7 Failed\n  ╰─▶ Because\n") == "Failed Because"
    assert environment.cause("error: x\n\n[stderr]\nlong\nlast line\n") == "x last line"
    assert environment.cause("") == "no reason given"
