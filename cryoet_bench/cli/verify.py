"""``cryoet-bench verify``: what storing a volume did to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cryoet_bench.cli.progress import Stages
from cryoet_bench.cli.verdicts import COLOURS
from cryoet_bench.conclusion import FINDING, NOT_DONE
from cryoet_bench.errors import InputError

if TYPE_CHECKING:
    from cryoet_bench.quality.fidelity.migration import Row
    from cryoet_bench.quality.fidelity.verification import Verification


def verify(
    reference: Annotated[
        str | None,
        typer.Argument(
            metavar="REFERENCE",
            help="The original: a tomogram's name, a file, a Zarr, an s3:// URL.",
        ),
    ] = None,
    copy: Annotated[
        str | None, typer.Argument(metavar="COPY", help="The stored copy, in any of these forms.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="What the copy is for: archival, analysis or visualisation.")
    ] = "analysis",
    voxel_spacing: Annotated[
        float | None,
        typer.Option(help="Voxel spacing in angstrom of a volume that states none."),
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write all measures as JSON; - prints them.")
    ] = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", help="Write the report as one page.")
    ] = None,
    png_path: Annotated[Path | None, typer.Option("--png", help="Write the pictures.")] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--list",
            help="Verify every line of this CSV, with the columns reference, copy and, if wanted, "
            "profile; relative paths are relative to it.",
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Write one row per pair, as CSV or .parquet; rerun to resume."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Verify a list on the Dask scheduler at this address.")
    ] = None,
) -> None:
    """Judge whether a stored copy kept what its purpose needs.

    \b
    cryoet-bench verify my_tomogram.mrc my_copy.zarr --html verify.html
    cryoet-bench verify my_tomogram.mrc my_copy.zarr --profile archival
    cryoet-bench verify --list pairs.csv --table migration.csv

    The formats of the two may differ. Exit code 0: the copy is fit; 1: it is not; 2: they could
    not be compared.
    """
    from cryoet_bench.quality.fidelity.profiles import profile_named

    chosen = profile_named(profile)
    if voxel_spacing is not None and not 0 < voxel_spacing < float("inf"):
        raise InputError(f"a voxel spacing of {voxel_spacing:g} angstrom is none: give a length")
    if pairs is not None:
        if reference or copy or json_path or html_path or png_path:
            raise InputError("--list goes with --table alone: its lines name the volumes")
        if table is None:
            raise InputError("a list needs a table: name it with --table FILE.csv")
        _list(pairs, table, profile, voxel_spacing, scheduler)
        return
    if table or scheduler:
        raise InputError("--table and --scheduler are for a list of pairs: give it with --list")
    if reference is None or copy is None:
        raise InputError("name the reference and its copy, or a list of pairs with --list")

    from cryoet_bench.quality import report
    from cryoet_bench.quality.fidelity.verification import verify_sources
    from cryoet_bench.tomogram import cache

    targets = report.targets(
        "fidelity",
        {"json": json_path, "html": html_path, "png": png_path},
        [reference, copy, cache.cache_dir()],
    )
    with Stages() as progress:
        verified = verify_sources(
            reference, copy, chosen, voxel_spacing=voxel_spacing, progress=progress.tell
        )
    if targets:
        from cryoet_bench.quality.fidelity.report import build_report

        report.write(build_report(verified), targets)
    if not any(target.is_printed for target in targets.values()):
        _print(verified)
    if verified.verdict == "fail":
        raise typer.Exit(FINDING)


def _print(verified: Verification) -> None:
    console = Console(emoji=False)
    table = Table(box=SIMPLE)
    for title in ("", "what", "value", "needed"):
        table.add_column(title, overflow="fold")
    from cryoet_bench.quality.report.writers import shown

    for check in verified.checks:
        colour = COLOURS[check.verdict]
        table.add_row(
            f"[{colour}]{check.verdict}[/]",
            check.title,
            escape(shown(check.value, check.unit)),
            check.threshold,
        )
    console.print(table)
    # Sentences have the terminal's whole width below the table: a narrow column hides the reason.
    for check in verified.consequential:
        verdict = f"[{COLOURS[check.verdict]}]{check.verdict}[/]"
        text = f"{verdict} {check.title}: {escape(check.sentence)}"
        console.print(text, highlight=False, soft_wrap=True)
    console.print(verified.headline, markup=False, highlight=False, soft_wrap=True)


def _list(
    listed: Path, table: Path, profile: str, voxel_spacing: float | None, scheduler: str | None
) -> None:
    from cryoet_bench.files import output
    from cryoet_bench.quality.fidelity import migration
    from cryoet_bench.tomogram import cache

    pairs = migration.read_pairs(listed, profile)
    sources = [source for pair in pairs for source in pair.sources]
    target = output(table, migration.kind_of_table(table), [*sources, listed, cache.cache_dir()])
    console = Console(stderr=target.is_printed, highlight=False, emoji=False)
    verdicts: list[str] = []
    with Stages() as progress:
        progress.tell("Verifying", 0, len(pairs))

        def done(row: Row) -> None:
            verdicts.append(row["verdict"])
            text = f"{row['verdict']:5} {row['copy']}"
            if row["verdict"] in {"fail", "error"}:
                text += f": {row['message']}"
            style = COLOURS[row["verdict"]]
            console.print(text, markup=False, style=style, soft_wrap=True)
            progress.tell("Verifying", len(verdicts), len(pairs))

        migration.verify_all(
            pairs, target, voxel_spacing=voxel_spacing, scheduler=scheduler, done=done
        )
    counts = ", ".join(
        f"{verdicts.count(verdict)} {verdict}" for verdict in COLOURS if verdict in verdicts
    )
    console.print(f"{len(pairs)} pairs in {table}: {counts}", markup=False, soft_wrap=True)
    if "error" in verdicts:
        raise typer.Exit(NOT_DONE)
    if "fail" in verdicts:
        raise typer.Exit(FINDING)
