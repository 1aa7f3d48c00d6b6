"""The record to download: one Parquet, one CSV, one for each question, and what columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.site.questions import Question
    from cryoet_bench.site.sheet import Sheet

COLUMNS: Mapping[str, str] = {
    "machine": "Name of the machine; values of different machines are never compared",
    "tomogram": "Name of the tomogram; values of different tomograms are never compared",
    "revision": "Release, by the name that commands take: zarr-3.4.2",
    "label": "Release, as pages show it: zarr 3.4.2",
    "line": "Line of releases: main, or a name for maintenance releases such as zarr-2",
    "date": "When the release was uploaded (UTC)",
    "benchmark": "Name of the benchmark in the suite: read.Patterns.time_read",
    "title": "Its readable name",
    "question": "What it answers",
    "case": "The case of the benchmark: its values along the axes, such as whole, cube-64 v2",
    "unit": "Unit of the value; lower is better in all of them",
    "timed": "Whether it is a time or a peak of memory, with noise; other values are exact",
    "control": "Whether no release can change it, so that a step comes from the machine",
    "core": "Whether the case is in the core of the suite, which is measured by default",
    "status": "passed, n/a (the release has no such feature) or failed",
    "value": "Of a time the geometric mean of the lower half of the rounds, each its least sample; "
    "empty unless it passed",
    "rounds": "How many rounds of fresh processes the value rests on",
    "spread": "Standard deviation of the natural logarithm of the rounds",
    "grade": "sound, quick (sampled less than usual) or disturbed (the controls were off)",
    "reason": "Why it failed or is not available",
}
"""The data dictionary."""


def write(folder: Path, sheets: Sequence[Sheet], questions: Sequence[Question]) -> None:
    """Write the whole record, and a part of it for each question."""
    import pandas as pd  # noqa: PLC0415

    if not sheets:
        return
    whole = pd.concat([sheet.cases for sheet in sheets])[list(COLUMNS)]
    whole.to_parquet(folder / "record.parquet", index=False)
    guarded(whole).to_csv(folder / "record.csv", index=False)
    parts = dict(iter(whole.groupby("benchmark", sort=False)))
    for question in questions:
        part = parts[question.benchmark.name]
        guarded(part).to_csv(folder / f"{question.slug}.csv", index=False)


def guarded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts no spreadsheet takes for a formula.

    As OWASP advises: an apostrophe goes before a text that begins with ``= + - @``, tab or return.
    """
    safe = table.copy()
    for name in safe.select_dtypes(["object", "string"]):
        text = safe[name].astype(str)
        safe[name] = text.where(~text.str.match(r"[=+\-@\t\r]"), "'" + text)
    return safe
