"""``cryoet-bench report``: a finding as the package's own tracker wants it."""

from __future__ import annotations

import difflib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryoet_bench.cli import checkout
from cryoet_bench.errors import InputError
from cryoet_bench.files import output
from cryoet_bench.variables import DEFAULT_TOMOGRAM

if TYPE_CHECKING:
    from cryoet_bench.changes.finding import Finding


def report(
    finding: Annotated[
        str,
        typer.Argument(
            metavar="FINDING", help="The id of a finding, as 'cryoet-bench changes --json' has it."
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where to write the two files.")
    ] = Path(),
    tomogram: Annotated[str, typer.Option(help="Measured on which tomogram.")] = DEFAULT_TOMOGRAM,
    machine: Annotated[
        str | None,
        typer.Option(help="Measured on which machine; this one, else the reference machine."),
    ] = None,
) -> None:
    """Write the script and the issue that report a finding upstream.

    \b
    cryoet-bench report FINDING --out reports
    uv run reports/FINDING.py

    The script needs uv alone, and nothing of this project. The issue follows the template of the
    package's tracker, with the script in it.
    """
    root = checkout.project_root()
    from cryoet_bench.changes import report as reporting
    from cryoet_bench.record.record import Record

    found = known_finding(root, finding, tomogram, machine)
    revisions = checkout.known_revisions(root)
    made = reporting.report(
        found,
        Record.of(root).suite()[found.benchmark],
        revisions.find(found.previous),
        revisions.find(found.revision),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {out}: {error.strerror}; name another one with --out"
        ) from error
    script = output(out / f"{made.name}.py", reporting.SCRIPT)
    issue = output(out / f"{made.name}.md", reporting.ISSUE)
    script.write(made.script)
    issue.write(made.issue)
    typer.echo(shlex.join(["uv", "run", str(script.path)]))
    typer.echo(f"The text of an issue for {found.package} is in {issue.path}.")


def known_finding(root: Path, name: str, tomogram: str, machine: str | None = None) -> Finding:
    """Return the finding of an id.

    Raises
    ------
    InputError
        There is none; close ids are named.
    """
    from cryoet_bench.changes.reproduction import command
    from cryoet_bench.changes.screen import screen
    from cryoet_bench.cli.changes import scope_of

    scope = scope_of(root, tomogram, machine)
    known = {one.id: one for one in screen(scope).findings}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ":"
        raise InputError(
            f"there is no finding {name!r} on {tomogram} on {scope.machine}{hint} "
            f"'{command('cryoet-bench', 'changes', '--json', tomogram=tomogram)}' lists them"
        )
    return known[name]
