"""The documents and --help state the limits of a judgement as the code has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryoet_bench.changes import (
    comparison,
    confirmation,
    finding,
    gate,
    moves,
    pairing,
    screen,
    sequence,
    steps,
)
from cryoet_bench.cli import options
from cryoet_bench.cli.confirm import confirm

ROOT = Path(__file__).parents[2]
WORDS = {3: "three", 4: "four", 5: "five", 6: "six", 9: "nine", 20: "twenty"}
PARTS = {0.25: "a quarter"}


def percent(share: float) -> str:
    return f"{100 * share:.3g} %"


METHOD = (
    f"up to {WORDS[steps.WINDOW]} releases before it",
    f"up to {WORDS[steps.WINDOW - 1]} after it",
    f"{WORDS[int(steps.PRIOR)]} degrees of freedom",
    f"fewer than {WORDS[steps._HISTORY + 1]} releases",
    f"over all families at {percent(moves.RATE)}",
    f"Steps below {percent(moves.SMALLEST)} ",
    f"one in {WORDS[round(1 / steps.DISTURBED)]} slower as a whole",
    f"one case of {1 / steps.DISTURBED**2:.0f}",
    f"the {WORDS[confirmation.CASES]} cases that changed most",
    *(f"| {name} | {least:g} " for name, least in finding.MAGNITUDES),
    f"Exact changes below {percent(finding.SLIGHT['exact'] - 1)} ",
    f"to within {PARTS[screen._LEFT]}",
)
GATE = (
    f"the margin, {percent(pairing.MARGIN)}",
    f"a probability of {percent(1 - sequence.LEVEL)}",
    f"{percent(gate._IN_DOUBT)} over all cases",
)
MEASURING = (
    f"{percent(comparison.CONFIDENCE)} confidence interval of its ratio",
    f"at least {percent(comparison.SMALLEST)} away from 1",
)
HELP = (
    f"the {WORDS[confirmation.CASES]} cases that changed most",
    f"together hold with {percent(1 - sequence.LEVEL)}",
)


@pytest.mark.parametrize(
    ("document", "stated"), [("method", METHOD), ("gate", GATE), ("measuring", MEASURING)]
)
def test_documents_state_the_limits_that_hold(document: str, stated: tuple[str, ...]) -> None:
    text = (ROOT / "docs" / f"{document}.md").read_text("utf-8").replace("**", "")
    assert [one for one in stated if one not in " ".join(text.split())] == []


def test_help_states_the_limits_that_hold() -> None:
    text = " ".join(str(confirm.__doc__).split())
    assert [one for one in HELP if one not in text] == []
    assert f"{pairing.MARGIN:.0%}" == options.MARGIN
