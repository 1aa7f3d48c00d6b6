#!/usr/bin/env python
"""Which planted slowdowns are found, by whom, at the same rate of false alarms?

    python -m evaluations.detection_power measure --minutes 60
    python -m evaluations.detection_power confirm --minutes 60
    python -m evaluations.detection_power score --plot power.png

Copies of the newest release are put on the timeline as candidates: some with nothing but a
harmless line, the others with real extra work of 2 to 50 % inside encode, decode, opening, and
reading. `measure` runs the real suite on all of them in an order drawn by lot, `confirm` measures
each planted copy and as many harmless ones side by side with the release. Both can be stopped and
resumed at any time, and go on until every candidate has been measured: about four hours on two
quiet cores. What was measured is kept below .asv/power.

`score` makes of each candidate the newest of a history of ten harmless ones, in the order of their
measurement, and asks asv publish's step detection, asv compare, the rule of pandas, Apache Otava
(in an environment of its own) and our screen and confirm whether a case is slower. The limit of
each method is moved until it is wrong as often as FALSE says. It prints the share that each finds,
by size, the area under the ROC curve, and the machine minutes.

Plants in the gzip codec and in opening were used to try this program out; those in zstd and in
reading were not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryoet_bench.changes import confirm, history, moves
from cryoet_bench.changes.confirmation import Ledger
from cryoet_bench.cli import bench
from cryoet_bench.measure.plan import Selection
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import Case
from cryoet_bench.record.record import CONFIRMATIONS, Record, Series
from cryoet_bench.timeline import releases
from cryoet_bench.timeline.revisions import Revision
from cryoet_bench.variables import DEFAULT_TOMOGRAM
from evaluations import planted

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".asv" / "power"
SIZES = (0.02, 0.05, 0.10, 0.20, 0.50)
HARMLESS = 24
HISTORY = 10
FALSE = 0.02
OTAVA = "apache-otava==0.8.0"

SLOWER = """
import time as _time
{imports}
_planted = {owner}.{method}
def _slower(*arguments, **options):
    start = _time.perf_counter()
    found = _planted(*arguments, **options)
    now = _time.perf_counter()
    while _time.perf_counter() < now + {size} * (now - start):
        sum(range(20))
    return found
{owner}.{method} = _slower
"""


@dataclass(frozen=True)
class Place:
    """Where extra work is planted, and the cases that it slows down by its size.

    Attributes
    ----------
    package, module, imports, owner, method : str
        The function that becomes slower.
    covered : str
        Matches the cases whose time is this function's.
    """

    package: str
    module: str
    imports: str
    owner: str
    method: str
    covered: str

    def code(self, size: float) -> str:
        """Return what is appended to the module."""
        return SLOWER.format(imports=self.imports, owner=self.owner, method=self.method, size=size)


PLACES = {
    "encode": Place(
        "numcodecs", "numcodecs/gzip.py", "", "GZip", "encode",
        r"codec\.Chunk\.time_encode\('gzip-5'",
    ),
    "decode": Place(
        "numcodecs", "numcodecs/gzip.py", "", "GZip", "decode",
        r"codec\.Chunk\.time_decode\('gzip-5'",
    ),
    "open": Place(
        "zarr", "zarr/__init__.py", "import zarr as _zarr", "_zarr", "open_array",
        r"read\.Opening\.time_open\('array'",
    ),
    "read": Place(
        "zarr", "zarr/__init__.py", "from zarr.core.array import Array as _Array", "_Array",
        "__getitem__", r"read\.Patterns\.time_read\('(slice-xy|boxes-64)'",
    ),
    "write": Place(
        "zarr", "zarr/__init__.py", "from zarr.core.array import Array as _Array", "_Array",
        "__setitem__", r"write\.Patterns\.time_write\('one-chunk'",
    ),
}  # fmt: skip
CASES = "|".join(place.covered for place in PLACES.values())


@dataclass(frozen=True)
class Copy:
    """A copy of the release: where what was planted, or nothing.

    Attributes
    ----------
    place : str
        One of `PLACES`; empty for a harmless copy.
    size : float
        How much longer it takes.
    number : int
        Tells harmless copies apart.
    """

    place: str = ""
    size: float = 0.0
    number: int = 0

    @property
    def name(self) -> str:
        """What it is called here."""
        return f"{self.place}-{self.size:.2f}" if self.place else f"harmless-{self.number}"


COPIES = [
    *(Copy(place, size) for place in PLACES for size in SIZES),
    *(Copy(number=number) for number in range(HARMLESS)),
]


def candidates() -> dict[Copy, Revision]:
    """Return the candidates by what they are, proposing those that are not there yet."""
    known_at = FOLDER / "candidates.json"
    known = json.loads(known_at.read_text("utf-8")) if known_at.exists() else {}
    newest = releases.load().history()[-1]
    wheels: dict[str, Path] = {}
    for copy in COPIES:
        if copy.name in known:
            continue
        place = PLACES.get(copy.place, PLACES["read"])
        if place.package not in wheels:
            pin = f"{place.package}=={newest.pins[place.package]}"
            wheels[place.package] = planted.download(pin, FOLDER / "released")
        code = place.code(copy.size) if copy.place else f"_NOTE = {copy.name!r}"
        wheel = planted.plant(wheels[place.package], place.module, code, FOLDER / copy.name)
        made = bench.propose(str(wheel), bench.known_revisions(ROOT))
        known[copy.name] = made.name
        known_at.write_text(json.dumps(known, indent=1))
    revisions = bench.known_revisions(ROOT)
    return {copy: revisions.find(known[copy.name]) for copy in COPIES}


def campaign() -> Campaign:
    """Return what is measured with, and where it is kept."""
    return Campaign(
        ROOT, bench.known_revisions(ROOT), DEFAULT_TOMOGRAM, Record(FOLDER / "results"),
        Selection("core", CASES), rounds=2, origin="evaluations",
    )  # fmt: skip


def measure(minutes: float) -> None:
    """Measure candidates in an order drawn by lot until the time is up."""
    budget, of, known = confirm.Budget(minutes), campaign(), list(candidates().values())
    random.Random(2026).shuffle(known)
    for some in itertools.batched(known, 8):
        for progress in of.measure(some):
            if not budget.left:
                return
            print(f"\r{progress.revision.label}, round {progress.round}", end="", flush=True)


def confirm_all(minutes: float) -> None:
    """Measure candidates side by side with their release until the time is up."""
    budget, of, known = confirm.Budget(minutes), campaign(), list(candidates().items())
    random.Random(2027).shuffle(known)
    chosen = confirm.timed(of.chosen, of.suite)
    for copy, revision in known:
        before = of.revisions.before(revision)
        assert before is not None
        where = of.machine, of.tomogram
        pairing = confirm.Pairing(ROOT, of.record, where, (before, revision), "evaluations")
        subjects = pairing.subjects(chosen)
        if all(not subject.is_open for subject in subjects):
            continue
        with pairing:
            one = confirm.Budget(min(5.0, budget.left / 60))
            for step in confirm.measure(pairing, subjects, one):
                print(f"\r{copy.name}: {step.decided} of {step.subjects}", end="", flush=True)
            pairing.conclude(subjects)
        if not budget.left:
            return


@dataclass(frozen=True)
class Release:
    """One case of one candidate, as a method sees it.

    Attributes
    ----------
    rounds : tuple of tuple of float
        The samples of each round, in seconds.
    at : str
        When the first was measured.
    """

    rounds: tuple[tuple[float, ...], ...]
    at: str

    @property
    def value(self) -> float:
        """The estimate."""
        return statistics.geometric_mean(min(samples) for samples in self.rounds)


Known = dict[tuple[str, Case], dict[Copy, Release]]
Method = Callable[[Sequence[Release], Release], float]


def read(of: Campaign, known: Mapping[Copy, Revision]) -> Known:
    """Return what was measured: each candidate by case."""
    found: Known = {}
    for copy, revision in known.items():
        journal = of.record.journal(Series(of.machine, of.tomogram, revision.name))
        for benchmark in of.suite.values():
            if benchmark.is_control or not benchmark.is_timed:
                continue
            at = [entry.started_at for entry in journal.rounds if entry.benchmark == benchmark.name]
            for case, outcome in journal.outcomes(benchmark).items():
                rounds = tuple(one.samples for one in outcome.rounds if one.samples)
                if len(rounds) >= 2:
                    found.setdefault((benchmark.name, case), {})[copy] = Release(rounds, min(at))
    return found


def asv_publish(history: Sequence[Release], newest: Release) -> float:
    """Return the step that asv's detection sees at the newest value, as a ratio less 1."""
    from asv.step_detect import detect_steps  # noqa: PLC0415

    steps = detect_steps([one.value for one in (*history, newest)])
    if len(steps) < 2 or steps[-1][0] != len(history):
        return 0.0
    return steps[-1][2] / steps[-2][2] - 1


