"""``cryoet-bench qc``: is this volume sound?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cryoet_bench import extras
from cryoet_bench.cli import consoles, progress
from cryoet_bench.cli.verdicts import COLOURS
from cryoet_bench.conclusion import FINDING, INTERRUPTED, NOT_DONE, say
from cryoet_bench.errors import InputError

if TYPE_CHECKING:
    from cryoet_bench.files import Kind, Output
    from cryoet_bench.quality import report
    from cryoet_bench.quality.qc import Inspection
    from cryoet_bench.quality.report.table import Row


def qc(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Tomograms: a phantom's or cached name, an MRC, TIFF or Zarr path, an s3:// URL "
            "of a Zarr, portal:DATASET/RUN, or a folder of many.",
        ),
    ],
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the report as JSON; - prints it.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write the report as one page; of many tomograms, a page of all, with a report of "
            "each in a folder next to it."
        ),
    ] = None,
    png: Annotated[Path | None, typer.Option(help="Write the pictures.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the summary as Markdown; - prints it.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Write one row per tomogram as Parquet, which PixelPatrol opens."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write one row per tomogram as CSV; - prints it.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Examine many on the Dask scheduler at this address.")
    ] = None,
    limits: Annotated[
        Path | None,
        typer.Option(help="Judge by the limits in this TOML or JSON file."),
    ] = None,
) -> None:
    """Judge whether tomograms are sound.

    \b
    cryoet-bench qc TS_100_3.zarr --html report.html
    cryoet-bench qc runs/ --html runs.html --csv runs.csv
    cryoet-bench qc runs/ --limits facility.toml

    Checked are the voxel values, noise, clipping, lost, repeated and foreign parts, the missing
    wedge, and what the header says. Exit code 0: no check fails; 1: one does; 2: one could not be
    examined.
    """
    found = _found(sources)
    if len(found) == 1 and not (table or csv or scheduler):
        wanted: dict[report.Form, Path | None] = {
            "json": json_path, "html": html, "png": png, "markdown": markdown,
        }  # fmt: skip
        _one(found[0], wanted, limits)
        return
    if json_path or png or markdown:
        raise InputError(
            "--json, --png and --markdown are for one tomogram: use --html, --csv and --table"
        )
    _many(found, {"table": table, "csv": csv, "html": html}, scheduler, limits)


def _found(sources: list[str]) -> list[str]:
    """Return the sources, each folder that is no Zarr replaced by the volumes in it."""
    found = []
    console = consoles.aside()
    for source in sources:
        path = Path(source).expanduser()
        if not source:
            raise InputError("a source is empty: name a tomogram")
        if path.is_dir():
            from cryoet_bench.quality.qc.search import volumes_in
            from cryoet_bench.volume.image import is_zarr

            # A folder within a Zarr holds its chunks, and no volumes.
            if any(map(is_zarr, (path, *path.absolute().parents))):
                found.append(source)
                continue
            with console.status(Text(f"searching {source}")) as status:
                found += volumes_in(
                    path,
                    searching=lambda folder: status.update(Text(f"searching {folder}")),
                )
        else:
            found.append(source)
    return list(dict.fromkeys(found))


def _one(source: str, wanted: dict[report.Form, Path | None], own: Path | None) -> None:
    from cryoet_bench.quality import report
    from cryoet_bench.quality.qc import inspect
    from cryoet_bench.quality.thresholds import LIMITS, in_words, read_limits
    from cryoet_bench.tomogram import cache

    limits = read_limits(own) if own else LIMITS
    taken: list[str | Path] = [source, cache.cache_dir(), *([own] if own else [])]
    targets = report.targets("qc", wanted, taken)
    with progress.bar() as bar:
        task = bar.add_task(f"examining {source}", total=1.0)
        inspection = inspect(
            source, progress=lambda share: bar.update(task, completed=share), limits=limits
        )
    if targets:
        from cryoet_bench.quality.qc.report import build_report

        report.write(build_report(inspection), targets)
    if not any(target.is_printed for target in targets.values()):
        _print(inspection)
        if own:
            typer.echo(f"Judged by your limits: {in_words(limits)}")
    if inspection.verdict == "fail":
        raise typer.Exit(FINDING)


def _print(inspection: Inspection) -> None:
    from cryoet_bench.quality.consequence import advice, by_consequence
    from cryoet_bench.quality.report.writers import shown

    listed = Table(box=SIMPLE, pad_edge=False)
    for title in ("check", "verdict", "value", "meaning"):
        listed.add_column(title, no_wrap=title == "verdict")
    for check in by_consequence(inspection.checks):
        listed.add_row(
            check.title,
            f"[{COLOURS[check.verdict]}]{check.verdict}[/]",
            shown(check.value, check.unit),
            check.sentence.replace("[", r"\["),
        )
    console = Console(highlight=False, emoji=False)
    console.print(inspection.volume.name, markup=False, style="bold")
    console.print(listed)
    console.print(f"Use it? {advice(inspection.checks)}", markup=False, soft_wrap=True)


def _many(
    sources: list[str],
    wanted: Mapping[Literal["table", "csv", "html"], Path | None],
    scheduler: str | None,
    own: Path | None,
) -> None:
    from cryoet_bench.files import outputs
    from cryoet_bench.quality.qc.batch import Places, examine_all
    from cryoet_bench.quality.report import table as tables
    from cryoet_bench.quality.thresholds import LIMITS, in_words, read_limits
    from cryoet_bench.tomogram import cache

    limits = read_limits(own) if own else LIMITS
    targets = outputs(
        {tables.PARQUET: wanted["table"], tables.CSV: wanted["csv"], tables.PAGE: wanted["html"]},
        [*sources, cache.cache_dir(), *([own] if own else [])],
    )
    if tables.PARQUET in targets:
        extras.require("pyarrow")
    if scheduler:
        extras.require("distributed")
    kept = [target.path for target in targets.values() if not target.is_printed]
    page = targets.get(tables.PAGE)
    places = Places.beside(kept, None if page is None or page.is_printed else page.path)
    own_limits = f"Judged by your limits: {in_words(limits)}" if own else ""
    try:
        with _shown(len(sources), own_limits) as done:
            rows = examine_all(sources, places, limits=limits, scheduler=scheduler, done=done)
    except KeyboardInterrupt:
        say("interrupted" + ("; what is finished is kept, rerun to resume" if kept else ""))
        raise typer.Exit(INTERRUPTED) from None
    _write(rows, targets)
    verdicts = {row["verdict"] for row in tables.of_tomograms(rows)}
    if "error" in verdicts:
        raise typer.Exit(NOT_DONE)
    if "fail" in verdicts:
        raise typer.Exit(FINDING)


def _write(rows: Sequence[Row], targets: Mapping[Kind, Output]) -> None:
    """Write the table of many volumes in each form, and say where it is."""
    from cryoet_bench.quality.report import table as tables

    writers = {
        tables.PARQUET: tables.write_parquet,
        tables.CSV: tables.write_csv,
        tables.PAGE: tables.write_table_html,
    }
    for kind, target in targets.items():
        writers[kind](rows, target)
    if kept := [target.path for target in targets.values() if not target.is_printed]:
        count = len(tables.of_tomograms(rows))
        what = "1 tomogram" if count == 1 else f"{count} tomograms"
        typer.echo(f"{what} in {', '.join(map(str, kept))}", err=len(kept) < len(targets))


@contextmanager
def _shown(count: int, own_limits: str) -> Iterator[Callable[[str, Row], None]]:
    """Yield what prints the row of each volume as it is finished, above a bar."""
    with progress.bar() as bar:
        task = bar.add_task("examining", total=count)
        if own_limits:
            bar.console.print(own_limits, markup=False, soft_wrap=True)

        def done(source: str, row: Row) -> None:
            line = f"{row['use']:12} {source}" + (f": {row['message']}" if row["message"] else "")
            line += f" [{row['rule']}]" if own_limits and row.get("rule") else ""
            bar.console.print(line, markup=False, style=COLOURS[row["verdict"]], soft_wrap=True)
            bar.advance(task)

        yield done
