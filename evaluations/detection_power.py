"""Which planted slowdowns are found, by whom, at the same rate of false alarms?

    python -m evaluations.detection_power measure --minutes 60
    python -m evaluations.detection_power confirm --minutes 60
    python -m evaluations.detection_power score --plot power.png

Copies of the newest release are put on the timeline as candidates: some with nothing but a
harmless line, the others with real extra work of 2 to 50 % inside encode, decode, the store's get,
opening, and the Python layer of a read. `measure` runs the real suite on all of them in an order
drawn by lot. `confirm` measures copies side by side with the release: each planted one, what
is worth confirming of harmless ones, then the rest of these. Both can be stopped and resumed at any
time; about two hours on two quiet cores. What was measured is kept below .asv/power.

`score` makes of each candidate the newest of a history of ten harmless ones, in the order of their
measurement, and asks asv publish's step detection, asv compare, the rule of pandas, Apache Otava
(in an environment of its own) and our screen and confirm whether a case is slower. The limit of
each method is moved until it is wrong as often as FALSE says; our screen keeps its own. It prints
the share that each finds, by size; the area under the ROC curve; which of both is blamed where a
second copy of the same slowdown follows the first; what the exact metrics find; and the machine
minutes. Exits with 1 when a bar is missed.

This program was tried out with plants in the gzip codec and in writing, which are not among these.
But what `confirm --proposed` measures beyond the screen was designed after a look at these plants,
whose extra work is Python calls: a slowdown that moves no exact metric is left to the times.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryoet_bench.changes import history, moves
from cryoet_bench.changes.confirmation import Confirmation, Ledger
from cryoet_bench.changes.pairing import Budget, Pairing, timed
from cryoet_bench.changes.proposals import SUSPICIOUS
from cryoet_bench.changes.steps import DISTURBED
from cryoet_bench.cli import checkout
from cryoet_bench.measure.plan import Selection
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import Case, words
from cryoet_bench.record.record import CONFIRMATIONS, Record, Series
from cryoet_bench.timeline.revisions import Revision
from cryoet_bench.variables import DEFAULT_TOMOGRAM
from evaluations import ROOT
from evaluations.detectors import METHODS, Release, otava
from evaluations.slowdowns import CASES, INSTRUCTIONS, PLACES, SIZES, Copy, candidates

FOLDER = ROOT / ".asv" / "power"
HISTORY = 10
"""Harmless copies that precede the newest of a trial."""

FALSE = 0.02
"""The share of false alarms that every method is allowed."""

BARS = {0.02: 0.40, 0.05: 0.80, 0.10: 0.95, 0.20: 0.95, 0.50: 0.95}
"""The share that our screen and confirm have to find, by size."""

MINUTES = 2.0
"""For a copy beside another, at most; 10 % and more takes a few seconds a case."""

BLAMED = 0.99
"""The share of confirmed changes that must be blamed on the first of two equally slow copies."""

CONFIRMED_FALSE = 0.001
"""The share of harmless trials, at most, of which confirm says that they are slower."""


Copies = Mapping[Copy, Revision]
Known = dict[tuple[str, Case], dict[Copy, Release]]
Curve = tuple[list[float], list[float]]
"""The shares of harmless and of planted trials beyond each limit."""


def campaign(pattern: str = CASES) -> Campaign:
    """Return what is measured with, and where it is kept."""
    return Campaign(
        ROOT, checkout.known_revisions(ROOT), DEFAULT_TOMOGRAM, Record(FOLDER / "results"),
        Selection("core", pattern), rounds=2, origin="evaluations",
    )  # fmt: skip


def measure(minutes: float) -> None:
    """Measure candidates in an order drawn by lot until the time is up."""
    known = list(candidates(ROOT, FOLDER).items())
    random.Random(2026).shuffle(known)
    budget = Budget(minutes)
    parts = [(CASES, [one for _, one in some]) for some in itertools.batched(known, 8)]
    parts.append((INSTRUCTIONS, [one for copy, one in known if copy.has_instructions]))
    for number, (pattern, some) in enumerate(parts, 1):
        for progress in campaign(pattern).measure(some):
            if not budget.left:
                return
            print(f"\rpart {number} of {len(parts)}, {progress.revision.label}, round "
                  f"{progress.round}   ", end="", flush=True)  # fmt: skip


def confirm_all(minutes: float) -> None:
    """Measure copies side by side until the time is up."""
    budget, of, known = Budget(minutes), campaign(), candidates(ROOT, FOLDER)
    for pair, cases in agenda(of, known):
        pairing = Pairing(of, pair, "evaluations")
        paired = pairing.cases((of.suite[name], case) for name, case in cases)
        if not any(one.is_open for one in paired):
            continue
        names = " and ".join(one.label for one in pair)
        with pairing:
            for block in pairing.decide(paired, Budget(min(MINUTES, budget.left / 60))):
                print(f"\r{names}: {block.decided} of {block.cases}   ", end="", flush=True)
            pairing.conclude(paired)
        if not budget.left:
            return


Timed = tuple[str, Case]


def agenda(of: Campaign, known: Copies) -> Iterator[tuple[tuple[Revision, Revision], list[Timed]]]:
    """Yield pairs and cases of theirs to confirm: what the table needs most comes first.

    Those are copies with cases that are worth it, large slowdowns first since these are decided
    soonest; then the twins that the screen blames for what the copy before them did; then the rest.
    """
    tried = list(trials(read(of, known)))
    proposed: dict[Copy, list[Timed]] = defaultdict(list)
    for one, is_proposed in zip(tried, screened(of, known, tried, 0.0), strict=True):
        if is_proposed:
            proposed[one.copy].append((one.benchmark, one.case))
    moved = suspected(of, known)
    every = [(one.name, case) for one, case in timed(of)]

    def pair(copy: Copy) -> tuple[Revision, Revision]:
        before = of.revisions.before(known[copy])
        assert before is not None
        return before, known[copy]

    planted = sorted((copy for copy in known if copy.place), key=lambda one: -one.size)
    covered = {copy: [one for one in every if covers(copy, *one)] for copy in planted}
    worth = [copy for copy in planted if copy in moved or proposed[copy]]
    harmless = [copy for copy in known if not copy.place]
    yield from ((pair(copy), covered[copy]) for copy in worth)
    yield from ((pair(copy), proposed[copy]) for copy in harmless if proposed[copy])
    twins: dict[tuple[Copy, Copy], list[Timed]] = defaultdict(list)
    for trial, twin, blamed in blame(of, known, tried):
        if twin in blamed:
            twins[trial.copy, twin].append((trial.benchmark, trial.case))
    yield from (((known[first], known[twin]), cases) for (first, twin), cases in twins.items())
    yield from ((pair(copy), covered[copy]) for copy in planted if copy not in worth)
    yield from ((pair(copy), every) for copy in harmless)


def covers(copy: Copy, benchmark: str, case: Case) -> bool:
    """Tell whether a case is slower by the size of the plant; every case is harmless copies'."""
    return not copy.place or bool(re.search(PLACES[copy.place].covered, _name(benchmark, case)))