def asv_compare(history: Sequence[Release], newest: Release) -> float:
    """Return asv's evidence on the pooled samples of the last two: - log10 of its p."""
    from asv._stats import mann_whitney_u  # noqa: PLC0415

    before, after = (
        [sample for one in release.rounds for sample in one] for release in (history[-1], newest)
    )
    if statistics.median(after) <= statistics.median(before):
        return 0.0
    return -math.log10(max(mann_whitney_u(before, after)[1], 1e-12))


def pandas_rule(history: Sequence[Release], newest: Release) -> float:
    """Return how far the newest value lies above the largest of the five before, less 1."""
    return newest.value / max(one.value for one in history[-5:]) - 1


METHODS: dict[str, Method] = {
    "asv publish": asv_publish,
    "asv compare": asv_compare,
    "pandas": pandas_rule,
}

OTAVA_PROGRAM = """
import json, sys
from otava.analysis import compute_change_points
limits = [0.3, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 1e-4, 1e-5]
for line in sys.stdin:
    series = json.loads(line)
    score = 0
    for number, limit in enumerate(limits, 1):
        found = compute_change_points(series, window_len=50, max_pvalue=limit, min_magnitude=0.0)
        points = found[0] if isinstance(found, tuple) else found
        last = [p for p in points if p.index == len(series) - 1]
        if not last or series[-1] < series[-2]:
            break
        score = number
    print(score, flush=True)
"""


