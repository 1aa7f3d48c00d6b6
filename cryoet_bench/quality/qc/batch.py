"""Many volumes in one call: the rows of one table, which an interrupted run resumes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cryoet_bench.conclusion import sentence
from cryoet_bench.errors import InputError
from cryoet_bench.files import write_text
from cryoet_bench.quality.fingerprint import fingerprint
from cryoet_bench.quality.qc.inspection import inspect
from cryoet_bench.quality.qc.report import build_report
from cryoet_bench.quality.qc.rows import Rows, failed, rows_of
from cryoet_bench.quality.report import write_html
from cryoet_bench.quality.report.table import Row
from cryoet_bench.quality.thresholds import LIMITS, Limits, in_words
from cryoet_bench.quality.workers import results


@dataclass(frozen=True)
class Places:
    """Where a batch keeps what it makes beside its table.

    Parameters
    ----------
    finished : pathlib.Path or None
        Folder of the volumes that are done, from which an interrupted run resumes.
    reports : pathlib.Path or None
        Folder of one page for each volume.
    """

    finished: Path | None = None
    reports: Path | None = None

    @classmethod
    def beside(cls, outputs: Sequence[Path], page: Path | None) -> Places:
        """Return the folders beside the first of some outputs, and beside the page of all.

        Raises
        ------
        InputError
            One of them exists and is no folder, or cannot be made.
        """
        first = next(iter(outputs), None)
        places = cls(
            first and first.with_name(f"{first.name}.parts"),
            page and page.with_name(f"{page.name}.reports"),
        )
        for folder in (places.finished, places.reports):
            if folder is not None:
                _make(folder)
        return places

    def tidy(self) -> None:
        """Remove the folders into which nothing was put."""
        for folder in (self.finished, self.reports):
            if folder is not None:
                # One that holds something stays.
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _make(folder: Path) -> None:
    if folder.is_symlink():
        raise InputError(f"cannot write into {folder}: it is a link")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error


def examine_all(
    sources: Sequence[str],
    places: Places | None = None,
    *,
    limits: Limits = LIMITS,
    scheduler: str | None = None,
    done: Callable[[str, Row], None] = lambda _source, _row: None,
) -> Rows:
    """Examine many volumes and return the rows of one table; a bad one among them is a row, too.

    Parameters
    ----------
    sources : sequence of str
        As `open_volume` takes them.
    places : Places, optional
        What an earlier run finished there is kept, where neither the file, the limits nor this
        software has changed since.
    limits : mapping of str to Limit
        What verdicts rest on.
    scheduler : str, optional
        Address of a Dask scheduler whose workers see the same files; this process otherwise.
    done : callable
        Receives each source and the row of its volume, as it is finished.

    Raises
    ------
    InputError
        Nothing to examine, the scheduler cannot be reached, or a folder cannot be written.
    """
    if not sources:
        raise InputError("there is nothing to examine: name at least one tomogram")
    places = places or Places()
    finished: dict[str, Rows] = {}
    waiting = []
    for source in dict.fromkeys(sources):
        rows = _resumed(places, source, limits)
        if rows is None:
            waiting.append(source)
        else:
            finished[source] = rows
            done(source, rows[0])
    examine = partial(examine_one, reports=places.reports, limits=limits)
    try:
        for source, rows in results(examine, waiting, scheduler, failed):
            _keep(places, source, rows, limits)
            finished[source] = rows
            done(source, rows[0])
    finally:
        places.tidy()
    return [row for source in dict.fromkeys(sources) for row in finished[source]]


def _keep(places: Places, source: str, rows: Rows, limits: Limits) -> None:
    """Put the rows of a volume where `_resumed` finds them."""
    if places.finished is None:
        return
    content = {"state": _state(source, limits), "rows": rows}
    try:
        write_text(_part(places.finished, source), json.dumps(content, default=_encoded))
    except OSError as error:
        raise InputError(f"cannot write {places.finished}: {error.strerror}") from error


def examine_one(source: str, reports: Path | None = None, limits: Limits = LIMITS) -> Rows:
    """Return the rows of one volume; one that cannot be examined gives a row that says why.

    Parameters
    ----------
    source : str
        As `open_volume` takes it.
    reports : pathlib.Path, optional
        Folder where its report is written.
    limits : mapping of str to Limit
        What verdicts rest on.
    """
    try:
        inspection = inspect(source, limits=limits)
        page = reports and _report(reports, source)
        if page:
            write_html(build_report(inspection), page)
        return rows_of(inspection, source, page)
    except Exception as error:  # noqa: BLE001  (one bad file must not end the examination of many)
        return failed(source, sentence(error))


def _name(source: str) -> str:
    return hashlib.sha256(os.fsencode(source)).hexdigest()[:24]


def _part(finished: Path, source: str) -> Path:
    return finished / f"{_name(source)}.json"


def _report(reports: Path, source: str) -> Path:
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(source).name).strip("._")[:80]
    return reports / f"{readable or 'tomogram'}-{_name(source)[:8]}.html"


def _resumed(places: Places, source: str, limits: Limits) -> Rows | None:
    """Return what an earlier run found, unless the source or this software changed since."""
    if places.finished is None or (places.reports and not _report(places.reports, source).exists()):
        return None
    try:
        part = _part(places.finished, source).read_bytes()
        record = json.loads(part, object_hook=_decoded)
        rows: Rows = record["rows"]
        good = record["state"] == _state(source, limits) and rows[0]["verdict"] != "error"
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return rows if good else None


def _state(source: str, limits: Limits) -> str:
    return fingerprint([source], in_words(limits))


def _encoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    raise TypeError(type(value))


def _decoded(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["hex"]) if set(value) == {"hex"} else value
