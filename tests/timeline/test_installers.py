from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import installers
from cryoet_bench.timeline.environment import Environment
from cryoet_bench.timeline.resolver import Resolver
from cryoet_bench.timeline.update import BEGINNING, update
from tests.package_index import Index, serve

NOW = datetime(2025, 1, 1, tzinfo=UTC)
PINS = ["zarr==1.0", "fasteners==1.0"]
# Each would change what is installed, where, or from what; `{tmp}` is a folder.
HOSTILE = {
    "UV_EXCLUDE_NEWER": "2001-01-01",
    "UV_CONSTRAINT": "{tmp}/constraints.txt",
    "UV_OVERRIDE": "{tmp}/constraints.txt",
    "UV_BUILD_CONSTRAINT": "{tmp}/constraints.txt",
    "UV_TARGET": "{tmp}/target",
    "UV_PREFIX": "{tmp}/prefix",
    "UV_RESOLUTION": "lowest",
    "UV_PRERELEASE": "allow",
    "UV_NO_BINARY": "1",
    "UV_NO_BINARY_PACKAGE": "zarr",
    "UV_REQUIRE_HASHES": "1",
    "UV_NO_DEPS": "1",
    "UV_PYTHON": "3.99",
    "UV_SYSTEM_PYTHON": "1",
    "UV_PROJECT_ENVIRONMENT": "{tmp}/project",
    "UV_LINK_MODE": "symlink",
    "UV_NO_INSTALLER_METADATA": "1",
    "UV_CONFIG_FILE": "{tmp}/hostile.toml",
    "UV_WORKING_DIR": "{tmp}/nowhere",
    "XDG_CONFIG_HOME": "{tmp}/home",
    "PIP_TARGET": "{tmp}/target",
    "PIP_PREFIX": "{tmp}/prefix",
    "PIP_USER": "1",
    "PIP_CONSTRAINT": "{tmp}/constraints.txt",
    "PIP_NO_BINARY": ":all:",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_DRY_RUN": "1",
    "PIP_PYTHON": "{tmp}/nowhere",
    "PIP_CONFIG_FILE": "{tmp}/hostile.conf",
    "PYTHONPATH": "{tmp}/modules",
    "PYTHONHOME": "{tmp}/nowhere",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPYCACHEPREFIX": "{tmp}/bytecode",
    "VIRTUAL_ENV": "{tmp}/other",
    "VIRTUALENV_SYSTEM_SITE_PACKAGES": "1",
    "CONDA_PREFIX": "{tmp}/conda",
    "CONDA_DEFAULT_ENV": "base",
    "GIT_DIR": "{tmp}/nowhere",
    "GIT_INDEX_FILE": "{tmp}/nowhere",
}


