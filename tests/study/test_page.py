"""The report of a study, as a reader of Markdown shows it."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from cryoet_bench.study import cost, page
from cryoet_bench.study.ledger import Ledger
from cryoet_bench.study.matrix import Matrix
from cryoet_bench.study.overview import overview
from cryoet_bench.study.results import results
from tests.study import synthetic

NAMES = ("a|b *of* mine.mrc", r"c\|d.mrc")
MATRIX = Matrix.model_validate(
    {
        "title": "codecs of one's own",
        "edge": 64,
        "access": ["xy-slices"],
        "block": [
            {"codec": "blosc-lz4", "level": 5, "shuffle": "byte", "chunks": 64, "format": 2},
            {"codec": ["mine|theirs", "_ours_"], "chunks": 64, "format": 2},
        ],
        "codec": [
            {"name": name, "module": "absent", "format2": "absent"}
            for name in ("mine|theirs", "_ours_")
        ],
        "published": {
            "source": "a paper",
            "tomogram": "another",
            "values": {"mine|theirs 64 v2": {"ratio": 2.0}},
        },
    }
)


def shown(markdown: str) -> list[str]:
    """Return the lines that a reader sees, each space once."""
    seen = io.StringIO()
    Console(file=seen, width=500).print(Markdown(markdown))
    return [" ".join(line.split()) for line in seen.getvalue().splitlines()]


def test_names_with_markup_break_no_row_of_the_report() -> None:
    book = synthetic.measured(5, matrix=MATRIX)
    tomograms = [dataclasses.replace(synthetic.SUBJECT, name=name) for name in NAMES]
    entries = [
        dataclasses.replace(entry, subject=name)
        for name in NAMES
        for entry in book.entries.values()
    ]
    plan = {**book.plan, "tomograms": [one.facts() for one in tomograms]}
    found = results(Ledger(Path(), plan, {entry.key: entry for entry in entries}))
    seen = overview(found, cost.flat(23))
    lines = shown(page.report(seen, []))
    for sheet in seen.sheets:
        assert len(sheet.rows) == 3
        for row in sheet.rows:
            assert " ".join(" ".join(row.cells).split()) in lines
        for one in sheet.advice:
            name, choice = one.recommendation.demand.use.name, one.recommendation.choice
            assert any(
                line.startswith(f"{name} {choice} {one.figures['ratio']} ") for line in lines
            )
        (pair,) = sheet.compared
        assert any(line.startswith(f"mine|theirs 64 v2 {pair.cells[0]} ") for line in lines)
    assert seen.transfer
    for shared in seen.transfer.shared:
        winners = "; ".join(f"{name}: {winner}" for name, winner in shared.winners.items())
        assert any(
            line.startswith(f"{shared.use} densities {shared.choice} {winners} ") for line in lines
        )
