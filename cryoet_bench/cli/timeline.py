"""``cryoet-bench timeline``: which releases of zarr and numcodecs are measured."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from cryoet_bench.cli import checkout, consoles
from cryoet_bench.cli.options import Json

if TYPE_CHECKING:
    from cryoet_bench.timeline.releases import Release

app = typer.Typer(
    help="List and extend the releases that are measured.",
    no_args_is_help=True,
)

_aside = consoles.aside()


@app.command("list")
def list_(
    line: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only what leads to the newest release of this line."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the releases with their dates, lines and what else moved.

    The main line follows the newest versions; a line such as zarr-2 holds the maintenance releases
    for users who stay on an older series. Withdrawn versions are listed last, and not measured.

    Example: cryoet-bench timeline list --line zarr-2
    """
    from cryoet_bench.timeline import releases

    timeline = releases.load()
    chosen = timeline.releases if line is None else timeline.history(line)
    withdrawn = {(one.package, one.version): one.reason for one in timeline.withdrawn}
    off = timeline.withdrawn if line is None else ()
    if as_json:
        rows = [_facts(one, withdrawn.get((one.package, one.version))) for one in chosen]
        absent = [dataclasses.asdict(one) for one in off]
        typer.echo(json.dumps({"releases": rows, "withdrawn": absent}, indent=2))
        return
    table = Table("date", "release", "what else moved", box=SIMPLE)
    for column in table.columns[:2]:
        column.no_wrap = True
    for one in chosen:
        notes = _notes(one, withdrawn.get((one.package, one.version)))
        table.add_row(f"{one.date:%Y-%m-%d}", one.label, ", ".join(notes))
    console = Console(markup=False)
    console.print(table)
    if off:
        console.print("Withdrawn by their maintainers, and not measured:")
    for gone in off:
        console.print(f"  {gone.label}: {gone.reason}", soft_wrap=True)


def _facts(release: Release, withdrawn: str | None) -> dict[str, Any]:
    return {
        "tag": release.tag,
        "label": release.label,
        "date": release.date.isoformat(),
        "line": release.line,
        "pins": dict(release.pins),
        "moved": list(release.moved),
        "prepares": release.prepares,
        "broken": release.broken,
        "withdrawn": withdrawn,
    }


def _notes(release: Release, withdrawn: str | None) -> list[str]:
    """Return what is to be known of a release, and what moved with it."""
    from cryoet_bench.timeline.releases import MAIN

    notes = [f"on the line {release.line}"] if release.line != MAIN else []
    notes += [f"WITHDRAWN: {withdrawn}"] if withdrawn else []
    notes += [f"BROKEN: {release.broken}"] if release.broken else []
    return [*notes, *release.moved]


@app.command()
def update() -> None:
    """Append every version that the timeline lacks.

    It compares the timeline with every version on the package index, and tries each new one before
    it is written: what upstream broke is recorded as broken. It needs the network and uv.

    Example: cryoet-bench timeline update
    """
    from cryoet_bench.timeline import releases, resolver
    from cryoet_bench.timeline import update as updates

    found = resolver.find_resolver()
    with _aside.status("Looking for releases") as status:
        done = updates.update(releases.DATA, found, status.update)
    compared = "; ".join(
        f"{package}: {len(versions)} version{'s' * (len(versions) > 1)}"
        for package, versions in done.versions.items()
    )
    typer.echo(f"Compared with the package index ({compared}).")
    for release in done.appended:
        moved = ", ".join(release.moved)
        date = f"{release.date:%Y-%m-%d}"
        typer.echo(f"{date}  {release.label}  {release.line}  {moved}".rstrip())
    for line in done.opened:
        typer.echo(
            f"{line.name} is a new line, which leaves main at {line.fork}: "
            f'add it to "branches" in asv.conf.json'
        )
    for one in done.withdrawn:
        typer.echo(f"{one.label} was withdrawn: {one.reason}")
    for label, reason in done.left_out.items():
        typer.echo(f"{label} is left out: {reason}")
    if not done.appended:
        typer.echo("The timeline holds every release.")


@app.command()
def build() -> None:
    """Build the git repository that asv measures.

    asv does so by itself when it is needed.

    Example: cryoet-bench timeline build
    """
    from cryoet_bench.timeline import releases, repository

    path = checkout.project_root() / repository.LOCATION
    repository.build(releases.load(), path)
    typer.echo(f"{path} holds the timeline up to {repository.head(path)[:8]}")


@app.command()
def candidate(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="CANDIDATE",
            help="A version, a wheel, sources in a folder or archive, or a requirement.",
        ),
    ],
) -> None:
    """Put unreleased code on a branch on top of the newest release.

    \b
    cryoet-bench timeline candidate zarr==3.5.0rc1
    cryoet-bench timeline candidate ~/zarr-python
    cryoet-bench timeline candidate dist/numcodecs-0.18.0-cp312-cp312-linux_x86_64.whl
    cryoet-bench timeline candidate dist/zarr-3.5.0.tar.gz
    cryoet-bench timeline candidate "zarr @ git+https://github.com/zarr-developers/zarr-python"
    """
    from cryoet_bench.timeline import candidate, releases, repository, resolver

    path = checkout.project_root() / repository.LOCATION
    timeline = releases.load()
    with _aside.status(f"Preparing {spec}"):
        repository.refresh(timeline, path)
        made = candidate.propose(spec, timeline, path, resolver.find_resolver())
    typer.echo(f"{made.label} is based on {made.release.label}, branch {made.name}")
    if made.moved:
        typer.echo(f"moved with it: {', '.join(made.moved)}")
    typer.echo(f"To judge it: cryoet-bench gate {made.name}")
