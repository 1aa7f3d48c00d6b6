"""What of the suite passes, is not available and fails on every release?

    scripts/bench --all
    python -m evaluations.outcomes

Exits with 1 when a release fails that upstream did not break.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.record.record import coverage, failures
from evaluations import ROOT
from evaluations.recorded import evaluate

if TYPE_CHECKING:
    import pandas as pd


def judge(cases: pd.DataFrame) -> int:
    """Print a row for each release of every line."""
    counts = coverage(cases).droplevel(["machine", "tomogram"])
    reasons = failures(cases)
    unexpected = False
    print("| line | release | passed | n/a | failed | |\n|---|---|---|---|---|---|")
    for revision in known_revisions(ROOT).by_commit.values():
        if revision.name not in counts.index:
            continue
        row = counts.loc[revision.name]
        own = reasons[reasons["revision"] == revision.name]
        why = "; ".join(f"{one.reason} ({one.count})" for one in own.itertuples())
        numbers = " | ".join(str(row[status]) for status in ("passed", "n/a", "failed"))
        print(f"| {revision.line} | {revision.label} | {numbers} | {why} |")
        unexpected |= bool(row["failed"]) and not revision.broken
    return int(unexpected)


if __name__ == "__main__":
    sys.exit(evaluate(judge, __doc__))
