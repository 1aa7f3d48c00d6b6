"""The charts of a study, one grammar for page, report and slides: Vega-Lite, written by Altair."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cryoet_bench.files import Kind, output
from cryoet_bench.study.pareto import front_shares
from cryoet_bench.study.scaling import by_size

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.study.configuration import Configuration
    from cryoet_bench.study.overview import Overview
    from cryoet_bench.study.results import Results
    from cryoet_bench.study.subject import Subject

# PNG's magic, and what vl-convert begins an SVG with; the folder of plots holds nothing else.
PNG = Kind("plot of a study", b"\x89PNG", binary=True)
SVG = Kind("plot of a study", b"<svg")

_RARELY_TO_ALWAYS = ["#9aa5b1", "#d55e00"]  # both are seen on white and on black
_FILTER = "test(regexp(wanted, 'i'), datum.configuration)"


@dataclass(frozen=True)
class Chart:
    """A picture of a study.

    Parameters
    ----------
    name : str
        Of its files.
    title : str
        What it shows.
    reading : str
        How it is read, in a sentence or two.
    spec : dict
        Vega-Lite.
    """

    name: str
    title: str
    reading: str
    spec: dict[str, Any]


Draw = Callable[["Results", "Subject", "pd.DataFrame"], Any]


def charts(seen: Overview) -> list[Chart]:
    """Return all charts that the measurements of a study allow, tomogram by tomogram."""
    return [chart for sheet in seen.sheets for chart in _of_one(seen.results, sheet.subject)]


def _of_one(found: Results, subject: Subject) -> Iterator[Chart]:
    rows = _prepared(found, subject)
    if rows.empty:
        return
    several = len(found.subjects) > 1
    for name, (title, reading, draw) in _CHARTS.items():
        drawn = draw(found, subject, rows)
        if drawn is None:
            continue
        yield Chart(
            f"{name}-{subject.stem}",
            f"{title}, {subject.name}" if several else title,
            reading,
            json.loads(drawn.to_json()),
        )


def _prepared(found: Results, subject: Subject) -> pd.DataFrame:
    """Return the usable configurations in the charts' units, with their share of the front."""
    rows = found.of(subject)
    good = rows[rows["status"] == "passed"]
    if good.empty:
        return good
    good = good.assign(
        nrmse=good["nrmse"].fillna(0.0),
        bits=8 * good["stored_bytes"] / math.prod(subject.box_shape),
        loss=np.where(good["bit_exact"] == 1, "lossless", "lossy"),
        share=front_shares(found, subject),
    )
    return _in_milliseconds(good).reset_index()


def _in_milliseconds(rows: pd.DataFrame) -> pd.DataFrame:
    times = [column for column in rows.columns if column.endswith("_s")]
    return rows.assign(**{f"{name.removesuffix('_s')}_ms": 1000 * rows[name] for name in times})


def _base(rows: pd.DataFrame, columns: list[str]) -> Any:
    import altair as alt  # noqa: PLC0415

    kept = ["configuration", *columns]
    wanted = alt.param(name="wanted", value="")
    data = rows[list(dict.fromkeys(kept))]
    chart = alt.Chart(data).add_params(wanted).transform_filter(_FILTER)
    return chart.properties(width=620, height=330)


def _log() -> Any:
    import altair as alt  # noqa: PLC0415

    return alt.Scale(type="log", nice=False, padding=15)


def _ratio_axis() -> Any:
    import altair as alt  # noqa: PLC0415

    scale = alt.Scale(type="log", zero=False, nice=False, padding=12)
    return alt.X("ratio:Q", title="compression ratio", scale=scale)


def _tooltip(*columns: tuple[str, str]) -> list[Any]:
    import altair as alt  # noqa: PLC0415

    return [alt.Tooltip("configuration:N")] + [
        alt.Tooltip(f"{name}:Q", title=title, format=".3~g") for name, title in columns
    ]


def _pareto(_found: Results, _subject: Subject, rows: pd.DataFrame) -> Any:
    import altair as alt  # noqa: PLC0415

    if rows["share"].isna().all():
        return None
    columns = ["ratio", "read_ms", "write_ms", "share", "loss", "nrmse"]
    return (
        _base(rows, columns)
        .mark_point(filled=True, size=90, opacity=0.9, stroke="gray", strokeWidth=1.5)
        .encode(
            x=_ratio_axis(),
            y=alt.Y("read_ms:Q", title="read the box, ms", scale=_log()),
            shape=alt.Shape("loss:N", title=None),
            color=alt.Color(
                "share:Q",
                title="share on the front",
                scale=alt.Scale(domain=[0, 1], range=_RARELY_TO_ALWAYS),
            ),
            tooltip=_tooltip(
                ("ratio", "ratio"), ("read_ms", "read, ms"), ("write_ms", "write, ms"),
                ("nrmse", "error, sd"), ("share", "share on the front"),
            ),
        )
    )  # fmt: skip


