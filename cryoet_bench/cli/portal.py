"""``cryoet-bench tomogram fetch``, ``search`` and ``connect``: the CryoET Data Portal."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from cryoet_bench.cli import consoles
from cryoet_bench.cli.options import Json
from cryoet_bench.conclusion import FINDING
from cryoet_bench.errors import InputError

if TYPE_CHECKING:
    from cryoet_bench.tomogram import Tomogram
    from cryoet_bench.tomogram.portal import Report, Request

app = typer.Typer()

Spacing = Annotated[float | None, typer.Option(help="Voxel spacing in angstrom, to 0.05.")]
Processing = Annotated[str | None, typer.Option(help="raw, filtered, denoised, ...")]


@app.command()
def fetch(
    dataset: Annotated[int | None, typer.Option(help="The portal's dataset id.")] = None,
    run: Annotated[str | None, typer.Option(help="The run's name in the dataset.")] = None,
    spacing: Spacing = None,
    processing: Processing = None,
    tomogram_id: Annotated[
        int | None, typer.Option(help="The portal's tomogram id, where nothing else decides.")
    ] = None,
    level: Annotated[int, typer.Option(min=0, help="Level of the OME-Zarr, 0 the finest.")] = 0,
    region: Annotated[
        str | None, typer.Option(help="In voxels of that level: z0:z1,y0:y1,x0:x1, or whole.")
    ] = None,
    subset: Annotated[
        int | None,
        typer.Option(help="Edge of a cube, placed where it costs least.  [128]"),
    ] = None,
    source: Annotated[str, typer.Option(help="zarr, or mrc for the MRC twin.")] = "zarr",
    list_: Annotated[
        str | None,
        typer.Option(
            "--list", help="YAML or TOML file of many, or 'dozen' for the list that ships."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch part of a portal tomogram into the cache.

    \b
    cryoet-bench tomogram fetch --dataset 10445 --run TS_100_3 --spacing 10.012 --processing raw
    cryoet-bench tomogram fetch --list dozen

    Only the chunks that it needs are transferred; after an interruption, rerun to resume.
    """
    from cryoet_bench.tomogram.portal import Report, lists
    from cryoet_bench.tomogram.portal.request import request

    options = {
        "dataset": dataset,
        "run": run,
        "spacing": spacing,
        "processing": processing,
        "tomogram": tomogram_id,
        "level": level or None,
        "region": region,
        "subset": subset,
        "source": None if source == "zarr" else source,
    }
    given = {key: value for key, value in options.items() if value is not None}
    if list_ is None and not (dataset and run):
        raise InputError("say --dataset and --run, or --list with a file of many")
    if list_ is not None and given:
        raise InputError("--list says it all: leave the other options out")
    wanted = lists.load(list_) if list_ else [request(given, where="fetch")]
    fetched, failures = _fetched(wanted, Report())
    if as_json:
        typer.echo(json.dumps([_row(it) for it in fetched], indent=2))
    else:
        for it in fetched:
            typer.echo(f"{it.name}\nMeasure it: scripts/bench --tomogram {it.name}")
    if failures:
        raise InputError("\n".join(failures))


@app.command()
def search(
    dataset: Annotated[int | None, typer.Option(help="The portal's dataset id.")] = None,
    organism: Annotated[str | None, typer.Option(help="A part of the organism's name.")] = None,
    run: Annotated[str | None, typer.Option(help="The run's name; * and ? are wild.")] = None,
    spacing: Spacing = None,
    processing: Processing = None,
    as_json: Json = False,
) -> None:
    """Search the tomograms of the portal.

    \b
    cryoet-bench tomogram search --dataset 10445 --run 'TS_10*' --processing denoised
    """
    from cryoet_bench.tomogram.portal import Search
    from cryoet_bench.tomogram.portal import search as ask

    with consoles.aside().status("asking the portal"):
        found = ask(
            Search(
                dataset=dataset,
                organism=organism,
                run=run,
                spacing=spacing,
                processing=processing,
            )
        )
    if as_json:
        rows = [{"spec": it.spec(with_id=True), **dataclasses.asdict(it)} for it in found]
        typer.echo(json.dumps(rows, indent=2))
        return
    columns = ("dataset", "run", "angstrom", "processing", "voxels", "sample", "organism", "id")
    table = Table(*columns, box=SIMPLE, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.overflow = "fold"
        column.no_wrap = column.header in ("voxels", "id")
    for it in found:
        table.add_row(
            str(it.dataset),
            it.run,
            f"{it.spacing:g}",
            it.processing,
            "x".join(map(str, it.shapes[0])),
            it.sample,
            it.organism,
            str(it.tomogram),
        )
    Console(markup=False, highlight=False).print(table)
    typer.echo(f"{len(found)} tomograms")


@app.command()
def connect(as_json: Json = False) -> None:
    """Check whether the portal can be reached.

    The exit code is 1 when a part of it cannot.

    Example: cryoet-bench tomogram connect
    """
    from cryoet_bench.tomogram.portal import connection

    with consoles.aside().status("asking the portal"):
        parts = connection.check()
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(it) for it in parts], indent=2))
    else:
        for it in parts:
            state = (
                f"reachable, {it.seconds:.1f} s" if it.reachable else f"not reachable: {it.fault}"
            )
            typer.echo(f"{it.name} ({it.address}): {state}")
    if not all(it.reachable for it in parts):
        raise typer.Exit(FINDING)


def _fetched(wanted: list[Request], report: Report) -> tuple[list[Tomogram], list[str]]:
    """Return the tomograms that could be had, and a sentence for each that could not."""
    from cryoet_bench.tomogram.portal import fetch as obtain

    fetched, failures = [], []
    for it in wanted:
        try:
            fetched.append(obtain(it, report))
        except InputError as error:
            failures.append(str(error) if len(wanted) == 1 else f"{it}: {error}")
    return fetched, failures


def _row(tomogram: Tomogram) -> dict[str, Any]:
    return {
        "name": tomogram.name,
        "shape": list(tomogram.shape),
        "dtype": tomogram.dtype.name,
        "voxel_spacing": tomogram.voxel_spacing,
        "sha256": tomogram.sha256,
        "provenance": dict(tomogram.provenance),
    }
