"""What was found, as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from cryoet_bench.changes.sentence import on_another
from cryoet_bench.record.overview import value_in_words
from cryoet_bench.timeline.releases import MAIN

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.changes.comparison import Change
    from cryoet_bench.changes.finding import Group
    from cryoet_bench.changes.notes import Notes
    from cryoet_bench.cli.results import Results
    from cryoet_bench.timeline.revisions import Revision

_SHOWN = 25
_FOLDED = {
    "same": "do not stand out of the noise",
    "unclear": "could not be judged: too few rounds",
    "not measured": "measured on one of the two only",
    "n/a": "not available",
}
_WORDS = {
    "worse": "[red]worse[/red]",
    "better": "[green]better[/green]",
    "failed": "[red]failed[/red]",
    "lost": "[red]no longer available[/red]",
    "gained": "[green]newly available[/green]",
    "fixed": "[green]fixed[/green]",
    "unclear": "too few rounds to judge",
    "same": "within the noise",
}


def print_coverage(console: Console, found: Results, not_installed: Mapping[str, str]) -> None:
    """Print how much of each revision was measured, and why the rest was not."""
    from cryoet_bench.record.record import coverage

    console.print(f"\nMeasured on {tomogram_in_words(found.facts)}\n", markup=False)
    counts = coverage(found.cases).droplevel(["machine", "tomogram"])
    table = _table("release", "uploaded", numbers=("passed", "n/a", "failed"))
    table.add_column("")
    for revision in found.revisions:
        note = not_installed.get(revision.name, "")
        note = f"not measured: {note}" if note else ""
        if not note and revision.broken:
            note = f"broken upstream: {revision.broken}"
        row = counts.loc[revision.name] if revision.name in counts.index else None
        numbers = ["0"] * 3 if row is None else [str(row[s]) for s in ("passed", "n/a", "failed")]
        date = "candidate" if revision.is_candidate else f"{revision.date:%Y-%m-%d}"
        table.add_row(escape(revision.label), date, *numbers, escape(note))
    console.print(table)
    print_failures(console, found.cases)


def print_failures(console: Console, cases: pd.DataFrame) -> None:
    """Print why cases failed, and how many."""
    from cryoet_bench.record.record import failures

    for failure in failures(cases).itertuples():
        console.print(
            f"  {failure.revision}: {failure.count} failed: {failure.reason}",
            style="red",
            markup=False,
            soft_wrap=True,
        )


def tomogram_in_words(facts: Mapping[str, Any]) -> str:
    """Return the name of a tomogram and what it is."""
    size = " x ".join(map(str, facts["shape"]))
    synthetic = "synthetic, " if facts["source"] == "synthetic" else ""
    return f"{facts['name']} ({synthetic}{size} {facts['dtype']})"


def print_values(console: Console, found: Results) -> None:
    """Print what the newest measured revision gives: codecs and layouts by size and time."""
    from cryoet_bench.record.overview import overviews

    passed = found.cases[found.cases["status"] == "passed"]
    newest = [one for one in found.revisions if one.name in set(passed["revision"])][-1]
    for one in overviews(passed[passed["revision"] == newest.name], found.facts):
        table = _table(one.names, numbers=one.headings)
        for name, cells in one.rows.items():
            table.add_row(escape(name), *cells)
        console.print(f"\n{one.title}, {newest.label}", markup=False)
        console.print(table)


def print_notes(console: Console, notes: Notes, *, verbose: bool = False) -> None:
    """Print what each release changed, one sentence a change, and what was not judged."""
    for release in notes.releases:
        revision = release.revision
        line = "" if revision.line == MAIN else f", line {revision.line}"
        console.print(f"\n[bold]{escape(revision.label)}[/bold]  {revision.date:%Y-%m-%d}{line}")
        for heading, groups in release.parts:
            if heading:
                console.print(f"  [dim]{heading}[/dim]")
            for group in groups if verbose else groups[:_SHOWN]:
                _print_group(console, group, verbose=verbose)
            if len(groups) > _SHOWN and not verbose:
                console.print(f"  and {len(groups) - _SHOWN} more (--verbose lists them)")
    if not notes.releases:
        console.print("Nothing stands out.")
    screening = notes.screening
    console.print(f"\n{notes.judged} How this is judged: docs/method.md.")
    for one in screening.skipped:
        console.print(f"Not judged: {one.sentence}", markup=False)


def _print_group(console: Console, group: Group, *, verbose: bool) -> None:
    signs = {True: "[red]-[/red]", False: "[green]+[/green]"}
    sign = "[yellow]±[/yellow]" if group.is_trade_off else signs[group.findings[0].is_worse]
    console.print(Padding(f"{sign} {escape(group.sentence)}", (0, 0, 0, 2)))
    for finding in group.findings:
        cause = finding.cause
        if cause:
            console.print(
                Padding(f"{escape(cause.text)} ({cause.link or 'changelog'})", (0, 0, 0, 6))
            )
        if not verbose:
            continue
        console.print(f"      {finding.id}: {finding.command}", markup=False, soft_wrap=True)
        for one in finding.elsewhere:
            console.print(f"      {on_another(one)}", markup=False, soft_wrap=True)
        for case in finding.cases:
            values = f"{value_in_words(case.before, finding.unit)} to "
            values += value_in_words(case.after, finding.unit)
            console.print(f"      {case.case}: {values}", markup=False, soft_wrap=True)


def print_changes(
    console: Console,
    before: Revision,
    after: Revision,
    changes: Sequence[Change],
    *,
    verbose: bool = False,
    more: str = "--rounds N",
) -> None:
    """Print what stands out between two revisions, and how much could not be judged.

    Parameters
    ----------
    console : rich.console.Console
        Where.
    before, after : Revision
        The two.
    changes : sequence of Change
        All cases, those that stand out first.
    verbose : bool
        List every case.
    more : str
        What measures more rounds: an option of this same command, or another one in quotes.
    """
    table = _table("benchmark", "case", numbers=(before.label, after.label, "ratio"))
    table.add_column("")
    outstanding = [change for change in changes if change.stands_out and not change.is_control]
    shown = changes if verbose else outstanding[:_SHOWN]
    for change in shown:
        table.add_row(
            escape(change.title),
            escape(change.case),
            value_in_words(change.before, change.unit),
            value_in_words(change.after, change.unit),
            _ratio(change),
            _verdict(change),
        )
    console.print(f"\n{after.label} against {before.label}", markup=False)
    counts = {verdict: sum(c.verdict == verdict for c in changes) for verdict in _FOLDED}
    if shown:
        console.print(table)
    else:
        judged = counts["same"]
        console.print(f"Nothing stands out: {judged} cases are within the noise.")
    folded = [f"{counts[verdict]} {words}" for verdict, words in _FOLDED.items() if counts[verdict]]
    left = len(outstanding) - _SHOWN
    others = [f"{left} more that stand out"] if left > 0 else []
    if not verbose and (others or folded):
        console.print(
            f"Not listed: {', '.join(others + folded)} (--verbose lists them, {more} measures "
            "more).",
            markup=False,
            soft_wrap=True,
        )
    if any(change.stands_out and not change.same_suite for change in changes):
        console.print(
            "[yellow]The suite itself changed between the two measurements: to measure both with "
            f"the suite as it is now, run 'scripts/bench {before.name} {after.name}'.[/yellow]"
        )
    if any(change.is_control and change.stands_out for change in changes):
        console.print(
            "[yellow]The controls shifted too, and no release can change those: suspect the "
            "machine.[/yellow]"
        )


def _table(*words: str, numbers: Sequence[str] = ()) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in words:
        table.add_column(heading)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def _verdict(change: Change) -> str:
    if change.verdict == "same" and change.interval is None:
        return "the same"
    return _WORDS.get(change.verdict, change.verdict)


def _ratio(change: Change) -> str:
    if change.ratio is None:
        return ""
    if change.interval is None:
        return f"{change.ratio:.4g}"
    low, high = change.interval
    return f"{change.ratio:.3f} ({low:.2f}-{high:.2f})"