def read(of: Campaign, known: Copies) -> Known:
    """Return the times that were measured: each candidate by case."""
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
        harmless = sorted(
            (copy for copy in by_copy if not copy.place), key=lambda copy: by_copy[copy].at
        )
        for copy, newest in by_copy.items():
            others = [one for one in harmless if one != copy]
            if len(others) < HISTORY or not covers(copy, benchmark, case):
                continue
            earlier = [one for one in others if by_copy[one].at < newest.at][-HISTORY:]
            before = earlier if len(earlier) == HISTORY else others[:HISTORY]
            past = tuple(by_copy[one] for one in before)
            yield Trial(benchmark, case, copy, tuple(before), past, newest)


Blamed = dict[tuple[str, Case], set[Copy]]


class Screen:
    """Our screen, asked about the timed cases of a path of copies."""

    def __init__(self, of: Campaign, known: Copies, disturbed: float = DISTURBED) -> None:
        self._of, self._known, self._disturbed = of, known, disturbed
        self._names = {revision.name: copy for copy, revision in known.items()}
        self._values = history.read(of.record, known.values(), of.machine, of.tomogram)
        self._blamed: dict[tuple[Copy, ...], Blamed] = {}

    def blamed(self, path: tuple[Copy, ...]) -> Blamed:
        """Return the copies that it proposes to have made a case slower, by case."""
        if path not in self._blamed:
            found: Blamed = defaultdict(set)
            revisions = [self._known[copy] for copy in path]
            suite = self._of.suite.values()
            for move in moves.find(self._values, suite, [revisions], self._disturbed).found:
                if move.kind == "slower":
                    found[move.benchmark.name, move.case].add(self._names[move.after.name])
            self._blamed[path] = found
        return self._blamed[path]


