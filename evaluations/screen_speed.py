"""How long does the screen of a full record take, and how much memory?

    python -m evaluations.screen_speed

Writes a record of 45 releases and 1,500 series (600 times in six rounds of ten samples, 900 exact
values) into a temporary folder and screens it in a process of its own. Exits with 1 when that
takes more than 10 seconds or 1 GB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.changes.scope import Scope
from cryoet_bench.changes.screen import screen
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.journal import Measured, Round, Visit
from cryoet_bench.record.record import Record
from cryoet_bench.timeline.releases import Release, Timeline
from cryoet_bench.timeline.repository import build
from cryoet_bench.timeline.revisions import Revisions

if TYPE_CHECKING:
    import numpy as np

SECONDS = 10.0
BYTES = 1e9
RELEASES, CASES, TIMED, EXACT = 45, 25, 24, 36
ROUNDS, SAMPLES = 6, 10
MACHINE, TOMOGRAM = "generated", "phantom-10A"
STEP = 1.2
"""What the releases in the middle do to the first question."""


def timeline() -> Timeline:
    """Return releases of zarr, a month apart."""
    start = datetime(2023, 1, 1, tzinfo=UTC)
    versions = [f"3.{number}.0" for number in range(RELEASES)]
    return Timeline(
        tuple(
            Release(
                package="zarr",
                version=version,
                date=start + timedelta(days=30 * number),
                pins={"zarr": version, "numcodecs": "0.16.0"},
            )
            for number, version in enumerate(versions)
        )
    )


def suite() -> dict[str, Benchmark]:
    """Return the benchmarks: times first, then exact values, all with the same number of cases."""
    cases = [[repr(f"case-{number}") for number in range(CASES)]]
    found = {}
    for number in range(TIMED + EXACT):
        timed = number < TIMED
        name = f"question{number}.Cases.{'time_it' if timed else 'track_requests'}"
        found[name] = Benchmark(
            {
                "name": name,
                "pretty_name": f"Question {number}",
                "type": "time" if timed else "track",
                "unit": "seconds" if timed else "requests",
                "version": "1",
                "params": cases,
                "param_names": ["codec"],
            }
        )
    return found


def write(root: Path) -> None:
    """Write the record."""
    import numpy as np  # noqa: PLC0415

    rng = np.random.default_rng(1)
    build(timeline(), root / "timeline")
    record = Record(root / "results")
    record.describe_suite(suite(), "generated")
    for place, release in enumerate(timeline().releases):
        path = record.own / MACHINE / TOMOGRAM / f"{release.tag}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(_lines(place, rng)), "utf-8")


def _lines(place: int, rng: np.random.Generator) -> list[str]:
    """Return the lines of a journal. One write of all: a journal flushes each to the disk."""
    import json  # noqa: PLC0415
    from dataclasses import asdict  # noqa: PLC0415

    entries: list[dict[str, Any]] = []
    for number in range(1, ROUNDS + 1):
        visit = Visit(f"visit {number}", f"2026-01-01T00:00:{number:02d}+00:00", "generated")
        entries.append({"kind": "visit", **asdict(visit)})
        for question, benchmark in enumerate(suite().values()):
            if not benchmark.is_timed and number > 1:
                continue
            level = STEP if question == 0 and place >= RELEASES // 2 else 1.0
            times = level * (1 + rng.gamma(2, 0.01, (CASES, SAMPLES)))
            cases = tuple(
                Measured(case, "passed", samples=tuple(row), number=1)
                if benchmark.is_timed
                else Measured(case, "passed", float(len(case)))
                for case, row in zip(benchmark.cases, times.tolist(), strict=True)
            )
            measured = Round(
                benchmark.name, "1", number, visit.started_at, 1.0, cases, visit.id
            )  # fmt: skip
            entries.append({"kind": "round", **asdict(measured)})
    return [json.dumps(entry) + "\n" for entry in entries]


def report(root: Path) -> int:
    """Screen the record, print what it took, and return 1 when a bar is missed."""
    revisions = Revisions(timeline(), root / "timeline")
    before, busy = time.perf_counter(), time.process_time()
    found = screen(Scope(Record(root / "results"), revisions, MACHINE, TOMOGRAM))
    seconds, busy = time.perf_counter() - before, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    size = sum(path.stat().st_size for path in (root / "results").rglob("*.jsonl"))
    print("| releases | series | journals | values judged | findings | time | of it busy | peak |")
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {RELEASES} | {len(suite()) * CASES} | {size / 1e6:.0f} MB | {found.judged} | "
        f"{len(found.findings)} | {seconds:.1f} s | {busy:.1f} s | {peak / 1e6:.0f} MB |"
    )
    middle = f"zarr-3.{RELEASES // 2}.0"
    planted = [one for one in found.findings if one.benchmark.startswith("question0.")]
    missed = [one.revision for one in planted] != [middle]
    return int(missed or seconds > SECONDS or peak > BYTES)


def main() -> int:
    """Generate and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--screen", type=Path, help="screen the record in this folder")
    folder = parser.parse_args().screen
    if folder:
        return report(folder)
    with tempfile.TemporaryDirectory() as made:
        write(Path(made))
        command = [sys.executable, "-m", "evaluations.screen_speed", "--screen", made]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
