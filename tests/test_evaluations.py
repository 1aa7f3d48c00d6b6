"""The evaluations and scripts start: every name that they import is there.

Most take minutes, so no test runs them all, and a name that moved would be noticed by a reader.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("cryoet_bench", "benchmarks", "evaluations", "tests")


def source(module: str) -> Path | None:
    """Return the file of a module, None where there is none."""
    path = ROOT.joinpath(*module.split("."))
    found = (path.with_suffix(".py"), path / "__init__.py")
    return next((one for one in found if one.is_file()), None)


@cache
def names(module: str) -> set[str]:
    """Return what a module binds, without importing it."""
    path = source(module)
    if path is None:
        return set()
    table = symtable.symtable(path.read_text("utf-8"), str(path), "exec")
    return {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}


def missing(path: Path) -> Iterator[str]:
    """Yield what a file imports from this project, anywhere in it, and is not there."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            module = str(node.module)
            for one in node.names:
                if one.name not in names(module) and source(f"{module}.{one.name}") is None:
                    yield f"{path.name}: {module}.{one.name}"


def test_every_name_that_is_imported_is_there() -> None:
    patterns = ("evaluations/*.py", "scripts/*", ".github/*.py")
    files = [path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()]
    assert len(files) > 40
    assert [one for path in files for one in missing(path)] == []
