"""Badges to embed: what a package's newest release did, and what last changed in a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cryoet_bench.site.questions import Question
from cryoet_bench.site.verdict import Verdict
from cryoet_bench.site.wording import amount


@dataclass(frozen=True)
class Badge:
    """A name, and its state in a few words.

    Attributes
    ----------
    name, state : str
        Its two halves.
    sign : {"worse", "better", "same"}
        Its colour.
    """

    name: str
    state: str
    sign: Literal["worse", "better", "same"]

    @property
    def widths(self) -> list[int]:
        """Of its two halves in pixels, at 6.6 for a letter of 11."""
        return [round(6.6 * len(text) + 14) for text in (self.name, self.state)]


def of_question(question: Question) -> Badge:
    """Return what last changed."""
    name = question.benchmark.title
    if not question.known:
        return Badge(name, "no known change", "same")
    last = question.known[0]
    state = f"{amount(last.ratio) or last.kind} at {last.label}"
    return Badge(name, state, "worse" if last.is_worse else "better")


def of_package(package: str, found: Verdict | None) -> Badge:
    """Return what the newest release did."""
    if found is None:
        return Badge(f"{package} for cryo-ET", "not measured", "same")
    if found.follows is None:
        return Badge(f"{found.newest.label} for cryo-ET", "the first measured", "same")
    worse, better = len(found.worse), len(found.better)
    counts = [f"{worse} worse"] * bool(worse) + [f"{better} better"] * bool(better)
    sign: Literal["worse", "better", "same"] = "worse" if worse else "better" if better else "same"
    return Badge(f"{found.newest.label} for cryo-ET", ", ".join(counts) or "no change", sign)
