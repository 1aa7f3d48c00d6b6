"""``cryoet-bench changes``: what changed between two revisions."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from cryoet_bench.errors import InputError
from cryoet_bench.variables import DEFAULT_TOMOGRAM

_console = Console(highlight=False)
if not _console.is_terminal:
    _console.width = 140


def changes(
    between: Annotated[
        tuple[str, str], typer.Option(metavar="BEFORE AFTER", help="Two releases or candidates.")
    ],
    tomogram: Annotated[
        str, typer.Option(help="Measured on which tomogram, by name.")
    ] = DEFAULT_TOMOGRAM,
    machine: Annotated[
        str | None, typer.Option(help="Measured on which machine; this one if none is named.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every case.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what changed between two measured releases.

    \b
    cryoet-bench changes --between zarr-2.18.7 zarr-3.4.2     what an upgrade changes
    cryoet-bench changes --between zarr-3.4.1 zarr-3.4.2 --json

    The exit code is 1 when something is worse, 2 when nothing could be compared.
    """  # noqa: D301  (click's mark of a paragraph that keeps its lines)
    from cryoet_bench.cli.bench import known_revisions, project_root  # noqa: PLC0415

    root = project_root()
    from cryoet_bench.changes.comparison import compare  # noqa: PLC0415
    from cryoet_bench.cli import tables  # noqa: PLC0415
    from cryoet_bench.measure.machine import identify  # noqa: PLC0415
    from cryoet_bench.record.record import Record, Series  # noqa: PLC0415

    revisions, record = known_revisions(root), Record.of(root)
    before, after = (revisions.find(name) for name in between)
    where = machine or identify(record)
    journals = [
        record.journal(Series(where, tomogram, revision.name)) for revision in (before, after)
    ]
    for revision, journal in zip((before, after), journals, strict=True):
        if not journal.rounds:
            raise InputError(
                f"{revision.label} was not measured on {tomogram} on {where}: run "
                f"scripts/bench {before.name} {after.name}"
            )
    found = compare(record.suite().values(), *journals)
    if as_json:
        typer.echo(json.dumps([asdict(change) for change in found], indent=2))
    else:
        tables.print_changes(_console, before, after, found, verbose=verbose)
    raise typer.Exit(int(any(change.is_regression for change in found)))
