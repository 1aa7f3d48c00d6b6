"""The command ``cryoet-bench``: it parses and prints, the packages do the work.

Exit codes: 0 good, 1 a finding, 2 could not be done.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from cryoet_bench import __version__, extras
from cryoet_bench.cli import bench, noise, portal, timeline, tomogram
from cryoet_bench.cli.qc import qc
from cryoet_bench.cli.verify import verify
from cryoet_bench.errors import InputError

app = typer.Typer(
    name="cryoet-bench",
    help="The performance record of Zarr for cryo-electron tomography.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: drawing boxes takes as long as all other imports
    context_settings={"max_content_width": 100},
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
    """Run the command; what the user can fix is one sentence on standard error and exit code 2."""
    try:
        app()
    except InputError as error:
        _stop(str(error))
    except ImportError as error:
        sentence = extras.explained(error)
        if sentence is None:
            raise
        _stop(sentence)


def _stop(sentence: str) -> NoReturn:
    typer.echo(f"cryoet-bench: {sentence}", err=True)
    sys.exit(2)
