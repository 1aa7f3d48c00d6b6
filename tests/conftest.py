from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cryoet_bench import files, variables

if TYPE_CHECKING:
    from tests.measured import Once

pytest_plugins = ["tests.measured"]

# Where it is set, each of the many processes that tests start compiles all that it imports, which
# takes several seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
REAL_DATA = Path(__file__).parents[2] / "shared" / "tomograms"


@pytest.fixture(scope="session", autouse=True)
def locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the locks of the tests apart from those of a real run on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRYOET_BENCH_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    """Take back what a command that ran within a test has set for its measured processes."""
    before = {name: os.environ.get(name) for name in (variables.TIER, variables.TOMOGRAM)}
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    for handler in set(root.handlers) - set(handlers):  # asv's prints what other libraries log
        root.removeHandler(handler)
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the slow tests first, so that no worker waits for one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file in one process: what its fixtures make is made once."""
    from xdist.scheduler import LoadFileScheduling

    if config.getoption("dist") != "load":  # the user's own; -n chooses this by itself
        return None
    # Else the files of most tests come first, and the longest test of all, which is alone, last.
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for the tests of a file: while it is there, playwright's event loop runs."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium to look at the pages with")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """What makes a folder once for all processes of a run, and returns it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def make_once(name: str, make: Callable[[Path], None]) -> Path:
        folder = root / name
        with files.locked(root / f"{name}.lock"):
            if not (folder / "made").exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                (folder / "made").touch()
        return folder

    return make_once


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs the internet unless it is asked for."""
    if item.get_closest_marker("network") and "network" not in item.config.getoption("markexpr"):
        pytest.skip("needs the internet: run pytest -m network")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder that everything in this test uses."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CRYOET_BENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def microtubule() -> Path:
    """The real tomogram of a microtubule: (36, 206, 94) uint8, 1.052 nm."""
    return _real("13pf_MT.tif")


@pytest.fixture
def portal_slices() -> Path:
    """Nine 8-bit slices of the portal's TS_100_3 at 10.012 angstrom."""
    return _real("TS_100_3_slices.npz")


def _real(name: str) -> Path:
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"the real tomogram {name} is not at hand in {REAL_DATA}")
    return path
