"""The page and the report of a study: one HTML file that needs no network, and Markdown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.quality.report.writers import markdown_cell
from cryoet_bench.study.comparison import HEADINGS

if TYPE_CHECKING:
    from cryoet_bench.study.charts import Chart
    from cryoet_bench.study.overview import Overview

_EXPORTS = "window.vegaEmbed = vegaEmbed;"
PAGES = Path(__file__).with_name("pages")


def page(seen: Overview, drawn: list[Chart]) -> str:
    """Return the page as HTML; its scripts and charts are within."""
    import vl_convert  # noqa: PLC0415

    return _rendered(
        "study.html",
        seen,
        drawn,
        specs=json.dumps([chart.spec for chart in drawn]).replace("</", "<\\/"),
        script=vl_convert.javascript_bundle(_EXPORTS) if drawn else "",
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def report(seen: Overview, drawn: list[Chart]) -> str:
    """Return the report in Markdown, for a wiki; its pictures are those of the folder ``plots``."""
    return _rendered("study.md", seen, drawn)


def _rendered(template: str, seen: Overview, drawn: list[Chart], **more: Any) -> str:
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = markdown_cell
    return environment.get_template(template).render(
        seen=seen,
        title=", ".join(sheet.subject.name for sheet in seen.sheets),
        charts=drawn,
        published_headings=HEADINGS,
        **more,
    )
