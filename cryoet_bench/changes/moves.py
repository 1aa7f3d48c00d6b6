"""What moved at which release: every case of every benchmark, along the lines of the timeline.

Exact metrics are compared by equality, or within the tolerance that a benchmark states. Times are
judged a family at a time (a release and a question), and its cases only where the family stands
out; the false discovery rate holds over all families of the record (Benjamini and Bogomolov 2014,
doi:10.1111/rssb.12028).
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from cryoet_bench.changes import steps
from cryoet_bench.changes.comparison import CONFIDENCE, STATUS_CHANGES, StatusChange
from cryoet_bench.changes.finding import Kind
from cryoet_bench.changes.history import History, Values
from cryoet_bench.changes.subject import Named, values
from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.record.estimate import pooled, variance
from cryoet_bench.timeline.revisions import Revision

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

RATE = 0.05
"""The share of false ones among the families that stand out."""

SMALLEST = 0.01
"""Smaller steps of a time (ratio - 1) are not proposed."""

_RESTATED = frozenset({"size.Codecs.track_fraction_of_raw"})
"""Metrics that say in another unit what the one beside them says, and are left out."""

_USUAL = 0.001
"""The p-value that a case must reach in a usual record, for the smallest detectable change."""

_POWER = 0.9
"""How often the smallest detectable change is found."""

Path = Sequence[Revision]
"""The releases that lead to the newest one of a line, oldest first."""


@dataclass(frozen=True)
class Move:
    """A case that a release changed.

    Attributes
    ----------
    benchmark, case
        Which.
    before, after : Revision
        The release that changed it, and the last before it that has a value.
    between : tuple of Revision
        Those that have none, and stand between the two.
    kind : str
        How.
    old, new : float or None
        Values, or local levels.
    interval : tuple of float or None
        Of the ratio of a time.
    reason : str
        Why it fails or is not available.
    """

    benchmark: Benchmark
    case: Case
    before: Revision
    after: Revision
    between: tuple[Revision, ...]
    kind: Kind
    old: float | None
    new: float | None
    interval: tuple[float, float] | None = None
    reason: str = ""

    @property
    def ratio(self) -> float | None:
        """The new value over the old one."""
        return self.new / self.old if self.old and self.new is not None else None

    @property
    def size(self) -> float:
        """The logarithm of the ratio; infinite where there is none."""
        return math.log(self.ratio) if self.ratio and self.ratio > 0 else math.inf


@dataclass
class Moves:
    """All moves, and what was judged to find them.

    Attributes
    ----------
    found : list of Move
        In no order.
    judged : dict
        By release and benchmark, the cases whose values were compared with an earlier release's.
    unlinked : Counter
        By label of a release, how many of its values no other release's can be compared with,
        because other versions of the suite measured those before it.
    smallest : dict
        By timed benchmark, the smallest factor that is found nine times out of ten.
    """

    found: list[Move] = field(default_factory=list)
    judged: dict[tuple[str, str], set[Case]] = field(default_factory=dict)
    unlinked: Counter[str] = field(default_factory=Counter)
    smallest: dict[str, float] = field(default_factory=dict)

    def begin(self, after: Revision, benchmark: Benchmark, case: Case) -> bool:
        """Note that a case is judged; tell whether no newer suite has judged it already."""
        cases = self.judged.setdefault((after.name, benchmark.name), set())
        is_first = case not in cases
        cases.add(case)
        return is_first

    def at(self, release: str, benchmark: str) -> dict[Named, Move]:
        """Return the moves of one benchmark at a release, by case."""
        return self._index.get((release, benchmark), {})

    @cached_property
    def _index(self) -> dict[tuple[str, str], dict[Named, Move]]:
        found: dict[tuple[str, str], dict[Named, Move]] = {}
        for move in self.found:
            key = (move.after.name, move.benchmark.name)
            found.setdefault(key, {})[values(move.case)] = move
        return found


def find(
    known: History,
    benchmarks: Iterable[Benchmark],
    paths: Sequence[Path],
    disturbed: float = steps.DISTURBED,
) -> Moves:
    """Return what moved along some lines.

    Parameters
    ----------
    known : History
        All values.
    benchmarks : iterable of Benchmark
        Which; controls are left out.
    paths : sequence of sequence of Revision
        The releases that lead to the newest one of each line. Those of another line are its
        history here, and judged there.
    disturbed : float
        The share of processes that are slower as a whole, which steps of times are held against.
    """
    moves = Moves()
    families: list[_Family] = []
    for benchmark in benchmarks:
        if benchmark.is_control or benchmark.name in _RESTATED:
            continue
        suites = list(known.of(benchmark))
        for path in paths:
            moves.unlinked.update(_unlinked(suites, path))
        for path, cases in itertools.product(paths, suites):
            moves.found += _changes_of_status(benchmark, cases, path)
            if benchmark.is_timed:
                families.append(_Family.of(benchmark, cases, path, disturbed))
            else:
                moves.found += _exact_moves(moves, benchmark, cases, path)
    moves.found += _timed_moves(moves, families)
    unique = {(one.after.name, one.benchmark.name, one.case, one.kind): one for one in moves.found}
    moves.found = list(unique.values())  # several suites may have seen a case fail
    return moves


def neighbours(
    path: Path, known: Container[str]
) -> Iterator[tuple[Revision, tuple[Revision, ...], Revision]]:
    """Yield, for each known release of a line: what it follows, what lies between, itself."""
    places = [place for place, revision in enumerate(path) if revision.name in known]
    for before, after in itertools.pairwise(places):
        if path[after].line == path[-1].line:
            yield path[before], tuple(path[before + 1 : after]), path[after]


def _unlinked(suites: Sequence[Mapping[Case, Values]], path: Path) -> Iterator[str]:
    """Yield the label of a release for each case that other suites measured before it."""
    if len(suites) < 2:
        return
    for case in dict.fromkeys(case for cases in suites for case in cases):
        every = [cases.get(case, {}) for cases in suites]
        linked = {after.name for values in every for _, _, after in neighbours(path, values)}
        known = {name for values in every for name in values}
        for _, _, after in neighbours(path, known):
            if after.name not in linked:
                yield after.label


def _changes_of_status(
    benchmark: Benchmark, cases: Mapping[Case, Values], path: Path
) -> Iterator[Move]:
    for case, outcomes in cases.items():
        for before, between, after in neighbours(path, outcomes):
            old, new = outcomes[before.name], outcomes[after.name]
            if change := STATUS_CHANGES.get((old.status, new.status)):
                yield Move(
                    benchmark, case, before, after, between, _OF_STATUS[change], old.value,
                    new.value, reason=new.reason or old.reason,
                )  # fmt: skip


_OF_STATUS: Mapping[StatusChange, Kind] = {
    "failed": "newly failing",
    "fixed": "newly fixed",
    "lost": "lost",
    "gained": "newly available",
}


def _exact_moves(
    moves: Moves, benchmark: Benchmark, cases: Mapping[Case, Values], path: Path
) -> Iterator[Move]:
    for case, outcomes in cases.items():
        known = {name: one.value for name, one in outcomes.items() if one.value is not None}
        for before, between, after in neighbours(path, known):
            if not moves.begin(after, benchmark, case) or not can_change(benchmark, before, after):
                continue
            old, new = known[before.name], known[after.name]
            if not benchmark.is_same(words(case), old, new):
                kind = kind_of(benchmark, worse=new > old)
                yield Move(benchmark, case, before, after, between, kind, old, new)


_KINDS: tuple[tuple[str, Kind, Kind], ...] = (
    (r"\.time_", "slower", "faster"),
    (r"\.peakmem_|traced_peak", "more memory", "less memory"),
    (r"requests|round_trips", "more requests", "fewer requests"),
    (r"bytes_moved|read_amplification", "more bytes moved", "fewer bytes moved"),
    (r"decode_amplification", "more decoded", "less decoded"),
    (r"python_calls", "more calls", "fewer calls"),
    (r"^instructions\.", "more instructions", "fewer instructions"),
    (r"objects", "more objects", "fewer objects"),
    (r"max_error|nrmse|fsc_loss", "less exact", "more exact"),
)


def kind_of(benchmark: Benchmark, *, worse: bool) -> Kind:
    """Return how a benchmark changed, in a word or two."""
    for pattern, more, less in _KINDS:
        if re.search(pattern, benchmark.name):
            return more if worse else less
    return "larger" if worse else "smaller"


def can_change(benchmark: Benchmark, before: Revision, after: Revision) -> bool:
    """Tell whether the step between two revisions can change the values of a benchmark.

    What numcodecs does alone stays as it is where neither numcodecs nor numpy moves.
    """
    if benchmark.family not in _WITHOUT_ZARR:
        return True
    return _pins(before) != _pins(after)


_WITHOUT_ZARR = frozenset({"codec.Chunk", "instructions.Chunk"})


def _pins(revision: Revision) -> set[str]:
    return {pin for pin in revision.pins if re.match(r"(numcodecs|numpy)\b", pin)}


@dataclass(frozen=True)
class _Family:
    """The series of a timed benchmark along a line, as one suite measured them."""

    benchmark: Benchmark
    path: Path
    cases: tuple[Case, ...]
    found: steps.Steps
    p_values: Floats

    @classmethod
    def of(
        cls, benchmark: Benchmark, cases: Mapping[Case, Values], path: Path, disturbed: float
    ) -> _Family:
        """Find the steps of all cases."""
        import numpy as np  # noqa: PLC0415

        shape = (len(cases), len(path))
        levels, rounds = np.full(shape, np.nan), np.zeros(shape)
        noise = []
        for row, outcomes in enumerate(cases.values()):
            counting = []
            for column, revision in enumerate(path):
                outcome = outcomes.get(revision.name)
                if outcome and outcome.value is not None and outcome.grade == "sound":
                    levels[row, column] = math.log(outcome.value)
                    rounds[row, column] = len(outcome.levels)
                    counting.append(outcome.levels)
            own = pooled(counting)
            usual = statistics.median_low(map(len, counting)) if counting else 1
            noise.append((own.deviation * math.sqrt(variance(usual)), own.degrees))
        deviations, degrees = np.array(noise).T
        found = steps.find(levels, rounds, deviations, degrees, disturbed)
        return cls(benchmark, path, tuple(cases), found, found.family_p_values())

    def judged(self) -> Iterator[int]:
        """Yield the places of the releases of the line that can have changed the series.

        Each follows the last release before it that has a value: what an unmeasured one moved
        shows here.
        """
        import numpy as np  # noqa: PLC0415

        measured = np.isfinite(self.found.values).any(axis=0)
        places = {self.path[place].name: place for place in np.flatnonzero(measured).tolist()}
        for before, _, after in neighbours(self.path, places):
            place = places[after.name]
            is_judged = math.isfinite(self.p_values[place])
            if is_judged and can_change(self.benchmark, before, after):
                yield place

    def chosen(self, column: int, rate: float) -> list[int]:
        """Return the cases that a release has changed, all if only their mean stands out."""
        import numpy as np  # noqa: PLC0415

        size = self.found.size[:, column]
        rows = np.flatnonzero(np.isfinite(size))
        rows = rows[np.abs(size[rows]) > math.log1p(SMALLEST)]
        if not len(rows):
            return []
        stands_out = discoveries(self.found.p_values[rows, column], rate)
        if not stands_out.any():
            stands_out = np.sign(size[rows]) == np.sign(np.nansum(self.found.score[:, column]))
        return [int(row) for row in rows[stands_out]]

    def move(self, row: int, column: int) -> Move:
        """Return the step of a case at a release."""
        from scipy import stats  # noqa: PLC0415

        known = [
            revision.name
            for revision, before in zip(self.path, self.found.values[row], strict=True)
            if not math.isnan(before)
        ]
        after = self.path[column]
        before, between, _ = next(pair for pair in neighbours(self.path, known) if pair[2] is after)
        old, new = (float(levels[row, column]) for levels in (self.found.before, self.found.after))
        half = self.found.error[row, column] * stats.t.ppf(
            0.5 + CONFIDENCE / 2, self.found.degrees[row]
        )
        interval = math.exp(new - old - half), math.exp(new - old + half)
        kind = kind_of(self.benchmark, worse=new > old)
        return Move(
            self.benchmark, self.cases[row], before, after, between, kind,
            math.exp(old), math.exp(new), interval,
        )  # fmt: skip


def _timed_moves(moves: Moves, families: Sequence[_Family]) -> Iterator[Move]:
    """Yield the steps of times that stand out among all."""
    import numpy as np  # noqa: PLC0415

    tested = [(family, column) for family in families for column in family.judged()]
    stands_out = discoveries(np.array([family.p_values[column] for family, column in tested]), RATE)
    rate = RATE * stands_out.mean() if tested else RATE
    for (family, column), is_chosen in zip(tested, stands_out, strict=True):
        chosen = family.chosen(column, rate) if is_chosen else []
        for row in np.flatnonzero(np.isfinite(family.found.size[:, column])):
            is_first = moves.begin(family.path[column], family.benchmark, family.cases[row])
            if is_first and row in chosen:
                yield family.move(int(row), column)
    for family in families:
        found = family.found.smallest(_USUAL, _POWER)
        if math.isfinite(found):
            known = moves.smallest.get(family.benchmark.name, math.inf)
            moves.smallest[family.benchmark.name] = min(known, found)


def discoveries(p_values: Floats, rate: float) -> npt.NDArray[np.bool_]:
    """Return which of some tests stand out at a false discovery rate (Benjamini and Hochberg)."""
    import numpy as np  # noqa: PLC0415
    from scipy import stats  # noqa: PLC0415

    if not len(p_values):
        return np.zeros(0, bool)
    found: npt.NDArray[np.bool_] = stats.false_discovery_control(p_values) <= rate
    return found
