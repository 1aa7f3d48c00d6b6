"""``cryoet-bench record``: what was measured here, and what of it no longer counts."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import typer
from rich.console import Console

from cryoet_bench.errors import InputError

app = typer.Typer(help="What was measured on this machine.", no_args_is_help=True)
_console = Console(highlight=False)
if not _console.is_terminal:
    _console.width = 140


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List what was measured: machine, tomogram, release, and by whom.

    Example: cryoet-bench record list
    """
    from rich.table import Table  # noqa: PLC0415

    from cryoet_bench.cli.bench import project_root  # noqa: PLC0415
    from cryoet_bench.record.record import Record  # noqa: PLC0415

    record = Record.of(project_root())
    rows: list[dict[str, Any]] = []
    for series in record.series():
        journal = record.journal(series)
        visits = {entry.visit for entry in journal.rounds}
        rows.append(
            {
                "machine": series.machine,
                "tomogram": series.tomogram,
                "revision": series.revision,
                "visits": len(visits),
                "disturbed": len(visits & journal.disturbed),
                "origins": sorted({journal.visits[visit].origin for visit in visits}),
                "last": max((entry.started_at for entry in journal.rounds), default=""),
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(*("machine", "tomogram", "revision", "visits", "disturbed", "by", "last"))
    for row in rows:
        cells = [row["machine"], row["tomogram"], row["revision"], row["visits"]]
        cells += [row["disturbed"], ", ".join(row["origins"]), row["last"]]
        table.add_row(*map(str, cells))
    _console.print(table)


@app.command()
def discard(
    release: Annotated[str, typer.Argument(help="A release or candidate.")],
    tomogram: Annotated[
        str | None, typer.Option(help="Only on this tomogram; on all if none is named.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--bench", metavar="REGEX", help="Only benchmarks that match.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Let what was measured of a release no longer count, so that it is measured again.

    \b
    cryoet-bench record discard zarr-3.4.2
    cryoet-bench record discard zarr-3.4.2 --bench read.Patterns

    Nothing is erased: the journal in results/ keeps the rounds, and says that they do not count.
    """  # noqa: D301  (click's mark of a paragraph that keeps its lines)
    from cryoet_bench.cli.bench import known_revisions, project_root  # noqa: PLC0415
    from cryoet_bench.measure.machine import identify  # noqa: PLC0415
    from cryoet_bench.record.record import Record  # noqa: PLC0415

    root = project_root()
    record, revision = Record.of(root), known_revisions(root).find(release)
    machine = identify(record)
    journals = [
        record.own_journal(series)
        for series in record.series()
        if (series.machine, series.revision) == (machine, revision.name)
        and tomogram in {None, series.tomogram}
    ]
    names = _matching({entry.benchmark for j in journals for entry in j.rounds}, pattern)
    count = sum(entry.benchmark in names for j in journals for entry in j.rounds)
    if not count:
        raise InputError(f"nothing of {revision.label} was measured here that matches")
    if not yes:
        typer.confirm(f"Discard {count} rounds of {revision.label}?", abort=True)
    for journal in journals:
        journal.discard(names if pattern else None)
    typer.echo(f"Discarded {count} rounds of {revision.label}.")


def _matching(names: set[str], pattern: str | None) -> set[str]:
    try:
        return {name for name in names if re.search(pattern or "", name)}
    except re.error as error:
        raise InputError(f"{pattern!r} is not a regular expression: {error}") from error
