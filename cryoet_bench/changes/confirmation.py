"""What paired measurements of two revisions have shown: blocks of processes and their verdicts.

They lie in one file beside the journals of a machine and a tomogram, which is only appended to.
Each block is on the disk as soon as it was measured; a verdict is on all blocks of its pair and
case that stand before it and that its own suite measured.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from cryoet_bench import files
from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Case
from cryoet_bench.record.estimate import estimate
from cryoet_bench.record.journal import DAMAGE, Visit, lines
from cryoet_bench.record.record import Record

Key = tuple[str, str, str, Case]
"""The older revision, the newer one, the benchmark and the case of a confirmation."""

CASES = 3
"""Cases of a proposal that are measured, those that changed most: one that changed confirms it."""

Verdict = Literal["changed", "equivalent", "undecided"]
Samples = tuple[tuple[float, ...], ...]
"""Of each process, in the order of their measurement: seconds per call, or the one value."""


@dataclass(frozen=True)
class CasePair:
    """One case on two revisions.

    Attributes
    ----------
    before, after : str
        The revisions' names.
    benchmark, version : str
        asv's name of the benchmark, and its version.
    case : tuple of str
        Its parameters as asv writes them.
    """

    before: str
    after: str
    benchmark: str
    version: str
    case: Case


@dataclass(frozen=True)
class Block:
    """A few processes of each revision, measured one after the other in an order drawn by lot.

    Attributes
    ----------
    pair : CasePair
        Of what.
    at : str
        When it was begun, in UTC.
    seconds : float
        How long it took.
    order : str
        Of its processes: ``ABBA`` or ``BAAB``, A being the older revision.
    number : int or None
        Calls per sample.
    before, after : tuple of tuple of float
        The samples of each process.
    visits : tuple of str
        Names of the visits to both revisions, which say what was installed.
    """

    pair: CasePair
    at: str
    seconds: float
    order: str
    number: int | None
    before: Samples
    after: Samples
    visits: tuple[str, ...] = ()

    @property
    def log_ratio(self) -> float:
        """How the revisions differ in this block: the record's one estimate of each side.

        Of two processes it is the lesser, as about one in ten is 10 to 25 % slower as a whole.
        """
        sides = [estimate([min(one) for one in side]) for side in (self.before, self.after)]
        return math.log(sides[1] / sides[0])


@dataclass(frozen=True)
class Confirmation:
    """The verdict on one case of two revisions.

    Attributes
    ----------
    before, after : str
        The revisions' names.
    benchmark, version : str
        asv's name of the benchmark, and its version.
    case : tuple of str
        Its parameters as asv writes them.
    verdict : {"changed", "equivalent", "undecided"}
        Changed: the interval excludes 1. Equivalent: it lies within the margin.
    ratio : float
        `after` over `before`: above 1 is slower or larger.
    low, high : float or None
        The interval of the ratio, which holds at every moment at once; None before it has ends.
    margin : float
        The relative difference that does not matter, fixed beforehand.
    level : float
        The probability at most that the interval does not hold.
    blocks : int
        How many were measured.
    correlation : float or None
        Of neighbouring blocks' log ratios; None for fewer than three blocks.
    minutes : float
        What the measurement took.
    machine, tomogram : str
        Where and on what.
    at : str
        When it was decided, in UTC.
    before_samples, after_samples : tuple of tuple of float
        Of each process.
    """

    before: str
    after: str
    benchmark: str
    version: str
    case: Case
    verdict: Verdict
    ratio: float
    low: float | None
    high: float | None
    margin: float
    level: float
    blocks: int
    correlation: float | None
    minutes: float
    machine: str
    tomogram: str
    at: str
    before_samples: Samples = ()
    after_samples: Samples = ()

    @property
    def pair(self) -> CasePair:
        """What the verdict is on."""
        return CasePair(self.before, self.after, self.benchmark, self.version, self.case)

    @property
    def key(self) -> Key:
        """What the verdict is on, whichever version of the benchmark."""
        return self.before, self.after, self.benchmark, self.case

    @property
    def is_decided(self) -> bool:
        """Whether the measurement was enough for a verdict."""
        return self.verdict != "undecided"

    def replaces(self, earlier: Confirmation) -> bool:
        """Tell whether this verdict counts in place of an earlier one of the same pair.

        An interval holds at every moment, so what was decided stands: a later question that was
        left undecided does not take it back, and neither does one with a larger margin.
        """
        if not earlier.is_decided:
            return True
        return self.is_decided and self.margin <= earlier.margin


class Ledger:
    """The blocks and verdicts of one machine and tomogram.

    Parameters
    ----------
    path : pathlib.Path
        The file; it need not exist yet.

    Raises
    ------
    InputError
        A line cannot be read. A last line without its end is a run that was killed while writing,
        and is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.visits: dict[str, Visit] = {}
        self.blocks: dict[CasePair, list[Block]] = {}
        self.confirmations: list[Confirmation] = []
        self._seen: set[bytes] = set()
        self._whole_bytes = 0
        number = 0
        try:
            whole = lines(path) if path.exists() else []
            self._whole_bytes = sum(len(line) + 1 for line in whole)
            for number, line in enumerate(whole, 1):  # noqa: B007  (for the sentence)
                self._take(line)
        except (*DAMAGE, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"line {number} of {path} is no confirmation ({error}): restore the file, or "
                "remove that line"
            ) from error

    def blocks_by(self, suite: str, pair: CasePair) -> list[Block]:
        """Return the blocks of a pair that the suite of a checksum measured, in their order."""
        visits = {one.id for one in self.visits.values() if one.project.get("suite") == suite}
        return [one for one in self.blocks.get(pair, ()) if visits.issuperset(one.visits)]

    def append(self, entry: Visit | Block | Confirmation) -> None:
        """Add a visit, a block or a verdict, on the disk before this returns."""
        content = asdict(entry)
        for name in ("before_samples", "after_samples"):  # its blocks hold them
            content.pop(name, None)
        kind = type(entry).__name__.lower()
        line = json.dumps({"kind": kind, **content}, separators=(",", ":"), allow_nan=False)
        data = line.encode() + b"\n"
        try:
            self._whole_bytes = files.append(self.path, data, whole=self._whole_bytes)
        except OSError as error:
            raise InputError(
                f"cannot write {self.path}: {error.strerror}; make the checkout writable and free "
                "some space, then rerun to resume"
            ) from error
        self._take(data.rstrip())

    def _take(self, line: bytes) -> None:
        if line in self._seen:  # files were merged twice: a block counts once
            return
        self._seen.add(line)
        content = json.loads(line)
        match content.pop("kind"):
            case "visit":
                visit = Visit(**{**content, "installed": tuple(content["installed"])})
                self.visits[visit.id] = visit
            case "block":
                block = _block(content)
                self.blocks.setdefault(block.pair, []).append(block)
            case "confirmation":
                self.confirmations.append(self._confirmation(content))
            case kind:
                raise ValueError(f"no line is of the kind {kind!r}")

    def _confirmation(self, content: dict[str, Any]) -> Confirmation:
        content["case"] = tuple(content["case"])
        pair = CasePair(*(content[field.name] for field in fields(CasePair)))
        numbers = [content[name] for name in ("ratio", "low", "high")]
        if not all(0 < one < math.inf for one in numbers if one is not None):
            raise ValueError("a ratio is no positive number")
        if not isinstance(content["at"], str):
            raise TypeError("its moment is no text")
        # Those of another suite stand before them.
        known = self.blocks.get(pair, [])[-content["blocks"] :]
        content["before_samples"] = tuple(one for block in known for one in block.before)
        content["after_samples"] = tuple(one for block in known for one in block.after)
        return Confirmation(**content)


def confirmations(record: Record, machine: str, tomogram: str) -> list[Confirmation]:
    """Return the verdicts of a machine on a tomogram: those in the record, and newer ones.

    Parameters
    ----------
    record : Record
        Where they lie.
    machine, tomogram : str
        Their names.

    Returns
    -------
    list of Confirmation
        The one that counts of each pair of revisions and case, in the order in which they were
        reached: the latest, unless an earlier one was decided and stands.

    Raises
    ------
    InputError
        A line of a file cannot be read.
    """
    standing: dict[CasePair, Confirmation] = {}
    found = [
        one
        for path in record.confirmation_paths(machine, tomogram)
        for one in Ledger(path).confirmations
    ]
    for one in sorted(found, key=lambda one: one.at):
        if one.pair not in standing or one.replaces(standing[one.pair]):
            standing.pop(one.pair, None)
            standing[one.pair] = one
    return list(standing.values())


def _block(content: dict[str, Any]) -> Block:
    pair = content.pop("pair")
    return Block(
        pair=CasePair(**{**pair, "case": tuple(pair["case"])}),
        before=tuple(map(tuple, content.pop("before"))),
        after=tuple(map(tuple, content.pop("after"))),
        visits=tuple(content.pop("visits")),
        **content,
    )
