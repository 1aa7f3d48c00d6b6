"""The page of a study: one file that needs no network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryoet_bench.study.charts import Chart
    from cryoet_bench.study.overview import Overview

_EXPORTS = "window.vegaEmbed = vegaEmbed;"
PAGES = Path(__file__).with_name("pages")


def page(seen: Overview, drawn: list[Chart]) -> str:
    """Return the page as HTML; its scripts and charts are within."""
    import jinja2  # noqa: PLC0415
    import vl_convert  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("study.html")
    return template.render(
        seen=seen,
        title=", ".join(sheet.subject.name for sheet in seen.sheets),
        charts=drawn,
        specs=json.dumps([chart.spec for chart in drawn]).replace("</", "<\\/"),
        script=vl_convert.javascript_bundle(_EXPORTS) if drawn else "",
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
