"""What a release changed: one finding is one sentence.

A finding is about one release and one question of the suite. Its cases are those that changed in
one direction; what moved at the same release for the same reason belongs to one group, which a
trade-off shows as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryoet_bench.changes.elsewhere import Elsewhere
from cryoet_bench.record.benchmark import Case

Kind = Literal[
    "slower", "faster",
    "larger", "smaller",
    "more memory", "less memory",
    "more requests", "fewer requests",
    "more bytes moved", "fewer bytes moved",
    "more calls", "fewer calls",
    "more instructions", "fewer instructions",
    "more decoded", "less decoded",
    "more objects", "fewer objects",
    "less exact", "more exact",
    "newly failing", "newly fixed",
    "lost", "newly available",
]  # fmt: skip

Status = Literal["exact", "proposed", "confirmed", "overturned", "undecided"]
"""An exact metric needs no confirmation; a timed one is a proposal until it was confirmed."""

Layer = Literal["codec", "zarr", "both"]
"""Where it moved: in the codec alone, in zarr alone, or in both."""

OPPOSITES: tuple[tuple[Kind, Kind], ...] = (
    ("slower", "faster"),
    ("larger", "smaller"),
    ("more memory", "less memory"),
    ("more requests", "fewer requests"),
    ("more bytes moved", "fewer bytes moved"),
    ("more calls", "fewer calls"),
    ("more instructions", "fewer instructions"),
    ("more decoded", "less decoded"),
    ("more objects", "fewer objects"),
    ("less exact", "more exact"),
    ("newly failing", "newly fixed"),
    ("lost", "newly available"),
)
"""The worse kind of each pair, and what takes it back."""

WORSE = frozenset(worse for worse, _ in OPPOSITES)

OPPOSITE: Mapping[Kind, Kind] = dict(OPPOSITES) | {better: worse for worse, better in OPPOSITES}
"""What takes a kind of change back."""

OF_STATUS: frozenset[Kind] = frozenset({"newly failing", "newly fixed", "lost", "newly available"})
"""Kinds of cases that have no value on one of the two sides."""

NO_COMPANION = "no count or size"
"""How a companion begins that says there is none."""

Magnitude = Literal["very large", "large", "medium", "small"]

MAGNITUDES: tuple[tuple[Magnitude, float], ...] = (
    ("very large", 2.0),
    ("large", 1.3),
    ("medium", 1.1),
)

SLIGHT = {"proposed": 1.1, "exact": 1.02}
"""The factor below which a change is slight: a small proposal may be noise, a small exact change is
of no account by itself."""

FEW = 2
"""So many releases without a value are named beside the one that is blamed; of more, any may have
done it."""


@dataclass(frozen=True, kw_only=True)
class ChangedCase:
    """One case that a release changed.

    Attributes
    ----------
    benchmark : str
        asv's name; that of the finding, except where a release breaks or brings many at once.
    case : str
        In words: ``whole, cube-64 v2``; empty for a benchmark without parameters.
    parameters : tuple of str
        The case as asv writes it.
    before, after : float or None
        Of exact metrics the values of both releases; of times the local levels on both sides, to
        which neighbouring releases contribute. None where there is no value.
    ratio : float or None
        `after` over `before`; None without both, or where `before` is zero.
    interval : tuple of float or None
        Of the ratio, 99 %; None for exact metrics.
    """

    benchmark: str
    case: str
    parameters: Case = ()
    before: float | None
    after: float | None
    ratio: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why it changed, as the package's own changelog says.

    Attributes
    ----------
    text : str
        In one line.
    link : str or None
        The pull request; https only.
    """

    text: str
    link: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one release changed in one question.

    Attributes
    ----------
    id : str
        Stable, of the characters ``a-z0-9.-``: names it in addresses, and as the argument of
        ``cryoet-bench report`` and ``confirm``.
    group : str
        The id of the leading finding of its group: the findings of one trade-off share it.
    revision, label, date, line
        The release that changed it: its name (``zarr-3.3.0``), what a reader calls it, when it was
        uploaded, and its line.
    previous, previous_label : str
        The release that it is compared with: the last before it on its line that has a value.
    unmeasured : tuple of str
        Labels of the releases between the two that have no value: any of them may have done it.
    package : str
        What moved: zarr, numcodecs, numpy.
    moved : tuple of str
        What else moved with it, by force: ``numpy 1.26.1 to 2.4.1``.
    benchmark, title, unit, family : str
        Of the benchmark: asv's name, the readable one, the unit, the class of similar work.
    kind : str
        How it changed.
    timed : bool
        Whether the metric has noise.
    ratio : float or None
        Geometric mean of the cases' ratios; None where there are none.
    interval : tuple of float or None
        Of the ratio, 99 %; None for exact metrics.
    status : {"exact", "proposed", "confirmed", "overturned", "undecided"}
        How sure it is.
    elsewhere : tuple of Elsewhere
        Of a time, what it is on other machines that measured its releases side by side.
    cases : tuple of ChangedCase
        Those that changed, the largest change first.
    judged : int
        How many cases of the benchmark both releases have.
    subject : str
        What the cases have in common, in words; empty where all of them changed.
    stored : tuple of str
        The codecs and layouts that the change is limited to; empty where it is not.
    companion : str
        The exact metric that explains it, in words; or that none moved, or none was measured.
        Empty for exact metrics.
    layer : {"codec", "zarr", "both"} or None
        Where it moved; None where that cannot be told.
    undone_in, undone_label : str or None
        The later release of the line that took it back: its name, and what a reader calls it.
    cause : Cause or None
        From the package's changelog.
    sentence : str
        All of this for a reader, without markup.
    command : str
        Reproduces it.
    """

    id: str
    group: str
    revision: str
    label: str
    date: datetime
    line: str
    previous: str
    previous_label: str
    unmeasured: tuple[str, ...] = ()
    package: str
    moved: tuple[str, ...] = ()
    benchmark: str
    title: str
    unit: str
    family: str
    kind: Kind
    timed: bool
    ratio: float | None
    interval: tuple[float, float] | None = None
    status: Status
    elsewhere: tuple[Elsewhere, ...] = ()
    cases: tuple[ChangedCase, ...]
    judged: int
    subject: str = ""
    stored: tuple[str, ...] = ()
    companion: str = ""
    layer: Layer | None = None
    undone_in: str | None = None
    undone_label: str | None = None
    cause: Cause | None = None
    sentence: str = ""
    command: str = ""

    @property
    def is_worse(self) -> bool:
        """Whether the release does worse than the one before."""
        return self.kind in WORSE

    @property
    def holds(self) -> bool:
        """Whether it is known for sure: exact, or confirmed."""
        return self.status in {"exact", "confirmed"}

    @property
    def is_open(self) -> bool:
        """Whether a confirmation may still decide it."""
        return self.status in {"proposed", "undecided"}

    @property
    def is_dated(self) -> bool:
        """Whether it is known when it changed, to within a few releases."""
        return len(self.unmeasured) <= FEW

    @property
    def is_explained(self) -> bool:
        """Whether an exact metric explains it."""
        return bool(self.companion) and not self.companion.startswith(NO_COMPANION)

    @property
    def size(self) -> float:
        """The factor of the change, whichever its direction; infinite without a ratio."""
        return max(self.ratio, 1 / self.ratio) if self.ratio else math.inf

    @property
    def magnitude(self) -> Magnitude:
        """The class of its size (docs/method.md)."""
        return next((name for name, least in MAGNITUDES if self.size >= least), "small")

    @property
    def is_slight(self) -> bool:
        """Whether it is too small to be reported alongside others."""
        return self.size < SLIGHT.get(self.status, 1.0)


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """Something that was not judged, and why.

    Attributes
    ----------
    what : str
        A file of the record, or a release.
    reason : str
        In words.
    count : int
        How many values that concerns.
    """

    what: str
    reason: str
    count: int = 1

    @property
    def sentence(self) -> str:
        """All of this for a reader."""
        return f"{self.what}: {self.reason}" + f" ({self.count})" * (self.count > 1)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Findings of one release that are reported together: a trade-off, or a single finding.

    Attributes
    ----------
    id : str
        Of its first finding.
    findings : tuple of Finding
        The largest change first.
    sentence : str
        Of the finding, or of all that the release gave and took.
    """

    id: str
    findings: tuple[Finding, ...]
    sentence: str

    @property
    def is_trade_off(self) -> bool:
        """Whether something became better and something else worse."""
        return len({finding.is_worse for finding in self.findings}) > 1

    @property
    def holds(self) -> bool:
        """Whether it is known for sure; a trade-off is where both of its sides are."""
        sure = {finding.is_worse for finding in self.findings if finding.holds}
        return sure == {finding.is_worse for finding in self.findings}

    @property
    def is_overturned(self) -> bool:
        """Whether a confirmation did not bear it out."""
        return all(finding.status == "overturned" for finding in self.findings)


@dataclass(frozen=True, kw_only=True)
class Screening:
    """What was found in a record, and what could not be judged.

    Attributes
    ----------
    machine, tomogram : str
        Where it was measured, and on what.
    groups : tuple of Group
        Newest release first; within one, the largest change first.
    skipped : tuple of Skipped
        What was not judged.
    judged : int
        How many values of a release were compared with the one before.
    smallest : mapping of str to float
        By benchmark, the smallest factor that a change of one of its cases is found at nine times
        out of ten.
    """

    machine: str
    tomogram: str
    groups: tuple[Group, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    judged: int = 0
    smallest: dict[str, float] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of their groups."""
        return tuple(finding for group in self.groups for finding in group.findings)

    def find(self, name: str) -> Finding | None:
        """Return the finding of an id, None if there is none."""
        return next((finding for finding in self.findings if finding.id == name), None)

    def of(self, revision: str) -> list[Finding]:
        """Return the findings of a release, by its name."""
        return [finding for finding in self.findings if finding.revision == revision]
