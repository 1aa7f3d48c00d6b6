"""``cryoet-bench changes``: what every release changed, or what an upgrade changes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryoet_bench.cli import checkout, consoles
from cryoet_bench.conclusion import FINDING, GOOD
from cryoet_bench.errors import InputError
from cryoet_bench.files import PRINTED, Kind, output
from cryoet_bench.variables import DEFAULT_TOMOGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryoet_bench.changes.comparison import Change
    from cryoet_bench.changes.notes import Notes
    from cryoet_bench.changes.scope import Scope
    from cryoet_bench.record.record import Record
    from cryoet_bench.timeline.revisions import Revision, Revisions

_console = consoles.for_results()

_ENOUGH_ROUNDS = 3
"""Of a time on two releases: with two rounds a case that stands alone is not judged."""


def changes(
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="BEFORE AFTER", help="The net change between two releases."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="RELEASE", help="Only this release and later ones.")
    ] = None,
    package: Annotated[
        str | None, typer.Option(help="Only releases of this package: zarr, numcodecs.")
    ] = None,
    line: Annotated[
        str | None,
        typer.Option(help="Only this line of 'cryoet-bench timeline list': main, zarr-2, ..."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="table, md, html, json, or atom (a feed).")
    ] = "table",
    target: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")
    ] = PRINTED,
    tomogram: Annotated[
        str, typer.Option(help="Measured on which tomogram, by name.")
    ] = DEFAULT_TOMOGRAM,
    machine: Annotated[
        str | None,
        typer.Option(help="Measured on which machine; this one, else the reference machine."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every case.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
) -> None:
    """Show what each release changed, or what an upgrade changes.

    \b
    cryoet-bench changes --since zarr-3.1.0                  release by release
    cryoet-bench changes --package numcodecs                 what numcodecs changed
    cryoet-bench changes --line zarr-2                       its maintenance releases
    cryoet-bench changes --format html -o changes.html       performance release notes
    cryoet-bench changes --between zarr-2.18.7 zarr-3.4.2    what an upgrade changes, net

    Exact metrics are compared by equality. Times are judged against the releases around each; such
    a change is proposed, and 'cryoet-bench confirm' confirms it. How: docs/method.md.

    With --between, the exit code is 1 when something is worse; 2 when nothing could be compared.
    """
    root = checkout.project_root()
    from cryoet_bench.changes import notes
    from cryoet_bench.cli import tables

    form = "json" if as_json else form
    if form not in {"table", *notes.FORMATS}:
        raise InputError(f"there is no format {form!r}: choose table, {', '.join(notes.FORMATS)}")
    if form == "table" and target != PRINTED:
        raise InputError("a table is printed: choose --format md, html, json or atom for a file")
    kind = Kind(f"list of changes ({form})", notes.MARKS.get(form, b""))
    where = output(target, kind, [root / "results"])
    scope = scope_of(root, tomogram, machine)
    cases: list[Change] = []
    if between:
        if since or package or line:
            raise InputError(
                "--between compares two releases: leave out --since, --package, --line"
            )
        before, after = (scope.revisions.find(name) for name in between)
        if before == after:
            raise InputError(f"{after.label} is named twice: name another release")
        cases = _compare(scope, before, after)
        told = _net(scope, before, after)
    else:
        told = _release_by_release(scope, _shown(scope.revisions, since, package, line), line)
    if form == "table":
        tables.print_notes(_console, told, verbose=verbose)
        if between:
            more = f"'{_again(scope, before, after)} --rounds N'"
            tables.print_changes(_console, before, after, cases, verbose=verbose, more=more)
    elif form == "json" and between:
        where.write(notes.as_json(told, cases=[asdict(case) for case in cases]))
    else:
        where.write(notes.FORMATS[form](told))
    raise typer.Exit(FINDING if any(case.is_regression for case in cases) else GOOD)


def _net(scope: Scope, before: Revision, after: Revision) -> Notes:
    """Return what an upgrade from one release to another changes."""
    from cryoet_bench.changes import notes, screen

    way = "an upgrade" if before.date < after.date else "going back"
    title = f"From {before.label} to {after.label}: what {way} changes"
    return notes.gather(screen.between(scope, before, after), [after], title, _volume(scope))


def _release_by_release(scope: Scope, shown: Sequence[Revision], line: str | None) -> Notes:
    """Return what each of some releases changed."""
    from cryoet_bench.changes import notes, screen

    with _console.status("Reading the record ..."):
        found = screen.screen(scope, line=line)
    title = "What releases of zarr and numcodecs changed"
    return notes.gather(found, shown, title, _volume(scope))


def _volume(scope: Scope) -> str:
    """Return what was measured on, in words."""
    from cryoet_bench.cli import tables

    facts = scope.record.tomograms().get(scope.tomogram)
    return tables.tomogram_in_words(facts) if facts else scope.tomogram


def _shown(
    revisions: Revisions, since: str | None, package: str | None, line: str | None
) -> list[Revision]:
    """Return the releases that were asked for, oldest first."""
    shown = revisions.releases()
    packages = sorted({one.package for one in shown}, reverse=True)
    if package and package not in packages:
        raise InputError(f"no release is one of {package!r}: choose {' or '.join(packages)}")
    if line:
        shown = [one for one in revisions.releases(line) if one.line == line]
    if since:
        first = revisions.find(since)
        shown = [one for one in shown if one.date >= first.date]
    if package:
        shown = [one for one in shown if one.package == package]
    if not shown:
        raise InputError(
            "no release is left: leave out one of --since, --package and --line "
            "('cryoet-bench timeline list' lists the releases)"
        )
    return shown


def scope_of(root: Path, tomogram: str, machine: str | None) -> Scope:
    """Return what a checkout knows of a tomogram on a machine.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    tomogram : str
        Its name.
    machine : str, optional
        Its name; by default this one if it measured anything there, else the only one that did.

    Raises
    ------
    InputError
        Nothing was measured there, or several machines could be meant.
    """
    from cryoet_bench.changes.scope import Scope
    from cryoet_bench.record.record import Record

    revisions, record = checkout.known_revisions(root), Record.of(root)
    return Scope(record, revisions, _known_machine(record, tomogram, machine), tomogram)


def _known_machine(record: Record, tomogram: str, name: str | None) -> str:
    from cryoet_bench.changes.reproduction import command
    from cryoet_bench.measure.machine import name_in

    series = record.series()
    known = sorted({one.machine for one in series if one.tomogram == tomogram})
    if not known:
        others = ", ".join(sorted({one.tomogram for one in series}))
        hint = f" (but on {others})" if others else ""
        raise InputError(
            f"nothing was measured on {tomogram}{hint}: run "
            f"'{command('scripts/bench', tomogram=tomogram)}'"
        )
    if name in known:
        return name
    if name:
        raise InputError(
            f"nothing was measured on {tomogram} on {name}: choose one of {', '.join(known)}"
        )
    own = name_in(record)
    if own not in known and len(known) > 1:
        raise InputError(
            f"this machine measured nothing on {tomogram}: choose --machine {' or '.join(known)}"
        )
    return own if own in known else known[0]


def _compare(scope: Scope, before: Revision, after: Revision) -> list[Change]:
    """Return the changes of all cases from one release to another.

    Raises
    ------
    InputError
        One of them was not measured, or no case of the two can be judged.
    """
    from cryoet_bench.changes.comparison import compare
    from cryoet_bench.record.record import Series

    where = scope.machine, scope.tomogram
    journals = [scope.record.journal(Series(*where, one.name)) for one in (before, after)]
    measure = _again(scope, before, after)
    for revision, journal in zip((before, after), journals, strict=True):
        if not journal.rounds:
            raise InputError(
                f"{revision.label} was not measured on {scope.tomogram} on {scope.machine}: "
                f"run '{measure}'"
            )
    found = compare(scope.record.suite().values(), *journals)
    verdicts = {one.verdict for one in found if not one.is_control}
    if verdicts - {"unclear", "n/a", "not measured"}:
        return found
    if "unclear" in verdicts:
        raise InputError(
            f"no case of {before.label} and {after.label} was measured in enough rounds to be "
            f"judged: run '{measure} --rounds {_ENOUGH_ROUNDS}'"
        )
    raise InputError(
        f"{before.label} and {after.label} have no value of a case in common: run '{measure}'"
    )


def _again(scope: Scope, before: Revision, after: Revision) -> str:
    """Return the command that measures two releases on what is judged."""
    from cryoet_bench.changes.reproduction import command

    return command("scripts/bench", before.name, after.name, tomogram=scope.tomogram)
