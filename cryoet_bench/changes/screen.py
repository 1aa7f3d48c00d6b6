"""Screen a record: which release changed what, as far as the recorded history tells.

Exact metrics are compared by equality, or within the tolerance that a benchmark states. Times are
judged a family at a time (a release and a question), and its cases only where the family stands
out; the false discovery rate holds over all families of the record (Benjamini and Bogomolov 2014,
doi:10.1111/rssb.12028).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryoet_bench.changes import history, steps
from cryoet_bench.changes.finding import ChangedCase, Finding, Kind, Screening
from cryoet_bench.changes.history import History, Values
from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.record.record import Record
from cryoet_bench.timeline.revisions import Revision, Revisions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RATE = 0.05
"""The share of false ones among the families that are proposed."""

SMALLEST = 0.01
"""Smaller steps of a time (ratio - 1) are not proposed."""

CONFIDENCE = 0.99


@dataclass(frozen=True)
class _Move:
    """A case that a release changed."""

    benchmark: Benchmark
    previous: Revision
    revision: Revision
    kind: Kind
    case: ChangedCase


def screen(
    record: Record,
    revisions: Revisions,
    machine: str,
    tomogram: str,
    *,
    line: str | None = None,
) -> Screening:
    """Return what changed along the lines of the timeline, as far as the record tells.

    Parameters
    ----------
    record : Record
        What was measured.
    revisions : Revisions
        All of the timeline.
    machine, tomogram : str
        Measured on which.
    line : str, optional
        Only the releases of this line; of all lines if none is named.

    Raises
    ------
    InputError
        There is no such line, or the suite never described itself here.
    """
    every = list(revisions.by_commit.values())
    known = history.read(record, every, machine, tomogram)
    names = [line] if line else dict.fromkeys(one.line for one in revisions.releases())
    paths = [revisions.releases(name) for name in names]
    moves: list[_Move] = []
    judged = 0
    for benchmark in record.suite().values():
        if benchmark.is_control:
            continue
        for path in paths:
            found, count = _moves(benchmark, known, path)
            moves += found
            judged += count
    findings = _findings(moves)
    return Screening(
        machine=machine,
        tomogram=tomogram,
        findings=tuple(findings),
        skipped=tuple(known.skipped),
        judged=judged,
    )


def _moves(
    benchmark: Benchmark, known: History, path: Sequence[Revision]
) -> tuple[list[_Move], int]:
    """Return the changed cases on the releases that belong to the line at the end of a path."""
    line = path[-1].line
    found: dict[tuple[str, Case], _Move] = {}
    judged = 0
    for cases in known.of(benchmark):
        timed = _timed_steps(cases, path) if benchmark.is_timed else {}
        for case, values in cases.items():
            measured = [one for one in path if one.name in values]
            for before, after in itertools.pairwise(measured):
                if after.line != line or (after.name, case) in found:
                    continue
                judged += 1
                step = timed.get((after.name, case))
                move = _move(benchmark, case, values, before, after, step)
                if move:
                    found[after.name, case] = move
    return list(found.values()), judged


def _move(
    benchmark: Benchmark,
    case: Case,
    values: Values,
    before: Revision,
    after: Revision,
    step: tuple[float, float] | None,
) -> _Move | None:
    old, new = values[before.name], values[after.name]
    kind: Kind | None
    one, other = old.value, new.value
    if old.status != new.status:
        kind = _STATUSES.get((old.status, new.status))
        if kind is None:
            return None
    elif one is None or other is None:
        return None
    elif benchmark.is_timed:
        if step is None:
            return None
        kind = kind_of(benchmark, worse=other > one)
    else:
        if abs(other - one) <= benchmark.tolerance * abs(one):
            return None
        kind = kind_of(benchmark, worse=other > one)
    ratio = other / one if one and other is not None else None
    changed = ChangedCase(
        benchmark=benchmark.name, case=words(case), before=one, after=other, ratio=ratio
    )
    return _Move(benchmark, before, after, kind, changed)


_STATUSES: dict[tuple[str, str], Kind] = {
    ("passed", "failed"): "newly failing",
    ("n/a", "failed"): "newly failing",
    ("failed", "passed"): "newly fixed",
    ("n/a", "passed"): "newly available",
    ("passed", "n/a"): "lost",
    ("failed", "n/a"): "lost",
}

_KINDS: tuple[tuple[str, Kind, Kind], ...] = (
    (r"time_", "slower", "faster"),
    (r"peakmem_|traced_peak", "more memory", "less memory"),
    (r"requests|round_trips", "more requests", "fewer requests"),
    (r"bytes_moved|read_amplification", "more bytes moved", "fewer bytes moved"),
    (r"decode_amplification", "more decoded", "less decoded"),
    (r"python_calls", "more calls", "fewer calls"),
    (r"instructions\.", "more instructions", "fewer instructions"),
    (r"objects", "more objects", "fewer objects"),
    (r"max_error|nrmse|fsc_loss", "less exact", "more exact"),
)


def kind_of(benchmark: Benchmark, *, worse: bool) -> Kind:
    """Return how a benchmark changed, in a word or two."""
    for pattern, more, less in _KINDS:
        if re.search(pattern, benchmark.name):
            return more if worse else less
    return "larger" if worse else "smaller"


def _timed_steps(
    cases: Mapping[Case, Values], path: Sequence[Revision]
) -> dict[tuple[str, Case], tuple[float, float]]:
    """Return the steps of a benchmark's cases that stand out, each with its error."""
    import numpy as np  # noqa: PLC0415
    from scipy import stats  # noqa: PLC0415

    order = list(cases)
    values = np.full((len(order), len(path)), np.nan)
    noise, degrees = np.full(len(order), np.nan), np.zeros(len(order))
    for row, case in enumerate(order):
        squares, free = 0.0, 0
        for column, revision in enumerate(path):
            outcome = cases[case].get(revision.name)
            if outcome and outcome.value and outcome.grade == "sound":
                values[row, column] = math.log(outcome.value)
                logs = np.log(outcome.levels)
                squares += float(((logs - logs.mean()) ** 2).sum()) / len(logs)
                free += len(logs) - 1
        if free:
            noise[row], degrees[row] = math.sqrt(squares / free), free
    if not np.isfinite(values).any():
        return {}
    found = steps.find(values, noise, degrees)
    if not np.isfinite(found.error).any():
        return {}
    p = 2 * stats.t.sf(np.abs(found.score), np.broadcast_to(found.degrees, found.score.shape))
    stands = _discoveries(p)
    return {
        (path[column].name, order[row]): (found.size[row, column], found.error[row, column])
        for row, column in zip(*np.nonzero(stands), strict=True)
        if abs(found.size[row, column]) > math.log1p(SMALLEST)
    }


