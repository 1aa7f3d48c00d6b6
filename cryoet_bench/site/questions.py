"""The questions of the suite, each with its histories, what changed in it, and what explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryoet_bench.changes.finding import Finding
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.site import series
from cryoet_bench.site.sheet import Sheet
from cryoet_bench.site.verdict import ARRIVALS, is_small, known
from cryoet_bench.site.wording import headline, slug
from cryoet_bench.timeline.revisions import Revision

CHAPTERS: Mapping[str, str] = {
    "read": "Reading",
    "write": "Writing",
    "size": "Stored size",
    "cost": "Requests and Python calls",
    "memory": "Memory",
    "defaults": "What users get by default",
    "codec": "Codecs alone",
    "instructions": "Instructions of codecs",
    "lossy": "Lossy codecs",
    "labels": "Labels",
    "store": "Stores",
    "engine": "Other engines",
    "parallel": "Several cores",
    "control": "Controls",
}
"""The modules of the suite as the site lists them."""


@dataclass(frozen=True)
class Question:
    """The page of a question.

    Attributes
    ----------
    benchmark : Benchmark
        The benchmark that answers it.
    histories : list of dict
        Of each sheet that has any; empty where nothing was measured yet.
    companion : Question or None
        The measured exact metric that is shown under it.
    fixed : mapping of str to str
        Which of the companion's cases, along axes that the question does not have.
    findings : list of Finding
        Of the first sheet, newest first; neither those that were overturned nor what fails in a
        release that cannot be imported, which is no answer to the question.
    """

    benchmark: Benchmark
    histories: list[dict[str, Any]]
    companion: Question | None
    fixed: Mapping[str, str]
    findings: list[Finding]

    @property
    def is_measured(self) -> bool:
        """Whether it has a page: there is a value to show."""
        return bool(self.histories)

    @property
    def slug(self) -> str:
        """Its name in addresses."""
        return slug(self.benchmark.title)

    @property
    def module(self) -> str:
        """The module of the suite that asks it."""
        return self.benchmark.name.partition(".")[0]

    @property
    def known(self) -> list[Finding]:
        """The exact and confirmed changes of known releases, newest first."""
        return known([one for one in self.findings if one.is_dated])

    @property
    def undated(self) -> list[Finding]:
        """Changes that any of many releases may have made, newest first."""
        return [one for one in self.findings if not one.is_dated and one.kind not in ARRIVALS]

    @property
    def minor(self) -> list[Finding]:
        """Exact changes below 10 % of which no cause is known, newest first."""
        return [one for one in self.known if is_small(one) and not one.timed and one.cause is None]

    @property
    def notes(self) -> list[Note]:
        """The releases with a known change that is not minor, newest first."""
        minor = {one.id for one in self.minor}
        major = [one for one in self.known if one.id not in minor]
        releases = dict.fromkeys(one.revision for one in major)
        return [
            Note(number, [one for one in major if one.revision == name])
            for number, name in enumerate(releases, start=1)
        ]


@dataclass(frozen=True)
class Note:
    """What one release changed: a numbered mark on a plot, explained under it.

    Attributes
    ----------
    number : int
        The mark, from 1.
    findings : list of Finding
        Of one release.
    """

    number: int
    findings: list[Finding]

    @property
    def first(self) -> Finding:
        """The largest of them."""
        return self.findings[0]

    @property
    def cause(self) -> str:
        """The known cause; empty without one."""
        return next((one.cause.text for one in self.findings if one.cause), "")

    @property
    def label(self) -> str:
        """What is written on the plot: how the cause begins."""
        return self.cause.partition(":")[0].partition(" (")[0]

    @property
    def text(self) -> list[str]:
        """The lines of its tooltip."""
        lines = [headline(one) for one in self.findings]
        return [self.first.label, *lines, *([self.cause] if self.cause else [])]


def chapters(found: Sequence[Question]) -> list[tuple[str, str, list[Question]]]:
    """Return module, title and questions of each chapter; a new module comes last."""
    modules = dict.fromkeys([*CHAPTERS, *(one.module for one in found)])
    own = {module: [one for one in found if one.module == module] for module in modules}
    return [
        (module, CHAPTERS.get(module, module.capitalize()), asked)
        for module, asked in own.items()
        if asked
    ]


def questions(
    suite: Mapping[str, Benchmark], sheets: Sequence[Sheet], revisions: Sequence[Revision]
) -> list[Question]:
    """Return the questions of the suite, in its order."""
    found: dict[str, Question] = {}

    def question(benchmark: Benchmark) -> Question:
        if benchmark.name not in found:
            name, fixed = series.explaining(benchmark, suite)
            companion = question(suite[name]) if name else None
            histories = [series.history(benchmark, sheet, revisions) for sheet in sheets]
            found[benchmark.name] = Question(
                benchmark,
                [one for one in histories if one["series"]],
                companion if companion and companion.is_measured else None,
                fixed,
                _changes(benchmark, sheets),
            )
        return found[benchmark.name]

    return list(map(question, suite.values()))


def _changes(benchmark: Benchmark, sheets: Sequence[Sheet]) -> list[Finding]:
    broken = {one.name for sheet in sheets[:1] for one in sheet.revisions if one.broken}
    return [
        one
        for sheet in sheets[:1]
        for one in sheet.screening.findings
        if one.status != "overturned"
        and one.revision not in broken
        and any(case.benchmark == benchmark.name for case in one.cases)
    ]
