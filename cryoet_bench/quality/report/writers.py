"""Write a report as HTML, PNG, JSON or Markdown; files appear whole or not at all."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cryoet_bench import __version__
from cryoet_bench.files import Kind, Output, output, outputs
from cryoet_bench.quality.check import Verdict
from cryoet_bench.quality.report.document import Examined

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cryoet_bench.quality.report.document import Report, Section

Form = Literal["json", "html", "png", "markdown"]
PAGE_WIDTH = 9.0
SCHEMA_ID = "https://github.com/cryoet-bench/cryoet-bench/report.schema.json"


class CheckRecord(BaseModel):
    """One check of a report."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    key: str = Field(description="Stable identifier of the check")
    title: str
    value: float | int | str | None = Field(
        description="What was measured, null if it could not be"
    )
    unit: str
    threshold: str = Field(description="The rule, in words")
    verdict: Verdict
    sentence: str = Field(description="What it means, for a microscopist")
    finding: str = Field(description="Name of the recognised defect, or empty")
    details: dict[str, Any]


class ReportRecord(BaseModel):
    """A report of cryoet-bench: QC of one volume, or fidelity of a stored copy."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    format: Literal["cryoet-bench-report"] = "cryoet-bench-report"
    kind: Examined
    format_version: Literal[1] = 1
    software: str = Field(description="Name and version of what wrote the report")
    title: str
    verdict: Verdict = Field(description="The gravest verdict of all checks")
    answer: str = Field(description="May it be used? One sentence, or empty")
    subject: dict[str, str | float | int | None]
    checks: list[CheckRecord]
    measures: dict[str, Any] = Field(description="All values; not-a-number is null")


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of what `write_json` writes."""
    body = ReportRecord.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **body}


def record(report: Report) -> dict[str, Any]:
    """Return a report as plain values that JSON can hold; what is not finite becomes None."""
    written = ReportRecord(
        software=f"cryoet-bench {__version__}",
        kind=report.kind,
        title=report.title,
        verdict=report.verdict,
        answer=report.answer,
        subject=_plain(report.subject),
        checks=[CheckRecord(**_plain(vars(check))) for check in report.checks],
        measures=_plain(report.measures),
    )
    return written.model_dump(mode="json")


def kind_of(form: Form, examined: Examined) -> Kind:
    """Return the kind of file that a report is in one form, by which an earlier one is known."""
    mark = _mark(examined)
    marks: dict[Form, Kind] = {
        "json": Kind(
            f"JSON report of {examined}",
            f'"format": "cryoet-bench-report",\n  "kind": "{examined}"'.encode(),
        ),
        "html": Kind(f"page of {examined}", f'<meta name="generator" content="{mark}">'.encode()),
        "png": Kind(f"picture of {examined}", f"Software\0{mark}".encode(), binary=True),
        "markdown": Kind(f"summary of {examined}", f"<!-- {mark} -->".encode()),
    }
    return marks[form]


def targets(
    examined: Examined, wanted: Mapping[Form, Path | None], sources: Iterable[str | Path]
) -> dict[Form, Output]:
    """Return where the forms of one report go, checked before anything is examined.

    Parameters
    ----------
    examined : {"qc", "fidelity"}
        What the report will be of.
    wanted : mapping of str to pathlib.Path or None
        A path of each form; forms without one are left out.
    sources : iterable of str or pathlib.Path
        What is read, which no output may touch.

    Raises
    ------
    InputError
        One of them is a source, or something else that must not be replaced.
    """
    kinds: dict[Form, Kind] = {form: kind_of(form, examined) for form in wanted}
    checked = outputs({kinds[form]: path for form, path in wanted.items()}, sources)
    return {form: checked[kind] for form, kind in kinds.items() if kind in checked}


def write(report: Report, where: Mapping[Form, Output]) -> None:
    """Write a report in every form that has a target.

    Raises
    ------
    InputError
        A file cannot be written.
    """
    writers = {
        "json": write_json, "html": write_html, "png": write_png, "markdown": write_markdown
    }  # fmt: skip
    for form, target in where.items():
        writers[form](report, target)


