"""What the evaluations of the record share: where it is, and what is said when it is not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.record.history import History
from cryoet_bench.timeline import releases, repository

ROOT = Path(__file__).resolve().parents[1]


def evaluate(judge: Callable[[History], int], description: str | None) -> int:
    """Judge the record that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a machine's results")
    parser.add_argument("--tomogram", default="phantom-10A")
    arguments = parser.parse_args()
    timeline, location = releases.load(), ROOT / repository.LOCATION
    try:
        repository.refresh(timeline, location)
        return judge(History(arguments.folder, location, timeline, arguments.tomogram))
    except InputError as error:
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        return 2
