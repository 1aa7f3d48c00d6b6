"""The bootstrap on small projects that need no package index."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from cryoet_bench.timeline import installers

SCRIPTS = Path(__file__).parents[2] / "scripts"

BACKEND = '''
"""Builds an editable wheel that holds one path."""
import zipfile
from pathlib import Path

METADATA = "Metadata-Version: 2.1\\nName: toy-project\\nVersion: 1\\n"
WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "toy_project-1-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w") as wheel:
        wheel.writestr("toy_project.pth", str(Path.cwd()))
        info = "toy_project-1.dist-info/"
        wheel.writestr(info + "METADATA", METADATA)
        wheel.writestr(info + "WHEEL", WHEEL)
        wheel.writestr(info + "RECORD", "")
    return name
'''
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "toy-project"
version = "1"
"""


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_environment", SCRIPTS / "_environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose locks hold one package, and a tool for tests, in wheels beside it."""
    root = tmp_path / "project"
    (root / "requirements").mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "backend.py").write_text(BACKEND)
    (root / "toy_project.py").touch()
    lock(root, "1.0")
    path = [str(Path(sys.executable).parent), *os.environ["PATH"].split(os.pathsep)]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setenv("UV_OFFLINE", "1")
    return root


def lock(root: Path, version: str, digest: str = "") -> None:
    """Pin toy-package to a wheel of that version, with its hash or a wrong one.

    The lock of the tests holds toy-tool as well.
    """
    package = pin(root, "toy-package", version, digest)
    (root / "requirements" / "bench.txt").write_text(package)
    (root / "requirements" / "dev.txt").write_text(package + pin(root, "toy-tool", "1.0"))


def pin(root: Path, name: str, version: str, digest: str = "") -> str:
    """Make a wheel of one module, and return the line of a lock that takes it."""
    module = name.replace("-", "_")
    wheel = root / f"{module}-{version}-py3-none-any.whl"
    info = f"{module}-{version}.dist-info/"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(f"{module}.py", f"version = {version!r}\n")
        file.writestr(
            info + "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        file.writestr(
            info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(info + "RECORD", "")
    digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name} @ {wheel.as_uri()} \\\n    --hash=sha256:{digest}\n"


def imports(root: Path) -> str:
    """Return what the environment's Python finds: the package's version and the project."""
    return runs(
        root,
        "import sys, toy_package, toy_project; print(sys.version_info[:2], toy_package.version)",
    )


def has_tool(root: Path) -> bool:
    """Return whether the environment has the tool of the tests."""
    return runs(root, "from importlib.util import find_spec as f; print(f('toy_tool'))") != "None"


def runs(root: Path, code: str) -> str:
    """Return what the environment's Python prints."""
    # Bytecode is told apart by time and size, which these versions have in common.
    done = subprocess.run(
        [root / ".venv" / "bin" / "python", "-B", "-c", code],
        capture_output=True, text=True, check=True, cwd="/",
    )  # fmt: skip
    return done.stdout.strip()