def write_json(report: Report, target: Path | Output) -> None:
    """Write a report for machines, after the published schema.

    Parameters
    ----------
    report : Report
        What is written.
    target : pathlib.Path or Output
        A path, or one that was checked beforehand.

    Raises
    ------
    InputError
        The file cannot be written, or is no earlier report of this kind.
    """
    text = json.dumps(record(report), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    _checked(target, "json", report).write(text)


def write_html(report: Report, target: Path | Output) -> None:
    """Write a report as one page that needs nothing but itself; `target` as for `write_json`.

    Raises
    ------
    InputError
        The file cannot be written, or is no earlier report of this kind.
    """
    checked = _checked(target, "html", report)
    pictures = [_picture(section) for section in report.sections]
    checked.write(
        render("report.html.j2", report=report, pictures=pictures, mark=_mark(report.kind))
    )


def write_png(report: Report, target: Path | Output, *, dpi: int = 200) -> None:
    """Write all pictures of a report below each other in one image, for a paper.

    Raises
    ------
    InputError
        The file cannot be written, or is no earlier report of this kind.
    """
    checked = _checked(target, "png", report)
    drawn = [section for section in report.sections if section.draw is not None]
    figure = _figure(sum(section.height for section in drawn) or 1.0)
    parts = figure.subfigures(
        max(len(drawn), 1),
        1,
        squeeze=False,
        height_ratios=[section.height for section in drawn] or None,
    )
    for section, part in zip(drawn, parts[:, 0], strict=False):
        assert section.draw is not None
        part.suptitle(_literal(section.title), fontsize=11, x=0.01, ha="left", weight="bold")
        section.draw(part)
    checked.write(_png(figure, dpi, software=_mark(report.kind)))


def write_markdown(report: Report, target: Path | Output) -> None:
    """Write the summary in Markdown; `target` as for `write_json`.

    Raises
    ------
    InputError
        The file cannot be written, or is no earlier report of this kind.
    """
    _checked(target, "markdown", report).write(
        f"{markdown(report)}\n<!-- {_mark(report.kind)} -->\n"
    )


def _mark(examined: Examined) -> str:
    return f"cryoet-bench {examined} report"


def _checked(target: Path | Output, form: Form, report: Report) -> Output:
    if isinstance(target, Output):
        return target
    return output(target, kind_of(form, report.kind))


def markdown(report: Report) -> str:
    """Return a summary in Markdown: the verdict and a table of checks."""
    lines = [
        f"# {markdown_cell(report.title)}: {report.verdict}",
        "",
        *([markdown_cell(report.answer), ""] if report.answer else []),
        "| check | verdict | value | threshold | meaning |",
        "|---|---|---|---|---|",
    ]
    lines += [
        "| "
        + " | ".join(
            markdown_cell(cell)
            for cell in (
                check.title,
                check.verdict,
                shown(check.value, check.unit),
                check.threshold,
                check.sentence,
            )
        )
        + " |"
        for check in report.ordered
    ]
    return "\n".join(lines) + "\n"


def shown(value: float | str | bool | None, unit: str = "") -> str:
    """Return a value as people read it: four significant digits, then its unit."""
    if value is None:
        return "not available"
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, str):
        text = value
    else:
        text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return f"{text} {unit}".rstrip()


def render(template: str, **values: Any) -> str:
    """Fill a template of this package; every value is escaped."""
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: resources.files(__package__).joinpath(name).read_text("utf-8")
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": shown,
        "css": lambda verdict: verdict.replace("/", "").replace(" ", "-"),
        "png": _sprite,
    }
    return environment.get_template(template).render(version=__version__, **values)


def _figure(height: float) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415

    return Figure(figsize=(PAGE_WIDTH, height), layout="constrained")


def _png(figure: Figure, dpi: int, software: str | None = None) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": software})
    return stream.getvalue()


def _picture(section: Section) -> str | None:
    if section.draw is None:
        return None
    figure = _figure(section.height)
    part: Any = figure.subfigures(1, 1)
    section.draw(part)
    return base64.b64encode(_png(figure, 110)).decode("ascii")


def _sprite(pixels: bytes) -> str:
    """Return a square picture of RGBA bytes as PNG in base64."""
    import numpy as np  # noqa: PLC0415
    from matplotlib.image import imsave  # noqa: PLC0415

    edge = math.isqrt(len(pixels) // 4)
    stream = io.BytesIO()
    imsave(stream, np.frombuffer(pixels, np.uint8).reshape(edge, edge, 4), format="png")
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _literal(text: str) -> str:
    # matplotlib would set what stands between two dollar signs as mathematics.
    return text.replace("$", r"\$")


def markdown_cell(text: str) -> str:
    """Return a text as one line of Markdown in which nothing is markup."""
    escaped = text.replace("\\", "\\\\")
    for mark in "|`*_[]<>":
        escaped = escaped.replace(mark, f"\\{mark}")
    return " ".join(escaped.split())


def _plain(value: Any) -> Any:
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