def screened(
    of: Campaign, known: Copies, tried: Sequence[Trial], disturbed: float = DISTURBED
) -> list[bool]:
    """Return for each trial whether our screen proposes that its case is slower."""
    screen = Screen(of, known, disturbed)
    return [
        one.copy in screen.blamed((*one.before, one.copy))[one.benchmark, one.case] for one in tried
    ]


def blame(
    of: Campaign, known: Copies, tried: Sequence[Trial]
) -> Iterator[tuple[Trial, Copy, set[Copy]]]:
    """Yield each planted trial, the twin that follows it, and those of both that are proposed.

    No exact metric moves from a copy to its twin.
    """
    screen, moved = Screen(of, known, 0.0), suspected(of, known)
    for one in tried:
        same = [c for c in known if (c.place, c.size) == (one.copy.place, one.copy.size)]
        for twin in same if one.copy.place else ():
            if twin != one.copy:
                found = screen.blamed((*one.before, one.copy, twin))[one.benchmark, one.case]
                yield one, twin, (found | moved) & {one.copy} | found & {twin}


def exact(of: Campaign, known: Copies) -> dict[Copy, float]:
    """Return by how much exact metrics moved, as a logarithm: of a plant those that it touches."""
    counted: dict[tuple[str, Case], dict[Copy, float]] = defaultdict(dict)
    for copy, revision in known.items():
        journal = of.record.journal(Series(of.machine, of.tomogram, revision.name))
        for benchmark in of.suite.values():
            if benchmark.is_timed:
                continue
            for case, outcome in journal.outcomes(benchmark).items():
                if outcome.value is not None:
                    counted[benchmark.name, case][copy] = outcome.value
    moved: dict[Copy, float] = {}
    for (name, case), by_copy in counted.items():
        harmless = [copy for copy in by_copy if not copy.place]
        for copy, value in by_copy.items():
            usual = next((by_copy[one] for one in harmless if one != copy), None)
            touched = not copy.place or re.search(PLACES[copy.place].counted, _name(name, case))
            if usual is not None and touched:
                same = of.suite[name].is_same(words(case), usual, value)
                size = 0.0 if same else abs(math.log(value / usual))
                moved[copy] = max(moved.get(copy, 0.0), size)
    return moved


def suspected(of: Campaign, known: Copies) -> set[Copy]:
    """Return the copies whose exact metrics moved far enough to cast doubt on their times."""
    return {copy for copy, size in exact(of, known).items() if size > math.log(SUSPICIOUS)}


Verdicts = dict[tuple[Copy | None, Copy, str, Case], Confirmation]


def confirmed(of: Campaign, known: Copies) -> Verdicts:
    """Return confirm's verdicts: of copies side by side with their release, None, or a twin."""
    path = of.record.own / of.machine / of.tomogram / CONFIRMATIONS
    names = {revision.name: copy for copy, revision in known.items()}
    return {
        (names.get(one.before), names[one.after], one.benchmark, one.case): one
        for one in Ledger(path).confirmations
        if one.after in names
    }


