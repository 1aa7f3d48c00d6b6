"""The files of a study: tables, page, report, plots and recommendations."""

from __future__ import annotations

import json
from pathlib import Path

from cryoet_bench.files import Kind, output
from cryoet_bench.study import charts, page, tables
from cryoet_bench.study.overview import Overview

PAGE = Kind("page of a study", b"<title>cryoet-bench study")
REPORT = Kind("report of a study", b"<!-- cryoet-bench study -->")
ADVICE = Kind("recommendations of a study", b'"format": "cryoet-bench-recommendations"')


def write(seen: Overview, folder: Path) -> list[Path]:
    """Write tables, page, report, plots and recommendations into a study's folder.

    Raises
    ------
    InputError
        A file of that name is none of a study's; it stays as it is.
    """
    written = tables.write(seen.results, folder)
    drawn = charts.charts(seen)
    facts = [advice.facts() for one in seen.sheets for advice in one.advice]
    content = {"format": "cryoet-bench-recommendations", "recommendations": facts}
    texts = {
        "study.html": (PAGE, page.page(seen, drawn)),
        "study.md": (REPORT, page.report(seen, drawn)),
        "recommendations.json": (ADVICE, json.dumps(content, indent=1) + "\n"),
    }
    for name, (kind, text) in texts.items():
        target = output(folder / name, kind)
        target.write(text)
        written.append(target.path)
    written += charts.write(drawn, folder / "plots")
    return written