def test_the_environment_is_made_once_and_follows_the_lock(
    bootstrap: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.prepare(project) == project / ".venv" / "bin"
    assert imports(project) == "(3, 12) 1.0"
    assert "Making the environment" in capsys.readouterr().err
    made = (project / ".venv" / "pyvenv.cfg").stat().st_mtime_ns

    bootstrap.prepare(project)
    assert capsys.readouterr().err == ""

    lock(project, "2.0")
    bootstrap.prepare(project)
    assert imports(project) == "(3, 12) 2.0"
    assert (project / ".venv" / "pyvenv.cfg").stat().st_mtime_ns == made, "kept, and synchronised"


def test_the_tools_of_the_tests_are_added_and_kept(bootstrap: ModuleType, project: Path) -> None:
    bootstrap.prepare(project)
    assert not has_tool(project), "measuring does without"
    bootstrap.prepare(project, tools=True)
    assert has_tool(project)

    bootstrap.prepare(project)
    assert has_tool(project), "measuring after testing takes nothing away"
    lock(project, "2.0")
    bootstrap.prepare(project)
    assert has_tool(project), "nor does a new lock"
    assert imports(project) == "(3, 12) 2.0"


def test_the_lock_of_the_tests_holds_the_pins_of_measuring() -> None:
    requirements = SCRIPTS.parent / "requirements"
    measuring, testing = (
        set(re.findall(r"(?m)^[a-z0-9._-]+==\S+", (requirements / name).read_text("utf-8")))
        for name in ("bench.txt", "dev.txt")
    )
    assert measuring < testing
    assert not any(pin.startswith(("pytest", "playwright", "moto")) for pin in measuring)


def test_a_half_made_environment_is_finished(bootstrap: ModuleType, project: Path) -> None:
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to("nowhere")
    bootstrap.prepare(project)
    assert imports(project) == "(3, 12) 1.0"


def test_a_moved_checkout_gets_a_new_environment(
    bootstrap: ModuleType, project: Path, tmp_path: Path
) -> None:
    bootstrap.prepare(project)
    moved = project.rename(tmp_path / "moved")
    lock(moved, "1.0")
    bootstrap.prepare(moved)
    assert imports(moved) == "(3, 12) 1.0"


def test_a_wrong_hash_stops_it_and_leaves_no_stamp(bootstrap: ModuleType, project: Path) -> None:
    lock(project, "1.0", digest="0" * 64)
    with pytest.raises(bootstrap.SetupError, match=r"(?i)hash"):
        bootstrap.prepare(project)
    assert not (project / ".venv" / "cryoet-bench.lock").exists()


def test_a_checkout_that_cannot_be_written_is_one_sentence(
    bootstrap: ModuleType, project: Path
) -> None:
    shutil.rmtree(project / ".asv", ignore_errors=True)
    (project / ".asv").touch()  # root may write wherever a file system lets it
    with pytest.raises(bootstrap.SetupError, match="give the checkout write permission"):
        bootstrap.prepare(project)


def test_what_stops_it_ends_the_program_with_one_sentence(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for problem, code, words in (
        (bootstrap.SetupError("there is no room"), 2, "there is no room"),
        (KeyboardInterrupt(), 130, "interrupted; rerun to resume"),
    ):

        def stopped(problem: BaseException = problem, **_: bool) -> Path:
            raise problem

        monkeypatch.setattr(bootstrap, "prepare", stopped)
        with pytest.raises(SystemExit) as ended:
            bootstrap.require("scripts/bench")
        assert ended.value.code == code
        assert capsys.readouterr().err == f"scripts/bench: {words}\n"


def test_no_python_is_one_sentence(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed here")
    monkeypatch.setattr(installers, "PYTHON", "3.99")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(bootstrap.SetupError, match=r"Python 3\.99 and none was found") as caught:
        bootstrap.find_python(uv)
    assert "\n" not in str(caught.value)


def test_a_shim_without_a_uv_behind_it_is_no_uv(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "bin" / "uv"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'uv: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent))
    private = tmp_path / ".asv" / "uv" / "bin" / "uv"
    private.parent.mkdir(parents=True)
    private.write_text("#!/bin/sh\necho uv 1\n")
    private.chmod(0o755)
    monkeypatch.setitem(sys.modules, "uv", None)  # nor is there a package of that name
    assert bootstrap.find_uv(tmp_path) == str(private)


def test_the_lock_gives_uv_with_its_hashes(bootstrap: ModuleType) -> None:
    entry = bootstrap.locked_requirement("uv", SCRIPTS.parent)
    name, *hashes = entry.replace("\\\n", " ").split()
    assert name.startswith("uv==")
    assert len(hashes) > 5
    assert all(value.startswith("--hash=sha256:") for value in hashes)
    with pytest.raises(bootstrap.SetupError, match="does not lock nothing-of-that-name"):
        bootstrap.locked_requirement("nothing-of-that-name", SCRIPTS.parent)


@pytest.mark.parametrize("script", ["bench", "test"])
def test_an_old_python_is_told_so(script: str, tmp_path: Path) -> None:
    """Run on a real old Python where pyenv has one, and never end in a traceback."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    old = sorted(p for v in ("2.7", "3.6", "3.8", "3.9", "3.10") for p in versions.glob(f"{v}.*"))
    if not old:
        pytest.skip("no Python older than 3.11 is installed here")
    for version in old:
        done = subprocess.run(
            [version / "bin" / "python", SCRIPTS / script],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.startswith(f"scripts/{script} needs Python 3.11 or later")
        assert len(done.stderr.splitlines()) == 1