def limit(scores: Sequence[float], false: float) -> float:
    """Return the limit that a share of the scores of harmless candidates exceeds."""
    ordered = sorted(scores, reverse=True)
    return ordered[min(int(false * len(ordered)), len(ordered) - 1)]


def score(plot: Path | None) -> int:
    """Print the table, and draw the ROC curves."""
    of, known = campaign(), candidates(ROOT, FOLDER)
    tried = list(trials(read(of, known)))
    harmless = [n for n, one in enumerate(tried) if not one.copy.place]
    if not harmless or len(harmless) == len(tried):
        print("too little was measured: run 'measure' for longer")
        return 2
    print(
        f"{len(harmless)} harmless and {len(tried) - len(harmless)} planted case-releases; "
        f"limits at {FALSE:.0%} false alarms"
    )
    print(f"{'method':20} {'false':>6} " + " ".join(f"{size:>6.0%}" for size in SIZES) + "    AUC")
    found, curves = _print_others(tried, harmless)
    suspicious = suspected(of, known)
    proposed = [
        one or trial.copy in suspicious
        for one, trial in zip(screened(of, known, tried, 0.0), tried, strict=True)
    ]
    verdicts = confirmed(of, known)
    slower = [_is_slower(verdicts.get((None, one.copy, one.benchmark, one.case))) for one in tried]
    found["our screen"] = _row("our screen", tried, screened(of, known, tried))
    _row("worth confirming", tried, proposed)
    found["our confirm"] = _row("our confirm", tried, slower)
    both = [False if not one else verdict for one, verdict in zip(proposed, slower, strict=True)]
    found["ours"] = _row("screen and confirm", tried, both)
    pending = sum(one and verdict is None for one, verdict in zip(proposed, slower, strict=True))
    print(f"confirm has not measured {pending} of {sum(proposed)} cases that are worth it")
    right, every = _print_blame(of, known, tried, verdicts)
    is_exact = _print_exact(exact(of, known))
    _print_minutes(of, known, tried, verdicts)
    if plot:
        _draw(curves, {"our screen": found["our screen"], "with confirm": found["ours"]}, plot)
    ours, rival = found["ours"], found["Otava"]
    missed = [
        *(f"{size:.0%}" for size, bar in BARS.items() if ours.shares[size] < bar),
        *(f"Otava at {size:.0%}" for size in SIZES if ours.shares[size] < rival.shares[size]),
        *(["confirm is not complete"] if pending else []),
        *(["blame"] if right < BLAMED * every else []),
        *(["false"] if ours.false > CONFIRMED_FALSE else []),
        *([] if is_exact else ["exact"]),
    ]
    print(f"missed: {', '.join(missed) or 'nothing'}")
    return int(bool(missed))


@dataclass(frozen=True)
class Found:
    """What a method finds: the share of harmless trials, and of planted ones by size."""

    false: float
    shares: Mapping[float, float]


def _print_others(
    tried: Sequence[Trial], harmless: Sequence[int]
) -> tuple[dict[str, Found], dict[str, Curve]]:
    """Print and return what other methods find at the same rate of false alarms, and at any."""
    scores = {n: [method(o.history, o.newest) for o in tried] for n, method in METHODS.items()}
    scores["Otava"] = otava([[r.value for r in (*o.history, o.newest)] for o in tried])
    found, curves = {}, {}
    for name, values in scores.items():
        least = limit([values[n] for n in harmless], FALSE)
        curves[name] = _curve(tried, values, harmless)
        area = float(np.trapezoid(curves[name][1], curves[name][0]))
        found[name] = _row(name, tried, [value > least for value in values], f"  {area:.3f}")
    return found, curves


