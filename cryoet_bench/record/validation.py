"""Whether a submitted record may be merged: its form, its machine, its releases, its values.

A record is data of strangers: nothing in it is run, and each fault is one sentence that says where
it is and what to do.
"""

from __future__ import annotations

import itertools
import lzma
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.record.form import (
    OF_CONFIRMATIONS,
    OF_JOURNAL,
    BlockLine,
    CasePair,
    ConfirmationLine,
    DisturbedLine,
    Line,
    Machine,
    MeasuredLine,
    RoundLine,
    Ruling,
    VisitLine,
)
from cryoet_bench.record.journal import DAMAGE, PACKED
from cryoet_bench.record.record import CONFIRMATIONS, MACHINE
from cryoet_bench.timeline.revisions import Revision

_RANGES: Mapping[str, tuple[float, float]] = {
    "seconds": (1e-7, 3600),
    "bytes": (0, 5e8),  # 60 times the phantom
    "bytes/voxel": (0, 64),
    "of raw": (0, 4),
    "x": (0, 1e6),
    "requests": (0, 1e7),
    "round trips": (0, 1e7),
    "objects": (0, 1e7),
    "calls": (0, 1e9),
    "instructions": (1e3, 1e12),
    "density": (0, 1e6),
    "SD": (0, 1e3),
    "1 - FSC": (-1, 2),
}
"""What a value can be, by its unit; a test holds that each unit of the suite is here."""

_ANY = (-math.inf, math.inf)
_COUNTED = frozenset({"requests", "round trips", "objects", "calls"})
_FILE = re.compile(r"(?P<revision>[A-Za-z0-9][A-Za-z0-9._+-]*)\.jsonl\.xz")
_DESCRIPTION = 10_000
_PACKED, _UNPACKED, _MEMORY = 10_000_000, 100_000_000, 200_000_000
"""The most bytes of a description, of a packed file, of its content, and to unpack it."""
_SHOWN = 5
"""How many faults of a file are told; the others are counted."""
_LONGEST = 500
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True)
class Rules:
    """What a submission is held against.

    Parameters
    ----------
    revisions : mapping of str to Revision
        The releases of the timeline, by name.
    suite : mapping of str to Benchmark
        The benchmarks.
    digest : str
        Of the suite that they are.
    digests : frozenset of str
        Of all suites whose values the record may hold.
    tomograms : frozenset of str
        Names of those that everybody has.
    now : datetime.datetime
        Nothing was measured later.
    """

    revisions: Mapping[str, Revision]
    suite: Mapping[str, Benchmark]
    digest: str
    digests: frozenset[str]
    tomograms: frozenset[str]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def unknown(self, benchmark: str, version: str, case: Case) -> str | None:
        """Return what the suite does not know of a case, if anything."""
        found = self.suite.get(benchmark)
        if found is None or found.version != version:
            return f"the suite has no such benchmark in version {version!r}"
        if case not in found.cases:
            return f"the suite has no case {words(case)}"
        return None

    def depends_on_processor(self, benchmark: str, shared: Collection[str]) -> bool:
        """Tell whether another processor gives other values. Times always depend on it.

        Instructions do unless both have AVX2: to a program under valgrind all processors with AVX2
        are one, with the same features and caches, and libraries choose their code by these. Sizes
        and other counts never do.

        Parameters
        ----------
        benchmark : str
            Its name.
        shared : collection of str
            The features that both processors have.
        """
        found = self.suite.get(benchmark)
        if found is None or found.is_timed:
            return True
        return found.unit == "instructions" and "avx2" not in shared

    def is_past(self, visit: VisitLine) -> bool:
        """Tell whether another accepted suite measured: what it asked need not be known now."""
        return visit.project.suite in self.digests - {self.digest}


@dataclass(frozen=True)
class Seen:
    """What was found in the files so far: nothing can be measured twice.

    Attributes
    ----------
    visits : dict of str to str
        The file of each visit, by the visit's id.
    samples : set of tuple of float
        Those of all processes.
    """

    visits: dict[str, str] = field(default_factory=dict)
    samples: set[tuple[float, ...]] = field(default_factory=set)

    def again(self, samples: tuple[float, ...]) -> bool:
        """Take the samples of a process, and tell whether they were there before."""
        # Three clock readings of nanoseconds never agree by chance.
        known = len(samples) > 2 and samples in self.samples
        self.samples.add(samples)
        return known


