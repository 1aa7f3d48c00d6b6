"""asv's result files, written from the record: they own nothing, and nothing else reads them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from asv import util
from asv.benchmarks import Benchmarks
from asv.environment import get_env_name
from asv.results import Results, get_filename
from asv_runner.statistics import compute_stats

from cryoet_bench import files, variables
from cryoet_bench.errors import InputError
from cryoet_bench.measure.asv.environment import ReleaseEnvironment
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.journal import Journal, Outcome
from cryoet_bench.record.record import Record, Series
from cryoet_bench.timeline.installers import PYTHON
from cryoet_bench.timeline.revisions import Revision

_COLUMNS = [
    "result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b",
    "stats_q_25", "stats_q_75", "stats_number", "stats_repeat", "samples", "profile",
]  # fmt: skip
_STAMP = ".written"


def refresh(record: Record, revisions: Iterable[Revision], results_dir: Path) -> None:
    """Bring asv's files up to the record: all machines, tomograms and revisions.

    Raises
    ------
    InputError
        A journal is damaged, or the folder cannot be written.
    """
    try:
        _refresh(record, {revision.name: revision for revision in revisions}, results_dir)
    except OSError as error:
        raise InputError(
            f"cannot write asv's result files to {results_dir}: {error.strerror}; make the "
            "checkout writable and free some space"
        ) from error


def _refresh(record: Record, revisions: Mapping[str, Revision], results_dir: Path) -> None:
    suite = record.suite()
    if not suite:
        return
    known = [series for series in record.series() if series.revision in revisions]
    results_dir.mkdir(parents=True, exist_ok=True)
    stamp = results_dir / _STAMP
    state = _state(record, known)
    if stamp.exists() and stamp.read_text("utf-8") == state:
        return
    stamp.unlink(missing_ok=True)
    _write(
        results_dir / "benchmarks.json",
        {name: dict(benchmark.description) for name, benchmark in suite.items()},
        Benchmarks.api_version,
    )
    written = set()
    for machine in {series.machine for series in known}:
        _write(results_dir / machine / "machine.json", _machine(record, machine), 1)
    for series in known:
        path = write(record, series, revisions[series.revision], results_dir)
        if path:
            written.add(path)
    for path in result_files(results_dir) - written:
        path.unlink()
    files.write_text(stamp, state)


def write(record: Record, series: Series, revision: Revision, results_dir: Path) -> Path | None:
    """Write the file of one series and return its path, or None where nothing counts."""
    journal = record.journal(series)
    rows = {}
    for name, benchmark in record.suite().items():
        outcomes = journal.outcomes(benchmark)
        if outcomes:
            rows[name] = _row(benchmark, outcomes, journal)
    if not rows:
        return None
    environment = {variables.TOMOGRAM: series.tomogram}
    name = env_name(series.tomogram)
    path = results_dir / str(get_filename(series.machine, revision.commit, name))
    _write(
        path,
        {
            "commit_hash": revision.commit,
            "env_name": name,
            "date": int(util.datetime_to_js_timestamp(revision.date)),
            "params": {**_machine(record, series.machine), "python": PYTHON},
            "python": PYTHON,
            "requirements": {},
            "env_vars": environment,
            "result_columns": _COLUMNS,
            "results": rows,
            "durations": {},
        },
        Results.api_version,
    )
    return path


def env_name(tomogram: str) -> str:
    """Return asv's name of the environment for a tomogram."""
    tagged = {("nobuild", variables.TOMOGRAM): tomogram}
    return str(get_env_name(ReleaseEnvironment.tool_name, PYTHON, {}, tagged))


def result_files(results_dir: Path) -> set[Path]:
    """Return the result files of all machines."""
    beside = {"machine.json", "benchmarks.json"}
    return {path for path in results_dir.glob("*/*.json") if path.name not in beside}


def _row(benchmark: Benchmark, outcomes: Mapping[Any, Outcome], journal: Journal) -> list[Any]:
    results: list[float | None] = []
    stats: list[dict[str, Any] | None] = []
    samples: list[list[float] | None] = []
    for case in benchmark.cases:
        outcome = outcomes.get(case)
        value = outcome.value if outcome else math.nan
        if outcome and outcome.status == "n/a":
            value = math.nan
        results.append(value)
        if outcome and outcome.value is not None and benchmark.is_timed:
            levels = outcome.levels  # one statistic a process: those alone are independent
            stats.append(dict(compute_stats(levels, outcome.rounds[0].number or 1)[1]))
            samples.append(levels)
        else:
            stats.append(None)
            samples.append(None)
    own = [entry for entry in journal.rounds if entry.benchmark == benchmark.name]
    started = datetime.fromisoformat(max(entry.started_at for entry in own))
    columns: dict[str, Any] = {
        "result": None if all(value is None for value in results) else results,
        "params": benchmark.description["params"],
        "version": benchmark.version,
        "started_at": int(util.datetime_to_js_timestamp(started)),
        "duration": round(sum(entry.duration for entry in own), 3),
        "samples": samples if any(samples) else None,
    }
    for column in _COLUMNS:
        if column.startswith("stats_") and any(stats):
            key = column.removeprefix("stats_")
            columns[column] = [one and one.get(key) for one in stats]
    row = [columns.get(column) for column in _COLUMNS]
    while row and row[-1] is None:
        row.pop()
    return row


def _machine(record: Record, name: str) -> dict[str, str]:
    """Return what asv knows of a machine, in words that an update does not change."""
    facts = record.machine(name)
    fields = ("os", "arch", "cpu", "num_cpu", "ram")
    return {"machine": name, **{field: str(facts.get(field, "unknown")) for field in fields}}


def _state(record: Record, known: Iterable[Series]) -> str:
    """Return what the files depend on: the suite, and the journals' sizes and times."""
    parts = [json.dumps([dict(b.description) for b in record.suite().values()], sort_keys=True)]
    for series in known:
        for path in record.journal_paths(series):
            status = path.stat()
            parts.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    parts += [json.dumps(record.machine(m)) for m in sorted({one.machine for one in known})]
    return "\n".join(parts)


def _write(path: Path, content: dict[str, Any], version: int) -> None:
    """Write one of asv's JSON files, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.staged(path) as staging:
        util.write_json(str(staging), content, version)