def _trade_off(_found: Results, _subject: Subject, rows: pd.DataFrame) -> Any:
    import altair as alt  # noqa: PLC0415

    if "write_ms" not in rows:
        return None
    return (
        _base(rows, ["ratio", "write_ms", "codec", "loss"])
        .mark_point(filled=True, size=90, opacity=0.85)
        .encode(
            x=_ratio_axis(),
            y=alt.Y(
                "write_ms:Q",
                title="write the box, ms",
                scale=_log(),
            ),
            color=alt.Color("codec:N", title=None, scale=alt.Scale(scheme="tableau10")),
            shape=alt.Shape("loss:N", title=None),
            tooltip=_tooltip(("ratio", "ratio"), ("write_ms", "write, ms")),
        )
    )


def _heat_map(column: str, title: str, *, low_is_good: bool) -> Draw:
    def draw(_found: Results, _subject: Subject, rows: pd.DataFrame) -> Any:
        import altair as alt  # noqa: PLC0415

        if column not in rows:
            return None
        own = rows[(rows["loss"] == "lossless") & rows["shards"].isna()]
        own = own.assign(
            row=own["codec"] + own["shuffle"].map({"none": "", "byte": ", byte", "bit": ", bit"})
        )
        levels = own.groupby("layout")["level"].nunique()
        own = own[own["layout"].map(levels) > 1]
        if own.empty:
            return None
        scale = alt.Scale(
            scheme="viridis", type="log" if low_is_good else "linear", reverse=low_is_good
        )
        base = _base(own, [column, "row", "level", "layout", "zarr_format"])
        return (
            base.properties(width=alt.Step(34), height=alt.Step(20))
            .mark_rect(stroke="white", strokeWidth=1)
            .encode(
                x=alt.X(
                    "level:O",
                    title="level",
                    axis=alt.Axis(
                        labelAngle=0, labelExpr="datum.value === null ? '' : datum.label"
                    ),
                ),
                y=alt.Y("row:N", title=None),
                color=alt.Color(f"mean({column}):Q", title=title, scale=scale),
                tooltip=[
                    *_tooltip()[1:],
                    alt.Tooltip("row:N", title="codec"),
                    alt.Tooltip("level:O"),
                    alt.Tooltip(f"mean({column}):Q", title=title, format=".3~g"),
                ],
            )
            .facet(facet=alt.Facet("layout:N", title="chunks", sort=None), columns=3)
        )

    return draw


def _rate_distortion(_found: Results, _subject: Subject, rows: pd.DataFrame) -> Any:
    import altair as alt  # noqa: PLC0415

    own = rows[(rows["loss"] == "lossy") & rows["psnr"].notna()]
    if len(own) < 2:
        return None
    own = own.assign(
        family=own["codec"]
        .where(own["voxel"] == "same", own["codec"] + ", " + own["voxel"])
        .where(own["kept_bits"].isna(), own["codec"] + ", rounded")
    )
    own = own.sort_values("bits").drop_duplicates(["family", "psnr"])  # the better shuffle
    base = _base(own, ["bits", "psnr", "family", "fsc_minimum", "max_error_sd", "ratio"])
    encoded = base.encode(
        x=alt.X("bits:Q", title="bits a voxel", scale=alt.Scale(zero=False, padding=12)),
        y=alt.Y("psnr:Q", title="PSNR, dB", scale=alt.Scale(zero=False, padding=12)),
        color=alt.Color("family:N", title=None, scale=alt.Scale(scheme="tableau10")),
        tooltip=_tooltip(
            ("ratio", "ratio"), ("psnr", "PSNR, dB"), ("fsc_minimum", "least FSC in the band"),
            ("max_error_sd", "largest error, sd"),
        ),
    )  # fmt: skip
    return encoded.mark_line(point=alt.OverlayMarkDef(size=80))


def _ladder(_found: Results, _subject: Subject, rows: pd.DataFrame) -> Any:
    import altair as alt  # noqa: PLC0415

    accesses = [name for name in ("xy_slices_ms", "xz_slices_ms", "yz_slices_ms") if name in rows]
    if not accesses:
        return None
    counts = rows.groupby("encoding")["layout"].nunique()
    if counts.max() < 3:
        return None
    own = rows[rows["encoding"] == counts.idxmax()].assign(
        layout=lambda r: r["layout"] + " v" + r["zarr_format"].astype(str)
    )
    data = own.melt(
        ["configuration", "objects", "layout"], accesses, var_name="slice", value_name="ms"
    )
    data["slice"] = data["slice"].str[:2]
    base = _base(data, ["objects", "layout", "slice", "ms"]).encode(
        x=alt.X(
            "objects:Q",
            title="files of the box",
            scale=_log(),
        ),
        y=alt.Y("ms:Q", title="one slice, ms", scale=_log()),
        color=alt.Color("slice:N", title="slice", scale=alt.Scale(scheme="tableau10")),
        tooltip=[
            *_tooltip(("objects", "files"), ("ms", "ms")),
            alt.Tooltip("slice:N"),
            alt.Tooltip("layout:N"),
        ],
    )
    points = base.mark_point(filled=True, size=80)
    words = (
        base.transform_filter("datum.slice == 'xy'")
        .mark_text(dy=-11, fontSize=10)
        .encode(text="layout:N", color=alt.value("gray"))
    )
    return points + words


