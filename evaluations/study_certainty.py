"""Is a recommendation right as often as it claims?

    python -m evaluations.study_certainty STUDY [--runs 20] [--rounds 3]

Takes the times that a study measured (a folder of `cryoet-bench study`) as the truth, measures them
again in simulation with the noise that the study saw, and counts how often the recommendation of
each use is the true best. Exits with 1 where the mean certainty and that share are more than 0.15
apart.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.record.estimate import variance
from cryoet_bench.study import ledger
from cryoet_bench.study.ledger import Entry, Ledger
from cryoet_bench.study.recommendation import Demand, recommend
from cryoet_bench.study.results import Results, results
from cryoet_bench.study.uses import use_cases

BAR = 0.15


def again(found: Results, rounds: int, seed: int) -> Ledger:
    """Return a ledger of the same study, its times drawn anew about its estimates."""
    draw = np.random.default_rng([14, seed])
    entries: list[Entry] = [e for e in found.ledger.entries.values() if e.kind == "exact"]
    for (subject, configuration), levels in found.levels.items():
        for number in range(1, rounds + 1):
            samples = {
                measure: [
                    level.value * draw.lognormal(0, level.error / variance(level.rounds) ** 0.5)
                ]
                for measure, level in levels.items()
            }
            entries.append(
                Entry(
                    kind="timed",
                    subject=subject,
                    configuration=configuration,
                    round=number,
                    samples=samples,
                )
            )
    plan = dict(found.ledger.plan) | {"repeats": rounds}
    return Ledger(Path(), plan, {entry.key: entry for entry in entries})


def main() -> int:
    """Simulate, print a line for each use, and return 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found = results(ledger.read(arguments.study))
    subject = found.subjects[0]
    runs = [results(again(found, arguments.rounds, seed)) for seed in range(arguments.runs)]
    claimed, right = [], []
    for case in use_cases().values():
        # Two lossless neighbours are near each other; what is left of lossy ones is far ahead.
        for demand in (Demand(use=case), Demand(use=case, lossless=True)):
            try:
                best = recommend(found, subject, demand).choice
            except InputError:
                continue  # a use whose measures the study did not take
            advice = [recommend(run, subject, demand) for run in runs]
            claimed += [one.certainty for one in advice]
            right += [one.choice == best for one in advice]
            words = "lossless" if demand.lossless else "any"
            print(
                f"{case.name}, {words}: claimed {np.mean([one.certainty for one in advice]):.0%}, "
                f"right {np.mean([one.choice == best for one in advice]):.0%} ({best})"
            )
    apart = abs(float(np.mean(claimed)) - float(np.mean(right)))
    print(f"All: claimed {np.mean(claimed):.1%}, right {np.mean(right):.1%} (bar {BAR:.0%} apart).")
    return int(apart > BAR)


if __name__ == "__main__":
    sys.exit(main())
