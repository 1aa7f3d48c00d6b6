"""A record of invented values on a real timeline: what a release changed is known beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from cryoet_bench.changes.finding import Screening
from cryoet_bench.changes.scope import Scope
from cryoet_bench.changes.screen import screen
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.journal import Measured, Round, Visit
from cryoet_bench.record.record import Record
from cryoet_bench.timeline.releases import Line, Release, Timeline
from cryoet_bench.timeline.revisions import Revisions

MACHINE, TOMOGRAM = "vm", "phantom-10A"
START = datetime(2024, 1, 1, tzinfo=UTC)
SIZES = ("cube-32 v2", "cube-64 v2", "cube-64 v3", "shard-32-in-128 v3")


def release(version: str, day: int, package: str = "zarr", **more: Any) -> Release:
    """Return a release, its other package at one version."""
    other = "numcodecs" if package == "zarr" else "zarr"
    pins = {package: version, other: more.pop("other", "1.0")}
    return Release(
        package=package, version=version, date=START + timedelta(days=day), pins=pins, **more
    )


TIMELINE = Timeline(
    (
        *(release(f"3.{number}", 10 * number) for number in range(12)),
        release("2.9", 200, line="zarr-2"),
    ),
    lines=(Line(name="zarr-2", fork="zarr-3.5"),),
)
TAGS = [one.tag for one in TIMELINE.releases if one.line == "main"]


def benchmark(name: str, kind: str = "time", **more: Any) -> Benchmark:
    """Return a benchmark by access pattern and array."""
    description = {
        "name": name,
        "pretty_name": more.pop("title", name),
        "question": "How long?",
        "type": kind,
        "unit": "seconds" if kind == "time" else more.pop("unit", "requests"),
        "version": "1",
        "params": [["'whole'", "'slice-xy'"], [repr(size) for size in SIZES]],
        "param_names": ["pattern", "array"],
        **more,
    }
    return Benchmark(description)


READ = benchmark("read.Patterns.time_read", title="Read part of a volume")
REQUESTS = benchmark("cost.Reads.track_requests", "track", title="Requests of a read")
BYTES = benchmark("cost.Reads.track_read_amplification", "track", title="Bytes fetched", unit="x")
CALLS = benchmark(
    "cost.Reads.track_python_calls", "track", title="Python calls", unit="calls", tolerance=0.01
)


@dataclass
class Invented:
    """A record, written a benchmark at a time."""

    root: Path
    revisions: Revisions
    suite: dict[str, Benchmark] = field(default_factory=dict)

    @property
    def record(self) -> Record:
        return Record(self.root / "results")

    def path(self, tag: str) -> Path:
        return self.record.own / MACHINE / TOMOGRAM / f"{tag}.jsonl"

    def measure(
        self,
        one: Benchmark,
        values: Mapping[str, Sequence[Sequence[float | str]]],
        suite: str = "s1",
        **visit: Any,
    ) -> None:
        """Write rounds of a benchmark: by release, for each round the values of all cases.

        A text is the reason of a failure; an empty one, that the case is not available.
        """
        self.suite[one.name] = one
        self.record.describe_suite(self.suite, suite)
        for tag, rounds in values.items():
            path = self.path(tag)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:  # a journal flushes each to the disk
                for number, levels in enumerate(rounds, 1):
                    name = f"{one.name} {suite} {number}"
                    at = f"2026-01-01T00:00:{number:02d}+00:00"
                    begun = Visit(name, at, "test", project={"suite": suite}, **visit)
                    cases = tuple(
                        _measured(one, case, level)
                        for case, level in zip(one.cases, levels, strict=True)
                    )
                    measured = Round(one.name, "1", number, at, 1.0, cases, name)
                    file.write(json.dumps({"kind": "visit", **asdict(begun)}) + "\n")
                    file.write(json.dumps({"kind": "round", **asdict(measured)}) + "\n")

    @property
    def scope(self) -> Scope:
        return Scope(self.record, self.revisions, MACHINE, TOMOGRAM)

    def screen(self, **options: Any) -> Screening:
        return screen(self.scope, **options)


def _measured(one: Benchmark, case: tuple[str, ...], level: float | str) -> Measured:
    if isinstance(level, str):
        return Measured(case, "failed" if level else "n/a", reason=level)
    if one.is_timed:
        return Measured(case, "passed", samples=(level * 1.3, level), number=1)
    return Measured(case, "passed", level)


def times(
    factors: Mapping[str, Sequence[float]], seed: int = 1, rounds: int = 3, noise: float = 0.02
) -> dict[str, list[list[float]]]:
    """Return times of all releases of the main line: noise, and steps that stay.

    Parameters
    ----------
    factors : mapping of str to sequence of float
        By release, what it does to each case from then on.
    """
    rng = np.random.default_rng(seed)
    level, found = np.ones(2 * len(SIZES)), {}
    for tag in TAGS:
        level = level * np.array(factors.get(tag, [1.0]))
        found[tag] = (level * rng.lognormal(0, noise, (rounds, len(level)))).tolist()
    return found


def exact(
    factors: Mapping[str, Sequence[float]], start: float = 100
) -> dict[str, list[list[float]]]:
    """Return exact values of all releases of the main line."""
    return {tag: rounds[:1] for tag, rounds in _scaled(times(factors, noise=0), start).items()}


def _scaled(values: Mapping[str, list[list[float]]], start: float) -> dict[str, list[list[float]]]:
    return {tag: [[start * one for one in row] for row in rows] for tag, rows in values.items()}
