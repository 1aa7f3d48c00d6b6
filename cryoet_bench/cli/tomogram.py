"""``cryoet-bench tomogram``: what is measured on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from cryoet_bench.cli import consoles, portal
from cryoet_bench.cli.options import Json, PartRegion, Subset, Whole

if TYPE_CHECKING:
    from cryoet_bench.tomogram import Tomogram
    from cryoet_bench.tomogram.cache import Entry

app = typer.Typer(
    help="List, add and fetch the tomograms to measure on.",
    no_args_is_help=True,
)
app.add_typer(portal.app)

_DAMAGED: dict[str, Any] = {
    "source": "unknown",
    "shape": [],
    "dtype": "unknown",
    "voxel_spacing": None,
    "state": "damaged",
}


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the phantoms and the tomograms in the cache.

    Example: cryoet-bench tomogram list
    """
    from cryoet_bench.tomogram import cache
    from cryoet_bench.tomogram.phantom import PHANTOMS

    rows: dict[str, dict[str, Any]] = {
        name: {
            "name": name,
            "source": "synthetic",
            "shape": [phantom.size] * 3,
            "dtype": "float32",
            "voxel_spacing": [phantom.voxel_spacing] * 3,
            "state": "when used",
        }
        for name, phantom in PHANTOMS.items()
    }
    for name in cache.names():
        try:
            rows[name] = _row(cache.read_entry(name))
        except cache.DamagedEntryError:
            rows[name] = _DAMAGED | {"name": name}
    if as_json:
        typer.echo(json.dumps(list(rows.values()), indent=2))
        return
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for title in ("source", "voxels z, y, x", "dtype", "angstrom", "state"):
        table.add_column(title)
    for row in rows.values():
        table.add_row(
            row["name"],
            row["source"],
            _times(row["shape"]),
            row["dtype"],
            _spacing(row["voxel_spacing"]),
            row["state"],
        )
    Console(markup=False).print(table)


@app.command()
def info(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A phantom or a tomogram in the cache.")
    ],
    as_json: Json = False,
) -> None:
    """Show what a tomogram is and where it comes from.

    Its bytes are checked on the way; a phantom is made when it is not there yet.

    Example: cryoet-bench tomogram info phantom-10A
    """
    from cryoet_bench.tomogram import sources

    with consoles.aside().status(f"reading {name}"):
        tomogram = sources.recall(name)
        facts = _facts(tomogram)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    _print_facts(facts)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="MRC, TIFF, Zarr or OME-Zarr.")],
    name: Annotated[
        str | None, typer.Option(help="What its name begins with, in place of the file's.")
    ] = None,
    level: Annotated[int, typer.Option(min=0, help="Level of an OME-Zarr group.")] = 0,
    subset: Subset = None,
    region: PartRegion = None,
    whole: Whole = False,
    voxel_spacing: Annotated[
        float | None,
        typer.Option(help="Angstrom, for a file that does not say or says it wrongly."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy a tomogram from a file into the cache.

    It gets a name to measure it by, which ends with the start of its checksum: other bytes,
    another name. Of a file with more than 256^3 voxels, a box of 256 voxels a side near its centre
    is taken by default.

    Example: cryoet-bench tomogram add TS_01.mrc --region 28:156,256:384,256:384
    """
    from cryoet_bench.tomogram import sources
    from cryoet_bench.tomogram.part import parse_part

    part = parse_part(subset, region, whole)
    with consoles.aside().status(f"reading {file}"):
        tomogram = sources.add(file, level=level, part=part, stem=name, voxel_spacing=voxel_spacing)
        facts = _facts(tomogram)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    _print_facts(facts)
    if tomogram.voxel_spacing is None:
        typer.echo("No voxel spacing was found in the file: --voxel-spacing gives one.")
    typer.echo(f"Measure it: scripts/bench --tomogram {tomogram.name}")


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "source": entry.source,
        "shape": list(entry.shape),
        "dtype": _dtype(entry.dtype),
        "voxel_spacing": entry.voxel_spacing and list(entry.voxel_spacing),
        "state": "cached",
    }


def _dtype(written: str) -> str:
    import numpy as np

    return str(np.dtype(written))


def _facts(tomogram: Tomogram) -> dict[str, Any]:
    from cryoet_bench.tomogram import cache

    voxels = tomogram.data
    return {
        **_row(cache.read_entry(tomogram.name)),
        "folder": str(cache.tomogram_dir(tomogram.name)),
        "sha256": tomogram.sha256,
        "bytes": voxels.nbytes,
        "minimum": float(voxels.min()),
        "maximum": float(voxels.max()),
        "mean": float(voxels.mean(dtype="float64")),
        "sd": float(voxels.std(dtype="float64")),
        "provenance": dict(tomogram.provenance),
    }


def _print_facts(facts: dict[str, Any]) -> None:
    synthetic = facts["source"] == "synthetic"
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("name", facts["name"])
    table.add_row("source", "synthetic, no recorded data" if synthetic else facts["source"])
    table.add_row("voxels", f"{_times(facts['shape'])} (z, y, x) {facts['dtype']}")
    table.add_row("voxel spacing", f"{_spacing(facts['voxel_spacing'])} angstrom")
    table.add_row("size", f"{facts['bytes'] / 2**20:.1f} MiB")
    table.add_row("range", f"{facts['minimum']:.4g} to {facts['maximum']:.4g}")
    table.add_row("mean, sd", f"{facts['mean']:.4g}, {facts['sd']:.4g}")
    table.add_row("sha256", f"{facts['sha256']} (verified)")
    table.add_row("folder", facts["folder"])
    table.add_row("made from" if synthetic else "provenance")
    for key, value in facts["provenance"].items():
        if key != "notes":
            table.add_row(f"  {key}", str(value))
    Console(markup=False, highlight=False).print(table)
    for note in facts["provenance"].get("notes", ()):
        typer.echo(f"Note: {note}")


def _times(shape: list[int]) -> str:
    return " x ".join(map(str, shape)) or "unknown"


def _spacing(spacing: list[float] | None) -> str:
    if spacing is None:
        return "unknown"
    edges = [f"{edge:g}" for edge in spacing]
    return edges[0] if len(set(edges)) == 1 else " x ".join(edges)
