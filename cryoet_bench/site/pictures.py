"""Pictures of the record: what three years did, one question at a time, and the tomogram itself."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryoet_bench.errors import InputError
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.site import charts, series
from cryoet_bench.site.sheet import Sheet
from cryoet_bench.timeline.releases import MAIN
from cryoet_bench.timeline.revisions import Revision

PREVIEW = "assets/preview.png"
SLICES = "assets/tomogram-{number}.png"
YEARS = ("write-v2", "read-v2", "slice-v2", "open-v2", "size-v2", "memory-v2")
"""The facets of the picture of all years."""


def write(target: Path, sheets: Sequence[Sheet]) -> None:
    """Write the picture of all years in two widths, the preview of links, and the tomograms."""
    for sheet in sheets[:1]:
        rows = years(sheet)
        if rows:
            for name, width, height in (("wide", 980, 340), ("narrow", 300, 300)):
                chart = charts.picture(rows, unit="x", width=width, height=height, inherit=True)
                draw(target / "assets" / f"years-{name}.svg", chart)
            title = "Zarr for cryo-ET: the cost of each operation, against the first release"
            chart = charts.picture(rows, unit="x", width=1040, height=440, title=title)
            (target / PREVIEW).write_bytes(charts.png(chart))
    for sheet in sheets:
        picture = slices(sheet.tomogram)
        if picture:
            (target / SLICES.format(number=sheet.number)).write_bytes(picture)


def draw(path: Path, specification: dict[str, Any]) -> None:
    """Draw a specification into a file."""
    path.write_text(charts.svg(specification), "utf-8")


def years(sheet: Sheet) -> list[dict[str, Any]]:
    """Return each release of the main line against the first, in some facets."""
    main = [one for one in sheet.measured if one.line == MAIN and not one.is_candidate]
    rows = []
    for facet in sheet.facets:
        if facet.key not in YEARS or not main:
            continue
        for one in main:
            pair = sheet.pairs.compare(facet, main[0].name, one.name)
            if pair:
                name = facet.aspect.doing if facet.aspect.metric == "time" else facet.aspect.label
                rows.append({"series": name, "date": f"{one.date:%Y-%m-%d}", "value": pair.ratio})
    return rows


def question(
    benchmark: Benchmark, history: Mapping[str, Any], releases: Sequence[Revision]
) -> dict[str, Any]:
    """Return the chart of what a question's page shows first."""
    rows = [
        {
            "series": series.name_of(one["place"]),
            "date": f"{releases[position].date:%Y-%m-%d}",
            "value": value,
        }
        for one in series.shown_first(history)
        for position, value, *_ in one["points"]
        if value is not None and releases[position].line == MAIN
    ]
    positive = all(row["value"] > 0 for row in rows)
    found: dict[str, Any] = charts.picture(
        rows, unit=benchmark.unit, width=680, height=300, scale="log" if positive else "linear",
        title=f"{benchmark.title} ({history['tomogram']}, lower is better)",
    )  # fmt: skip
    return found


def slices(tomogram: str) -> bytes | None:
    """Return a PNG of the central slices of a tomogram; None where it is not cached."""
    import matplotlib as mpl  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    from cryoet_bench.tomogram import cache  # noqa: PLC0415

    try:
        volume = cache.load(tomogram)
    except InputError:
        return None
    data = np.asarray(volume.data, dtype="float32")
    low, high = np.percentile(data[:: max(1, len(data) // 16)], (1, 99))
    planes = [
        (data[len(data) // 2], "xy"),
        (data[:, data.shape[1] // 2], "xz"),
        (data[:, :, data.shape[2] // 2], "yz"),
    ]
    with mpl.rc_context({"font.family": "sans-serif"}):
        figure = Figure(figsize=(9, 3.1), layout="constrained")
        for axes, (plane, name) in zip(figure.subplots(1, 3), planes, strict=True):
            axes.imshow(plane, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            axes.set_title(name, fontsize=10)
            axes.set_axis_off()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