def _print_exact(moved: Mapping[Copy, float]) -> bool:
    """Print what exact metrics find; return whether that is every plant and nothing else."""
    seen, false = (
        [size > 0 for copy, size in moved.items() if bool(copy.place) == planted]
        for planted in (True, False)
    )
    print(
        f"exact metrics: {sum(seen)} of {len(seen)} plants found, "
        f"{sum(false)} of {len(false)} harmless"
    )
    return all(seen) and not any(false)


def _row(name: str, tried: Sequence[Trial], slower: Sequence[bool | None], more: str = "") -> Found:
    """Print and return what a method finds; None is a trial that it was not asked about."""
    known = [(one.copy, is_slower) for one, is_slower in zip(tried, slower, strict=True)]
    false = _share([found for copy, found in known if not copy.place])
    shares = {
        size: _share([found for copy, found in known if copy.place and copy.size == size])
        for size in SIZES
    }
    percents = " ".join(
        f"{'-':>6}" if math.isnan(one) else f"{one:6.0%}" for one in shares.values()
    )
    print(f"{name:20} {false:6.1%} {percents}{more}")
    return Found(false, shares)


def _share(found: Sequence[bool | None]) -> float:
    asked = [one for one in found if one is not None]
    return sum(asked) / len(asked) if asked else math.nan


def _is_slower(one: Confirmation | None) -> bool | None:
    return None if one is None else one.verdict == "changed" and one.ratio > 1


def _print_blame(
    of: Campaign, known: Copies, tried: Sequence[Trial], verdicts: Verdicts
) -> tuple[int, int]:
    """Print and return how often the first of two equally slow copies is blamed, of how often any.

    Of what is confirmed: the second copy is as slow as the one before it.
    """
    proposed, found, unknown = [0, 0], [0, 0], 0
    for one, twin, blamed in blame(of, known, tried):
        for n, (before, copy) in enumerate([(None, one.copy), (one.copy, twin)]):
            verdict = verdicts.get((before, copy, one.benchmark, one.case))
            proposed[n] += copy in blamed
            found[n] += copy in blamed and bool(_is_slower(verdict))
            unknown += copy in blamed and verdict is None
    print(
        f"blamed on the right release: {proposed[0]} of {sum(proposed)} proposed, {found[0]} of "
        f"{sum(found)} confirmed; {unknown} not measured"
    )
    return found[0], sum(found)


def _print_minutes(of: Campaign, known: Copies, tried: Sequence[Trial], verdicts: Verdicts) -> None:
    journals = (of.journal(revision) for revision in known.values())
    seconds = sum(
        entry.duration for one in journals for entry in one.rounds
        if of.suite[entry.benchmark].is_timed
    )  # fmt: skip
    cases = {(one.copy, one.benchmark, one.case) for one in tried}
    print(
        f"minutes: {seconds / 60:.0f} of rounds that all methods read, controls included; ", end=""
    )
    some = [one.minutes for (_, *key), one in verdicts.items() if tuple(key) in cases]
    usual = f", median {60 * statistics.median(some):.0f} s a case" if some else ""
    print(f"{sum(some):.0f} of confirming {len(some)} cases{usual}")


def _curve(tried: Sequence[Trial], values: Sequence[float], harmless: Sequence[int]) -> Curve:
    planted = [n for n, one in enumerate(tried) if one.copy.place]
    limits = [math.inf, *sorted(set(values), reverse=True), -math.inf]
    false = [sum(values[n] >= least for n in harmless) / len(harmless) for least in limits]
    found = [sum(values[n] >= least for n in planted) / len(planted) for least in limits]
    return false, found


def _name(benchmark: str, case: Case) -> str:
    return f"{benchmark}({', '.join(case)})"


def _draw(curves: Mapping[str, Curve], ours: Mapping[str, Found], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(5, 4.5), layout="constrained")
    for name, (false, found) in curves.items():
        axes.step(false, found, where="post", label=name)
    for (name, found), marker in zip(ours.items(), "o^", strict=True):
        share = statistics.fmean(found.shares.values())
        axes.plot(found.false, share, f"k{marker}", label=name, clip_on=False)
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
