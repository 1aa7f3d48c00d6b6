"""Reports: one document of checks and pictures, written as HTML, PNG, JSON and Markdown.

Whoever examines something builds a `Report`; the writers do not know what was examined::

    report = Report(
        kind="qc", title="TS_100_3", subject={"shape": "184 x 630 x 630"}, checks=checks,
        sections=(Section("Histogram", "What a reader should see in it.", draw=draw_histogram),),
        measures={"mean": 0.1},
    )
    write_html(report, path); write_png(report, path); write_json(report, path)

A section's `draw` receives a matplotlib ``SubFigure`` and fills it; the same function serves the
HTML page and the PNG. `height` is in inches for a page 9 inches wide. Every text is untrusted
(run names are hostile input) and is escaped by the writers.
"""

from cryoet_bench.quality.report.document import Report, Section, Table
from cryoet_bench.quality.report.writers import (
    Form,
    kind_of,
    markdown,
    schema,
    targets,
    write,
    write_html,
    write_json,
    write_markdown,
    write_png,
)

__all__ = [
    "Form",
    "Report",
    "Section",
    "Table",
    "kind_of",
    "markdown",
    "schema",
    "targets",
    "write",
    "write_html",
    "write_json",
    "write_markdown",
    "write_png",
]
