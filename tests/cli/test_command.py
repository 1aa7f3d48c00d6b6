"""The command as a whole: what starting it costs, and what it says of what is not installed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cryoet_bench import extras

ROOT = Path(__file__).parents[2]
# The names of modules whose distribution is called otherwise.
DISTRIBUTIONS = {"fsspec": "s3fs", "yaml": "pyyaml", "distributed": "dask"}
HEAVY = {
    "numpy", "scipy", "zarr", "numcodecs", "numba", "matplotlib", "pandas", "pyarrow", "asv",
    "pydantic", "s3fs", "cryoet_data_portal", "dask", "rich.markdown", "rich.progress",
}  # fmt: skip


def python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter, as the installed command is."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def test_help_imports_nothing_that_measures_or_computes() -> None:
    done = python(
        "import atexit, sys\n"
        "from cryoet_bench.cli import main\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "main()",
        "--help",
    )
    assert done.returncode == 0
    assert "Commands:" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_a_missing_extra_is_one_sentence_that_says_what_to_install(tmp_path: Path) -> None:
    for module, arguments, extra in [
        ("cryoet_data_portal", ["tomogram", "search", "--dataset", "10445"], "portal"),
        ("asv", ["bench"], "bench"),
    ]:
        done = python(
            f"import sys; sys.modules[{module!r}] = None\n"
            "from cryoet_bench.cli import main; main()",
            *arguments,
        )
        assert done.returncode == 2
        assert done.stderr == (
            f"cryoet-bench: this needs {module}, which is not installed: "
            f"pip install 'cryoet-bench[{extra}]'\n"
        )
        assert not done.stdout


def test_a_module_that_no_extra_has_is_a_fault_of_ours() -> None:
    done = python(
        "import sys; sys.modules['numpy'] = None\nfrom cryoet_bench.cli import main; main()",
        "tomogram",
        "info",
        "phantom-tiny",
    )
    assert "ModuleNotFoundError" in done.stderr


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_extras_are_those_of_the_distribution(project: dict) -> None:
    offered = {
        extra: {Requirement(text).name for text in requirements}
        for extra, requirements in project["optional-dependencies"].items()
    }
    always = {Requirement(text).name for text in project["dependencies"]}
    for module, extra in extras.EXTRAS.items():
        distribution = DISTRIBUTIONS.get(module, module.replace("_", "-"))
        assert distribution in offered[extra], f"{extra} does not install {module}"
        assert module == "distributed" or distribution not in always
    sentence = extras.missing("asv.commands.run")
    assert sentence is not None
    assert re.search(r"needs asv, .*cryoet-bench\[bench\]", sentence)
    assert extras.missing("numpy") is None
