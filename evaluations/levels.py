"""Does a case have one level, whichever process it is measured in?

    python -m evaluations.levels FOLDER [--processes 10] [--bench REGEX]

Measures every timed core case in ten fresh processes on each of three releases, in the conditions
of every measurement, and prints for each release the largest factor between neighbours among the
ten sorted least times, and how many cases have a larger one than 1.25: of all ten, and without the
one and the two slowest, since about one process in ten shares its core with another guest of the
host; how far the decoders of Blosc, which is the same in two of them, are apart;
and the spread of the controls between processes. About 20 minutes on a quiet machine. Every time
is in FOLDER as soon as it was taken, so rerun to resume. Exits with 1 when a bar is missed.

All processes of a round are forked from one that has imported the release, and that alone: the
import costs more than all that is measured after it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from asv_runner.discovery import disc_benchmarks

from cryoet_bench.errors import InputError
from cryoet_bench.harness import conditions, turn
from evaluations import ROOT, _installed
from evaluations._installed import RELEASES

SAME_BLOSC = RELEASES[1:]
GAP, LIBRARY, CONTROL = 1.25, 1.15, 0.03

SERVER = """
import importlib, json, os, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
from asv_runner.discovery import get_benchmark_from_name
import numcodecs, numpy, zarr
importlib.import_module("numcodecs.blosc")
for line in sys.stdin:
    if not (child := os.fork()):
        value = None
        sys.stdout = open(os.devnull, "w")
        benchmark = get_benchmark_from_name(os.path.join(sys.argv[1], "benchmarks"), line.strip())
        if not benchmark.do_setup():
            value = min(benchmark.do_run()["samples"])
            benchmark.do_teardown()
        os.write(1, json.dumps(value).encode() + b"\\n")
        sys.exit()
    _, status = os.waitpid(child, 0)
    if status:
        os.write(1, b"null\\n")
"""


def cases(regex: str) -> Iterator[tuple[str, str]]:
    """Yield the name that asv gives each timed core case, and a readable one."""
    for benchmark in disc_benchmarks(str(ROOT / "benchmarks")):
        if benchmark.type != "time":
            continue
        every = itertools.product(*benchmark._params) if benchmark._params else [()]
        for number, case in enumerate(every):
            words = ", ".join(map(str, case))
            label = f"{benchmark.name}({words})"
            if words in benchmark.func.core and re.search(regex, label):
                yield (f"{benchmark.name}-{number}" if case else benchmark.name), label


def measure(python: Path, seed: int, names: list[str]) -> Iterator[float | None]:
    """Yield the least time of each case, in a process of its own; None where it has none."""
    command = [*conditions.launcher(), str(python), "-c", SERVER, str(ROOT)]
    given = conditions.environment(os.environ, hash_seed=seed)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=given) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for name in names:
            server.stdin.write(f"{name}\n")
            server.stdin.flush()
            yield json.loads(server.stdout.readline())


def fill(folder: Path, processes: int, named: dict[str, str]) -> None:
    """Measure what the folder lacks, a release after the other in every round."""
    _installed.provide_tomogram()
    for number, tag in itertools.product(range(processes), RELEASES):
        kept = folder / f"{tag}.jsonl"
        known = {label for round_, label, _ in rows(kept) if round_ == number}
        missing = [name for name, label in named.items() if label not in known]
        if not missing:
            continue
        python = _installed.python(folder, tag)
        print(f"round {number + 1} of {processes}: {tag}", file=sys.stderr, flush=True)
        with kept.open("a", encoding="utf-8") as file:
            for name, value in zip(missing, measure(python, number, missing), strict=True):
                file.write(json.dumps([number, named[name], value]) + "\n")
                file.flush()


def rows(kept: Path) -> list[tuple[int, str, float | None]]:
    """Return round, case and least time of what was measured."""
    if not kept.exists():
        return []
    return [tuple(json.loads(line)) for line in kept.read_text("utf-8").splitlines()]


def report(folder: Path) -> int:
    """Print the tables and return 1 when a bar is missed."""
    times: dict[str, dict[str, list[float]]] = {}
    for tag in RELEASES:
        times[tag] = defaultdict(list)
        for _, label, value in rows(folder / f"{tag}.jsonl"):
            if value is not None:
                times[tag][label].append(value)
    missed = []
    print("| release | cases | median gap | largest gap | where | above 1.25 | -1 | -2 |")
    print("|---|---|---|---|---|---|---|---|")
    for tag, found in times.items():
        gaps = {label: largest_gap(values) for label, values in found.items()}
        worst = max(gaps, key=gaps.__getitem__)
        above = [label for label, gap in gaps.items() if gap > GAP]
        missed += above
        median = statistics.median(gaps.values())
        row = f"{len(gaps)} | {median:.3f} | {gaps[worst]:.2f} | {worst} | {len(above)}"
        quiet = [
            sum(largest_gap(sorted(values)[:-slowest]) > GAP for values in found.values())
            for slowest in (1, 2)
        ]
        print(f"| {tag} | {row} | {quiet[0]} | {quiet[1]} |")
        for label in above:
            print(f"  {label}: {' '.join(f'{t * 1e6:.0f}' for t in sorted(found[label]))} us")
    print(f"\n| decoder | {' us | '.join(SAME_BLOSC)} us | ratio |\n|---|---|---|---|")
    one, other = (times[tag] for tag in SAME_BLOSC)
    for label in [label for label in one if "time_decode(blosc" in label]:
        before, after = (statistics.median(found[label]) for found in (one, other))
        missed += [label] * (not 1 / LIBRARY < after / before < LIBRARY)
        print(f"| {label} | {before * 1e6:.1f} | {after * 1e6:.1f} | {after / before:.3f} |")
    print("\n| control | spread between processes |\n|---|---|")
    for label in [label for label in one if label.startswith("control.")]:
        logs = [[math.log(value) for value in found[label]] for found in times.values()]
        spread = math.sqrt(statistics.fmean(statistics.variance(values) for values in logs))
        missed += [label] * (spread > CONTROL)
        print(f"| {label} | {spread:.1%} |")
    return int(bool(missed))


def largest_gap(values: list[float]) -> float:
    """Return the largest factor between neighbours among some times."""
    return max((b / a for a, b in itertools.pairwise(sorted(values))), default=1.0)


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the times are kept")
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--bench", default="", help="cases whose name this pattern finds")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with turn.measuring("levels of three releases"):
            fill(folder, arguments.processes, dict(cases(arguments.bench)))
    except InputError as error:
        print(f"levels: {error}", file=sys.stderr)
        return 2
    return report(folder)


if __name__ == "__main__":
    sys.exit(main())
