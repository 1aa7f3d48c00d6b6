"""Report upstream: a script that reproduces one finding without this project, and an issue's text.

The script needs uv alone: it makes an environment of each release by version and does in it what
the benchmark's case does, spelled out, on a volume like a tomogram that numpy draws.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryoet_bench.changes.finding import NO_COMPANION, ChangedCase, Finding
from cryoet_bench.changes.recipes import Metric, Recipe, recipe_of
from cryoet_bench.changes.subject import plain
from cryoet_bench.errors import InputError
from cryoet_bench.files import Kind
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.overview import value_in_words
from cryoet_bench.storage.concurrency import CONCURRENCY, THREADS

if TYPE_CHECKING:
    import jinja2

    from cryoet_bench.timeline.revisions import Revision

_TEMPLATES = Path(__file__).with_name("templates")
SCRIPT = Kind("script of a report", b"# /// script")
ISSUE = Kind("text of an issue", b"<!-- cryoet-bench report -->")
BLOCKS = 6
_DIGITS = 4
"""Of a ratio after the point: a change that they do not show is not worth a report."""

_UNITS: Mapping[Metric, str] = {"seconds": "ms", "calls": "Python calls", "bytes": "bytes"}


@dataclass(frozen=True)
class Report:
    """What is sent upstream.

    Attributes
    ----------
    name : str
        Of its files, without an ending.
    script : str
        The program.
    issue : str
        The text of an issue, in Markdown.
    """

    name: str
    script: str
    issue: str


def report(finding: Finding, benchmark: Benchmark, before: Revision, after: Revision) -> Report:
    """Return the report of a finding, on the case of it that changed most.

    Raises
    ------
    InputError
        There is no script for its benchmark, or the case has no ratio.
    """
    cases = [
        one
        for one in finding.cases
        if one.ratio and round(one.ratio, _DIGITS) != 1 and one.benchmark == benchmark.name
    ]
    if not cases:
        raise InputError(
            f"{finding.id} has no case with a ratio, so nothing to reproduce: name another finding"
        )
    most, recipe = _first_told(benchmark, cases)
    environment = _templates()
    work = environment.get_template("work.py.j2").render(
        recipe=recipe, concurrency=CONCURRENCY, threads=THREADS
    )
    name = re.sub(r"[^a-z0-9.-]+", "-", finding.id.lower())
    facts = {
        "sentence": textwrap.fill(_headline(finding), 95),
        "file": f"{name}.py",
        "before": _listing(before.pins),
        "after": _listing(after.pins),
        "ratio": repr(round(most.ratio or 1.0, _DIGITS)),
        "unit": _UNITS[recipe.metric],
        "blocks": BLOCKS if recipe.metric == "seconds" else 1,
        "work": work.strip(),
    }
    script = environment.get_template("script.py.j2").render(**facts)
    issue = environment.get_template("issue.md.j2").render(
        finding=finding,
        headline=_headline(finding),
        case=most,
        pins=after.pins,
        file=f"{name}.py",
        script=script.strip(),
        value_in_words=value_in_words,
    )
    return Report(name, f"{script.strip()}\n", f"{issue.strip()}\n")


def _first_told(benchmark: Benchmark, cases: Sequence[ChangedCase]) -> tuple[ChangedCase, Recipe]:
    """Return the first case that there is a script for, and what it does."""
    problem: InputError | None = None
    for one in cases:
        try:
            return one, recipe_of(benchmark, one.case)
        except InputError as error:
            problem = error
    assert problem is not None
    raise problem


def _headline(finding: Finding) -> str:
    """Return the sentence of a finding without what was not found."""
    return finding.sentence.partition(f"; {NO_COMPANION}")[0]


def _listing(pins: tuple[str, ...]) -> str:
    return "[\n" + "".join(f'    "{pin}",\n' for pin in pins) + "]"


def _templates() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=False,  # noqa: S701  (Python and Markdown, from the record's own words)
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["plain"] = plain
    return environment
