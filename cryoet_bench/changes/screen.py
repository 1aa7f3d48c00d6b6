"""Screen a record: which release changed what, as far as the recorded history tells.

What moved at a release (`moves`) becomes findings of one sentence each: a finding is a release, a
question and a direction. The recorded history only proposes a change of a time.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from cryoet_bench.changes import history, moves, sentence
from cryoet_bench.changes.causes import Causes
from cryoet_bench.changes.companions import explain, layer
from cryoet_bench.changes.confirmation import CASES, Confirmation, Key, confirmations
from cryoet_bench.changes.elsewhere import elsewhere, outcome
from cryoet_bench.changes.finding import (
    OF_STATUS,
    OPPOSITE,
    OPPOSITES,
    ChangedCase,
    Finding,
    Group,
    Kind,
    Screening,
    Skipped,
)
from cryoet_bench.changes.moves import Move, Moves
from cryoet_bench.changes.reproduction import command, pattern_of
from cryoet_bench.changes.scope import Scope
from cryoet_bench.changes.steps import DISTURBED
from cryoet_bench.changes.subject import Subject, subject
from cryoet_bench.changes.unproposed import unproposed
from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import words
from cryoet_bench.timeline.revisions import Revision

_LEFT = 0.25
"""The share of a change, as a logarithm, that may be left of it where it counts as undone."""


def screen(scope: Scope, *, line: str | None = None, disturbed: float = DISTURBED) -> Screening:
    """Return what changed along the lines of the timeline, as far as the record tells.

    Parameters
    ----------
    scope : Scope
        What is judged.
    line : str, optional
        Only the releases of this line; of all lines if none is named.
    disturbed : float
        The share of processes that are slower as a whole, which times are held against.

    Raises
    ------
    InputError
        There is no such line, or the description of the suite is damaged.
    """
    releases = scope.revisions.releases
    lines = [line] if line else dict.fromkeys(one.line for one in releases())
    return _screen(scope, [releases(name) for name in lines], disturbed)


def between(
    scope: Scope, before: Revision, after: Revision, *, disturbed: float = DISTURBED
) -> Screening:
    """Return the net change from one revision to another, whatever happened in between.

    Parameters
    ----------
    scope : Scope
        What is judged.
    before, after : Revision
        Releases or candidates of any line.
    disturbed : float
        The share of processes that are slower as a whole, which times are held against.

    Raises
    ------
    InputError
        The description of the suite is damaged.
    """
    screening = _screen(scope, [[before, after]], disturbed)
    groups: list[Group] = []
    for group in screening.groups:
        told = [
            replace(one, cause=None, sentence=sentence.sentence(one, net=True))
            for one in group.findings
        ]
        groups += _groups(told)
    return replace(screening, groups=tuple(groups))


def _screen(scope: Scope, paths: Sequence[moves.Path], disturbed: float) -> Screening:
    known = history.read(
        scope.record, scope.revisions.by_commit.values(), scope.machine, scope.tomogram
    )
    suite = scope.record.suite().values()
    found = moves.find(known, suite, paths, disturbed)
    verdicts, damaged = _verdicts(scope)
    others: dict[str, dict[Key, Confirmation]] = {}
    for name in scope.record.machines():
        if name != scope.machine:
            others[name], unread = _verdicts(replace(scope, machine=name))
            damaged += unread
    every = [*found.found, *unproposed(known, suite, paths, found, verdicts)]
    findings = [_finding(together, found, scope.tomogram) for together in _together(every)]
    findings = [_undone(one, findings) for one in findings]
    findings = [_compared(_confirmed(one, verdicts), others) for one in findings]
    causes = Causes.load()
    told = [replace(one, cause=causes.of(one), sentence=sentence.sentence(one)) for one in findings]
    groups = sorted(
        _groups(told), key=lambda one: (one.findings[0].date, one.findings[0].size), reverse=True
    )
    return Screening(
        machine=scope.machine,
        tomogram=scope.tomogram,
        groups=tuple(groups),
        skipped=(*known.skipped, *damaged, *_unlinked(found)),
        judged=sum(map(len, found.judged.values())),
        smallest=found.smallest,
    )


def _unlinked(found: Moves) -> Iterator[Skipped]:
    reason = "measured by another version of the suite than the releases before it"
    for label, count in found.unlinked.items():
        yield Skipped(what=label, reason=reason, count=count)


def _verdicts(scope: Scope) -> tuple[dict[Key, Confirmation], list[Skipped]]:
    """Return the confirmations; none, and why, where their file is damaged."""
    try:
        known = confirmations(scope.record, scope.machine, scope.tomogram)
    except InputError as error:
        what = f"confirmations of {scope.machine}"
        return {}, [Skipped(what=what, reason=history.within(scope.record, error))]
    return {one.key: one for one in known}, []


def _confirmed(finding: Finding, verdicts: Mapping[Key, Confirmation]) -> Finding:
    """Give a proposal the status that the confirmations of its cases have.

    One case that changed in its direction confirms it. To overturn it takes a verdict on each of
    those that changed most, which are the ones that are measured of a proposal.
    """
    found = _known(finding, verdicts)
    if finding.status != "proposed" or not found:
        return finding
    if any(outcome(one, is_slower=finding.is_worse) == "holds" for one in found):
        return replace(finding, status="confirmed")
    most = replace(finding, cases=finding.cases[:CASES])
    decided = [one for one in _known(most, verdicts) if one.is_decided]
    is_overturned = len(decided) == len(most.cases)
    return replace(finding, status="overturned" if is_overturned else "undecided")


def _compared(finding: Finding, others: Mapping[str, Mapping[Key, Confirmation]]) -> Finding:
    """Say of a time what it is on the other machines that confirmed something of its cases."""
    if not finding.timed:
        return finding
    known = {machine: _known(finding, verdicts) for machine, verdicts in others.items()}
    found = [
        elsewhere(machine, own, is_slower=finding.is_worse) for machine, own in known.items() if own
    ]
    return replace(finding, elsewhere=tuple(found))


def _known(finding: Finding, verdicts: Mapping[Key, Confirmation]) -> list[Confirmation]:
    """Return the confirmations of the cases of a finding, in their order."""
    keys = (
        (finding.previous, finding.revision, case.benchmark, case.parameters)
        for case in finding.cases
    )
    return [verdicts[key] for key in keys if key in verdicts]


def _together(found: Iterable[Move]) -> Iterator[list[Move]]:
    """Yield the moves of each release, question and direction; failures of all questions as one."""
    together: dict[tuple[str, str, Kind], list[Move]] = {}
    for move in found:
        question = "" if move.kind in OF_STATUS else move.benchmark.name
        together.setdefault((move.after.name, question, move.kind), []).append(move)
    yield from together.values()


def _finding(found: Sequence[Move], every: Moves, tomogram: str) -> Finding:
    first = found[0]
    benchmark, release, kind = first.benchmark, first.after, first.kind
    of_status = kind in OF_STATUS
    timed = benchmark.is_timed and not of_status
    ordered = sorted(found, key=lambda move: abs(move.size), reverse=True)
    logs = [math.log(move.ratio) for move in ordered if move.ratio and move.ratio > 0]
    judged = every.judged.get((release.name, benchmark.name), set())
    about = Subject("") if of_status else subject(benchmark, [one.case for one in ordered], judged)
    name = _slug(release.name, "" if of_status else benchmark.name, kind)
    finding = Finding(
        id=name,
        group=name,
        revision=release.name,
        label=release.label,
        date=release.date,
        line=release.line,
        previous=first.before.name,
        previous_label=first.before.label,
        unmeasured=tuple(one.label for one in first.between),
        package=release.package,
        moved=release.moved,
        benchmark=benchmark.name,
        title=_title(found) if of_status else benchmark.title,
        unit="" if of_status else benchmark.unit,
        family=benchmark.family,
        kind=kind,
        timed=timed,
        ratio=math.exp(sum(logs) / len(logs)) if logs and not of_status else None,
        interval=_interval(ordered) if timed else None,
        status="proposed" if timed else "exact",
        cases=tuple(map(_case, ordered)),
        judged=len(found) if of_status else len(judged),
        subject=about.words,
        stored=about.stored,
        command=_command(found, tomogram),
    )
    if not timed:
        return finding
    return replace(finding, companion=explain(found, every), layer=layer(found, every))


def _slug(*parts: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", ".".join(filter(None, parts)).lower()).strip("-")


def _case(move: Move) -> ChangedCase:
    return ChangedCase(
        benchmark=move.benchmark.name,
        case=words(move.case),
        parameters=move.case,
        before=move.old,
        after=move.new,
        ratio=move.ratio,
        interval=move.interval,
    )


def _interval(found: Sequence[Move]) -> tuple[float, float] | None:
    """Return the interval of the mean ratio: as wide as if all cases erred alike."""
    known = [move.interval for move in found if move.interval]
    if not known:
        return None
    low, high = (
        math.exp(sum(map(math.log, ends)) / len(ends)) for ends in zip(*known, strict=True)
    )
    return low, high


def _title(found: Sequence[Move]) -> str:
    """Return how many cases began to work or to fail, and why."""
    reasons = Counter(sentence.reason(move.reason) for move in found)
    benchmarks = {move.benchmark.name for move in found}
    cases = "1 case" if len(found) == 1 else f"{len(found)} cases"
    questions = found[0].benchmark.title if len(benchmarks) == 1 else f"{len(benchmarks)} questions"
    reason, count = reasons.most_common(1)[0]
    more = len(reasons) - 1
    others = f", and {more} other reason{'s' * (more > 1)}" if more else ""
    return f"{cases} of {questions}" + (f" ({reason}{others})" if reason and count else "")


def _command(found: Sequence[Move], tomogram: str) -> str:
    """Return what measures it again: the two releases beside each other."""
    first = found[0]
    case = words(first.case) if len(found) == 1 else ""
    compares = first.benchmark.is_timed and first.kind not in OF_STATUS
    program = ("cryoet-bench", "confirm") if compares else ("scripts/bench",)
    pair = first.before.name, first.after.name
    pattern = pattern_of(first.benchmark.name, case)
    return command(*program, *pair, tomogram=tomogram, pattern=pattern)


def _undone(finding: Finding, findings: Iterable[Finding]) -> Finding:
    """Mark a finding that a later release of its line has taken back."""
    later = [
        one
        for one in findings
        if one.line == finding.line
        and one.date > finding.date
        and one.kind == OPPOSITE[finding.kind]
        and (one.benchmark == finding.benchmark or finding.kind in OF_STATUS)
    ]
    for one in sorted(later, key=lambda one: one.date):
        back = {(case.benchmark, case.case): case for case in one.cases}
        taken = sum(_is_back(case, back.get((case.benchmark, case.case))) for case in finding.cases)
        if taken * 2 > len(finding.cases):
            return replace(finding, undone_in=one.revision, undone_label=one.label)
    return finding


def _is_back(case: ChangedCase, later: ChangedCase | None) -> bool:
    """Tell whether a later change brings a case back to where it was."""
    if later is None:
        return False
    if not (case.before and case.after and later.after):
        return case.before == later.after or case.ratio is None
    return abs(math.log(later.after / case.before)) <= _LEFT * abs(
        math.log(case.after / case.before)
    )


def _groups(findings: Sequence[Finding]) -> Iterator[Group]:
    """Yield each finding alone, and those of one trade-off together."""
    for release in dict.fromkeys(one.revision for one in findings):
        own = [one for one in findings if one.revision == release]
        for together in _about_the_same(own):
            ordered = sorted(together, key=lambda one: one.size, reverse=True)
            if _is_trade_off(ordered):
                first = ordered[0].id
                members = tuple(replace(one, group=first) for one in ordered)
                yield Group(id=first, findings=members, sentence=sentence.trade_off(members))
            else:
                for one in ordered:
                    yield Group(id=one.id, findings=(one,), sentence=one.sentence)


def _is_trade_off(findings: Sequence[Finding]) -> bool:
    """Tell whether a release gave one thing and took another, of which at least one is exact."""
    worse = {one.kind for one in findings if one.is_worse}
    better = {one.kind for one in findings if not one.is_worse}
    pairs = {(one, other) for one in worse for other in better} - set(OPPOSITES)
    return bool(pairs) and any(one.status == "exact" for one in findings)


def _about_the_same(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Yield the findings of a release that concern the same codecs or layouts."""
    together: list[list[Finding]] = []
    for finding in findings:
        if finding.kind in OF_STATUS or finding.status == "overturned" or finding.is_slight:
            yield [finding]
            continue
        near = [
            others
            for others in together
            if any(set(one.stored) & set(finding.stored) for one in others)
        ]
        together = [others for others in together if others not in near]
        together.append([*(one for others in near for one in others), finding])
    yield from together
