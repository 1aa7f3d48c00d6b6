"""``cryoet-bench verify``: what storing a volume did to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from cryoet_bench.quality.fidelity.verification import Verification

_COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}


def verify(
    reference: Annotated[
        str, typer.Argument(help="The original: a tomogram's name, a file, a Zarr, an s3:// URL.")
    ],
    copy: Annotated[str, typer.Argument(help="The stored copy, in any of these forms.")],
    profile: Annotated[
        str, typer.Option(help="What the copy is for: archival, analysis or visualisation.")
    ] = "analysis",
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write all measures to this file.")
    ] = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", help="Write a page with pictures to this file.")
    ] = None,
    png_path: Annotated[
        Path | None, typer.Option("--png", help="Write the pictures to this file.")
    ] = None,
) -> None:
    """Say whether a stored copy kept what its purpose needs, and what was lost.

    Exit code 0 when it did, 1 when it did not, 2 when they could not be compared.

    Example: cryoet-bench verify phantom-10A copy.zarr --profile archival --html report.html
    """
    from cryoet_bench.quality import report as reports  # noqa: PLC0415
    from cryoet_bench.quality.fidelity import verification  # noqa: PLC0415
    from cryoet_bench.quality.fidelity.profiles import profile_named  # noqa: PLC0415
    from cryoet_bench.tomogram import cache  # noqa: PLC0415

    targets = reports.targets(
        "fidelity",
        {"json": json_path, "html": html_path, "png": png_path},
        [reference, copy, cache.cache_dir()],
    )

    chosen = profile_named(profile)
    with _Progress() as progress:
        verified = verification.verify_sources(reference, copy, chosen, progress=progress.tell)
    reports.write(verification.report(verified), targets)
    if not any(target.is_printed for target in targets.values()):
        _print(verified)
    if verified.verdict == "fail":
        raise typer.Exit(1)


def _print(verified: Verification) -> None:
    console = Console()
    table = Table(box=SIMPLE)
    for title in ("", "what", "value", "needed", "meaning"):
        table.add_column(title, overflow="fold")
    from cryoet_bench.quality.report.writers import shown  # noqa: PLC0415

    for check in verified.checks:
        colour = _COLOURS[check.verdict]
        table.add_row(
            f"[{colour}]{check.verdict}[/]",
            check.title,
            escape(shown(check.value, check.unit)),
            check.threshold,
            "" if check.verdict == "pass" else escape(check.sentence),
        )
    console.print(table)
    console.print(verified.headline, markup=False, highlight=False, soft_wrap=True)


class _Progress:
    """A bar on standard error, for as long as something is measured."""

    def __init__(self) -> None:
        from rich.progress import Progress  # noqa: PLC0415

        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("Opening", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, what: str, done: int, total: int) -> None:
        """Show what is being done and how far it is."""
        self._bar.update(self._task, description=what, completed=done, total=total)
