"""How numbers, releases and findings are written on the pages."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from cryoet_bench.changes.confirmation import Confirmation
from cryoet_bench.changes.elsewhere import Elsewhere
from cryoet_bench.changes.finding import OF_STATUS, Finding
from cryoet_bench.changes.sentence import STATUSES, SUSPECTS, amounts, on_another, unmeasured
from cryoet_bench.changes.subject import plain
from cryoet_bench.record.overview import value_in_words
from cryoet_bench.timeline.releases import TRACKED
from cryoet_bench.timeline.revisions import Revision

TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"

SOURCES = {"synthetic": "synthetic", "file": "from a file", "portal": "from the CryoET Data Portal"}


def amount(ratio: float | None) -> str:
    """Return how much a value changed: 3.1 times, divided by 3.4, +12 %, -8 %."""
    if ratio is None or ratio <= 0 or not math.isfinite(ratio):
        return ""
    if ratio >= 1.995:
        return f"{_factor(ratio)}{TIMES}"
    if ratio <= 1 / 1.995:
        return f"÷{_factor(1 / ratio)}"
    percent = 100 * (ratio - 1)
    digits = 0 if abs(percent) >= 9.95 else 1 if abs(percent) >= 0.095 else 2
    return f"{percent:+.{digits}f} %".replace("-", MINUS)


def _factor(size: float) -> str:
    """Return a factor to two digits below 10, to three from there on."""
    if size >= 999.5:
        return f"{size:,.0f}"
    return f"{size:.3g}" if size >= 10 else f"{size:.2g}"


def bounds(interval: tuple[float, float] | None) -> str:
    """Return an interval of a ratio as amounts: +5 % to +12 %; empty where there is none."""
    return " to ".join(map(amount, interval)) if interval else ""


def headline(finding: Finding) -> str:
    """Return what changed and by how much; its release and explanation are shown alongside."""
    where = f" ({finding.subject})" if finding.subject else ""
    change = finding.kind if finding.kind in OF_STATUS else amounts(finding)
    return f"{finding.title}{where}: {change}"


def change(finding: Finding) -> str:
    """Return by how much and for what it changed, under the title of its question."""
    if finding.kind in OF_STATUS:
        return headline(finding)
    return amounts(finding) + f" for {finding.subject}" * bool(finding.subject)


def suspects(finding: Finding) -> list[str]:
    """Return which other packages moved with the release and may have made the change."""
    return [move for move in finding.moved if move.startswith(SUSPECTS)]


def alongside(revision: Revision) -> str:
    """Return the other tracked packages that a revision installs: ``numcodecs 0.16.5``."""
    others = [f"{name}==" for name in TRACKED if name != revision.package]
    return ", ".join(
        pin.replace("==", " ") for pin in revision.pins if pin.startswith(tuple(others))
    )


def page_of(revision: Revision | str) -> str:
    """Return the address of the page of a revision, or of its name."""
    name = revision if isinstance(revision, str) else revision.name
    return f"release/{slug(name)}.html"


_VECTORS = {
    "avx512f": "AVX-512", "avx2": "AVX2", "sve2": "SVE2", "sve": "SVE", "asimd": "NEON",
}  # fmt: skip
"""The widest vectors of a processor, which its name may not tell."""


def hardware(facts: Mapping[str, Any]) -> str:
    """Return what a machine is, in words."""
    words = {"cpu": "{}", "num_cpu": "{} CPUs", "ram": "{}", "os": "{}", "arch": "{}"}
    said = [text.format(facts[key]) for key, text in words.items() if facts.get(key)]
    features = facts.get("cpu_features", ())
    vectors = next((word for flag, word in _VECTORS.items() if flag in features), "")
    return ", ".join([f"{said[0]} with {vectors}", *said[1:]] if said and vectors else said)


def side_by_side(verdict: Confirmation) -> str:
    """Return what measurements side by side showed: a change between bounds, same, or unclear."""
    low, high = verdict.low, verdict.high
    between = "" if low is None or high is None else f" ({bounds((low, high))})"
    words = {"changed": amount(verdict.ratio), "equivalent": "same", "undecided": "unclear"}
    return words[verdict.verdict] + between


def elsewhere(one: Elsewhere) -> str:
    """Return what a finding is on another machine, and how much it changed there."""
    changed = f" {amount(one.ratio)}" if one.outcome in {"holds", "reversed"} else ""
    return on_another(one) + changed + (f" ({bounds(one.interval)})" if one.interval else "")


def pull_request(link: str) -> str:
    """Return the number of a pull request, as GitHub writes it; of other links the last part."""
    last = link.rstrip("/").rpartition("/")[2]
    return f"#{last}" if last.isdigit() else last


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count and its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


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


def unbroken(text: str) -> str:
    """Return a text in which no line can end between a number and its percent sign."""
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)


_SHORTLY = {"newly available": "new", "newly fixed": "works", "newly failing": "fails"}


def shortly(kind: str) -> str:
    """Return a kind of change in one word, for a narrow cell."""
    return _SHORTLY.get(kind, kind)


FILTERS = {
    "plain": plain,
    "status": STATUSES.__getitem__,
    "percent": lambda share: f"{100 * share:g} %",
    "amount": amount,
    "bounds": bounds,
    "change": change,
    "headline": headline,
    "suspects": suspects,
    "hardware": hardware,
    "slug": slug,
    "value": value_in_words,
    "day": lambda date: f"{date:%Y-%m-%d}",
    "month": lambda date: f"{date:%B %Y}",
    "pull_request": pull_request,
    "unmeasured": unmeasured,
    "shortly": shortly,
    "side_by_side": side_by_side,
    "elsewhere": elsewhere,
}
"""By their names in the templates."""
