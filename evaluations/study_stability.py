"""Do two runs of a study recommend the same?

    python -m evaluations.study_stability [--matrix focused] [--keep FOLDER]

Measures a matrix twice on the default phantom and compares the recommendation for each use. Exits
with 1 unless at least three of four are the same, or say that there is no clear winner. A rerun
with --keep resumes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from cryoet_bench.study import campaign, matrix
from cryoet_bench.study.recommendation import Demand, recommend
from cryoet_bench.study.results import results
from cryoet_bench.study.uses import use_cases

BAR = 3
TOMOGRAM = "phantom-10A"


def main() -> int:
    """Measure twice, and return 1 where the recommendations differ too much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--matrix", default="focused")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as where:
        for name in ("first", "second"):
            start = time.monotonic()
            folder = (arguments.keep or Path(where)) / name
            plan = campaign.prepare([TOMOGRAM], matrix.read(arguments.matrix), folder)
            runs.append(results(campaign.run(plan)))
            print(
                f"{name}: {len(runs[-1].summary)} configurations, {time.monotonic() - start:.0f} s"
            )
    agreed = 0
    for case in use_cases().values():
        one, other = (recommend(run, run.subjects[0], Demand(use=case)) for run in runs)
        same = one.choice == other.choice or not (one.is_clear and other.is_clear)
        agreed += same
        print(
            f"{case.name}: {one.choice} ({one.certainty:.0%}), {other.choice} "
            f"({other.certainty:.0%}){'' if same else ': differ'}"
        )
    print(f"{agreed} of {len(use_cases())} agree (bar {BAR}).")
    return int(agreed < BAR)


if __name__ == "__main__":
    sys.exit(main())
