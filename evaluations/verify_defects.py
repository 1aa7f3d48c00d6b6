"""Plant defects in copies, each in its strengths, and table what `verify` calls them.

Usage: python -m evaluations.verify_defects [TOMOGRAM] [--seed N]   (default phantom-10A, 0)
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from rich.console import Console
from rich.table import Table

from cryoet_bench.quality.fidelity import compare
from cryoet_bench.tomogram.sources import obtain
from evaluations.defects import OF_COPIES


def main() -> int:
    """Print the table; the exit code tells whether everything was named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tomogram", nargs="?", default="phantom-10A")
    parser.add_argument("--seed", type=int, default=0, help="Of the places.")
    arguments = parser.parse_args()
    volume = obtain(arguments.tomogram).data
    table = Table("planted", "name", "strong", "middle", "weak")
    planted = missed = 0
    for defect in OF_COPIES:
        if not defect.fits(volume):
            continue
        cells = []
        for label, plant in defect.strengths:
            copy = plant(volume, np.random.default_rng(arguments.seed))
            found = [recognised.name for recognised in compare(volume, copy).defects]
            right = bool(found) and found[0] in defect.findings
            planted += 1
            missed += not right
            cells.append(f"{label}: " + ("found" if right else f"{found}"))
        table.add_row(defect.name, ", ".join(defect.findings), *cells)
    Console(width=140).print(table)
    print(f"{missed} missed or wrongly named of {planted}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
