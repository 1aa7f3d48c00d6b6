#!/usr/bin/env python
"""Does every release of the timeline install, and run the suite?

    .venv/bin/python evaluations/timeline_table.py FOLDER [REGEX]

Installs one release after the other into one environment, runs every case of the suite once
(of the benchmarks that REGEX matches) and prints how many passed, were not available, failed.
What each release gave is kept in FOLDER, so an interrupted table can be resumed. Exits
with 1 when a release fails that is not known to be broken upstream.
"""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

from cryoet_bench import variables
from cryoet_bench.timeline import environment, releases
from cryoet_bench.tomogram import cache
from cryoet_bench.tomogram.sources import obtain

ROOT = Path(__file__).resolve().parents[1]


def main(folder: str, regex: str = ".") -> int:
    """Fill the folder and print the table."""
    results = Path(folder).resolve()
    results.mkdir(parents=True, exist_ok=True)
    timeline = releases.load()
    home = environment.Environment(results / "env", environment.find_uv())
    obtain(variables.tomogram_name())
    os.environ[cache.CACHE_VARIABLE] = str(cache.cache_dir())
    print("| release | passed | n/a | failed | |\n|---|---|---|---|---|")
    unexpected = False
    for release in timeline.releases:
        result = results / f"{release.tag}.json"
        if not result.exists():
            if not home.python.exists():
                home.create(environment.find_python(home.uv))
                home.include(ROOT)
            home.install([*release.requirements.splitlines(), *timeline.beside(release.tag)])
            command = [home.python, ROOT / "evaluations" / "every_case.py", ROOT / "benchmarks"]
            subprocess.run([*command, regex, result], check=True)
        outcomes = json.loads(result.read_text("utf-8"))
        every = [tuple(outcome) for cases in outcomes.values() for outcome in cases.values()]
        counts = collections.Counter(status for status, _ in every)
        reasons = collections.Counter(str(why) for status, why in every if status == "failed")
        note = "; ".join(f"{why} ({count})" for why, count in reasons.most_common(3))
        row = " | ".join(str(counts[status]) for status in ("passed", "n/a", "failed"))
        print(f"| {release.label} | {row} | {note} |", flush=True)
        unexpected |= bool(counts["failed"]) and not release.broken
    return int(unexpected)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
