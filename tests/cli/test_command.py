"""The command as a whole: what starting it costs, and what it says of what is not installed."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from packaging.requirements import Requirement

from cryoet_bench import extras

ROOT = Path(__file__).parents[2]
# The names of modules whose distribution is called otherwise.
DISTRIBUTIONS = {
    "mpl_toolkits": "matplotlib",
    "vl_convert": "vl-convert-python",
    "fsspec": "s3fs",
    "aiohttp": "s3fs",
    "botocore": "s3fs",
    "aiobotocore": "s3fs",
    "yaml": "pyyaml",
    "distributed": "dask",
    "gql": "cryoet-data-portal",
    "graphql": "cryoet-data-portal",
    "skimage": "scikit-image",
}
UNDECLARED = {
    "napari": "the reader's own viewer, opened where it is installed",
    "tensorstore": "an engine of the measured environments",
}
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


def test_a_missing_extra_is_one_sentence_that_says_what_to_install(
    tmp_path: Path,
) -> None:
    compressed = tmp_path / "compressed.tif"
    tifffile.imwrite(compressed, np.zeros((9, 8, 8), np.uint8), compression="lzw")
    for module, arguments, extra in [
        ("cryoet_data_portal", ["tomogram", "search", "--dataset", "10445"], "portal"),
        ("s3fs", ["qc", "s3://nowhere/volume.zarr"], "portal"),
        ("pyarrow", ["qc", "phantom-tiny", "phantom-10A", "--table", tmp_path / "t"], "batch"),
        ("imagecodecs", ["qc", compressed], "tiff"),
    ]:
        done = python(
            f"import sys; sys.modules[{module!r}] = None\n"
            "from cryoet_bench.cli import main; main()",
            *arguments,
        )
        assert done.returncode == 2
        assert done.stderr.startswith("cryoet-bench: ")
        assert done.stderr.endswith(f"needs {module}: pip install 'cryoet-bench[{extra}]'\n")
        assert len(done.stderr.splitlines()) == 1
        assert not done.stdout
        assert list(tmp_path.iterdir()) == [compressed]


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
        assert distribution not in always
    assert extras.advice("asv.commands.run") == "this needs asv: pip install 'cryoet-bench[bench]'"
    assert extras.advice("numpy") is None


def test_every_imported_module_is_installed_always_or_by_an_extra(project: dict) -> None:
    own = {"cryoet_bench", "benchmarks"}
    installed = {Requirement(text).name for text in project["dependencies"]}
    for requirements in project["optional-dependencies"].values():
        installed |= {Requirement(text).name for text in requirements}
    for path in (ROOT / "cryoet_bench").rglob("*.py"):
        for module in imported(path) - own - sys.stdlib_module_names - UNDECLARED.keys():
            name = DISTRIBUTIONS.get(module, module).replace("_", "-")
            assert name in installed, f"{path} imports {module}, which nothing installs"


def imported(path: Path) -> set[str]:
    """Return the packages that a module names in its import statements."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
