"""What was measured: the rounds of every release, kept beside asv's result files.

asv's files hold samples pooled across rounds, and no reason for a failure. So each
measured round is first appended to a journal, and asv's file is made from that: whatever moment
a run is killed at, no round is lost or counted twice. The files themselves stay stock asv's.

Importing this module needs the standard library and asv alone.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from asv import util
from asv.results import Results
from asv.runner import BenchmarkResult

from cryoet_bench.errors import InputError

Status = Literal["passed", "n/a", "failed"]
Case = tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """One case of a benchmark, measured once.

    Parameters
    ----------
    case : tuple of str
        The parameters as asv writes them; empty for a benchmark without parameters.
    status : {"passed", "n/a", "failed"}
        Not available is decided by the benchmark, on releases without the feature.
    value : float or None
        The metric, where it is not computed from samples.
    samples : tuple of float
        Seconds per call, of timed benchmarks.
    number : int or None
        Calls per sample.
    reason : str
        Why it failed or is not available.
    """

    case: Case
    status: Status
    value: float | None = None
    samples: tuple[float, ...] = ()
    number: int | None = None
    reason: str = ""

    @property
    def level(self) -> float | None:
        """What verdicts are made of: the least time, which is what an undisturbed process takes."""
        return min(self.samples) if self.samples else self.value


@dataclass(frozen=True)
class Round:
    """One round of a benchmark on one release: every case in a process of its own."""

    benchmark: str
    version: str
    round: int
    started_at: str
    duration: float
    cases: tuple[Measured, ...]


class Journal:
    """The rounds of one release in one environment, one line each, only ever appended to.

    Parameters
    ----------
    path : pathlib.Path
        The file; it need not exist yet.

    Raises
    ------
    InputError
        A line cannot be read. A last line without its end is a run that was killed while
        writing, and is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rounds: list[Round] = []
        try:
            content = path.read_bytes() if path.exists() else b""
            whole, _, torn = content.rpartition(b"\n")
            self._whole_bytes = len(content) - len(torn)
            self.rounds = [_round(json.loads(line)) for line in whole.splitlines()]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"the record of measured rounds {path} is damaged ({error}): restore it, or remove "
                "it and measure that release again"
            ) from error

    def append(self, measured: Round) -> None:
        """Add a round, on the disk before this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(asdict(measured), separators=(",", ":"), allow_nan=False).encode() + b"\n"
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.truncate(self._whole_bytes)
            file.seek(self._whole_bytes)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._whole_bytes += len(line)
        self.rounds.append(measured)

    def of(self, benchmark: Mapping[str, Any]) -> dict[Case, list[Measured]]:
        """Return what is known of each case of a benchmark in its present version, by round.

        What was measured after a failure takes its place.
        """
        known: dict[Case, list[Measured]] = {}
        for entry in self.rounds:
            if entry.benchmark == benchmark["name"] and entry.version == benchmark["version"]:
                for measured in entry.cases:
                    rounds = known.setdefault(measured.case, [])
                    if rounds and rounds[-1].status == "failed":
                        rounds.clear()
                    rounds.append(measured)
        return known

    def forget_failures(self) -> None:
        """Take failed cases as not measured; what is measured again takes their place."""
        self.rounds = [
            replace(entry, cases=tuple(c for c in entry.cases if c.status != "failed"))
            for entry in self.rounds
        ]

    def seconds_per_case(self) -> dict[str, float]:
        """Return how long a case of each benchmark took in the mean."""
        total: dict[str, tuple[float, int]] = {}
        for entry in self.rounds:
            seconds, cases = total.get(entry.benchmark, (0.0, 0))
            total[entry.benchmark] = seconds + entry.duration, cases + len(entry.cases)
        return {name: seconds / cases for name, (seconds, cases) in total.items() if cases}


def _round(fields: dict[str, Any]) -> Round:
    cases = tuple(
        Measured(**{**case, "case": tuple(case["case"]), "samples": tuple(case["samples"])})
        for case in fields.pop("cases")
    )
    return Round(**fields, cases=cases)


def journal_path(result_file: Path) -> Path:
    """Return the file of the rounds that belongs to an asv result file."""
    return result_file.with_suffix(".rounds.jsonl")


def cases_of(benchmark: Mapping[str, Any]) -> list[Case]:
    """Return the cases of a benchmark in asv's order."""
    combinations: list[Case] = [()]
    for values in benchmark["params"]:
        combinations = [(*case, value) for case in combinations for value in values]
    return combinations