def _scaling(found: Results, subject: Subject, _rows: pd.DataFrame) -> Any:
    import altair as alt  # noqa: PLC0415

    rows = _in_milliseconds(by_size(found, subject))
    times = [name for name in ("read_ms", "write_ms", "xy_slices_ms") if name in rows]
    if rows.empty or not times:
        return None
    data = rows.melt(["configuration", "voxels"], times, var_name="what", value_name="ms")
    data["what"] = data["what"].str.removesuffix("_ms").str.replace("_", " ")
    return (
        _base(data, ["voxels", "what", "ms"])
        .properties(width=240, height=240)
        .mark_line(point=alt.OverlayMarkDef(size=60))
        .encode(
            x=alt.X("voxels:Q", title="voxels of the box", scale=_log(), axis=alt.Axis(format="s")),
            y=alt.Y("ms:Q", title="ms", scale=_log()),
            color=alt.Color("configuration:N", title=None, scale=alt.Scale(scheme="tableau10")),
            tooltip=[
                *_tooltip(("voxels", "voxels"), ("ms", "ms")),
                alt.Tooltip("what:N"),
            ],
        )
        .facet(facet=alt.Facet("what:N", title=None), columns=3)
        .resolve_scale(y="independent")
    )


def _error_spectrum(found: Results, subject: Subject, rows: pd.DataFrame) -> Any:
    import altair as alt  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    parts = []
    for name in rows.loc[rows["loss"] == "lossy", "configuration"]:
        curves = found.ledger.entries["exact", subject.name, name, 0].curves
        if curves:
            part = pd.DataFrame(
                {key: curves[key] for key in ("frequency", "error_power", "reference_power")}
            )
            part["relative"] = part["error_power"].astype(float) / part["reference_power"].astype(
                float
            )
            loss = _loss_of(found.configuration(subject, name))
            parts.append(part.assign(configuration=name, loss=loss))
    if not parts:
        return None
    data = pd.concat(parts).dropna()
    data = data[(data["relative"] > 0) & (data["frequency"] > 0)]
    data = data.drop_duplicates(["loss", "frequency"]).round({"frequency": 4})
    return (
        _base(data, ["frequency", "relative", "loss"])
        .mark_line(interpolate="monotone")
        .encode(
            x=alt.X("frequency:Q", title="cycles per voxel"),
            y=alt.Y(
                "relative:Q",
                title="power of the error / of the volume",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(format=".0e"),
            ),
            color=alt.Color("loss:N", title=None, scale=alt.Scale(scheme="tableau20")),
            tooltip=[
                alt.Tooltip("loss:N"),
                *_tooltip(("frequency", "cycles per voxel"), ("relative", "relative power"))[1:],
            ],
        )
    )


def _loss_of(configuration: Configuration) -> str:
    """Return what changes the values: not the codec that then keeps each bit of them."""
    if configuration.kept_bits is not None:
        return f"{configuration.kept_bits} bits"
    return configuration.encoding if configuration.voxel == "same" else configuration.voxel


_CHARTS: dict[str, tuple[str, str, Draw]] = {
    "pareto": (
        "The Pareto front: what no other configuration beats in everything",
        (
            "Down and right is better. Colour: the share of resamples in which no other is better "
            "in read time, write time, size and error at once."
        ),
        _pareto,
    ),
    "trade-off": ("What smaller files cost to write", "Down and right is better.", _trade_off),
    "heat-map-ratio": (
        "Ratio by codec, level and chunks",
        "Lossless configurations without shards.",
        _heat_map("ratio", "ratio", low_is_good=False),
    ),
    "heat-map-read": (
        "Read time by codec, level and chunks",
        "Lossless configurations without shards, the whole box.",
        _heat_map("read_ms", "read, ms", low_is_good=True),
    ),
    "rate-distortion": (
        "What is kept for the bits",
        "Up and left is better. A step of 6 dB halves the error. Each by its better shuffle.",
        _rate_distortion,
    ),
    "error-spectrum": (
        "At which detail the error lies",
        "An error below a thousandth of the volume's power in the band leaves an FSC of 0.9995.",
        _error_spectrum,
    ),
    "ladder": (
        "Files against slice time, by chunks and shards",
        "Down and left is better; each layout has a column of points.",
        _ladder,
    ),
    "scaling": (
        "How times grow with the volume",
        "Lines of slope one grow as the voxels do; slices grow more slowly.",
        _scaling,
    ),
}


def write(drawn: list[Chart], folder: Path) -> list[Path]:
    """Write each chart as PNG and SVG into a folder, which is made."""
    import vl_convert  # noqa: PLC0415

    folder.mkdir(exist_ok=True)
    written = []
    for chart in drawn:
        spec = json.dumps(chart.spec)
        for suffix, kind, made in (
            (".png", PNG, vl_convert.vegalite_to_png(spec, scale=2)),
            (".svg", SVG, vl_convert.vegalite_to_svg(spec)),
        ):
            target = output(folder / f"{chart.name}{suffix}", kind)
            target.write(made)
            written.append(target.path)
    return written
