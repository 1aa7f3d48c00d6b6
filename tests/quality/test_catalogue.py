from __future__ import annotations

from pathlib import Path

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.thresholds import LIMITS

DOCUMENT = Path(__file__).parents[2] / "docs" / "quality.md"


def test_every_limit_is_that_of_a_question() -> None:
    named = [name for question in CATALOGUE.values() for name in question.limits]
    assert sorted(named) == sorted(LIMITS)


def test_the_document_lists_every_question() -> None:
    text = " ".join(DOCUMENT.read_text("utf-8").split())
    for question in CATALOGUE.values():
        assert f"- **{question.title}.** {question.finds}" in text
    assert text.count(" - **") == len(CATALOGUE)


def test_a_question_says_its_limits() -> None:
    assert CATALOGUE["missing-wedge"].rule() == ">= 50 degrees, tolerable >= 35"
    assert CATALOGUE["drift"].rule() == "density drift <= 0.8 sd; spread drift <= 0.7"
    check = CATALOGUE["lines"].unanswered("There are none.")
    assert (check.key, check.verdict, check.sentence) == ("lines", "n/a", "There are none.")
