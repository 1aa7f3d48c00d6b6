"""What was measured of one revision: visits and their rounds, one line each, only appended to.

Every measured round is on the disk as soon as it is known, with the visit that it belongs to: what
was installed, under which conditions, by which version of the suite. Nothing is ever removed; a
line that discards says what, of all that was measured before, no longer counts.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from cryoet_bench import files
from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Benchmark, Case
from cryoet_bench.record.estimate import estimate

Status = Literal["passed", "n/a", "failed"]
Grade = Literal["sound", "quick", "disturbed"]
_GRADES: tuple[Grade, ...] = ("sound", "quick", "disturbed")

PACKED = ".xz"
"""The suffix of a journal in the committed record."""

DAMAGE = (OSError, EOFError, lzma.LZMAError, ValueError)
"""What reading a damaged journal may raise."""


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
        """The least time, which is what an undisturbed process takes; or the metric."""
        return min(self.samples) if self.samples else self.value


@dataclass(frozen=True)
class Round:
    """One round of a benchmark: every case in a process of its own."""

    benchmark: str
    version: str
    round: int
    started_at: str
    duration: float
    cases: tuple[Measured, ...]
    visit: str = ""


@dataclass(frozen=True)
class Visit:
    """The environment moved to a revision once, and what was measured there before it moved on.

    Attributes
    ----------
    id : str
        Names the visit within its journal.
    started_at : str
        When, in UTC.
    origin : str
        What measured it: ``scripts/bench``, ``asv run``, ``cryoet-bench noise``.
    quick : bool
        Whether cases were sampled otherwise than the suite asks for, as by ``asv run --quick``.
    installed : tuple of mapping
        Each distribution: name, version, origin, digest.
    project : mapping
        The suite: the project's commit, whether the checkout was clean, a digest of the suite.
    conditions : mapping
        What was in force: allocator, seed, processor, kernel, load.
    """

    id: str
    started_at: str
    origin: str
    quick: bool = False
    installed: tuple[Mapping[str, Any], ...] = ()
    project: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What is known of a case: the one rule of what counts.

    Attributes
    ----------
    status : {"passed", "n/a", "failed"}
        A failure stands until the case is measured again.
    rounds : tuple of Measured
        Those that count, in their order. A disturbed or quick round counts only where the case
        has no sound one.
    reason : str
        Why it failed or is not available.
    grade : {"sound", "quick", "disturbed"}
        Of the rounds that count.
    suite : str
        Checksum of the one suite that measured them; empty where it is unknown.
    """

    status: Status
    rounds: tuple[Measured, ...]
    reason: str = ""
    grade: Grade = "sound"
    suite: str = ""

    @cached_property
    def levels(self) -> list[float]:
        """The level of each round that counts."""
        return [one.level for one in self.rounds if one.level is not None]

    @cached_property
    def value(self) -> float | None:
        """The estimate of the case, the one number shown anywhere; None unless it passed."""
        return estimate(self.levels) if self.status == "passed" and self.levels else None


