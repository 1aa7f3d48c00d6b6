"""The page of all benchmarks: ``python -m benchmarks.listing > docs/benchmarks.md``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import benchmarks
from benchmarks.question import Benchmark

_UNITS = {"time": "seconds", "peakmem": "bytes"}  # as asv states them
_HEADING = "| benchmark | title | question | unit | cases | core | what changes it |"


def page() -> str:
    """Return the page."""
    introduction = Path(__file__).with_suffix(".md").read_text("utf-8")
    sections = [_section(module) for module in _modules() if any(_questions(module))]
    return "\n".join([introduction, *sections])


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(benchmarks.__path__):
        yield importlib.import_module(f"{benchmarks.__name__}.{found.name}")


def _questions(module: ModuleType) -> Iterator[tuple[type[Benchmark], Any]]:
    for owner in vars(module).values():
        if not (inspect.isclass(owner) and issubclass(owner, Benchmark)):
            continue
        if owner.__module__ == module.__name__:
            for function in vars(owner).values():
                if hasattr(function, "question"):
                    yield owner, function


def _section(module: ModuleType) -> str:
    name = module.__name__.rpartition(".")[2]
    summary = (inspect.getdoc(module) or "").splitlines()[0]
    rows = [_row(owner, function) for owner, function in _questions(module)]
    return "\n".join([f"## `{name}`", "", summary, "", _HEADING, "|---" * 7 + "|", *rows, ""])


def _row(owner: type[Benchmark], function: Any) -> str:
    kind = function.__name__.partition("_")[0]
    _, _, reason = (inspect.getdoc(function) or "").partition("\n\n")
    cells = [
        f"`{owner.__name__}.{function.__name__}`",
        function.pretty_name,
        function.question,
        getattr(function, "unit", "") or _UNITS[kind],
        str(len(list(owner.every_case()))),
        str(len(function.core)),
        " ".join(reason.split()).rstrip("."),
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