def otava(series: Sequence[Sequence[float]]) -> list[float]:
    """Return the strictest of ten limits at which Otava still sees a step at each newest value."""
    uv = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--isolated"]
    command = [*uv, "--python", "3.12", "--with", OTAVA, "python", "-c", OTAVA_PROGRAM]
    text = "".join(f"{json.dumps(list(one))}\n" for one in series)
    done = subprocess.run(command, input=text, text=True, check=True, capture_output=True)
    return [float(line) for line in done.stdout.split()]


@dataclass(frozen=True)
class Trial:
    """One case of one candidate behind a history of harmless ones."""

    benchmark: str
    case: Case
    copy: Copy
    before: tuple[Copy, ...]
    history: tuple[Release, ...]
    newest: Release


def trials(known: Known) -> Iterator[Trial]:
    """Yield the covered cases of planted candidates, and all cases of harmless ones."""
    for (benchmark, case), by_copy in known.items():
        name = f"{benchmark}({', '.join(case)})"
        harmless = sorted(
            (copy for copy in by_copy if not copy.place), key=lambda copy: by_copy[copy].at
        )
        for copy, newest in by_copy.items():
            others = [one for one in harmless if one != copy]
            covers = bool(copy.place) and re.search(PLACES[copy.place].covered, name)
            if len(others) < HISTORY or (copy.place and not covers):
                continue
            earlier = [one for one in others if by_copy[one].at < newest.at][-HISTORY:]
            before = earlier if len(earlier) == HISTORY else others[:HISTORY]
            past = tuple(by_copy[one] for one in before)
            yield Trial(benchmark, case, copy, tuple(before), past, newest)


def screened(of: Campaign, known: Mapping[Copy, Revision], tried: Sequence[Trial]) -> list[float]:
    """Return 1 for the trials whose case our screen proposes as slower, else 0."""
    values = history.read(of.record, known.values(), of.machine, of.tomogram)
    found: dict[tuple[Copy, ...], set[tuple[str, Case]]] = {}
    for one in tried:
        path = (*one.before, one.copy)
        if path not in found:
            revisions = [known[copy] for copy in path]
            found[path] = {
                (move.benchmark.name, move.case)
                for move in moves.find(values, of.suite.values(), [revisions]).found
                if move.kind == "slower" and move.after == revisions[-1]
            }
    return [float((one.benchmark, one.case) in found[(*one.before, one.copy)]) for one in tried]


Verdicts = dict[Copy, list[tuple[str, float]]]


def confirmed(of: Campaign, known: Mapping[Copy, Revision]) -> Verdicts:
    """Return confirm's verdicts and minutes: of covered cases, and of all harmless ones."""
    path = of.record.own / of.machine / of.tomogram / CONFIRMATIONS
    names = {revision.name: copy for copy, revision in known.items()}
    found: dict[Copy, list[tuple[str, float]]] = {}
    for one in Ledger(path).confirmations:
        copy = names.get(one.after)
        name = f"{one.benchmark}({', '.join(one.case)})"
        if copy and (not copy.place or re.search(PLACES[copy.place].covered, name)):
            slower = one.verdict == "changed" and one.ratio > 1
            found.setdefault(copy, []).append(("slower" if slower else one.verdict, one.minutes))
    return found


