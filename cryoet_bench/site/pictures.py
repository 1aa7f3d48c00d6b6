"""Pictures: what three years did, each question, each package, the study, the tomogram itself."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cryoet_bench.errors import InputError
from cryoet_bench.site import charts, series
from cryoet_bench.site.choose import Study
from cryoet_bench.site.questions import Question
from cryoet_bench.site.sheet import Sheet
from cryoet_bench.timeline.releases import MAIN, TRACKED
from cryoet_bench.timeline.revisions import Revision

PREVIEW = "preview.png"
SLICES = "tomogram-{number}.png"
WIDTHS = {"wide": (980, 340), "narrow": (300, 300)}
"""Of the pictures in pages, in pixels: for a desk and for a phone."""

YEARS = ("write-v2", "read-v2", "slice-v2", "open-v2", "size-v2", "memory-v2")
"""The facets of the picture of all years."""


def of_pages(folder: Path, sheets: Sequence[Sheet], study: Study) -> None:
    """Draw what the pages show; no history of a single release, no tomogram that is not here."""
    for name, (width, height) in WIDTHS.items():
        chart = charts.scatter(_configurations(study), width=width, height=height)
        _draw(folder / f"choose-{name}.svg", chart)
    for sheet in sheets[:1]:
        rows = _years(sheet, sheet.main)
        if len({row["date"] for row in rows}) > 1:
            for name, (width, height) in WIDTHS.items():
                chart = charts.picture(rows, unit="x", width=width, height=height, transparent=True)
                _draw(folder / f"years-{name}.svg", chart)
            title = "Zarr for cryo-ET: the cost of each operation, against the first release"
            chart = charts.picture(rows, unit="x", width=1040, height=440, title=title)
            (folder / PREVIEW).write_bytes(charts.png(chart))
    for sheet in sheets:
        picture = slices(sheet.tomogram)
        if picture:
            (folder / SLICES.format(number=sheet.number)).write_bytes(picture)


def to_embed(
    folder: Path,
    sheets: Sequence[Sheet],
    questions: Sequence[Question],
    revisions: Sequence[Revision],
) -> None:
    """Draw the picture of each question and each package that other pages can embed."""
    drawn = {
        folder / f"{one.slug}.svg": _question(one, one.histories[0], revisions) for one in questions
    }
    for sheet in sheets[:1]:
        for package in TRACKED:
            releases = [one for one in sheet.main if one.package == package]
            if rows := _years(sheet, releases):
                drawn[folder / f"{package}.svg"] = _package(sheet, package, rows)
    with ThreadPoolExecutor() as pool:  # drawing is compiled code that lets other threads run
        list(pool.map(_draw, drawn, drawn.values()))


def _draw(path: Path, specification: dict[str, Any]) -> None:
    path.write_text(charts.svg(specification), "utf-8")


def _years(sheet: Sheet, releases: Sequence[Revision]) -> list[dict[str, Any]]:
    """Return some releases of the main line against its first that was measured, by facet."""
    rows = []
    for facet in sheet.facets:
        if facet.key not in YEARS:
            continue
        for one in releases:
            pair = sheet.pairs.compare(facet, sheet.main[0].name, one.name)
            if pair:
                name = facet.aspect.doing if facet.aspect.metric == "time" else facet.aspect.label
                rows.append({"series": name, "date": f"{one.date:%Y-%m-%d}", "value": pair.ratio})
    return rows


def _package(sheet: Sheet, package: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the chart of a package's releases, each with what else was newest then."""
    against = f"format 2, against {sheet.main[0].label}"
    title = f"Releases of {package}, {against} ({sheet.tomogram}, lower is better)"
    return charts.picture(rows, unit="x", width=680, height=300, title=title)


def _question(
    question: Question, history: Mapping[str, Any], releases: Sequence[Revision]
) -> dict[str, Any]:
    """Return the chart of what a question's page shows first."""
    benchmark = question.benchmark
    shown = series.shown_first(history)
    dashed = series.dashed_format([one["place"] for one in shown])
    rows = [
        {
            "series": series.name_of(one["place"]),
            "group": series.group_of(one["place"]),
            "dashed": one["place"].get("format") == dashed,
            "date": f"{release.date:%Y-%m-%d}",
            "value": value,
        }
        for one in shown
        for release, value in ((releases[at], value) for at, value, *_ in one["points"])
        if value is not None and release.line == MAIN and not release.is_candidate
    ]
    positive = all(row["value"] > 0 for row in rows)
    return charts.picture(
        rows, unit=benchmark.unit, width=680, height=300, scale="log" if positive else "linear",
        title=f"{benchmark.title} ({history['tomogram']}, lower is better)",
    )  # fmt: skip


def _configurations(study: Study) -> list[dict[str, Any]]:
    """Return the points of the study's chart; a choice is written beside its point."""
    return [
        {
            "ratio": one.ratio,
            "seconds": one.slice_s,
            "kind": "keeps every bit" if one.lossless else "loses something",
            "names": "\n".join(one.uses),
        }
        for one in study.configurations
        if one.ratio and one.slice_s
    ]


def slices(tomogram: str) -> bytes | None:
    """Return a PNG of the central slices of a tomogram; None where its voxels are not here."""
    import matplotlib as mpl  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    from cryoet_bench.tomogram import cache, sources  # noqa: PLC0415
    from cryoet_bench.tomogram.phantom import PHANTOMS  # noqa: PLC0415

    try:
        volume = sources.recall(tomogram) if tomogram in PHANTOMS else cache.load(tomogram)
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
