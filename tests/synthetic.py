"""A record that nobody measured: real releases, made-up values with known changes.

The values are a level for each case, noise for each round, and the steps that are asked for. What
reads them is the real code, from real journals.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryoet_bench.changes.confirmation import Confirmation, Ledger, Verdict
from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.record.journal import Measured, Round, Visit
from cryoet_bench.record.record import CONFIRMATIONS, Record
from cryoet_bench.timeline.releases import load
from cryoet_bench.timeline.repository import build
from cryoet_bench.timeline.revisions import Revision, Revisions

FACTS = {
    "name": "phantom-10A",
    "source": "synthetic",
    "shape": [128, 128, 128],
    "dtype": "float32",
    "voxel_spacing": [10.012, 10.012, 10.012],
    "sha256": "0" * 64,
}
MACHINE = {"arch": "x86_64", "cpu": "AMD EPYC", "num_cpu": "2", "os": "Linux", "ram": "24 GiB"}
_LEVELS = {"seconds": 0.01, "bytes": 3e6, "calls": 4000, "requests": 20, "instructions": 5e6}


@dataclass(frozen=True)
class Step:
    """A change: from one release on, the cases that match take a factor."""

    revision: str
    benchmark: str
    factor: float
    case: str = ""


def describe(
    name: str, title: str, unit: str, axes: Mapping[str, Sequence[str]], **more: Any
) -> dict[str, Any]:
    """Return a benchmark as the suite describes itself."""
    return {
        "name": name,
        "pretty_name": title,
        "question": f"What is the answer to {title.lower()}?",
        "unit": unit,
        "type": "time" if unit == "seconds" else "track",
        "param_names": list(axes),
        "params": [[repr(value) for value in values] for values in axes.values()],
        "version": "1",
        **more,
    }


ARRAYS = ("cube-64 v2", "cube-64 v3", "shard-32-in-128 v3")
READS = {"pattern": ("whole", "slice-xy", "boxes-64"), "array": ARRAYS}
CODECS = {"codec": ("blosc-lz4-5", "blosc-zstd-5", "gzip-5"), "format": ("v2", "v3")}
SUITE = (
    describe("read.Patterns.time_read", "Read part of a volume", "seconds", READS),
    describe("read.Codecs.time_volume", "Read a volume, by codec", "seconds", CODECS),
    describe("write.Codecs.time_volume", "Write a volume, by codec", "seconds", CODECS),
    describe("size.Codecs.track_bytes_per_voxel", "Stored size", "bytes/voxel", CODECS),
    describe("cost.Reads.track_python_calls", "Python calls of a read", "calls", READS),
    describe("cost.Reads.track_requests", "Requests of a read", "requests", READS),
    describe("control.Machine.time_work", "Control", "seconds", {"work": ("copy",)}, control=True),
)  # fmt: skip
STEPS = (
    Step("zarr-3.0.8", "cost.Reads.track_python_calls", 5.5),
    Step("zarr-3.0.8", r"read\.", 2.0),
    Step("zarr-3.3.0", "cost.Reads.track_requests", 0.29, "slice-xy, shard"),
    Step("numcodecs-0.16.1", "size.Codecs", 0.924, "blosc"),
    Step("zarr-3.1.4", "write.Codecs", 0.6),
)


def releases(folder: Path) -> list[Revision]:
    """Return the real timeline's releases, with its repository in a folder."""
    return timeline(folder).releases()


def timeline(folder: Path) -> Revisions:
    """Return the real timeline, with its repository in a folder."""
    found = load()
    build(found, folder)
    return Revisions(found, folder)


def make(
    record: Record,
    revisions: Sequence[Revision],
    suite: Sequence[Mapping[str, Any]] = SUITE,
    *,
    steps: Sequence[Step] = STEPS,
    machine: str = "epyc-2-cores",
    facts: Mapping[str, Any] = FACTS,
    rounds: int = 3,
    noise: float = 0.01,
    reason: str = "",
) -> None:
    """Write a record of some releases into its own folder.

    Parameters
    ----------
    record : Record
        Where to.
    revisions : sequence of Revision
        Of which, oldest first.
    suite : sequence of mapping
        The benchmarks, as the suite describes them.
    steps : sequence of Step
        What changed.
    machine : str
        Its name.
    facts : mapping
        Of the tomogram.
    rounds : int
        Of the timed benchmarks.
    noise : float
        Standard deviation of the logarithm of a round.
    reason : str
        Why the first case of each benchmark failed; none does unless it is given.
    """
    benchmarks = [Benchmark(description) for description in suite]
    record.describe_suite({one.name: one for one in benchmarks}, "synthetic")
    record.describe_machine(machine, MACHINE)
    record.describe_tomogram(facts)
    names = [one.name for one in revisions]
    for position, revision in enumerate(revisions):
        passed = {step for step in steps if names.index(step.revision) <= position}
        draw = random.Random(revision.name)
        visit = Visit(f"visit-{position}", "2026-11-25T12:00:00+00:00", "synthetic")
        lines: list[dict[str, Any]] = [{"kind": "visit", **asdict(visit)}]
        for benchmark in benchmarks:
            factors = {
                case: math.prod(
                    step.factor
                    for step in passed
                    if re.match(step.benchmark, benchmark.name) and re.match(step.case, words(case))
                )
                for case in benchmark.cases
            }
            for number in range(1, (rounds if benchmark.is_timed else 1) + 1):
                cases = tuple(
                    _measured(benchmark, case, factors[case], revision, draw, noise)
                    for case in benchmark.cases
                )
                if reason:
                    cases = (Measured(cases[0].case, "failed", reason=reason), *cases[1:])
                at = f"2026-11-25T12:{number:02}:00+00:00"
                one = Round(benchmark.name, benchmark.version, number, at, 1.0, cases, visit.id)
                lines.append({"kind": "round", **asdict(one)})
        path = record.own / machine / str(facts["name"]) / f"{revision.name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def confirm(
    record: Record,
    before: str,
    after: str,
    benchmark: str,
    verdict: Verdict,
    ratio: float,
    *,
    machine: str = "epyc-2-cores",
    tomogram: str = "phantom-10A",
) -> None:
    """Write a verdict on all cases of a benchmark beside the journals of a record."""
    ledger = Ledger(record.own / machine / tomogram / CONFIRMATIONS)
    one = record.suite()[benchmark]
    for case in one.cases:
        ledger.append(
            Confirmation(
                before, after, benchmark, one.version, case, verdict, ratio, ratio * 0.98,
                ratio * 1.02, 0.03, 0.01, 8, None, 1.5, machine, tomogram,
                "2026-11-25T13:00:00+00:00",
            )
        )  # fmt: skip


def _measured(
    benchmark: Benchmark,
    case: Case,
    factor: float,
    revision: Revision,
    draw: random.Random,
    noise: float,
) -> Measured:
    name = words(case)
    if " v3" in f" {name}" and any(pin.startswith("zarr==2.") for pin in revision.pins):
        return Measured(case, "n/a", reason="zarr 2 writes format 2 only")
    if revision.broken:
        return Measured(case, "failed", reason=revision.broken)
    level = _LEVELS.get(benchmark.unit, 1.0) * random.Random(benchmark.name + name).uniform(0.5, 2)
    if not benchmark.is_timed:
        value = level * factor
        return Measured(case, "passed", value=round(value, 4 if value < 100 else 0))
    least = level * factor * math.exp(draw.gauss(0, noise))
    return Measured(case, "passed", samples=(least, least * 1.01, least * 1.02), number=1)
