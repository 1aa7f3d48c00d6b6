"""What the evaluations of the record share: which part of it, and its exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.errors import InputError
from cryoet_bench.record.record import Record
from cryoet_bench.variables import DEFAULT_TOMOGRAM
from evaluations import ROOT

if TYPE_CHECKING:
    import pandas as pd


def evaluate(judge: Callable[[pd.DataFrame], int], description: str | None) -> int:
    """Judge the record of one machine and tomogram, as the command line names them.

    Parameters
    ----------
    judge : callable
        Takes the cases, from `Record.cases`, prints, and returns the exit code.
    description : str
        Of the command.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--machine", help="the only one of the record, unless one is named")
    parser.add_argument("--tomogram", default=DEFAULT_TOMOGRAM)
    arguments = parser.parse_args()
    record = Record.of(ROOT)
    machines = sorted({series.machine for series in record.series()})
    if arguments.machine is None and len(machines) != 1:
        parser.error(f"--machine must name one of {', '.join(machines) or 'none'}")
    try:
        cases = record.cases(
            list(known_revisions(ROOT).by_commit.values()),
            machine=arguments.machine or machines[0],
            tomogram=arguments.tomogram,
        )
        return judge(cases)
    except InputError as error:
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        return 2