def faults(folder: Path, rules: Rules, seen: Seen | None = None) -> list[str]:
    """Return why the record of one machine cannot be merged, a sentence each; none where it can.

    Parameters
    ----------
    folder : pathlib.Path
        Of the machine, named after it, such as ``record/epyc-2-cores``.
    rules : Rules
        What it is held against.
    seen : Seen, optional
        Of the machines before, to which this one is added.
    """
    return [in_one_line(one) for one in _faults(folder, rules, seen or Seen())]


def in_one_line(sentence: str) -> str:
    """Return a sentence without what a stranger's text does to a terminal or to the log of CI."""
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in sentence)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ..."


def _faults(folder: Path, rules: Rules, seen: Seen) -> Iterator[str]:
    if folder.is_symlink() or not folder.is_dir():
        yield f"{folder} is no folder: name the folder of a machine, such as record/epyc-2-cores"
        return
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", folder.name):
        yield f"{folder.name!r} cannot name a machine: use letters, digits, '-', '_' and '.'"
    machine = _machine(folder)
    if isinstance(machine, str):
        yield machine
        return
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    for path in paths:
        where = path.relative_to(folder.parent).as_posix()
        # What several cases have in common is said once.
        found = iter(dict.fromkeys(_file_faults(path, folder, machine, rules, seen)))
        yield from (f"{where}{fault}" for fault in itertools.islice(found, _SHOWN))
        if more := sum(1 for _ in found):
            yield f"{where}: {more} faults more"
    if all(path.parent == folder for path in paths):
        yield f"{folder.name} holds no journal and no verdicts: run 'cryoet-bench record submit'"


def _file_faults(
    path: Path, folder: Path, machine: Machine, rules: Rules, seen: Seen
) -> Iterator[str]:
    if path.is_symlink():
        yield " is a link: put the file itself there"
    elif path.parent == folder:
        if path.name != MACHINE:
            yield " does not belong there: remove it"
    elif path in {folder / one / (CONFIRMATIONS + PACKED) for one in rules.tomograms}:
        yield from (f": {fault}" for fault in _ruling_faults(path, machine, rules, seen))
    else:
        yield from (f": {fault}" for fault in _journal_faults(path, folder, machine, rules, seen))


def _machine(folder: Path) -> Machine | str:
    path, where = folder / MACHINE, f"{folder.name}/{MACHINE}"
    try:
        if path.is_symlink():
            return f"{where} is a link: put the file itself there"
        if path.stat().st_size > _DESCRIPTION:
            return f"{where} is too large for the description of a machine: restore it"
        return Machine.model_validate_json(path.read_bytes())
    except OSError as error:
        return f"{where} cannot be read ({error.strerror}): run 'cryoet-bench record submit'"
    except ValidationError as error:
        return f"{where} does not describe a machine: {_first(error)}"


def _journal_faults(
    path: Path, folder: Path, machine: Machine, rules: Rules, seen: Seen
) -> Iterator[str]:
    file = _FILE.fullmatch(path.name)
    if file is None:
        yield "is no packed journal: run 'cryoet-bench record submit', which packs them"
        return
    revision = rules.revisions.get(file["revision"])
    if revision is None:
        yield f"the timeline has no release {file['revision']!r}: run 'cryoet-bench timeline list'"
        return
    tomogram = path.parent.relative_to(folder).as_posix()
    if tomogram not in rules.tomograms:
        known = " or ".join(sorted(rules.tomograms))
        yield f"{tomogram!r} is no tomogram that everybody has: submit {known}"
        return
    entries = read(path, OF_JOURNAL)
    if isinstance(entries, str):
        yield entries
    else:
        where = path.relative_to(folder.parent).as_posix()
        yield from _Journal(entries, where, machine, revision, rules, seen).faults()


