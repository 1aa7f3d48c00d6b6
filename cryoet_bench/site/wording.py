"""How numbers, releases and findings are written on the pages."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from cryoet_bench.changes.finding import Finding
from cryoet_bench.record.overview import value_in_words

TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"

SOURCES = {"synthetic": "synthetic", "file": "from a file", "portal": "from the CryoET Data Portal"}


def amount(ratio: float | None) -> str:
    """Return how much a value changed: 3.1 times, divided by 3.4, +12 %, -8 %."""
    if ratio is None or ratio <= 0 or not math.isfinite(ratio):
        return ""
    if ratio >= 1.995:
        return f"{ratio:.3g}{TIMES}" if ratio >= 10 else f"{ratio:.2g}{TIMES}"
    if ratio <= 1 / 1.995:
        return f"÷{1 / ratio:.3g}" if ratio <= 0.1 else f"÷{1 / ratio:.2g}"
    percent = 100 * (ratio - 1)
    digits = 0 if abs(percent) >= 9.95 else 1 if abs(percent) >= 0.095 else 2
    return f"{percent:+.{digits}f} %".replace("-", MINUS)


def bounds(interval: tuple[float, float] | None) -> str:
    """Return an interval of a ratio: ``1.05 to 1.12``; empty where there is none."""
    return f"{interval[0]:.3g} to {interval[1]:.3g}" if interval else ""


def headline(finding: Finding) -> str:
    """Return the sentence of a finding without its release, which stands beside it."""
    return finding.sentence or f"{finding.title}: {finding.kind}"


def pull_request(link: str) -> str:
    """Return the number of a pull request, as GitHub writes it; of other links the last part."""
    last = link.rstrip("/").rpartition("/")[2]
    return f"#{last}" if last.isdigit() else last


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count and its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def describe(name: str, facts: Mapping[str, Any]) -> str:
    """Return what a tomogram is, in words."""
    if not facts:
        return "synthetic" if name.startswith("phantom-") else "of unrecorded origin"
    size = f" {TIMES} ".join(map(str, facts["shape"]))
    spacing = facts["voxel_spacing"]
    voxels = f" of {spacing[0]:g} Å" if spacing else ""
    return f"{SOURCES[facts['source']]}, {size} voxels{voxels}, {facts['dtype']}"


def slug(title: str) -> str:
    """Return a title as part of an address: only ``a-z0-9.-``."""
    return re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-.") or "unnamed"


FILTERS = {
    "amount": amount,
    "bounds": bounds,
    "headline": headline,
    "slug": slug,
    "value": value_in_words,
    "unit": lambda heading: heading.partition(" [")[2].rstrip("]"),
    "heading": lambda heading: heading.partition(" [")[0],
    "day": lambda date: f"{date:%Y-%m-%d}",
    "pull_request": pull_request,
}
"""By their names in the templates."""
