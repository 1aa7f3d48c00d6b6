"""A change in one sentence of plain English, without markup."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from cryoet_bench.changes.elsewhere import Elsewhere
from cryoet_bench.changes.finding import FEW, OF_STATUS, OPPOSITES, Finding, Status
from cryoet_bench.record.overview import value_in_words

SUSPECTS = ("numcodecs ", "numpy ", "zarr ")
"""Packages that may have made the change when they had to move with a release."""

STATUSES: Mapping[Status, str] = {
    "exact": "exact",
    "proposed": "not yet confirmed",
    "confirmed": "confirmed",
    "overturned": "no change",
    "undecided": "undecided",
}
"""How sure a finding is, in words."""

_LONG = 160
_ALIKE = 1.1
"""Changes of several cases within this factor of each other are told as one amount."""


def sentence(finding: Finding, *, net: bool = False) -> str:
    """Return what changed, since when, and what explains it.

    Parameters
    ----------
    finding : Finding
        Which.
    net : bool
        Whether it sums up all that happened between its two releases.
    """
    where = f" ({finding.subject})" if finding.subject else ""
    compares = finding.kind not in OF_STATUS
    since = f"since {_releases(finding)}"
    if net:
        since = f"in {finding.label}" + f" than in {finding.previous_label}" * compares
    if not compares:
        text = f"{finding.title}{where}: {finding.kind} {since}"
    else:
        text = f"{finding.title}{where}: {amounts(finding)} {since}"
    notes = [finding.companion] if finding.companion else []
    forced = [move for move in finding.moved if move.startswith(SUSPECTS)]
    if forced and not net:
        notes.append(f"{', '.join(forced)} moved with it")
    if finding.undone_label:
        notes.append(f"undone in {finding.undone_label}")
    return "; ".join([text, *notes])


def _releases(finding: Finding) -> str:
    """Return the release that did it, and those that may have done it instead."""
    others = unmeasured(finding)
    return f"{finding.label} (or {others}: not measured)" if others else finding.label


def unmeasured(finding: Finding) -> str:
    """Return which releases may have done it instead, in words; empty where none may."""
    others = finding.unmeasured
    return ", ".join(others) if len(others) <= FEW else f"one of the {len(others)} before it"


def on_another(one: Elsewhere) -> str:
    """Return whether a finding holds on another machine: ``also on lab``."""
    found = {
        "holds": "also",
        "reversed": "the other way",
        "undecided": "unclear",
        "equivalent": f"less than {amount(1 + one.margin)}",
    }
    return f"{found[one.outcome]} on {one.machine}"


def amounts(finding: Finding) -> str:
    """Return by how much it changed, and in how: ``3.1x slower (1.2x to 4x in 8 cases)``."""
    if finding.ratio is None:
        first = finding.cases[0]
        values = f"{value_in_words(first.before, '')} to {value_in_words(first.after, '')}"
        return f"{finding.kind}: {values} {finding.unit}".rstrip()
    text = f"{amount(finding.ratio)} {finding.kind}"
    sizes = [max(case.ratio, 1 / case.ratio) for case in finding.cases if case.ratio]
    if len(sizes) > 1 and max(sizes) > _ALIKE * min(sizes):
        ratios = sorted((case.ratio for case in finding.cases if case.ratio), key=_size)
        text += f" ({amount(ratios[0])} to {amount(ratios[-1])} in {len(sizes)} cases)"
    return text


def amount(ratio: float) -> str:
    """Return a ratio in words: ``12 %``, ``3.1x``; which direction the kind says."""
    size = _size(ratio)
    if size >= 1.995:
        return f"{size:.2g}x" if size < 99.5 else f"{size:,.0f}x"
    percent = abs(ratio - 1) * 100
    if percent < 0.01:
        return "less than 0.01 %"
    return f"{percent:.0f} %" if percent >= 9.5 else f"{percent:.2g} %"


def reason(text: str) -> str:
    """Return why something failed, in one line: the last of a traceback."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = " ".join(lines[-1].split()) if lines else ""
    return last if len(last) <= _LONG else f"{last[:_LONG]}..."


def trade_off(findings: Sequence[Finding]) -> str:
    """Return what a release gave and what it took, in one sentence."""
    first = findings[0]
    named = [finding.subject.split(", ") for finding in findings if finding.subject]
    alike = [one for one in named[0] if all(one in others for others in named)] if named else []
    shared = "".join(f", {one}" for one in alike)
    kinds: dict[str, Finding] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, finding)
    both = {kind for pair in OPPOSITES if set(pair) <= kinds.keys() for kind in pair}
    good = [_told(one, both) for one in kinds.values() if not one.is_worse]
    bad = [_told(one, both) for one in kinds.values() if one.is_worse]
    undone = {finding.undone_label for finding in findings if finding.undone_label}
    end = f"; undone in {', '.join(sorted(undone))}" if undone else ""
    return (
        f"A trade-off of {_releases(first)}{shared}: {', '.join(good)}; but {', '.join(bad)}{end}"
    )


def _told(finding: Finding, ambiguous: Container[str]) -> str:
    """Return how a finding is told in a trade-off; of times, or of an ambiguous kind, of what."""
    if finding.ratio is None:
        return amounts(finding)
    largest = max((case.ratio for case in finding.cases if case.ratio), key=_size)
    most = "up to " if _size(largest) > _ALIKE * _size(finding.ratio) else ""
    told = f"{most}{amount(largest)} {finding.kind}"
    if finding.timed or finding.kind in ambiguous:
        told += f" ({finding.title}{'' if finding.holds else ', not confirmed'})"
    return told


def _size(ratio: float) -> float:
    return max(ratio, 1 / ratio)