def limit(scores: Sequence[float], false: float) -> float:
    """Return the limit that a share of the scores of harmless candidates exceeds."""
    ordered = sorted(scores, reverse=True)
    return ordered[min(int(false * len(ordered)), len(ordered) - 1)]


def score(plot: Path | None) -> int:
    """Print the table, and draw the ROC curves."""
    of, known = campaign(), candidates()
    tried = list(trials(read(of, known)))
    if not any(one.copy.place for one in tried) or not any(not one.copy.place for one in tried):
        print("too little was measured: run 'measure' for longer")
        return 2
    scores = {n: [method(o.history, o.newest) for o in tried] for n, method in METHODS.items()}
    scores["Otava"] = otava([[r.value for r in (*o.history, o.newest)] for o in tried])
    scores["our screen"] = screened(of, known, tried)
    harmless = [n for n, one in enumerate(tried) if not one.copy.place]
    print(f"{len(harmless)} harmless and {len(tried) - len(harmless)} planted case-releases; "
          f"limits at {FALSE:.0%} false alarms")  # fmt: skip
    print(f"{'method':20} {'false':>6} " + " ".join(f"{size:>6.0%}" for size in SIZES) + "    AUC")
    curves = {}
    for name, values in scores.items():
        # Our screen has no limit to move: it keeps its own rate of false discoveries.
        least = 0.5 if name == "our screen" else limit([values[n] for n in harmless], FALSE)
        wrong = sum(values[n] > least for n in harmless) / len(harmless)
        shares = [_share(tried, values, least, size) for size in SIZES]
        curves[name] = _curve(tried, values, harmless)
        area = float(np.trapezoid(curves[name][1], curves[name][0]))
        print(f"{name:20} {wrong:6.1%} " + " ".join(map(_percent, shares)) + f"  {area:.3f}")
    verdicts = confirmed(of, known)
    if verdicts:
        quiet = [one for copy, many in verdicts.items() if not copy.place for one in many]
        wrong = sum(one[0] == "slower" for one in quiet) / len(quiet) if quiet else math.nan
        shares = []
        for size in SIZES:
            some = [v for c, many in verdicts.items() if c.place and c.size == size for v in many]
            slower = sum(one[0] == "slower" for one in some)
            shares.append(slower / len(some) if some else math.nan)
        print(f"{'our confirm':20} {wrong:6.1%} " + " ".join(map(_percent, shares)))
        spent = [one[1] for many in verdicts.values() for one in many]
        print(f"confirm: {len(quiet)} harmless, {len(spent) - len(quiet)} planted, median "
              f"{60 * statistics.median(spent):.0f} s a case")  # fmt: skip
    rounds = sum(len(one.newest.rounds) for one in tried)
    print(f"screen: {rounds} rounds of a case, of about half a second each, in all")
    if plot:
        _draw(curves, plot)
    return 0


def _share(tried: Sequence[Trial], values: Sequence[float], least: float, size: float) -> float:
    some = [
        v for one, v in zip(tried, values, strict=True) if one.copy.place and one.copy.size == size
    ]
    return sum(value > least for value in some) / len(some) if some else math.nan


def _curve(
    tried: Sequence[Trial], values: Sequence[float], harmless: Sequence[int]
) -> tuple[list[float], list[float]]:
    planted_ = [n for n, one in enumerate(tried) if one.copy.place]
    limits = [math.inf, *sorted(set(values), reverse=True), -math.inf]
    false = [sum(values[n] >= least for n in harmless) / len(harmless) for least in limits]
    found = [sum(values[n] >= least for n in planted_) / len(planted_) for least in limits]
    return false, found


def _percent(share: float) -> str:
    return f"{'-':>6}" if math.isnan(share) else f"{share:6.0%}"


def _draw(curves: Mapping[str, tuple[list[float], list[float]]], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(5, 4.5), layout="constrained")
    for name, (false, found) in curves.items():
        axes.step(false, found, where="post", label=name)
    axes.set(xlabel="false alarms", ylabel="planted slowdowns found", xlim=(0, 0.3), ylim=(0, 1))
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> int:
    """Measure, confirm or score."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("what", choices=["measure", "confirm", "score"])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chdir(ROOT):
        if options.what == "score":
            return score(options.plot)
        (measure if options.what == "measure" else confirm_all)(options.minutes)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
