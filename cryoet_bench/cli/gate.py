"""``cryoet-bench gate``: does unreleased code do worse than a release?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cryoet_bench.cli import bench, checkout, consoles, interruption, progress
from cryoet_bench.cli.confirm import follow, percentage
from cryoet_bench.cli.options import MARGIN, Margin, Minutes, Pattern, TomogramName
from cryoet_bench.conclusion import INTERRUPTED
from cryoet_bench.errors import InputError
from cryoet_bench.files import Kind, outputs
from cryoet_bench.variables import DEFAULT_TOMOGRAM

if TYPE_CHECKING:
    from cryoet_bench.changes.gate import Gate
    from cryoet_bench.changes.judgement import GateOutcome, Judgement, Sensitivity
    from cryoet_bench.measure.plan import Progress

JSON = Kind("JSON file of a gate", b'"format": "cryoet-bench-gate"')
MARKDOWN = Kind("Markdown file of a gate", b"<!-- cryoet-bench gate -->")
_SHOWN = 25
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
    cryoet-bench gate . --against zarr-3.4.2 --markdown comment.md --json gate.json

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
    written = outputs({JSON: json_file, MARKDOWN: markdown}, [tomogram, cache_dir()])
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
        render = as_json if kind == JSON else as_markdown
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
    _console.print(summary(outcome), markup=False, soft_wrap=True)
    sensitivity = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("times of", "cases", "blocks", "found in all", "found in one"):
        sensitivity.add_column(heading, justify="left" if heading == "times of" else "right")
    for question in outcome.sensitivity:
        sensitivity.add_row(*map(escape, _sensitivity(question)))
    if outcome.sensitivity:
        _console.print("The smallest slowdown that would have been found:")
        _console.print(sensitivity)


def _print_judgements(outcome: GateOutcome, reproduce: str) -> None:
    shown = outcome.judgements[:_SHOWN]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("verdict", "benchmark", "case", "ratio", "interval"):
        table.add_column(heading, justify="right" if heading in {"ratio", "interval"} else "left")
    for one in shown:
        cells = [one.verdict, one.title, one.case, _ratio(one), _interval(one)]
        table.add_row(*map(escape, cells))
    _console.print(table)
    for reason in _reasons(outcome):
        _console.print(f"  {reason}", markup=False, soft_wrap=True)
    # Below the table, since a command that a column breaks into lines cannot be copied.
    told = f"To reproduce one: {reproduce} with, in the order of the table,"
    _console.print(told, markup=False, soft_wrap=True)
    for one in shown:
        _console.print(f"  --bench '{one.pattern}'", markup=False, soft_wrap=True)
    if len(outcome.judgements) > _SHOWN:
        _console.print(f"{len(outcome.judgements) - _SHOWN} more are in the JSON file.")


def summary(outcome: GateOutcome) -> str:
    """Return the verdict in one sentence."""
    count = len(outcome.regressions)
    words = {0: "no regression", 1: "1 regression"}.get(count, f"{count} regressions")
    text = (
        f"{words}: {outcome.exact} exact values and {outcome.timed} times compared in "
        f"{outcome.minutes:.1f} min"
    )
    if outcome.missed:
        text += f"; there was no time for {outcome.missed} more: give --minutes"
    if outcome.leaning:
        text += f"; {outcome.leaning} lean to slower and are not decided: give --minutes"
    if not count and not outcome.is_enough:
        text = f"too little was measured to judge: {text}"
    return f"{text}."


def as_json(outcome: GateOutcome, reproduce: str) -> str:
    """Return the outcome for machines."""
    document = {
        "format": "cryoet-bench-gate",
        "against": outcome.against.name,
        "candidate": outcome.candidate.name,
        "moved": outcome.candidate.moved,
        "exit_code": outcome.exit_code,
        "summary": summary(outcome),
        "exact": outcome.exact,
        "timed": outcome.timed,
        "missed": outcome.missed,
        "leaning": outcome.leaning,
        "minutes": round(outcome.minutes, 2),
        "judgements": [
            {
                **vars(one),
                "is_regression": one.is_regression,
                "command": f"{reproduce} --bench '{one.pattern}'",
            }
            for one in outcome.judgements
        ],
        "sensitivity": [vars(one) for one in outcome.sensitivity],
    }
    return json.dumps(document, indent=2) + "\n"


def as_markdown(outcome: GateOutcome, reproduce: str) -> str:
    """Return the outcome for a pull request.

    What the candidate itself says, such as its exceptions, stands in code, where nothing is a
    link, a mention or markup.
    """
    lines = [
        MARKDOWN.mark.decode(),
        f"### {code(outcome.candidate.label)} against {code(outcome.against.label)}",
        "",
        summary(outcome),
    ]
    if outcome.candidate.moved:
        lines += ["", f"Moved with it: {code(', '.join(outcome.candidate.moved))}."]
    if outcome.judgements:
        lines += ["", *_table(outcome)]
        lines += ["", *(f"- {code(reason)}" for reason in _reasons(outcome))]
        commands = (f"{reproduce} --bench '{one.pattern}'" for one in outcome.judgements[:_SHOWN])
        block = ["```", *(_plain(one, 400) for one in commands), "```"]
        lines += ["", "<details><summary>Reproduce</summary>", "", *block, "</details>"]
    if outcome.sensitivity:
        lines += [
            "",
            "<details><summary>The smallest slowdown that would have been found</summary>",
            "",
            "| times of | cases | blocks | in all cases | in one case |",
            "|---|--:|--:|--:|--:|",
            *(_row(*_sensitivity(one)) for one in outcome.sensitivity),
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"


def _table(outcome: GateOutcome) -> Iterator[str]:
    """Yield the lines of a table of what differs."""
    yield "| verdict | benchmark | case | ratio | 99 % interval |"
    yield "|---|---|---|--:|--:|"
    for one in outcome.judgements[:_SHOWN]:
        mark = "🔴" if one.is_regression else "🟢"
        yield _row(f"{mark} {one.verdict}", one.title, code(one.case), _ratio(one), _interval(one))
    if len(outcome.judgements) > _SHOWN:
        yield ""
        yield f"{len(outcome.judgements) - _SHOWN} more are in the JSON file."


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """Return text as code in a line or a table of Markdown, whatever it holds."""
    return f"`{_plain(text, 200)}`".replace("|", "\\|")


def _plain(text: str, length: int) -> str:
    """Return text in one line without what ends a piece of code."""
    line = " ".join(re.sub(r"[^\x20-\x7e]", " ", text.replace("`", "'")).split())
    return line if len(line) <= length else f"{line[: length - 3]}..."


def _reasons(outcome: GateOutcome) -> list[str]:
    """Return why what fails does, each reason once."""
    found = [f"{one.title}: {one.reason}" for one in outcome.judgements if one.reason]
    return list(dict.fromkeys(found))[:_SHOWN]


def _ratio(one: Judgement) -> str:
    if one.ratio is not None:
        return f"{one.ratio:.3f}"
    if one.before is not None and one.after is not None:
        return f"{one.before:g} to {one.after:g}"
    return ""


def _interval(one: Judgement) -> str:
    return "" if one.interval is None else f"{one.interval[0]:.3f}-{one.interval[1]:.3f}"


def _sensitivity(one: Sensitivity) -> Sequence[str]:
    sizes = ["-" if size is None else f"{size:.0%}" for size in (one.of_all, one.of_one)]
    return [one.title, str(one.cases), str(one.blocks), *sizes]