@pytest.fixture
def index(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Index]:
    for variable in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_NO_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with serve() as index:
        for version in ("0.9", "1.0", "1.1rc1", "2.0"):
            index.upload("zarr", version, NOW, ["fasteners"])
            index.upload("fasteners", version, NOW)
        yield index


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Settings, and the files that they name."""
    (tmp_path / "constraints.txt").write_text("zarr==0.9\nfasteners==0.9\n")
    settings = 'exclude-newer = "2001-01-01"\nno-binary = true\n[pip]\ntarget = "elsewhere"\n'
    (tmp_path / "hostile.toml").write_text(settings)
    (tmp_path / "home" / "uv").mkdir(parents=True)
    (tmp_path / "home" / "uv" / "uv.toml").write_text(settings)
    (tmp_path / "hostile.conf").write_text(
        f"[global]\ntarget = {tmp_path}/target\n[install]\nprefix = {tmp_path}/prefix\n"
    )
    (tmp_path / "modules").mkdir()
    for name in ("pip", "compileall", "zipfile", "sitecustomize"):
        (tmp_path / "modules" / f"{name}.py").write_text("raise SystemExit('hostile')")
    return {name: value.replace("{tmp}", str(tmp_path)) for name, value in HOSTILE.items()}


def make(index: Index, folder: Path, tool: str) -> Environment:
    uv = installers.find_uv() if tool == "uv" else None
    home = Environment(folder, uv, index.options)
    home.create(sys.executable)
    return home


def versions(home: Environment) -> dict[str, str]:
    return {one.name: one.version for one in home.prove(PINS)}


class TestSettings:
    def test_each_alone(
        self, index: Index, hostile: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = make(index, tmp_path / "env", "uv")
        for number, (name, value) in enumerate(hostile.items()):
            if name.startswith(("PIP_", "CONDA_", "GIT_", "VIRTUALENV_")):
                continue  # uv does not read them
            version = ("1.0", "2.0")[number % 2]
            with monkeypatch.context() as changed:
                changed.setenv(name, value)
                home.install([f"zarr=={version}", "fasteners==1.0"])
            found = list(home.path.rglob("site-packages/*.dist-info"))
            assert {path.name for path in found} == {
                f"zarr-{version}.dist-info",
                "fasteners-1.0.dist-info",
            }, name

    @pytest.mark.parametrize("tool", ["uv", "pip"])
    def test_all_together(
        self,
        tool: str,
        index: Index,
        hostile: dict[str, str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        folder = tmp_path / "project"
        folder.mkdir()
        (folder / "uv.toml").write_text('exclude-newer = "2001-01-01"\n')
        monkeypatch.chdir(folder)
        for name, value in hostile.items():
            monkeypatch.setenv(name, value)
        home = make(index, tmp_path / "env", tool)
        home.install(PINS)
        assert versions(home) == {"zarr": "1.0", "fasteners": "1.0"}
        assert not (tmp_path / "target").exists()
        assert "false" in (home.path / "pyvenv.cfg").read_text().partition("system-site")[2][:30]
        assert list(home.path.rglob("__pycache__/zarr.*.pyc"))

    def test_the_timeline_is_the_same(
        self, index: Index, hostile: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        index.pages.pop("zarr")
        index.upload("numpy", "1.0", BEGINNING)
        index.upload("zarr", "2.0", BEGINNING, ["numcodecs", "numpy"])
        index.upload("numcodecs", "0.12", BEGINNING, ["numpy"])
        uv = installers.find_uv()
        assert uv
        found = Resolver(uv, sys.executable, index.options)
        update(tmp_path / "one.toml", found)
        for name, value in hostile.items():
            monkeypatch.setenv(name, value)
        update(tmp_path / "two.toml", found)
        assert (tmp_path / "one.toml").read_bytes() == (tmp_path / "two.toml").read_bytes()

    def test_what_says_where_packages_come_from_is_kept(self) -> None:
        machine = {
            "UV_DEFAULT_INDEX": "https://example.org/simple",
            "UV_INDEX_LAB_PASSWORD": "word",
            "UV_FIND_LINKS": "/wheels",
            "UV_OFFLINE": "1",
            "UV_CACHE_DIR": "/cache",
            "UV_NATIVE_TLS": "1",
            "PIP_INDEX_URL": "https://example.org/simple",
            "PIP_CERT": "/ca.pem",
            "HTTPS_PROXY": "http://proxy",
            "SSL_CERT_FILE": "/ca.pem",
            "GIT_SSL_CAINFO": "/ca.pem",
            "PATH": "/bin",
            "HOME": "/nonexistent",
        }
        kept = installers.variables(machine | HOSTILE | {"UV_CONFIG_FILE": ""})
        assert {name: kept.get(name) for name in machine} == machine
        added = {"XDG_CONFIG_HOME", "PIP_CONFIG_FILE"}
        assert not (HOSTILE.keys() & kept.keys()) - added

    @pytest.mark.parametrize(
        "text",
        [
            '[[index]]\nname = "lab"\nurl = "{url}"\ndefault = true\n',
            'index-url = "{url}"\n',
            '[pip]\nindex-url = "{url}"\n',
            '[[index]]\nname = "lab"\nurl = "{url}"\n[pip]\nno-build = false\n',
        ],
    )
    def test_an_index_of_uvs_files_is_used(
        self, text: str, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        (tmp_path / "uv").mkdir()
        text = text.format(url=index.options[-1])
        (tmp_path / "uv" / "uv.toml").write_text(f'exclude-newer = "2001-01-01"\n{text}')
        home = Environment(tmp_path / "env", installers.find_uv())
        home.create(sys.executable)
        home.install(PINS)
        assert versions(home) == {"zarr": "1.0", "fasteners": "1.0"}

    def test_every_setting_of_uvs_files_that_is_taken_over(self, tmp_path: Path) -> None:
        (tmp_path / "uv.toml").write_text(
            'index-url = "https://a/simple"\nextra-index-url = ["https://b", "https://c"]\n'
            'find-links = ["/d", "/e"]\nnative-tls = true\noffline = false\n'
            'cache-dir = "/f"\nresolution = "lowest"\n'
            '[[index]]\nurl = "https://g"\n[[index]]\nurl = "https://h"\nexplicit = true\n'
        )
        given = {"UV_CONFIG_FILE": str(tmp_path / "uv.toml"), "UV_CACHE_DIR": "/mine"}
        found = installers.variables(given)
        assert {name: value for name, value in found.items() if name.startswith("UV_")} == {
            "UV_DEFAULT_INDEX": "https://a/simple",
            "UV_INDEX": "https://g https://b https://c",
            "UV_FIND_LINKS": "/d,/e",
            "UV_NATIVE_TLS": "1",
            "UV_CACHE_DIR": "/mine",
            "UV_NO_CONFIG": "1",
            "UV_NO_WRAP": "1",
        }

    def test_an_index_of_pips_files_is_used(
        self, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "pip.conf").write_text(
            f"[global]\nindex-url = {index.options[-1]}\n[install]\ntarget = {tmp_path}/target\n"
        )
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        home = Environment(tmp_path / "env", None)
        home.create(sys.executable)
        home.install(PINS)
        assert versions(home) == {"zarr": "1.0", "fasteners": "1.0"}

    def test_a_damaged_file_of_uvs_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "uv").mkdir()
        (tmp_path / "uv" / "uv.toml").write_text("index-url = ")
        with pytest.raises(InputError, match=r"cannot read uv's configuration .*uv\.toml"):
            installers.variables({"XDG_CONFIG_HOME": str(tmp_path)})


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

    @pytest.fixture
    def said(self) -> Callable[[str], None]:
        def never(line: str) -> None:
            raise AssertionError(line)

        return never

    def test_on_the_path(self, tmp_path: Path, said: Callable[[str], None]) -> None:
        self.script(tmp_path / "bin" / "python3.12", "echo 3.12")
        assert installers.find_python(None, said) == str(tmp_path / "bin" / "python3.12")

    def test_newest_of_pyenv_although_its_shim_refuses(
        self, tmp_path: Path, said: Callable[[str], None]
    ) -> None:
        self.script(tmp_path / "bin" / "python3.12", "exit 127")
        for version in ("3.12.1", "3.12.10", "3.12.9"):
            python = tmp_path / "pyenv" / "versions" / version / "bin" / "python3.12"
            self.script(python, "echo 3.12")
        found = installers.find_python(None, said)
        assert found == str(tmp_path / "pyenv" / "versions" / "3.12.10" / "bin" / "python3.12")

    def test_of_uv(self, tmp_path: Path, said: Callable[[str], None]) -> None:
        self.script(tmp_path / "managed", "echo 3.12")
        self.script(tmp_path / "uv", f'test "$2" = find && echo {tmp_path / "managed"}')
        found = installers.find_python(str(tmp_path / "uv"), said)
        assert found == str(tmp_path / "managed")

    def test_the_one_below_a_virtual_environment(self, tmp_path: Path) -> None:
        self.script(tmp_path / "base", "echo 3.12")
        self.script(tmp_path / "bin" / "python3.12", f"echo 3.12 {tmp_path / 'base'}")
        assert installers.find_python(None) == str(tmp_path / "base")

    def test_uv_fetches_one_and_that_is_told(self, tmp_path: Path) -> None:
        managed = tmp_path / "managed"
        self.script(tmp_path / "prepared", "echo 3.12")
        self.script(
            tmp_path / "uv",
            f'case "$2" in\n find) test -e {managed} && echo {managed} ;;\n'
            f" install) /bin/ln -s {tmp_path / 'prepared'} {managed} ;;\nesac",
        )
        said: list[str] = []
        assert installers.find_python(str(tmp_path / "uv"), said.append) == str(managed)
        assert said == ["There is no Python 3.12 here: uv fetches one ..."]
        assert installers.find_python(str(tmp_path / "uv"), said.append) == str(managed)
        assert len(said) == 1

    def test_none_says_how_to_get_it(self, tmp_path: Path) -> None:
        self.script(tmp_path / "uv", "exit 2")
        said: list[str] = []
        with pytest.raises(InputError, match=r"uv python install 3\.12.* or 'pyenv install 3\.12'"):
            installers.find_python(str(tmp_path / "uv"), said.append)
        assert len(said) == 1


def test_the_interpreter_of_the_tests_is_found_below_their_environment() -> None:
    found = Path(installers.find_python(None))
    assert found.resolve() == Path(sys.executable).resolve()
    assert not (found.parent.parent / "pyvenv.cfg").exists()
