"""``cryoet-bench gate``: does unreleased code do worse than a release?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cryoet_bench.changes import gate_report
from cryoet_bench.cli import bench, checkout, consoles, interruption, progress
from cryoet_bench.cli.confirm import follow, percentage
from cryoet_bench.cli.options import MARGIN, Margin, Minutes, Pattern, TomogramName
from cryoet_bench.conclusion import INTERRUPTED
from cryoet_bench.errors import InputError
from cryoet_bench.files import outputs
from cryoet_bench.variables import DEFAULT_TOMOGRAM

if TYPE_CHECKING:
    from cryoet_bench.changes.gate import Gate
    from cryoet_bench.changes.judgement import GateOutcome
    from cryoet_bench.measure.plan import Progress

_console = consoles.for_results()
_aside = consoles.aside()


def gate(
    candidate: Annotated[
        str,
        typer.Argument(
            metavar="CANDIDATE",
            help="Unreleased zarr or numcodecs: a checkout, a wheel, an sdist, a version, a "
            "requirement such as 'zarr @ git+https://…@BRANCH', or a candidate of 'timeline "
            "candidate'.",
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(metavar="RELEASE", help="What to compare with.  [the newest release]"),
    ] = None,
    minutes: Minutes = 10.0,
    tomogram: TomogramName = DEFAULT_TOMOGRAM,
    pattern: Pattern = None,
    margin: Margin = MARGIN,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write JSON; - prints it.")
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write Markdown for a pull request."),
    ] = None,
) -> None:
    """Judge unreleased zarr or numcodecs against a release.

    \b
    cryoet-bench gate ~/zarr-python
    cryoet-bench gate dist/numcodecs-0.17.2-cp312-cp312-linux_x86_64.whl --minutes 5
    cryoet-bench gate 'zarr @ git+https://github.com/zarr-developers/zarr-python@main'
    cryoet-bench gate ~/zarr-python --against zarr-3.4.2 --markdown gate.md --json gate.json

    Exact values come first: stored bytes, requests, calls, whether every codec returns every bit.
    Then times, both side by side, until each is judged or the time is up. Only what an interval
    of 99 % over all of them confirms is called slower.

    The exit code is 0 without a regression, 1 with one, 2 when the candidate cannot be built or
    too little could be measured.
    """
    root = checkout.project_root()
    from cryoet_bench.changes.gate import Gate
    from cryoet_bench.changes.reproduction import command
    from cryoet_bench.tomogram.cache import cache_dir

    share = percentage(margin)
    written = outputs(
        {gate_report.JSON: json_file, gate_report.MARKDOWN: markdown}, [tomogram, cache_dir()]
    )
    if any(one.is_printed for one in written.values()):
        _console.stderr = True
    revisions = checkout.known_revisions(root)
    if against:
        revisions.find(against)
    checkout.selected(root, "core", pattern)
    with _aside.status("Preparing the candidate ..."):
        proposed = checkout.propose(candidate, revisions)
    campaign = checkout.prepared(root, tomogram, pattern)
    judged = campaign.revisions.find(proposed.name)
    base = campaign.revisions.find(against) if against else campaign.revisions.before(judged)
    assert base is not None  # a candidate stands on a release
    if base == judged:
        raise InputError(f"{judged.label} is the candidate itself: name a release for --against")
    with chdir(root):
        found = Gate(campaign, base, judged, minutes, share)
        interrupted = _run(found)
    outcome = found.outcome()
    options = ["--margin", margin] if margin != MARGIN else []
    reproduce = command(
        "cryoet-bench", "gate", candidate, "--against", base.name, *options, tomogram=tomogram
    )
    for kind, target in written.items():
        render = gate_report.as_json if kind == gate_report.JSON else gate_report.as_markdown
        target.write(render(outcome, reproduce))
    _print(outcome, reproduce)
    if interrupted:
        _aside.print(interruption.KEPT)
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(outcome.exit_code)


def _run(found: Gate) -> bool:
    """Measure, showing progress; return whether the user interrupted it."""
    _aside.print(
        f"Judging {found.candidate.label} against {found.against.label}: exact values, then times "
        f"side by side, {found.minutes:g} min in all at most.",
        markup=False,
        soft_wrap=True,
    )
    if bench.follow(_exactly(found)):
        return True
    if found.is_broken:
        return False
    _aside.print("The exact values are known; now the times.")
    return follow(found.measure_times())


def _exactly(found: Gate) -> Iterator[Progress]:
    """Yield the progress of the exact values, saying first how long they take."""
    for number, step in enumerate(found.measure_exact()):
        if not number:
            _aside.print(f"The exact values take about {progress.duration(step.seconds_left)}.")
        yield step


def _print(outcome: GateOutcome, reproduce: str) -> None:
    _console.print(f"\n{outcome.candidate.label} against {outcome.against.label}", markup=False)
    if outcome.candidate.moved:
        _console.print(f"Moved with it: {', '.join(outcome.candidate.moved)}.", markup=False)
    if outcome.judgements:
        _print_judgements(outcome, reproduce)
    _console.print(gate_report.summary(outcome), markup=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("times of", "cases", "blocks", "found in all", "found in one"):
        table.add_column(heading, justify="left" if heading == "times of" else "right")
    for question in outcome.sensitivity:
        table.add_row(*map(escape, gate_report.sensitivity(question)))
    if outcome.sensitivity:
        _console.print("The smallest slowdown that would have been found:")
        _console.print(table)


def _print_judgements(outcome: GateOutcome, reproduce: str) -> None:
    shown = outcome.judgements[: gate_report.SHOWN]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("verdict", "benchmark", "case", "ratio", "interval"):
        table.add_column(heading, justify="right" if heading in {"ratio", "interval"} else "left")
    for one in shown:
        cells = [
            one.verdict,
            one.title,
            one.case,
            gate_report.ratio(one),
            gate_report.interval(one),
        ]
        table.add_row(*map(escape, cells))
    _console.print(table)
    for reason in gate_report.reasons(outcome):
        _console.print(f"  {reason}", markup=False, soft_wrap=True)
    # Below the table, since a command that a column breaks into lines cannot be copied.
    told = f"To reproduce one: {reproduce} with, in the order of the table,"
    _console.print(told, markup=False, soft_wrap=True)
    for one in shown:
        _console.print(f"  --bench '{one.pattern}'", markup=False, soft_wrap=True)
    if len(outcome.judgements) > gate_report.SHOWN:
        _console.print(f"{len(outcome.judgements) - gate_report.SHOWN} more are in the JSON file.")
