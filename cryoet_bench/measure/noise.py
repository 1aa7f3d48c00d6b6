"""How restless a machine is: the same release measured twice, by two runs that share nothing.

What differs between the runs is noise, so it says which changes a benchmark can show here.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryoet_bench.errors import InputError
from cryoet_bench.files import write_text
from cryoet_bench.record.results import Case, Journal, Measured, is_timed, now

RESTLESS = 0.10
"""Relative spread above which a benchmark is named as restless."""

# Two-sided 99 % of the normal distribution.
_QUANTILE = 2.576


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
    """How two runs of one case differ.

    Parameters
    ----------
    benchmark : str
        Its name.
    case : tuple of str
        Its parameters, as asv writes them.
    first, second : float
        The geometric means of the rounds' minima, in seconds or bytes.
    relative : float
        Their difference against their mean.
    """

    benchmark: str
    case: Case
    first: float
    second: float
    relative: float


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
class Noise:
    """The noise of a machine.

    Parameters
    ----------
    subject : Subject
        What was measured, twice.
    rounds : int
        Of the timed benchmarks, in each of the two runs.
    spreads : tuple of Spread
        Of every timed case that both runs measured.
    changed : tuple of str
        Exact cases that were not the same in both runs: there should be none.
    """

    subject: Subject
    rounds: int
    spreads: tuple[Spread, ...]
    changed: tuple[str, ...]

    @property
    def median(self) -> float:
        """Median of all relative spreads."""
        return statistics.median(spread.relative for spread in self.spreads)

    def trust(self) -> list[Trust]:
        """Return what each benchmark can show, the steadiest first."""
        found = []
        for name in {spread.benchmark for spread in self.spreads}:
            own = [spread for spread in self.spreads if spread.benchmark == name]
            squares = [math.log(spread.second / spread.first) ** 2 for spread in own]
            change = math.exp(_QUANTILE * math.sqrt(statistics.fmean(squares))) - 1
            found.append(Trust(name, statistics.median(one.relative for one in own), change))
        return sorted(found, key=lambda trust: (trust.smallest_change, trust.benchmark))

    def restless(self) -> list[Spread]:
        """Return the cases above `RESTLESS`, the worst first."""
        worst = sorted(self.spreads, key=lambda spread: -spread.relative)
        return [spread for spread in worst if spread.relative > RESTLESS]


def compare_runs(
    subject: Subject, benchmarks: Iterable[Mapping[str, Any]], first: Journal, second: Journal
) -> Noise:
    """Compare two runs of one release.

    Parameters
    ----------
    subject : Subject
        What they measured.
    benchmarks : iterable of mapping
        As asv describes them.
    first, second : Journal
        The runs.

    Raises
    ------
    InputError
        They have no timed case in common.
    """
    spreads: list[Spread] = []
    changed: list[str] = []
    rounds = 0
    for benchmark in benchmarks:
        before, after = first.of(benchmark), second.of(benchmark)
        for case in before.keys() & after.keys():
            one, other = _value(before[case]), _value(after[case])
            if one is None or other is None:
                continue
            if is_timed(benchmark):
                relative = abs(one - other) / ((one + other) / 2)
                spreads.append(Spread(str(benchmark["name"]), case, one, other, relative))
                rounds = max(rounds, len(before[case]))
            elif abs(one - other) > float(benchmark.get("tolerance", 0)) * abs(one):
                changed.append(f"{benchmark['name']}({', '.join(case)})")
    if not spreads:
        raise InputError(
            f"no time of {subject.release} could be measured twice: see what failed above"
        )
    order = sorted(spreads, key=lambda spread: (spread.benchmark, spread.case))
    return Noise(subject, rounds, tuple(order), tuple(sorted(changed)))


def as_json(noise: Noise) -> str:
    """Return the figures for machines."""
    return json.dumps({"format": "cryoet-bench-noise", **_facts(noise)}, indent=1) + "\n"


def keep(noise: Noise, machine: Path) -> Path:
    """Add the noise to what is known of a machine, a line each, and return that file.

    Not a ``.json``: in the folder of a machine, asv takes all of those for results.
    """
    machine.mkdir(parents=True, exist_ok=True)
    path = machine / "noise.jsonl"
    known = path.read_text("utf-8") if path.exists() else ""
    write_text(path, f"{known}{json.dumps(_facts(noise))}\n")
    return path


def _facts(noise: Noise) -> dict[str, Any]:
    return {
        "measured_at": now(),
        **asdict(noise.subject),
        "rounds": noise.rounds,
        "median_relative_spread": noise.median,
        "changed_exact_cases": noise.changed,
        "benchmarks": [asdict(trust) for trust in noise.trust()],
        "cases": [asdict(spread) for spread in noise.spreads],
    }


def _value(rounds: Sequence[Measured]) -> float | None:
    """Return the value that verdicts are made of: the geometric mean of the rounds' minima."""
    levels = [measured.level for measured in rounds if measured.status == "passed"]
    values = [level for level in levels if level is not None]
    if not values or min(values) <= 0:
        return values[0] if values else None
    return statistics.geometric_mean(values)
