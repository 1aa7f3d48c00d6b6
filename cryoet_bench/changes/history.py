"""What a record knows of every series: read once, whatever is in it.

Whoever judges a history needs all of it at once, and one bad file must not hide the rest. What
cannot be used is named and counted instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cryoet_bench.changes.finding import Skipped
from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Benchmark, Case, words
from cryoet_bench.record.journal import Journal, Measured, Outcome
from cryoet_bench.record.record import Record, Series
from cryoet_bench.record.summary import repeats
from cryoet_bench.timeline.revisions import Revision

Values = Mapping[str, Outcome]
"""What is known of one case, by the name of the revision."""


@dataclass
class History:
    """The outcomes of one machine and tomogram.

    Attributes
    ----------
    outcomes : dict
        By benchmark, suite and case: the outcome by the name of the revision. What different
        versions of the suite measured is never compared, so each has a history of its own.
    skipped : list of Skipped
        What could not be used.
    """

    outcomes: dict[tuple[str, str], dict[Case, dict[str, Outcome]]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def of(self, benchmark: Benchmark) -> Iterator[Mapping[Case, Values]]:
        """Yield the histories of a benchmark's cases, those of the newest suite first."""
        for name, suite in reversed(self.outcomes):
            if name == benchmark.name:
                yield self.outcomes[name, suite]


def read(record: Record, revisions: Iterable[Revision], machine: str, tomogram: str) -> History:
    """Return everything that is known of some revisions.

    Parameters
    ----------
    record : Record
        Where.
    revisions : iterable of Revision
        All that the timeline knows.
    machine, tomogram : str
        Measured on which.
    """
    history = History()
    known = {revision.name: revision for revision in revisions}
    benchmarks = record.suite()
    journals: dict[str, Journal] = {}
    for series in record.series():
        if (series.machine, series.tomogram) != (machine, tomogram):
            continue
        if series.revision not in known:
            history.skipped.append(Skipped(what=series.revision, reason="not in the timeline"))
            continue
        journal = _journal(history, record, series)
        if journal is not None:
            _drop_foreign(history, journal, known[series.revision])
            journals[series.revision] = journal
    for suite in _suites(journals.values()):
        for name, journal in journals.items():
            _take(history, journal, name, suite, benchmarks)
    return history


def _journal(history: History, record: Record, series: Series) -> Journal | None:
    try:
        return record.journal(series)
    except InputError as error:
        history.skipped.append(Skipped(what=series.revision, reason=within(record, error)))
        return None


def within(record: Record, error: InputError) -> str:
    """Return what is wrong with a file of a record, named from the record's folder on."""
    text = str(error)
    for folder in record.folders:
        text = text.replace(f"{folder}/", "")
    return text


def _drop_foreign(history: History, journal: Journal, revision: Revision) -> None:
    """Leave out the visits during which another version was installed."""
    foreign = {
        visit.id
        for visit in journal.visits.values()
        for one in visit.installed
        if one.get("name") == revision.package
        and not revision.is_candidate
        and one.get("version") != revision.version
    }
    kept = [entry for entry in journal.rounds if entry.visit not in foreign]
    if len(kept) < len(journal.rounds):
        reason = f"rounds during which another version of {revision.package} was installed"
        lost = len(journal.rounds) - len(kept)
        history.skipped.append(Skipped(what=revision.name, reason=reason, count=lost))
    journal.rounds = kept


def _suites(journals: Iterable[Journal]) -> list[str]:
    """Return the checksums of all suites, in the order in which they last measured."""
    last: dict[str, str] = {}
    for journal in journals:
        for entry in journal.rounds:
            suite = journal.suite_of(entry)
            last[suite] = max(last.get(suite, ""), entry.started_at)
    return sorted(last, key=last.__getitem__)


def _take(
    history: History,
    journal: Journal,
    revision: str,
    suite: str,
    benchmarks: Mapping[str, Benchmark],
) -> None:
    impossible = doubtful = 0
    for benchmark in benchmarks.values():
        standing = journal.outcomes(benchmark)
        repeated = {} if benchmark.is_timed else repeats(benchmark, journal, suite)
        for case, outcome in journal.outcomes(benchmark, suite).items():
            if outcome.status == "failed" != standing[case].status:
                continue  # a failure stands until the case is measured again, by any suite
            if not _is_possible(benchmark, outcome):
                impossible += 1
                continue
            counting = _once(outcome)
            if not _is_reproduced(benchmark, repeated.get(case, ())):
                doubtful += 1
                counting = replace(outcome, rounds=())  # it works, and has no value to compare
            cases = history.outcomes.setdefault((benchmark.name, suite), {})
            cases.setdefault(case, {})[revision] = counting
    if impossible:
        reason = "impossible values"
        history.skipped.append(Skipped(what=revision, reason=reason, count=impossible))
    if doubtful:
        reason = "exact values that were not the same twice"
        history.skipped.append(Skipped(what=revision, reason=reason, count=doubtful))


def _is_reproduced(benchmark: Benchmark, every: Sequence[Measured]) -> bool:
    """Tell whether the last two measurements of an exact value agree, as far as both have one."""
    values = [one.value for one in every[-2:] if isinstance(one.value, float)]
    return len(values) < 2 or benchmark.is_same(words(every[-1].case), *values)


def _once(outcome: Outcome) -> Outcome:
    """Return an outcome in which a round counts once, also where a copy has another visit's name.

    No two rounds have the same samples to the last digit.
    """
    if not all(one.samples for one in outcome.rounds):
        return outcome
    return replace(outcome, rounds=tuple(dict.fromkeys(outcome.rounds)))


def _is_possible(benchmark: Benchmark, outcome: Outcome) -> bool:
    """Tell whether the levels are finite numbers, positive where they are times."""
    if outcome.status != "passed":
        return True
    try:
        levels = [math.log(one) if benchmark.is_timed else float(one) for one in outcome.levels]
    except (TypeError, ValueError):  # whatever a hand has put there
        return False
    return bool(levels) and all(map(math.isfinite, levels))