def words(case: Case) -> str:
    """Return a case as it is shown: ``'blosc-zstd-5'`` without its quotes."""
    return ", ".join(value.strip("'\"") for value in case)


def title(benchmark: Mapping[str, Any], case: Case = ()) -> str:
    """Return the readable name of a benchmark, and of a case of it."""
    name = str(benchmark.get("pretty_name") or benchmark["name"])
    return f"{name}: {words(case)}" if case else name


def is_timed(benchmark: Mapping[str, Any]) -> bool:
    """Return whether a benchmark has noise: exact metrics are the same in every round."""
    return benchmark["type"] in {"time", "peakmemory"}


def enter(results: Results, benchmark: Mapping[str, Any], journal: Journal) -> None:
    """Put all rounds of a benchmark into asv's results, as if measured in one go."""
    known = journal.of(benchmark)
    merged = [_merge(known.get(case, [])) for case in cases_of(benchmark)]
    own = [entry for entry in journal.rounds if entry.benchmark == benchmark["name"]]
    results.add_result(
        benchmark,
        BenchmarkResult(
            result=[outcome for outcome, _, _ in merged],
            samples=[samples for _, samples, _ in merged],
            number=[number for _, _, number in merged],
            errcode=0,
            stderr="",
            profile=None,
        ),
        started_at=datetime.fromisoformat(own[-1].started_at),
        duration=sum(entry.duration for entry in own),
        record_samples=True,
    )


def _merge(rounds: list[Measured]) -> tuple[float | bool | None, list[float] | None, int | None]:
    """Return asv's result, samples and number of one case: None failed, NaN is not available."""
    statuses = {measured.status for measured in rounds}
    if not rounds or "failed" in statuses:
        return None, None, None
    if "n/a" in statuses:
        return math.nan, None, None
    samples = [sample for measured in rounds for sample in measured.samples]
    if samples:
        return True, samples, rounds[0].number
    return rounds[-1].value, None, None


def load(path: Path) -> Results:
    """Read one of asv's result files.

    Raises
    ------
    InputError
        The file is not a result file of asv.
    """
    try:
        return Results.load(str(path))
    except (util.UserError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"the result file {path} is damaged: restore it, or remove it "
            "(its rounds are kept beside it and are not measured again)"
        ) from error


def result_files(results_dir: Path) -> list[Path]:
    """Return all result files of all machines."""
    beside = {"machine.json", "benchmarks.json"}
    return sorted(path for path in results_dir.glob("*/*.json") if path.name not in beside)


def save(results: Results, results_dir: Path, scratch: Path) -> None:
    """Write asv's result file, whole or not at all.

    Parameters
    ----------
    results : asv.results.Results
        The results of one release.
    results_dir, scratch : pathlib.Path
        The folder of all results, and one on the same disk where asv looks for none.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as staging:
        results.save(staging)
        (written,) = Path(staging).glob("*/*.json")
        target = results_dir / written.relative_to(staging)
        target.parent.mkdir(parents=True, exist_ok=True)
        written.replace(target)


def now() -> str:
    """Return the present moment as it is written into journals."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def timestamp(moment: str) -> int:
    """Return a moment of a journal as asv's result files write it, in milliseconds."""
    return int(util.datetime_to_js_timestamp(datetime.fromisoformat(moment)))


def failures(rounds: Iterable[Round]) -> dict[str, dict[str, str]]:
    """Return the reasons of failed cases, by benchmark and case in words."""
    found: dict[str, dict[str, str]] = {}
    for entry in rounds:
        for measured in entry.cases:
            if measured.status == "failed":
                found.setdefault(entry.benchmark, {})[words(measured.case)] = measured.reason
    return found
