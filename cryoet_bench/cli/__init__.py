"""The command ``cryoet-bench``: it parses and prints, the packages do the work.

Exit codes: 0 good, 1 a finding, 2 could not be done.
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from cryoet_bench import __version__
from cryoet_bench.cli import bench, noise, portal, timeline, tomogram
from cryoet_bench.cli.qc import qc
from cryoet_bench.cli.verify import verify
from cryoet_bench.errors import InputError

app = typer.Typer(
    name="cryoet-bench",
    help="The performance record of Zarr for cryo-electron tomography.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

tomogram.app.add_typer(portal.app)
app.add_typer(timeline.app, name="timeline")
app.add_typer(tomogram.app, name="tomogram")
app.command()(bench.bench)
app.command()(noise.noise)
app.command()(qc)
app.command()(verify)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command; what a person can mend is one sentence on standard error and exit code 2."""
    try:
        app()
    except InputError as error:
        Console(stderr=True, highlight=False).print(
            f"cryoet-bench: {error}", markup=False, soft_wrap=True
        )
        sys.exit(2)
