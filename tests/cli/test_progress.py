from __future__ import annotations

import pytest

from cryoet_bench.cli import progress


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "5 s"),
        (62, "60 s"),
        (300, "5 min"),
        (9000, "2.5 h"),
    ],
)
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert progress.duration(seconds) == words


def test_in_a_log_each_stage_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def status(number: int) -> progress.Status:
        return progress.Status(f"round {number // 3}", f"case {number} [of] 9", 0.1, "5 s left")

    with progress.shown(status) as show:
        for number in range(9):
            show(number)
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"round {number}, 5 s left" for number in range(3)]
    assert not said.out
