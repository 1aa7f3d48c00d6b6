"""What a gate found, in a sentence, as JSON, and as Markdown for a pull request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cryoet_bench.files import Kind

if TYPE_CHECKING:
    from cryoet_bench.changes.judgement import GateOutcome, Judgement, Sensitivity

JSON = Kind("JSON file of a gate", b'"format": "cryoet-bench-gate"')
MARKDOWN = Kind("Markdown file of a gate", b"<!-- cryoet-bench gate -->")
SHOWN = 25
"""Judgements that are listed; the JSON has all of them."""


def summary(outcome: GateOutcome) -> str:
    """Return the verdict in one sentence."""
    count = len(outcome.regressions)
    words = {0: "no regression", 1: "1 regression"}.get(count, f"{count} regressions")
    text = (
        f"{words}: {outcome.exact} exact values and {outcome.timed} times compared in "
        f"{outcome.minutes:.1f} min"
    )
    if outcome.missed:
        text += f"; there was no time for {outcome.missed} more: give --minutes"
    if outcome.leaning:
        text += f"; leaning to slower and not decided: {outcome.leaning}, so give --minutes"
    if not count and not outcome.is_enough:
        text = f"too little was measured to judge: {text}"
    return f"{text}."


def as_json(outcome: GateOutcome, reproduce: str) -> str:
    """Return the outcome for machines."""
    document = {
        "format": "cryoet-bench-gate",
        "against": outcome.against.name,
        "candidate": outcome.candidate.name,
        "moved": outcome.candidate.moved,
        "exit_code": outcome.exit_code,
        "summary": summary(outcome),
        "exact": outcome.exact,
        "timed": outcome.timed,
        "missed": outcome.missed,
        "leaning": outcome.leaning,
        "minutes": round(outcome.minutes, 2),
        "judgements": [
            {
                **vars(one),
                "is_regression": one.is_regression,
                "command": f"{reproduce} --bench '{one.pattern}'",
            }
            for one in outcome.judgements
        ],
        "sensitivity": [vars(one) for one in outcome.sensitivity],
    }
    return json.dumps(document, indent=2) + "\n"


def as_markdown(outcome: GateOutcome, reproduce: str) -> str:
    """Return the outcome for a pull request.

    What the candidate itself says, such as its exceptions, stands in code, where nothing is a
    link, a mention or markup.
    """
    lines = [
        MARKDOWN.mark.decode(),
        f"### {code(outcome.candidate.label)} against {code(outcome.against.label)}",
        "",
        summary(outcome),
    ]
    if outcome.candidate.moved:
        lines += ["", f"Moved with it: {code(', '.join(outcome.candidate.moved))}."]
    if outcome.judgements:
        lines += ["", *_table(outcome)]
        lines += ["", *(f"- {code(reason)}" for reason in reasons(outcome))]
        commands = (f"{reproduce} --bench '{one.pattern}'" for one in outcome.judgements[:SHOWN])
        block = ["```", *(_plain(one, 400) for one in commands), "```"]
        lines += ["", "<details><summary>Reproduce</summary>", "", *block, "</details>"]
    if outcome.sensitivity:
        lines += [
            "",
            "<details><summary>The smallest slowdown that would have been found</summary>",
            "",
            "| times of | cases | blocks | in all cases | in one case |",
            "|---|--:|--:|--:|--:|",
            *(_row(*sensitivity(one)) for one in outcome.sensitivity),
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"


def _table(outcome: GateOutcome) -> Iterator[str]:
    """Yield the lines of a table of what differs."""
    yield "| verdict | benchmark | case | ratio | 99 % interval |"
    yield "|---|---|---|--:|--:|"
    for one in outcome.judgements[:SHOWN]:
        mark = "🔴" if one.is_regression else "🟢"
        yield _row(f"{mark} {one.verdict}", one.title, code(one.case), ratio(one), interval(one))
    if len(outcome.judgements) > SHOWN:
        yield ""
        yield f"{len(outcome.judgements) - SHOWN} more are in the JSON file."


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """Return text as code in a line or a table of Markdown, whatever it holds."""
    return f"`{_plain(text, 200)}`".replace("|", "\\|")


def _plain(text: str, length: int) -> str:
    """Return text in one line without what ends a piece of code."""
    line = " ".join(re.sub(r"[^\x20-\x7e]", " ", text.replace("`", "'")).split())
    return line if len(line) <= length else f"{line[: length - 3]}..."


def reasons(outcome: GateOutcome) -> list[str]:
    """Return why what fails does, each reason once."""
    found = [f"{one.title}: {one.reason}" for one in outcome.judgements if one.reason]
    return list(dict.fromkeys(found))[:SHOWN]


def ratio(one: Judgement) -> str:
    """Return the ratio as it is printed, or both values where there is none."""
    if one.ratio is not None:
        return f"{one.ratio:.3f}"
    if one.before is not None and one.after is not None:
        return f"{one.before:g} to {one.after:g}"
    return ""


def interval(one: Judgement) -> str:
    """Return the interval of the ratio as it is printed."""
    return "" if one.interval is None else f"{one.interval[0]:.3f}-{one.interval[1]:.3f}"


def sensitivity(one: Sensitivity) -> Sequence[str]:
    """Return what a question could have shown, as the cells of a table."""
    sizes = ["-" if size is None else f"{100 * size:.0f} %" for size in (one.of_all, one.of_one)]
    return [one.title, str(one.cases), str(one.blocks), *sizes]
