"""The report of a study in Markdown, for a wiki."""

from __future__ import annotations

from typing import TYPE_CHECKING

BESIDE = ("ratio", "read, MB/s", "write, MB/s")

if TYPE_CHECKING:
    from cryoet_bench.study.charts import Chart
    from cryoet_bench.study.overview import Overview, Sheet


def report(seen: Overview, drawn: list[Chart]) -> str:
    """Return the report; its pictures are those of the folder ``plots``."""
    title = ", ".join(sheet.subject.name for sheet in seen.sheets)
    lines = ["<!-- cryoet-bench study -->", f"# What to write: {title}", ""]
    for sheet in seen.sheets:
        lines += _sheet(sheet)
        if sheet.beside:
            lines += _beside(sheet, seen)
    if seen.transfer and seen.transfer.shared:
        lines += [
            "## Does the choice hold?",
            "",
            "| use | volumes | choice | winners | regret |",
            "|---|---|---|---|---|",
        ]
        for one in seen.transfer.shared:
            winners = "; ".join(f"{name}: {winner}" for name, winner in one.winners.items())
            regret = "; ".join(f"{name}: {value:.1%}" for name, value in one.regret.items())
            lines.append(
                f"| {one.use} | {one.kind} | {one.choice or 'none'} | {winners} | {regret} |"
            )
        lines.append("")
    lines += ["## How it was measured", "", *(f"- {note}" for note in seen.notes), ""]
    for chart in drawn:
        lines += [
            f"## {chart.title}",
            "",
            f"![{chart.title}](plots/{chart.name}.png)",
            "",
            chart.reading,
            "",
        ]
    return "\n".join(lines)


def _beside(sheet: Sheet, seen: Overview) -> list[str]:
    published = seen.results.matrix.published
    assert published is not None
    figures = (f"{what}, {whose}" for what in BESIDE for whose in ("theirs", "ours"))
    head = f"| {' | '.join(('configuration', *figures))} |"
    rows = [f"| {' | '.join((one.configuration, *one.cells))} |" for one in sheet.beside]
    told = f"Theirs: {published.source}, of {published.tomogram}; another volume, another machine."
    return ["### Beside published figures", "", head, f"|{'---|' * 7}", *rows, "", told, ""]


def _sheet(sheet: Sheet) -> list[str]:
    head = [f"## {sheet.title}", "", *(f"- {sentence}" for sentence in sheet.sentences), ""]
    head += [f"| {' | '.join(sheet.columns)} |", f"|{'---|' * len(sheet.columns)}"]
    rows = []
    for row in sheet.rows:
        first = f"**{row.cells[0]}**" if row.chosen else row.cells[0]
        rows.append(f"| {' | '.join((first, *row.cells[1:]))} |")
    code = []
    for advice in sheet.advice:
        use = advice.recommendation.demand.use.name
        for library, text in advice.code.items():
            language = "json" if library == "metadata" else "python"
            code += [
                f"<details><summary>{use}: {library}</summary>",
                "",
                f"```{language}",
                text.rstrip(),
                "```",
                "",
                "</details>",
                "",
            ]
    return [*head, *rows, "", sheet.caption, "", *code]