class Journal:
    """The rounds of one revision on one machine and tomogram.

    Parameters
    ----------
    path : pathlib.Path
        The file that is appended to; it need not exist yet.
    earlier : iterable of pathlib.Path
        Files that came before it, which are only read; those that end in ``.xz`` are unpacked.

    Raises
    ------
    InputError
        A line cannot be read. A last line without its end is a run that was killed while
        writing, and is dropped.
    """

    def __init__(self, path: Path, earlier: Iterable[Path] = ()) -> None:
        self.path = path
        self.visits: dict[str, Visit] = {}
        self.rounds: list[Round] = []
        self.disturbed: set[str] = set()
        self._known: set[tuple[str, str, str]] = set()
        self._whole_bytes = 0
        for file in earlier:
            self._read(file)
        if path.exists():
            self._whole_bytes = self._read(path)

    def _read(self, path: Path) -> int:
        """Take the lines of a file, and return how many of its bytes are whole lines."""
        before = len(self.rounds)
        try:
            whole = lines(path)
            for line in whole:
                self._take(json.loads(line))
        except (*DAMAGE, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"the journal {path} is damaged after {len(self.rounds) - before} rounds "
                f"({error}): restore it, or remove it and measure that revision again"
            ) from error
        return sum(len(line) + 1 for line in whole)

    def begin(self, visit: Visit) -> None:
        """Add a visit, before its rounds."""
        self._append({"kind": "visit", **asdict(visit)})

    def append(self, measured: Round) -> None:
        """Add a round, on the disk before this returns."""
        self._append({"kind": "round", **asdict(measured)})

    def disturb(self, visit: str, controls: Mapping[str, float]) -> None:
        """Mark a visit as disturbed, with how far off its controls were."""
        self._append({"kind": "disturbed", "visit": visit, "controls": dict(controls)})

    def discard(self, benchmarks: Iterable[str] | None = None) -> int:
        """Let what was measured so far no longer count; return how many rounds that were.

        Parameters
        ----------
        benchmarks : iterable of str, optional
            Only these; all, where none are given.
        """
        before = len(self.rounds)
        names = None if benchmarks is None else sorted(benchmarks)
        self._append({"kind": "discarded", "at": now(), "benchmarks": names})
        return before - len(self.rounds)

    def outcomes(self, benchmark: Benchmark, suite: str | None = None) -> dict[Case, Outcome]:
        """Return what is known of each case of a benchmark in its present version.

        Parameters
        ----------
        benchmark : Benchmark
            Which.
        suite : str, optional
            Checksum of the suite whose rounds count. Where none is named it is, for each case, the
            one that measured it last: a change of the suite must not look like one of zarr.
        """
        return {
            case: _outcome(
                [(self._grade(entry), measured) for entry, measured in every],
                benchmark.is_timed,
                self.suite_of(every[-1][0]),
            )
            for case, every in self.measurements(benchmark, suite).items()
        }

    def measurements(
        self, benchmark: Benchmark, suite: str | None = None
    ) -> dict[Case, list[tuple[Round, Measured]]]:
        """Return what one suite measured of each case, in that order, with the rounds it was in.

        Parameters
        ----------
        benchmark, suite
            As in `outcomes`.
        """
        found: dict[Case, dict[str, list[tuple[Round, Measured]]]] = {}
        for entry in self.rounds:
            if (entry.benchmark, entry.version) != (benchmark.name, benchmark.version):
                continue
            own = self.suite_of(entry)
            for measured in entry.cases if suite in {None, own} else ():
                by_suite = found.setdefault(measured.case, {})
                # The suite that measured last comes last.
                by_suite[own] = [*by_suite.pop(own, ()), (entry, measured)]
        return {case: list(by_suite.values())[-1] for case, by_suite in found.items()}

    def round_numbers(self, benchmark: Benchmark, suite: str) -> dict[Case, set[int]]:
        """Return which rounds of each case are done: they did not fail and were no quick ones.

        Parameters
        ----------
        benchmark : Benchmark
            Which, in its present version.
        suite : str
            Checksum of the suite that measures; no round of another suite stands for one of its.
        """
        return {
            case: {
                entry.round
                for entry, measured in every
                if measured.status != "failed" and self._grade(entry) != "quick"
            }
            for case, every in self.measurements(benchmark, suite).items()
        }

    def suite_of(self, entry: Round) -> str:
        """Return the checksum of the suite that measured a round; empty where it is unknown."""
        visit = self.visits.get(entry.visit)
        return str(visit.project.get("suite", "")) if visit else ""

    def _grade(self, entry: Round) -> Grade:
        if entry.visit in self.disturbed:
            return "disturbed"
        visit = self.visits.get(entry.visit)
        return "quick" if visit and visit.quick else "sound"

    def _append(self, fields: dict[str, Any]) -> None:
        line = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            self._whole_bytes = files.append(self.path, line, whole=self._whole_bytes)
        except OSError as error:
            raise InputError(
                f"cannot write the journal {self.path}: {error.strerror}; make the checkout "
                "writable and free some space, then rerun to resume"
            ) from error
        self._take(json.loads(line))

    def _take(self, fields: dict[str, Any]) -> None:
        match fields.pop("kind"):
            case "visit":
                visit = Visit(**{**fields, "installed": tuple(fields["installed"])})
                self.visits[visit.id] = visit
            case "round":
                measured = _round(fields)
                identity = (measured.visit, measured.benchmark, measured.started_at)
                if identity not in self._known:  # files were merged twice: a round counts once
                    self._known.add(identity)
                    self.rounds.append(measured)
            case "disturbed":
                self.disturbed.add(fields["visit"])
            case "discarded":
                names, at = fields["benchmarks"], fields["at"]
                # Files are merged one after the other, so what is above may have come later.
                self.rounds = [
                    r for r in self.rounds
                    if r.started_at > at or (names is not None and r.benchmark not in names)
                ]  # fmt: skip
            case kind:
                raise ValueError(f"no line is of the kind {kind!r}")


def lines(path: Path) -> list[bytes]:
    """Return the whole lines of a journal's file, packed or not; each is a JSON object.

    Raises
    ------
    OSError, EOFError, lzma.LZMAError
        It cannot be read.
    """
    content = path.read_bytes()
    if path.suffix == PACKED:
        content = lzma.decompress(content)
    return content.split(b"\n")[:-1]


def _round(fields: dict[str, Any]) -> Round:
    cases = tuple(
        Measured(**{**case, "case": tuple(case["case"]), "samples": tuple(case["samples"])})
        for case in fields.pop("cases")
    )
    return Round(**fields, cases=cases)


def _outcome(rounds: Sequence[tuple[Grade, Measured]], is_timed: bool, suite: str) -> Outcome:
    last = rounds[-1][1]
    if last.status != "passed":
        return Outcome(last.status, (last,), last.reason, rounds[-1][0], suite)
    passed = [(grade, one) for grade, one in rounds if one.status == "passed"]
    if not is_timed:  # exact metrics have no noise: the newest stands for all
        return Outcome("passed", (last,), suite=suite)
    for grade in _GRADES:
        counting = tuple(one for found, one in passed if found == grade)
        if counting:
            return Outcome("passed", counting, grade=grade, suite=suite)
    raise AssertionError("a round has one of the grades")


def now() -> str:
    """Return the present moment as it is written into journals."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