def read[T](path: Path, form: TypeAdapter[T]) -> list[T] | str:
    """Return the lines of a file, or why they cannot be read."""
    entries: list[T] = []
    try:
        for line in whole_lines(path):
            entries.append(form.validate_json(line))  # noqa: PERF401  (the error states their number)
    except ValidationError as error:
        return f"line {len(entries) + 1} is not of the record's form: {_first(error)}"
    except DAMAGE as error:
        return f"cannot be unpacked ({error}): run 'cryoet-bench record submit' again"
    return entries


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a packed file, which takes no more memory than an honest one.

    Raises
    ------
    OSError, EOFError, lzma.LZMAError, ValueError
        It is damaged, too large, or more than one archive of whole lines.
    """
    if path.stat().st_size > _PACKED:
        raise ValueError(f"it is larger than {_PACKED / 1e6:.0f} MB")
    archive = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    content = archive.decompress(path.read_bytes(), _UNPACKED)
    if len(content) == _UNPACKED:
        raise ValueError(f"its content is larger than {_UNPACKED / 1e6:.0f} MB")
    if not archive.eof:
        raise EOFError("it ends too early")
    if archive.unused_data:
        raise ValueError("something follows the archive")
    *whole, rest = content.split(b"\n")
    if rest:
        raise EOFError("its last line has no end")
    return whole


@dataclass(frozen=True)
class _Journal:
    entries: list[Line]
    where: str
    machine: Machine
    revision: Revision
    rules: Rules
    seen: Seen

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the whole, then with each visit, then with each round."""
        rounds = [entry for entry in self.entries if isinstance(entry, RoundLine)]
        measured: dict[str, set[str]] = defaultdict(set)
        for one in rounds:
            measured[one.visit].add(one.benchmark)
        visits: dict[str, VisitLine] = {}
        if not rounds:
            yield "holds no round: measure the release first"
        for entry in self.entries:
            match entry:
                case VisitLine():
                    if entry.id in visits:
                        yield f"visit {entry.id} begins twice: the file was merged wrongly"
                    visits[entry.id] = entry
                    yield from self._visit(entry, measured[entry.id])
                case RoundLine():
                    if entry.visit in visits:
                        yield from self._round(entry, visits[entry.visit])
                    else:
                        yield f"a round of {entry.benchmark} belongs to no visit of this file"
                case DisturbedLine() if entry.visit not in visits:
                    yield f"a disturbance belongs to no visit of this file ({entry.visit!r})"
        yield from _repeated(rounds, self.seen)

    def _visit(self, entry: VisitLine, measured: Iterable[str]) -> Iterator[str]:
        file = self.seen.visits.setdefault(entry.id, self.where)
        if file != self.where:
            yield f"visit {entry.id} is in {file} too: a visit has one release"
        yield from _visit_faults(entry, self.revision, self.machine, self.rules)
        shared = {*entry.conditions.cpu_features} & {*self.machine.cpu_features}
        if any(self.rules.depends_on_processor(one, shared) for one in measured):
            yield from _processor_faults(entry, self.machine)

    def _round(self, entry: RoundLine, visit: VisitLine) -> Iterator[str]:
        where = f"round {entry.round} of {entry.benchmark}"
        if not timedelta(0) <= entry.started_at - visit.started_at <= timedelta(days=1):
            yield f"{where} did not happen during its visit"
        for measured in entry.cases:
            unknown = self.rules.unknown(entry.benchmark, entry.version, measured.case)
            if unknown and not self.rules.is_past(visit):
                yield f"{where}: {unknown}"
            if unknown:
                continue
            benchmark = self.rules.suite[entry.benchmark]
            if fault := _implausible(measured, benchmark):
                yield f"{where}, case {benchmark.title_of(measured.case)}: {fault}"


def _visit_faults(
    visit: VisitLine, revision: Revision, machine: Machine, rules: Rules
) -> Iterator[str]:
    where = f"visit {visit.id}"
    installed = {one.name: one for one in visit.installed}
    for pin in revision.pins:
        name, _, version = pin.partition("==")
        found = installed.get(name)
        if found is None or found.version != version:
            yield (
                f"{where} had {name} {found.version if found else 'not installed'}, and the "
                f"timeline's {revision.name} is {name} {version}"
            )
        elif found.origin != "index":
            yield f"{where} had {name} from {found.origin!r}, which is no release"
    if not visit.project.clean:
        yield f"{where} was measured by a changed checkout: commit or undo its changes first"
    if visit.project.suite not in rules.digests:
        yield f"{where} was measured by another suite: update the checkout and measure again"
    facts = visit.conditions
    here = (facts.system, facts.architecture, facts.cpu, str(facts.cpus))
    stated = (machine.os, machine.arch, machine.cpu, machine.num_cpu)
    if here != stated:
        yield (
            f"{where} ran on {', '.join(here)}, and machine.json says {', '.join(stated)}: "
            "machines are never mixed"
        )
    if fault := _moment_fault(visit.started_at, revision, rules):
        yield f"{where} {fault}"


