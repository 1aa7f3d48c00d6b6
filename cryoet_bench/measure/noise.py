"""The run-to-run noise of this machine: one release measured as two arms that share nothing.

The rounds of both arms are interleaved as A B B A, and each pair shares a hash seed, as the
releases of a round do. Nothing changed between them, so what differs is noise, and it says which
changes a benchmark can show here.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryoet_bench.errors import InputError
from cryoet_bench.files import write_text
from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.record.estimate import estimate
from cryoet_bench.record.journal import Journal, now

NOISY = 0.10
"""Relative spread above which a case is named as noisy."""

_QUANTILE = 2.576  # two-sided 99 % of the normal distribution


@dataclass(frozen=True)
class Subject:
    """What was measured, twice.

    Parameters
    ----------
    release, tomogram, tier : str
        The tag of the release, the tomogram's name, and which benchmarks.
    """

    release: str
    tomogram: str
    tier: str


@dataclass(frozen=True)
class Spread:
    """How the two arms of a case differ.

    Parameters
    ----------
    benchmark : str
        Its name.
    case : tuple of str
        Its parameters, as asv writes them.
    first, second : float
        The estimates of the two arms, in seconds or bytes.
    """

    benchmark: str
    case: Case
    first: float
    second: float

    @property
    def relative(self) -> float:
        """Their difference against their mean."""
        return abs(self.first - self.second) / ((self.first + self.second) / 2)


@dataclass(frozen=True)
class Trust:
    """What a benchmark can show on this machine.

    Parameters
    ----------
    benchmark : str
        Its name.
    spread : float
        Median of its cases' relative spreads.
    smallest_change : float
        The relative change beyond which 99 % of unchanged cases stay: 2.576 times the root mean
        square of the cases' log ratios, as a ratio less 1.
    """

    benchmark: str
    spread: float
    smallest_change: float


@dataclass(frozen=True)
class MachineNoise:
    """The noise of a machine.

    Parameters
    ----------
    subject : Subject
        What was measured, twice.
    rounds : int
        Of the timed benchmarks, in each arm.
    spreads : tuple of Spread
        Of every timed case that both arms measured.
    exact : int
        How many exact cases both arms measured.
    changed : tuple of str
        Those of them that were not the same in both arms: there should be none.
    """

    subject: Subject
    rounds: int
    spreads: tuple[Spread, ...]
    exact: int
    changed: tuple[str, ...]

    @property
    def median(self) -> float:
        """Median of all relative spreads, of which there must be one."""
        return statistics.median(spread.relative for spread in self.spreads)

    def quantile(self, share: float) -> float:
        """Return the relative spread that a share of the cases stays within."""
        ordered = sorted(spread.relative for spread in self.spreads)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    def trust(self) -> list[Trust]:
        """Return what each benchmark can show, the steadiest first."""
        found = []
        for name in {spread.benchmark for spread in self.spreads}:
            own = [spread for spread in self.spreads if spread.benchmark == name]
            squares = [math.log(spread.second / spread.first) ** 2 for spread in own]
            change = math.exp(_QUANTILE * math.sqrt(statistics.fmean(squares))) - 1
            found.append(Trust(name, statistics.median(one.relative for one in own), change))
        return sorted(found, key=lambda trust: (trust.smallest_change, trust.benchmark))

    def noisy(self) -> list[Spread]:
        """Return the cases above `NOISY`, the worst first."""
        worst = sorted(self.spreads, key=lambda spread: -spread.relative)
        return [spread for spread in worst if spread.relative > NOISY]


def arm(number: int) -> int:
    """Return the arm, 0 or 1, of a round: A B B A A B B A …"""
    return (number // 2) % 2


def compare_arms(
    subject: Subject, benchmarks: Iterable[Benchmark], journal: Journal
) -> MachineNoise:
    """Compare the two arms of a journal that holds twice the rounds.

    Parameters
    ----------
    subject : Subject
        What was measured.
    benchmarks : iterable of Benchmark
        Which.
    journal : Journal
        Its rounds, numbered from 1.

    Raises
    ------
    InputError
        Nothing was measured in both arms.
    """
    spreads: list[Spread] = []
    changed: list[str] = []
    rounds = exact = 0
    for benchmark in benchmarks:
        for case, arms in _arms(benchmark, journal).items():
            if not all(arms):
                continue
            one, other = (estimate(levels) for levels in arms)
            if benchmark.is_timed:
                spreads.append(Spread(benchmark.name, case, one, other))
                rounds = max(rounds, len(arms[0]))
                continue
            exact += 1
            if not benchmark.is_same(words(case), one, other):
                changed.append(f"{benchmark.name}({words(case)})")
    if not (spreads or exact):
        raise InputError(
            f"nothing of {subject.release} could be measured twice: see what failed above"
        )
    order = sorted(spreads, key=lambda spread: (spread.benchmark, spread.case))
    return MachineNoise(subject, rounds, tuple(order), exact, tuple(sorted(changed)))


def _arms(benchmark: Benchmark, journal: Journal) -> dict[Case, tuple[list[float], list[float]]]:
    """Return the levels of each case in both arms; a repeated visit replaces a disturbed one."""
    found: dict[Case, tuple[list[float], list[float]]] = {}
    for case, every in journal.measurements(benchmark).items():
        latest = {entry.round: measured for entry, measured in every}
        arms = found.setdefault(case, ([], []))
        for number, measured in latest.items():
            if measured.status == "passed" and measured.level is not None:
                arms[arm(number)].append(measured.level)
    return found


def as_json(noise: MachineNoise) -> str:
    """Return the figures for machines."""
    return json.dumps({"format": "cryoet-bench-noise", **_facts(noise)}, indent=1) + "\n"


def keep(noise: MachineNoise, machine: Path) -> Path:
    """Add the noise to what is known of a machine, a line each, and return that file."""
    machine.mkdir(parents=True, exist_ok=True)
    path = machine / "noise.jsonl"
    known = path.read_text("utf-8") if path.exists() else ""
    write_text(path, f"{known}{json.dumps(_facts(noise))}\n")
    return path


def _facts(noise: MachineNoise) -> dict[str, Any]:
    cases: Sequence[Spread] = noise.spreads  # none where only exact values were measured
    return {
        "measured_at": now(),
        **asdict(noise.subject),
        "rounds": noise.rounds,
        "median_relative_spread": noise.median if cases else None,
        "spread_of_90_percent": noise.quantile(0.9) if cases else None,
        "exact_cases": noise.exact,
        "changed_exact_cases": noise.changed,
        "benchmarks": [asdict(trust) for trust in noise.trust()],
        "cases": [{**asdict(spread), "relative": spread.relative} for spread in cases],
    }
