"""``cryoet-bench record``: measure the history of all lines, list it, submit it, check it."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryoet_bench.cli import checkout, consoles, interruption
from cryoet_bench.cli.options import Json, Retry, Tier
from cryoet_bench.conclusion import FINDING, INTERRUPTED
from cryoet_bench.errors import InputError
from cryoet_bench.variables import DEFAULT_TOMOGRAM

if TYPE_CHECKING:
    from cryoet_bench.record.record import Record
    from cryoet_bench.record.summary import Summary
    from cryoet_bench.record.validation import Rules

app = typer.Typer()
_console = consoles.for_results(180)
_aside = consoles.aside()

CORE_ROUNDS, FULL_ROUNDS, EXACT_PASSES = 6, 2, 2
"""Of a history that findings can be based on."""


@app.callback(invoke_without_command=True)
def record(
    context: typer.Context,
    tier: Tier = "full",
    rounds: Annotated[
        int, typer.Option(min=1, help="Rounds of the times of the core tier.")
    ] = CORE_ROUNDS,
    retry: Retry = False,
) -> None:
    """Measure, list and submit the whole history.

    \b
    cryoet-bench record                  all of it; a day or so on a quiet machine
    cryoet-bench record --tier core      the core tier alone; some hours
    cryoet-bench record list             what was measured
    cryoet-bench record discard RELEASE  discard what was measured, to measure it again
    cryoet-bench record submit           pack it into record/, for a pull request
    cryoet-bench record check FOLDER     check whether such a record may be merged

    All releases of all lines are measured on the phantom, the core tier first. Their order is
    shuffled within each round, so that a drift of the machine does not look like history; times
    that were disturbed are measured again, twice at most. Exact values are taken twice and
    compared. Interrupt it at any time: a rerun resumes. The exit code is 1 if exact values did not
    repeat, 2 if nothing could be measured.
    """
    if context.invoked_subcommand:
        return
    from cryoet_bench.cli.bench import measure

    root = checkout.project_root()
    _warn_of_changes(root)
    from cryoet_bench.measure.plan import Selection
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.record.record import Record
    from cryoet_bench.tomogram.sources import obtain

    revisions, known = checkout.known_revisions(root), Record.of(root)
    every = [one for one in revisions.releases() if one.withdrawn is None]
    facts = obtain(DEFAULT_TOMOGRAM).facts
    known.describe_tomogram(facts)
    not_installed: dict[str, str] = {}
    passes: list[tuple[Tier, int]] = [("core", rounds)]
    if tier == "full":
        passes.append(("full", min(rounds, FULL_ROUNDS)))
    with chdir(root):
        for each, times in passes:
            campaign = Campaign(
                root,
                revisions,
                str(facts["name"]),
                known,
                selection=Selection(each),
                rounds=times,
                exact_rounds=EXACT_PASSES,
                retry=retry,
                shuffled=True,
                origin="cryoet-bench record",
            )
            _console.print(
                f"Recording the {each} tier of {len(every)} releases as {campaign.machine}."
            )
            if measure(campaign, every):
                _console.print(interruption.KEPT)
                raise typer.Exit(INTERRUPTED)
            not_installed |= campaign.not_installed
    found = [one for one in _print_summaries(known) if one.series.machine == campaign.machine]
    for name, reason in not_installed.items():
        told = f"{name} could not be installed: {reason}; rerun to try it again."
        _console.print(told, style="red", markup=False, soft_wrap=True)
    if not any(one.visits for one in found if one.series.tomogram == campaign.tomogram):
        reasons = [*not_installed.values(), "see above"]
        raise InputError(f"nothing could be measured: {reasons[0]}")
    if any(one.exact_differing for one in found):
        raise typer.Exit(FINDING)


def _warn_of_changes(root: Path) -> None:
    """Say before a day of measuring that a changed checkout measures nothing to submit."""
    from cryoet_bench.measure import suite

    if suite.state(root)["clean"] is False:
        _aside.print(
            f"The checkout {root} has changes, so what is measured now cannot be submitted: commit "
            "or undo them first.",
            markup=False,
            soft_wrap=True,
        )


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List what was measured: machine, tomogram, release, and by whom.

    Example: cryoet-bench record list
    """
    from dataclasses import asdict

    from cryoet_bench.record.record import Record
    from cryoet_bench.record.summary import summaries

    known = Record.of(checkout.project_root())
    if as_json:
        rows = [asdict(one) for one in summaries(known)]
        typer.echo(json.dumps([{**row.pop("series"), **row} for row in rows], indent=2))
    else:
        _print_summaries(known)