def _discoveries(p: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    import numpy as np  # noqa: PLC0415
    from scipy import stats  # noqa: PLC0415

    tested = np.isfinite(p)
    stands = np.zeros(p.shape, bool)
    stands[tested] = stats.false_discovery_control(p[tested]) <= RATE
    return stands


def _findings(moves: Iterable[_Move]) -> list[Finding]:
    together: dict[tuple[str, str, Kind], list[_Move]] = {}
    for move in moves:
        key = (move.revision.name, move.benchmark.name, move.kind)
        together.setdefault(key, []).append(move)
    found = [_finding(group) for group in together.values()]
    return sorted(found, key=lambda one: (one.date, one.size), reverse=True)


def _finding(group: Sequence[_Move]) -> Finding:
    first = group[0]
    cases = sorted((move.case for move in group), key=_size, reverse=True)
    ratios = [math.log(case.ratio) for case in cases if case.ratio and case.ratio > 0]
    ratio = math.exp(sum(ratios) / len(ratios)) if ratios else None
    timed = first.benchmark.is_timed
    name = f"{first.revision.name}.{first.benchmark.name}.{first.kind}"
    slug = re.sub(r"[^a-z0-9.]+", "-", name.lower())
    amount = f" {ratio:.3g} times" if ratio else ""
    sentence = f"{first.benchmark.title}:{amount} {first.kind} since {first.revision.label}"
    return Finding(
        id=slug,
        group=slug,
        revision=first.revision.name,
        label=first.revision.label,
        date=first.revision.date,
        line=first.revision.line,
        previous=first.previous.name,
        previous_label=first.previous.label,
        package=first.revision.package,
        moved=first.revision.moved,
        benchmark=first.benchmark.name,
        title=first.benchmark.title,
        unit=first.benchmark.unit,
        family=first.benchmark.family,
        kind=first.kind,
        timed=timed,
        ratio=ratio,
        status="proposed" if timed and ratio else "exact",
        cases=tuple(cases),
        judged=len(cases),
        sentence=sentence,
        command=f"cryoet-bench confirm {first.previous.name} {first.revision.name}",
    )


def _size(case: ChangedCase) -> float:
    return abs(math.log(case.ratio)) if case.ratio and case.ratio > 0 else math.inf
