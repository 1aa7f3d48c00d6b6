"""Which benchmarks belong to a tier."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import benchmarks
from benchmarks.measured import Tier


def names(tier: Tier) -> Iterator[str]:
    """Yield the asv names of a tier's benchmarks; the full tier contains all."""
    for module in pkgutil.iter_modules(benchmarks.__path__):
        members = vars(importlib.import_module(f"benchmarks.{module.name}"))
        for owner in filter(inspect.isclass, members.values()):
            if owner.__module__ != f"benchmarks.{module.name}":
                continue
            for name, function in inspect.getmembers(owner, inspect.isfunction):
                if tier in {"full", getattr(function, "tier", None)} and hasattr(function, "tier"):
                    yield f"{module.name}.{owner.__name__}.{name}"


def regex(tier: Tier) -> str:
    """Return the pattern for ``asv run --bench`` that selects a tier."""
    return "^(" + "|".join(sorted(names(tier))).replace(".", r"\.") + r")(\(|$)"
