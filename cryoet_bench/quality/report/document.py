"""What a report consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cryoet_bench.quality.check import Check, Verdict, worst
from cryoet_bench.quality.consequence import by_consequence

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure


Examined = Literal["qc", "fidelity"]
"""What a report is of: QC of one volume, or the fidelity of a copy."""


@dataclass(frozen=True)
class Table:
    """Rows of plain values below a header; numbers are written with four significant digits."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | bool | None]]


@dataclass(frozen=True)
class Section:
    """One part of a report: a title, a sentence on how to read it, a picture and a table.

    Parameters
    ----------
    title, text : str
        What is shown, and how to read it.
    draw : callable or None
        Fills a matplotlib SubFigure.
    height : float
        Of the picture, in inches on a page 9 inches wide.
    table : Table or None
        Shown below the picture.
    """

    title: str
    text: str = ""
    draw: Callable[[SubFigure], None] | None = None
    height: float = 3.0
    table: Table | None = None


@dataclass(frozen=True)
class Report:
    """What was examined, the checks, and what there is to see.

    Parameters
    ----------
    kind : {"qc", "fidelity"}
        What it is of.
    title : str
        Name of what was examined.
    subject : mapping of str to str, number or None
        Facts about it, shown at the top: shape, dtype, spacing, source.
    checks : sequence of Check
        In the order of the questions.
    sections : sequence of Section
        Pictures and tables.
    measures : mapping
        All values for machines, as JSON can hold them; only the JSON carries them.
    answer : str
        What the reader came for, in one sentence: may it be used?
    """

    kind: Examined
    title: str
    subject: Mapping[str, str | float | int | None]
    checks: Sequence[Check]
    sections: Sequence[Section] = ()
    measures: Mapping[str, Any] = field(default_factory=dict)
    answer: str = ""

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all checks."""
        return worst(check.verdict for check in self.checks)

    @property
    def ordered(self) -> list[Check]:
        """The checks in the order in which a reader should meet them, the gravest first."""
        return by_consequence(self.checks)

    @property
    def headline(self) -> str:
        """What the gravest check says, empty where all is well."""
        first = next(iter(self.ordered), None)
        return first.sentence if first and first.verdict in ("fail", "warn") else ""
