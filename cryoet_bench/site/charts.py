"""The charts: Altair's specifications, compiled to Vega when the site is built.

The interactive plots share four compiled specifications (by release or by date, linear or
logarithmic) and one copy of Vega's own script, which vl-convert brings; their data are put in by
the page. Pictures are drawn by the same grammar.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

Axis = Literal["release", "date"]
Scale = Literal["linear", "log"]

COLOURS = (
    "#1f77b4", "#d55e00", "#009e73", "#b8579a", "#a87b00", "#2fa4d7", "#7f63c9", "#7a8793",
)  # fmt: skip
"""One for each series of a plot, distinct for the colour-blind, on white and on black."""

_DASHES = ([1, 0], [5, 3])
"""Of lines, and of those of the other format in the same colours."""

_INK = "#4d5b68"
_ADAPTIVE = (
    f"<style>svg{{color:{_INK}}}@media (prefers-color-scheme:dark){{svg{{color:#a3b0bc}}}}</style>"
)
"""Of the texts of a picture without a background: they have the contrast of the page's own."""

_LABEL = """
unit == 'seconds'
  ? (datum.value == 0 ? '0'
    : datum.value >= 1 ? format(datum.value, '.3~r') + ' s'
    : datum.value >= 1e-3 ? format(datum.value * 1e3, '.3~r') + ' ms'
    : format(datum.value * 1e6, '.3~r') + ' µs')
: unit == 'bytes'
  ? (datum.value >= 1048576 ? format(datum.value / 1048576, '.3~r') + ' MiB'
    : datum.value >= 1024 ? format(datum.value / 1024, '.3~r') + ' KiB'
    : format(datum.value, '~r'))
: unit == 'x' ? format(datum.value, '.3~r') + ' x'
: datum.value > 0 && datum.value < 1e-4 ? format(datum.value, '.0e')
: datum.value < 1000 ? format(datum.value, '.4~r')
: format(datum.value, '.3~s')
"""
"""The labels of an axis of values, in the manner of `overview.value_in_words`."""


@cache
def script() -> str:
    """Return Vega's own script, which puts ``vegaEmbed`` into the page."""
    import vl_convert  # noqa: PLC0415

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return f"(() => {{\n{bundle}\n}})();\n"  # its own names are not the page's


@cache
def compiled(axis: Axis, scale: Scale) -> dict[str, Any]:
    """Return the Vega specification of an interactive history, without its data."""
    import vl_convert  # noqa: PLC0415

    found: dict[str, Any] = vl_convert.vegalite_to_vega(_history(axis, scale).to_dict())
    return found


def _history(axis: Axis, scale: Scale) -> Any:
    import altair as alt  # noqa: PLC0415

    if axis == "release":
        x = alt.X("position:Q").title(None).scale(
            domainMin=-0.6, domainMax=alt.ExprRef("labels.length - 0.4"), nice=False, zero=False
        ).axis(
            values=alt.ExprRef("sequence(labels.length)"), labelExpr="labels[datum.value]",
            labelAngle=-60, labelAlign="right", labelBaseline="middle", labelOverlap="greedy",
            labelSeparation=2, labelLimit=170, grid=False, tickSize=3,
        )  # fmt: skip
    else:
        x = alt.X("date:T").title(None).axis(
            grid=False, format="%b %Y", labelOverlap="greedy", labelSeparation=8, tickSize=3
        )  # fmt: skip
    zero = scale == "linear"
    y = alt.Y("value:Q").title(None).scale(
        type=scale, zero=zero, nice=zero, padding=0 if zero else 12
    ).axis(
        labelExpr=_LABEL, tickCount=6, domain=False, ticks=False, labelPadding=6
    )  # fmt: skip
    values = alt.NamedData("values")
    colour = alt.Color("colour:N").scale(None).legend(None)
    base = alt.Chart(values)
    notes = alt.Chart(alt.NamedData("notes")).encode(x)
    layers = (
        notes.mark_rule(stroke="currentColor", opacity=0.35, strokeDash=[2, 3], aria=False).encode(
            y=alt.value(0), y2=alt.value("height")
        ),
        notes.mark_text(dy=-9, fontSize=11, fontWeight=600, fill="currentColor", aria=False).encode(
            text="number:N", y=alt.value(0), tooltip=["number:N"]
        ),
        notes.mark_text(
            angle=270, align="right", baseline="bottom", dx=-4, dy=-3, fontSize=10.5, opacity=0.75,
            limit=alt.ExprRef("height - 8"), fill="currentColor", aria=False,
        ).encode(text="label:N", y=alt.value(0)),
        base.mark_rule(strokeWidth=1.5, opacity=0.45, aria=False).encode(
            x, alt.Y("low:Q").title(None), y2="high:Q", color=colour
        ),
        base.mark_line(strokeWidth=1.75, aria=False).encode(
            x, y, color=colour, detail="path:N",
            strokeDash=alt.StrokeDash("dash:N").legend(None)
            .scale(domain=[0, 1], range=list(_DASHES)),
        ),
        base.mark_point(filled=True, size=42, opacity=1, aria=False).encode(
            x, y, color=colour,
            shape=alt.Shape("dash:N").scale(domain=[0, 1], range=["circle", "square"]).legend(None),
            tooltip=["series:N"],
        ),
    )  # fmt: skip
    return _styled(
        alt.layer(*layers)
        .add_params(alt.param(name="labels", value=[]), alt.param(name="unit", value=""))
        .properties(width="container", height=340, padding=4)
    )


def _styled(chart: Any) -> Any:
    font = "system-ui, sans-serif"
    return (
        chart.configure(background="transparent", font=font)
        .configure_axis(
            labelColor="currentColor",
            titleColor="currentColor",
            domainColor="currentColor",
            tickColor="currentColor",
            gridColor="currentColor",
            gridOpacity=0.12,
            domainOpacity=0.4,
            tickOpacity=0.4,
            labelFontSize=11,
        )
        .configure_view(stroke=None)
    )


