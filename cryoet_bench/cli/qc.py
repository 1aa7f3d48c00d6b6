"""``cryoet-bench qc``: is this volume sound?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from cryoet_bench.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from cryoet_bench.quality import report
    from cryoet_bench.quality.qc import Inspection

_COLOURS = {"pass": "green", "warn": "yellow", "fail": "red", "error": "red"}


def qc(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Tomograms: a phantom's or cached name, an MRC, TIFF or Zarr path, an s3:// URL "
            "of a Zarr, or portal:DATASET/RUN. Several make one table.",
        ),
    ],
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the report for machines here; - prints it.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one page here.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the pictures here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the summary here.")] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Write one row a tomogram here as Parquet (PixelPatrol opens it)."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Examine many on the Dask scheduler at this address.")
    ] = None,
) -> None:
    """Judge whether tomograms are sound: numbers, noise, steps, clipping, missing parts, wedge.

    Exit code 0: no check fails; 1: one does; 2: it could not be examined.

    Example: cryoet-bench qc TS_100_3.zarr --html report.html

    Example: cryoet-bench qc runs/*.mrc --table runs.parquet --html runs.html
    """
    if table is None and len(sources) == 1 and scheduler is None:
        _one(sources[0], {"json": json_path, "html": html, "png": png, "markdown": markdown})
        return
    if json_path or png or markdown:
        raise InputError(
            "--json, --png and --markdown are for one tomogram: use --table and --html"
        )
    if table is None:
        raise InputError("several tomograms need a table: say where with --table FILE.parquet")
    _many(sources, table, html, scheduler)


def _one(source: str, wanted: dict[report.Form, Path | None]) -> None:
    from cryoet_bench.quality import report  # noqa: PLC0415
    from cryoet_bench.quality.qc import inspect  # noqa: PLC0415
    from cryoet_bench.quality.qc.report import build_report  # noqa: PLC0415
    from cryoet_bench.tomogram import cache  # noqa: PLC0415

    targets = report.targets("qc", wanted, [source, cache.cache_dir()])
    with _progress() as bar:
        task = bar.add_task(f"examining {source}", total=1.0)
        inspection = inspect(source, progress=lambda share: bar.update(task, completed=share))
    report.write(build_report(inspection), targets)
    if not any(target.is_printed for target in targets.values()):
        _print(inspection)
    if inspection.verdict == "fail":
        raise typer.Exit(1)


def _print(inspection: Inspection) -> None:
    from cryoet_bench.quality.report.writers import shown  # noqa: PLC0415

    listed = Table(box=SIMPLE, pad_edge=False)
    for title in ("check", "verdict", "value", "meaning"):
        listed.add_column(title, no_wrap=title == "verdict")
    for check in inspection.checks:
        listed.add_row(
            check.title,
            f"[{_COLOURS[check.verdict]}]{check.verdict}[/]",
            shown(check.value, check.unit),
            check.sentence.replace("[", r"\["),
        )
    console = Console(highlight=False)
    console.print(inspection.volume.name, markup=False, style="bold")
    console.print(listed)


def _many(sources: list[str], table: Path, html: Path | None, scheduler: str | None) -> None:
    from cryoet_bench.files import outputs  # noqa: PLC0415
    from cryoet_bench.quality.qc.batch import examine_all  # noqa: PLC0415
    from cryoet_bench.quality.report.table import PAGE, PARQUET, write_table_html  # noqa: PLC0415
    from cryoet_bench.tomogram import cache  # noqa: PLC0415

    targets = outputs({PARQUET: table, PAGE: html}, [*sources, cache.cache_dir()])
    console = Console(highlight=False)
    verdicts = []
    with _progress() as bar:
        task = bar.add_task("examining", total=len(set(sources)))

        def done(source: str, verdict: str) -> None:
            verdicts.append(verdict)
            bar.console.print(f"{verdict:5} {source}", markup=False, style=_COLOURS[verdict])
            bar.advance(task)

        rows = examine_all(sources, table, scheduler=scheduler, done=done)
    if PAGE in targets:
        write_table_html(rows, targets[PAGE])
    console.print(f"{len(verdicts)} tomograms in {table}", markup=False)
    if "error" in verdicts:
        raise typer.Exit(2)
    if "fail" in verdicts:
        raise typer.Exit(1)


def _progress() -> Progress:
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, highlight=False)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # it would leave an empty line in a log
    )