def _processor_faults(visit: VisitLine, machine: Machine) -> Iterator[str]:
    """Yield why the processor of a visit is not the machine's, whatever its name."""
    here, stated = set(visit.conditions.cpu_features), set(machine.cpu_features)
    differing = [
        f"{word} {', '.join(sorted(features))}"
        for word, features in (("without", stated - here), ("with", here - stated))
        if features
    ]
    if differing:
        yield (
            f"visit {visit.id} measured another processor than that of machine.json "
            f"({' and '.join(differing)}): machines are never mixed"
        )


def _moment_fault(moment: datetime, revision: Revision, rules: Rules) -> str | None:
    """Return why nothing of a release was measured at a moment, if so."""
    if revision.date <= moment <= rules.now + timedelta(hours=1):
        return None
    return f"is dated {moment.date().isoformat()}, when it cannot have happened"


def _ruling_faults(path: Path, machine: Machine, rules: Rules, seen: Seen) -> Iterator[str]:
    """Yield what is wrong with the verdicts of a machine and a tomogram."""
    entries = read(path, OF_CONFIRMATIONS)
    if isinstance(entries, str):
        yield entries
    else:
        yield from _Rulings(entries, path, machine, rules, seen).faults()


@dataclass(frozen=True)
class _Rulings:
    entries: list[Ruling]
    path: Path
    machine: Machine
    rules: Rules
    seen: Seen

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with each visit, then with each block and each verdict."""
        yield from self._visit_faults()
        blocks: Counter[CasePair] = Counter()
        for entry in self.entries:
            if isinstance(entry, VisitLine):
                continue
            pair = entry.pair
            blocks[pair] += isinstance(entry, BlockLine)
            if fault := self._fault(entry, blocks[pair]):
                yield f"{pair.benchmark} of {pair.before} and {pair.after}: {fault}"

    def _visit_faults(self) -> Iterator[str]:
        sides = (
            side
            for block in self._blocks
            for side in zip((block.pair.before, block.pair.after), block.visits, strict=True)
        )
        for name, identity in dict.fromkeys(sides):
            if name in self.rules.revisions and identity in self._visits:
                visit = self._visits[identity]
                yield from _visit_faults(
                    visit, self.rules.revisions[name], self.machine, self.rules
                )
                yield from _processor_faults(visit, self.machine)

    def _fault(self, entry: BlockLine | ConfirmationLine, blocks: int) -> str | None:
        pair = entry.pair
        for name in (pair.before, pair.after):
            if name not in self.rules.revisions:
                return f"the timeline has no release {name!r}"
        if unknown := self.rules.unknown(pair.benchmark, pair.version, pair.case):
            return None if pair in self._past else unknown
        if isinstance(entry, ConfirmationLine):
            return _verdict_fault(entry, self.path, blocks, self.rules)
        return _block_fault(entry, self._visits, self.rules, self.seen)

    @cached_property
    def _visits(self) -> dict[str, VisitLine]:
        return {entry.id: entry for entry in self.entries if isinstance(entry, VisitLine)}

    @cached_property
    def _blocks(self) -> list[BlockLine]:
        return [entry for entry in self.entries if isinstance(entry, BlockLine)]

    @cached_property
    def _past(self) -> set[CasePair]:
        """What another accepted suite measured, if perhaps not it alone."""
        past = {name for name, visit in self._visits.items() if self.rules.is_past(visit)}
        return {block.pair for block in self._blocks if not past.isdisjoint(block.visits)}


def _block_fault(
    block: BlockLine, visits: Mapping[str, VisitLine], rules: Rules, seen: Seen
) -> str | None:
    """Return what is wrong with a block of processes, if anything."""
    if any(identity not in visits for identity in block.visits):
        return "a block belongs to no visit of this file"
    if (block.order.count("A"), block.order.count("B")) != (len(block.before), len(block.after)):
        return f"a block in the order {block.order} has other processes"
    processes = (*block.before, *block.after)
    if any(seen.again(one) for one in processes):
        return "a block repeats the samples of another process"
    benchmark = rules.suite[block.pair.benchmark]
    faults = (_impossible(value, benchmark) for one in processes for value in one)
    if fault := _moment_fault(block.at, rules.revisions[block.pair.after], rules):
        return f"a block {fault}"
    return next((fault for fault in faults if fault), None)


def _verdict_fault(verdict: ConfirmationLine, path: Path, known: int, rules: Rules) -> str | None:
    """Return what is wrong with a verdict, if anything."""
    tomogram = path.parent.name
    machine = path.parent.parent.name
    if (verdict.machine, verdict.tomogram) != (machine, tomogram):
        return f"its verdict is of {verdict.tomogram} on {verdict.machine}"
    if verdict.blocks > known:
        return f"its verdict rests on {verdict.blocks} blocks, and the file has {known} before it"
    if fault := _moment_fault(verdict.at, rules.revisions[verdict.after], rules):
        return f"its verdict {fault}"
    return _interval_fault(verdict)


def _interval_fault(verdict: ConfirmationLine) -> str | None:
    """Return why a verdict does not follow from its interval, if so."""
    low, high = verdict.low or verdict.ratio, verdict.high or verdict.ratio
    if not low <= verdict.ratio <= high:
        return f"its ratio {verdict.ratio:g} lies outside of its interval, {low:g} to {high:g}"
    excluded = (verdict.low or 0) > 1 or (verdict.high or 2) < 1
    if verdict.verdict == "changed" and not excluded:
        return "its verdict is a change, and its interval holds 1"
    reach = max(verdict.high, 1 / verdict.low) - 1 if verdict.low and verdict.high else math.inf
    if verdict.verdict == "equivalent" and reach > verdict.margin * _ROUNDING:
        margin = f"{100 * verdict.margin:g} %"
        return f"its verdict is no change, and its interval reaches beyond {margin}"
    return None


def _implausible(measured: MeasuredLine, benchmark: Benchmark) -> str | None:
    """Return what is wrong with one measured case, if anything."""
    if measured.status == "passed":
        return _implausible_value(measured, benchmark)
    if measured.value is not None or measured.samples:
        return f"is {measured.status} and has a value"
    # What a release does not have, asv skips without a word.
    if measured.status == "failed" and not measured.reason:
        return "is failed without a reason"
    return None


def _implausible_value(measured: MeasuredLine, benchmark: Benchmark) -> str | None:
    sampled = benchmark.description["type"] == "time"
    if sampled and (measured.value is not None or not measured.samples):
        return "is a time and needs samples, and no value"
    if not sampled and (measured.value is None or measured.samples):
        return "needs a value, and no samples"
    values = measured.samples if sampled else (measured.value,)
    return next((fault for value in values if (fault := _impossible(value, benchmark))), None)


def _impossible(value: float | None, benchmark: Benchmark) -> str | None:
    """Return why a value cannot be, if so."""
    low, high = _RANGES.get(benchmark.unit, _ANY)
    if value is None or not low <= value <= high:
        return f"{value} {benchmark.unit} cannot be"
    if benchmark.unit in _COUNTED and value != int(value):
        return f"{value} {benchmark.unit} cannot be counted"
    return None


def _repeated(rounds: Iterable[RoundLine], seen: Seen) -> Iterator[str]:
    """Yield where the same measurement is there twice."""
    known: set[tuple[str, str, datetime]] = set()
    of_visit: set[tuple[str, str, int, Case]] = set()
    for entry in rounds:
        where = f"round {entry.round} of {entry.benchmark}"
        identity = (entry.visit, entry.benchmark, entry.started_at)
        if identity in known:
            yield f"{where} is there twice"
            continue
        known.add(identity)
        for measured in entry.cases:
            # asv measures all its rounds in one visit, and counts no round that failed.
            place = (entry.visit, entry.benchmark, entry.round, measured.case)
            if place in of_visit and measured.status != "failed":
                yield f"{where} was measured twice in visit {entry.visit}"
            of_visit.add(place)
            if seen.again(measured.samples):
                yield f"{where} repeats the samples of another"


def _first(error: ValidationError) -> str:
    """Return the first complaint of pydantic as one sentence."""
    one = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in one["loc"])
    return f"{place or 'the line'}: {one['msg']}"
