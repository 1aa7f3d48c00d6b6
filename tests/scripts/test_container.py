"""The container file, as evaluations/container.py executes it."""

from __future__ import annotations

from evaluations import ROOT
from evaluations.container import steps


def test_the_steps_are_executed_as_they_are_written() -> None:
    found = steps((ROOT / "Containerfile").read_text("utf-8"))
    assert [one.instruction for one in found] == [
        "FROM", "RUN", "WORKDIR", "COPY", "RUN", "VOLUME", "ENTRYPOINT",
    ]  # fmt: skip
    assert found[1].text == (
        "apt-get update && apt-get install --yes --no-install-recommends git util-linux valgrind "
        "&& rm -rf /var/lib/apt/lists/*"
    )


def test_a_step_takes_several_lines_and_no_comment() -> None:
    (found,) = steps("# one\nRUN a \\\n  # two\n    && b\n\n")
    assert (found.instruction, found.text) == ("RUN", "a && b")
