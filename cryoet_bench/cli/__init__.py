"""The performance record of Zarr for cryo-electron tomography.

\b
cryoet-bench qc my_tomogram.mrc                       is this volume sound?
cryoet-bench verify my_tomogram.mrc my_copy.zarr      did storing it hurt it?
cryoet-bench study my_tomogram.mrc                    which codec and chunks to write?
cryoet-bench changes                                  what did each release change?
cryoet-bench gate ~/zarr-python                       is this branch slower?

Exit codes: 0 good, 1 a finding, 2 could not be done, 130 interrupted.
"""

from __future__ import annotations

import gc
import io
import logging
import os
import re
import sys
import threading
from typing import Any

import typer

# Consoles take their width from here when they are made, some of them while this is imported.
if not re.fullmatch(r"[1-9][0-9]{1,3}", os.environ.get("COLUMNS", "80")):
    del os.environ["COLUMNS"]

from cryoet_bench import __version__
from cryoet_bench.cli.commands import Group
from cryoet_bench.conclusion import NOT_DONE, conclude

# So many objects more than were freed are made before garbage is looked for; Python's 700 to 2000
# are few beside the 200,000 of a start.
_GARBAGE = 100_000
# click's, or that of the copy of click which newer releases of typer carry.
_UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="cryoet-bench",
    cls=Group,
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: drawing boxes takes as long as all other imports
    context_settings={"max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(False, "--debug", help="Print the traceback of what goes wrong."),
) -> None:
    pass


def main() -> None:
    """Run the command; whatever goes wrong is one sentence on standard error and exit code 2."""
    arguments = sys.argv[1:]
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    debug = "--debug" in options
    if debug:
        arguments.remove("--debug")  # it may stand after the name of a command, too
    else:
        _silence_libraries()
    _prepare_streams()
    # What a command imports stays, and to look through it for garbage takes a tenth of a short one.
    gc.set_threshold(_GARBAGE)
    sys.exit(conclude(lambda: _run(arguments), debug=debug))


def _run(arguments: list[str]) -> int | None:
    try:
        code: int | None = app(arguments, standalone_mode=False)
    except _UsageError as error:
        error.show()
        return NOT_DONE
    except SystemExit as ended:
        # click ends with 1 when a pipe is closed, which here is a finding.
        if isinstance(ended.__context__, BrokenPipeError):
            raise ended.__context__ from None
        raise
    return code


def _prepare_streams() -> None:
    """Make every character printable, on a terminal of any encoding and of any stated width."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _silence_libraries() -> None:
    """Drop what libraries print of errors that have already become a sentence."""
    for name in ("asyncio", "distributed", "tornado", "matplotlib", "fsspec"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = lambda _: None
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda _: None
