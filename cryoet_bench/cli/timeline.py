"""``cryoet-bench timeline``: which releases of zarr and numcodecs are measured."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

app = typer.Typer(
    help="The releases of zarr and numcodecs, one commit each, and what is not released yet.",
    no_args_is_help=True,
)

_aside = Console(stderr=True)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the releases: when, what, and what else moved.

    Example: cryoet-bench timeline list
    """
    from cryoet_bench.timeline import releases  # noqa: PLC0415

    timeline = releases.load()
    if as_json:
        rows: list[dict[str, Any]] = [
            {
                "tag": release.tag,
                "label": release.label,
                "date": release.date.isoformat(),
                "pins": dict(release.pins),
                "moved": list(release.moved),
                "prepares": release.prepares,
                "broken": release.broken,
            }
            for release in timeline.releases
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("date", "release", "what else moved", box=SIMPLE)
    for column in table.columns[:2]:
        column.no_wrap = True
    for release in timeline.releases:
        notes = list(release.moved)
        if release.broken:
            notes.insert(0, f"BROKEN: {release.broken}")
        table.add_row(f"{release.date:%Y-%m-%d}", release.label, ", ".join(notes))
    Console(markup=False).print(table)


@app.command()
def update() -> None:
    """Append the releases that appeared since the last one; a second time changes nothing.

    Each is tried before it is written: what upstream broke is recorded as broken. It needs the
    network and uv.

    Example: cryoet-bench timeline update
    """
    from cryoet_bench.timeline import releases, resolver  # noqa: PLC0415

    found = resolver.find_resolver()
    with _aside.status("Looking for releases") as status:
        appended = resolver.update(releases.DATA, found, status.update)
    for release in appended:
        typer.echo(f"{release.date:%Y-%m-%d}  {release.label}  {', '.join(release.moved)}".rstrip())
    if not appended:
        typer.echo("The timeline holds every release.")


@app.command()
def build() -> None:
    """Make the git repository that asv measures; asv does so by itself when it is needed.

    Example: cryoet-bench timeline build
    """
    from cryoet_bench.cli.bench import project_root  # noqa: PLC0415
    from cryoet_bench.timeline import releases, repository  # noqa: PLC0415

    path = project_root() / repository.LOCATION
    repository.build(releases.load(), path)
    typer.echo(f"{path} holds the timeline up to {repository.head(path)[:8]}")


@app.command()
def candidate(
    spec: Annotated[
        str,
        typer.Argument(help="A version, a wheel, a folder with the sources, or a pip requirement."),
    ],
) -> None:
    """Put an unreleased zarr or numcodecs on a branch on top of the newest release.

    \b
    cryoet-bench timeline candidate zarr==3.5.0rc1
    cryoet-bench timeline candidate ~/src/zarr-python
    cryoet-bench timeline candidate dist/numcodecs-0.18.0-cp312-cp312-linux_x86_64.whl
    cryoet-bench timeline candidate "zarr @ git+https://github.com/zarr-developers/zarr-python"
    """  # noqa: D301  (click's mark of a paragraph that keeps its lines)
    from cryoet_bench.cli.bench import project_root  # noqa: PLC0415
    from cryoet_bench.timeline import candidate, releases, repository, resolver  # noqa: PLC0415

    path = project_root() / repository.LOCATION
    timeline = releases.load()
    with _aside.status(f"Preparing {spec}"):
        repository.refresh(timeline, path)
        made = candidate.propose(spec, timeline, path, resolver.find_resolver())
    newest = timeline.releases[-1]
    typer.echo(f"{made.package} {made.version} stands on {newest.label}, branch {made.branch}")
    if made.moved:
        typer.echo(f"moved with it: {', '.join(made.moved)}")
    typer.echo(f"Judge it: asv continuous {releases.MAIN} {made.branch}")