def _print_summaries(known: Record) -> list[Summary]:
    """Print a row for each series, and return them."""
    from rich.table import Table

    from cryoet_bench.record.summary import summaries

    table = Table(box=None)
    for name in ("machine", "tomogram", "revision"):
        table.add_column(name, no_wrap=True)
    numbers = ("passed", "n/a", "failed", "rounds", "visits", "disturbed", "minutes", "exact twice")
    for name in (*numbers, "differing"):
        table.add_column(name, justify="right")
    table.add_column("by", no_wrap=True)
    found = list(summaries(known))
    for one in found:
        cells = [one.series.machine, one.series.tomogram, one.series.revision]
        cells += [str(count) for count in (one.passed, one.not_available, one.failed)]
        cells += [f"{one.rounds:g}", str(one.visits), str(one.disturbed), f"{one.seconds / 60:.1f}"]
        cells += [str(one.exact_twice), str(one.exact_differing), ", ".join(one.origins)]
        table.add_row(*cells)
    _console.print(table)
    return found


@app.command()
def discard(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="A release or a candidate.")],
    tomogram: Annotated[
        str | None, typer.Option(help="Only on this tomogram; on all if none is named.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--bench", metavar="REGEX", help="Only benchmarks that match.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Discard what was measured of a release, to measure it again.

    \b
    cryoet-bench record discard zarr-3.4.2
    cryoet-bench record discard zarr-3.4.2 --bench read.Patterns

    Nothing is erased: the journal in results/ keeps the rounds, marked as discarded.
    """
    from cryoet_bench.measure.machine import name_in
    from cryoet_bench.record.record import Record

    root = checkout.project_root()
    record, revision = Record.of(root), checkout.known_revisions(root).find(release)
    machine = name_in(record)
    journals = [
        record.journal(series)
        for series in record.series()
        if (series.machine, series.revision) == (machine, revision.name)
        and tomogram in {None, series.tomogram}
    ]
    names = _matching({entry.benchmark for j in journals for entry in j.rounds}, pattern)
    count = sum(entry.benchmark in names for j in journals for entry in j.rounds)
    if not count:
        raise InputError(
            f"nothing of {revision.label} was measured on {machine} that matches: "
            "'cryoet-bench record list' shows what was"
        )
    if not yes:
        typer.confirm(f"Discard {count} rounds of {revision.label}?", abort=True)
    for journal in journals:
        if any(entry.benchmark in names for entry in journal.rounds):
            journal.discard(names if pattern else None)
    typer.echo(f"Discarded {count} rounds of {revision.label}.")


@app.command()
def submit(
    machine: Annotated[
        str | None, typer.Option(help="Which machine's; this one if none is named.")
    ] = None,
) -> None:
    """Pack what was measured here into record/, for a pull request.

    Releases on the phantom are packed; candidates and your own tomograms stay on this machine.

    Example: cryoet-bench record submit
    """
    from cryoet_bench.measure import suite
    from cryoet_bench.measure.machine import name_in
    from cryoet_bench.record.record import REFERENCE, SUITE, Record
    from cryoet_bench.record.submission import pack

    root = checkout.project_root()
    known = Record.of(root)
    releases = [one.name for one in checkout.known_revisions(root).releases()]
    machine = machine or name_in(known)
    packed = pack(known, machine, DEFAULT_TOMOGRAM, releases, suite.digest(root))
    folder = root / REFERENCE / machine
    typer.echo(
        f"Packed {len(packed.series)} releases and {packed.verdicts} verdicts into {folder} "
        f"({packed.size / 1e6:.1f} MB); left out {len(packed.left)} candidates or other tomograms."
    )
    if packed.refused:
        typer.echo(
            f"Left out {len(packed.refused)} visits that another suite or a changed checkout "
            "measured: discard what the changed checkout measured, then run 'cryoet-bench record' "
            "to measure it again."
        )
    if packed.is_new_suite:
        typer.echo(
            f"{root / REFERENCE / SUITE} describes a suite that it did not know: send that file "
            "first, in a pull request of its own."
        )
    typer.echo(f"Next: {shlex.join(['cryoet-bench', 'record', 'check', str(folder)])}")


@app.command()
def check(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Of machines; all below record/ if none is named."),
    ] = None,
    commit: Annotated[
        str | None,
        typer.Option(help="What this commit changes, by the rules of the checkout as it is."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check whether the record of a machine may be merged.

    \b
    cryoet-bench record check                        all machines
    cryoet-bench record check record/epyc-2-cores    one
    cryoet-bench record check --commit FETCH_HEAD    what a pull request changes

    It checks the form of every line, the machine, what was installed against the pins of the
    timeline, the suite, plausible values, verdicts against their blocks, and looks for
    measurements that are there twice. Of a commit nothing but the files of machines is taken, and
    it may only add to them; all else that it changes is named. The exit code is 1 if something is
    wrong.
    """
    from cryoet_bench.record.contribution import refusals

    if folders and commit is not None:
        raise InputError("both folders and a commit are named: name one or the other")
    root = checkout.project_root()
    rules = _rules(root)
    found = refusals(root, commit, rules) if commit is not None else _faults(root, folders, rules)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif not found:
        typer.echo(f"{commit} changes the record of no machine")
    for folder, sentences in found.items() if not as_json else ():
        for sentence in sentences:
            typer.echo(sentence)
        if not sentences:
            typer.echo(f"{folder}: good")
    raise typer.Exit(int(any(found.values())))


def _faults(root: Path, folders: list[Path] | None, rules: Rules) -> dict[str, list[str]]:
    """Return why the records in some folders cannot be merged; those of the checkout by default."""
    from cryoet_bench.record.record import REFERENCE
    from cryoet_bench.record.validation import Seen, faults

    named = folders or sorted(path for path in (root / REFERENCE).glob("*") if path.is_dir())
    if not named:
        raise InputError(f"there is no record in {root / REFERENCE}: name the folder of a machine")
    if absent := [path for path in named if not path.is_dir()]:
        raise InputError(f"there is no folder {absent[0]}: name that of a machine, as in record/")
    seen = Seen()
    return {str(folder): faults(folder, rules, seen) for folder in named}


def _rules(root: Path) -> Rules:
    """Return what a checkout holds a record against."""
    from cryoet_bench.measure import suite
    from cryoet_bench.record.record import REFERENCE, Record
    from cryoet_bench.record.validation import Rules

    committed = Record(root / REFERENCE)
    return Rules(
        revisions={one.name: one for one in checkout.known_revisions(root).releases()},
        suite=committed.suite(),
        digest=committed.digest(),
        digests=frozenset({*committed.digests(), suite.digest(root)}),
        tomograms=frozenset({DEFAULT_TOMOGRAM}),
    )


def _matching(names: set[str], pattern: str | None) -> set[str]:
    try:
        return {name for name in names if re.search(pattern or "", name)}
    except re.error as error:
        raise InputError(f"{pattern!r} is not a regular expression: {error}") from error
