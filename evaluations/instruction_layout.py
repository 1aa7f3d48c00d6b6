"""How far do instructions of a codec move where neither numcodecs nor numpy does?

    python -m evaluations.instruction_layout

Prints for each codec the largest difference between releases with the same numcodecs and numpy: it
comes from where buffers lie in memory. Exits with 1 when one is beyond its tolerance.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.record.record import Record
from evaluations import ROOT
from evaluations.recorded import evaluate

if TYPE_CHECKING:
    import pandas as pd


_OF_A_CODEC = ("numcodecs==", "numpy==")


def judge(cases: pd.DataFrame) -> int:
    """Print a row for each codec, the largest difference first; return the exit code."""
    suite, revisions = Record.of(ROOT).suite(), known_revisions(ROOT)
    own = cases[(cases["unit"] == "instructions") & (cases["status"] == "passed")]
    if own.empty:
        print("no instructions are recorded")
        return 2
    pins = {
        name: " ".join(pin for pin in revisions.find(name).pins if pin.startswith(_OF_A_CODEC))
        for name in own["revision"].unique()
    }
    alike = own.groupby(["benchmark", "case", own["revision"].map(pins)])["value"]
    apart = (alike.max() / alike.min() - 1).rename("apart").reset_index()
    largest = apart.groupby(["benchmark", "case"])["apart"].max().sort_values(ascending=False)
    beyond = 0
    print("| benchmark | codec | apart | tolerance |\n|---|---|---|---|")
    for row in largest.reset_index().itertuples():
        tolerance = suite[str(row.benchmark)].tolerance(str(row.case))
        beyond += row.apart > tolerance
        print(f"| {row.benchmark} | {row.case} | {row.apart:.3%} | {tolerance:.1%} |")
    return int(beyond > 0)


if __name__ == "__main__":
    sys.exit(evaluate(judge, __doc__))
