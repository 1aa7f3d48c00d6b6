"""Which benchmarks belong to a tier.

``python -m benchmarks.tiers core`` prints the pattern that ``asv run --bench`` takes.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import get_args

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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print what asv run --bench takes for a tier.")
    parser.add_argument("tier", choices=get_args(Tier))
    print(regex(parser.parse_args().tier))  # noqa: T201