def picture(
    rows: Sequence[dict[str, Any]],
    *,
    unit: str,
    width: int,
    height: int = 320,
    title: str = "",
    scale: Scale = "log",
    transparent: bool = False,
) -> dict[str, Any]:
    """Return the specification of a picture of some histories, with their names under it.

    Parameters
    ----------
    rows : sequence of dict
        ``series``, ``date`` (ISO) and ``value``; where several series are shown in one colour, its
        ``group``, and whether the line is ``dashed``.
    unit : str
        Of the values.
    width, height : int
        Pixels.
    title : str
        Above it.
    scale : {"linear", "log"}
        Of the values.
    transparent : bool
        Whether the reader's page, dark or light, is its background; white otherwise.
    """
    text = _picture(width, height, scale)
    found = json.loads(text if transparent else text.replace("currentColor", _INK))
    found["datasets"] = {"values": list(rows)}
    found["params"] = [{"name": "unit", "value": unit}]
    looks = {row["series"]: (row.get("group", row["series"]), row.get("dashed")) for row in rows}
    groups = list(dict.fromkeys(group for group, _ in looks.values()))
    ranges = {
        "color": [COLOURS[groups.index(group) % len(COLOURS)] for group, _ in looks.values()],
        "strokeDash": [_DASHES[bool(dashed)] for _, dashed in looks.values()],
    }
    for layer in found["layer"]:
        for channel in ranges.keys() & layer["encoding"]:
            layer["encoding"][channel]["scale"] = {"domain": [*looks], "range": ranges[channel]}
    if title:
        found["title"] = title
    if not transparent:
        found["config"]["background"] = "#ffffff"
    return dict(found)


@cache
def _picture(width: int, height: int, scale: Scale) -> str:
    """Return the specification of a picture without its data, as JSON: one serves many."""
    import altair as alt  # noqa: PLC0415

    x = alt.X("date:T").title(None).axis(grid=False, format="%Y", tickCount="year", tickSize=3)
    linear = scale == "linear"
    y = alt.Y("value:Q").title(None).scale(type=scale, zero=linear, nice=linear).axis(
        labelExpr=_LABEL, tickCount=5, domain=False, ticks=False, labelPadding=6
    )  # fmt: skip
    legend = alt.Legend(
        title=None, orient="bottom", columns=max(1, width // 250), labelLimit=230,
        symbolType="stroke", symbolSize=250, columnPadding=40,
    )  # fmt: skip
    colour = alt.Color("series:N").legend(legend)
    dash = alt.StrokeDash("series:N").legend(legend)
    base = alt.Chart(alt.NamedData("values"))
    chart = alt.layer(
        base.mark_line(strokeWidth=2).encode(x, y, color=colour, strokeDash=dash),
        base.mark_point(filled=True, size=22, opacity=1).encode(x, y, color=colour),
        data=alt.NamedData("values"),
    ).properties(width=width, height=height, padding=6)  # fmt: skip
    chart = _styled(chart).configure_legend(labelColor="currentColor", labelFontSize=12)
    return json.dumps(chart.to_dict())


def scatter(rows: Sequence[dict[str, Any]], *, width: int, height: int) -> dict[str, Any]:
    """Return the specification of ways of storing a volume: small files against fast slices.

    Parameters
    ----------
    rows : sequence of dict
        ``ratio``, ``seconds``, ``kind`` (of what is kept) and ``names``, written under the point.
    width, height : int
        Pixels.
    """
    import altair as alt  # noqa: PLC0415

    base = alt.Chart(alt.InlineData(values=list(rows)))
    x = alt.X("ratio:Q").title("compression ratio").scale(type="log", nice=False, padding=48)
    y = alt.Y("seconds:Q").title("one xy slice").scale(type="log", nice=False, padding=24)
    places = base.encode(
        x=x.axis(tickCount=6, format="~r"), y=y.axis(labelExpr=_LABEL, tickCount=5)
    )
    points = places.mark_point(filled=True, size=70, opacity=0.9).encode(
        color=alt.Color("kind:N")
        .scale(range=list(COLOURS))
        .legend(title=None, orient="bottom", columnPadding=40),
        shape=alt.Shape("kind:N").legend(None),
    )
    # Names are written under the point and towards the middle, where there is room for them.
    left = "scale('x', datum.ratio) < width / 2"
    names = places.mark_text(
        align=alt.ExprRef(f"{left} ? 'left' : 'right'"), dx=alt.ExprRef(f"{left} ? 9 : -9"), dy=9,
        fontSize=12, fontWeight=600, lineBreak="\n",
    ).encode(text="names:N", color=alt.value("currentColor"))  # fmt: skip
    chart = alt.layer(points, names).add_params(alt.param(name="unit", value="seconds"))
    chart = _styled(chart.properties(width=width, height=height, padding=6))
    chart = chart.configure_legend(labelColor="currentColor", labelFontSize=12)
    found: dict[str, Any] = chart.to_dict()
    return found


def svg(specification: dict[str, Any]) -> str:
    """Draw a specification as SVG; without a background, it is for a dark page and a light one."""
    import vl_convert  # noqa: PLC0415

    drawn = str(vl_convert.vegalite_to_svg(specification))
    return drawn.replace(">", f">{_ADAPTIVE}", 1) if "currentColor" in drawn else drawn


def png(specification: dict[str, Any], scale: float = 1.0) -> bytes:
    """Draw a specification as PNG."""
    import vl_convert  # noqa: PLC0415

    return bytes(vl_convert.vegalite_to_png(specification, scale=scale))
