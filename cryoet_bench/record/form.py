"""The form of what a lab submits: every kind of line of a journal and of its confirmations.

A record is data of strangers: what has another field, or a text or a number that cannot be, is
refused before anything reads it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter


def _written(moment: object) -> object:
    """Refuse what pydantic takes for a moment too, such as seconds since 1970."""
    if not isinstance(moment, str) or _MOMENT.match(moment) is None:
        raise ValueError("write it as 2026-11-26T08:30:00.000+00:00")
    return moment


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")

Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Name = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, lt=1e5, allow_inf_nan=False)]
Processes = Annotated[
    tuple[Annotated[tuple[Finite, ...], Field(min_length=1)], ...], Field(min_length=1)
]
"""The samples of each process."""
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written)]


class _Strict(BaseModel):
    # Strict: what reads the record later takes "3" for a text, and true for no number.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Machine(_Strict):
    """``machine.json``: what identifies a machine."""

    os: Text
    arch: Text
    cpu: Text
    num_cpu: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}$")]
    ram: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5} GiB$")]
    cpu_features: tuple[Text, ...]


class Distribution(_Strict):
    """One that was installed."""

    name: Name
    version: Text
    origin: Text
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Project(_Strict):
    """The suite that measured."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    clean: bool
    suite: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Conditions(BaseModel):
    """What was in force; only what identifies the machine is looked at."""

    model_config = ConfigDict(frozen=True, strict=True)

    cpu: Text
    cpu_features: tuple[Text, ...]
    cpus: Annotated[int, Field(ge=1, lt=100_000)]
    architecture: Text
    system: Text


class VisitLine(_Strict):
    """A line that opens a visit."""

    kind: Literal["visit"]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    started_at: Moment
    origin: Text
    quick: bool
    installed: tuple[Distribution, ...]
    project: Project
    conditions: Conditions


class MeasuredLine(_Strict):
    """One case of a round."""

    case: tuple[Text, ...]
    status: Literal["passed", "n/a", "failed"]
    value: Finite | None
    samples: tuple[Seconds, ...]
    number: Annotated[int, Field(ge=1, le=1_000_000)] | None
    reason: Annotated[str, Field(max_length=20_000)]


class RoundLine(_Strict):
    """A line with one round of a benchmark."""

    kind: Literal["round"]
    benchmark: Text
    version: Text
    round: Annotated[int, Field(ge=1, le=1000)]
    started_at: Moment
    duration: Annotated[float, Field(ge=0, lt=1e5, allow_inf_nan=False)]
    cases: Annotated[tuple[MeasuredLine, ...], Field(min_length=1)]
    visit: Text


class DisturbedLine(_Strict):
    """A line that marks a visit as disturbed."""

    kind: Literal["disturbed"]
    visit: Text
    controls: dict[Text, Finite]


class DiscardedLine(_Strict):
    """A line that lets earlier ones no longer count."""

    kind: Literal["discarded"]
    at: Moment
    benchmarks: tuple[Text, ...] | None


Line = VisitLine | RoundLine | DisturbedLine | DiscardedLine


class CasePair(_Strict):
    """One case on two releases."""

    before: Name
    after: Name
    benchmark: Text
    version: Text
    case: tuple[Text, ...]


class BlockLine(_Strict):
    """A few processes of each release, measured one after the other."""

    kind: Literal["block"]
    pair: CasePair
    at: Moment
    seconds: Annotated[float, Field(ge=0, lt=1e5, allow_inf_nan=False)]
    order: Annotated[str, Field(pattern=r"^[AB]{2,16}$")]
    number: Annotated[int, Field(ge=1, le=1_000_000)] | None
    before: Processes
    after: Processes
    visits: tuple[Text, Text]


class ConfirmationLine(_Strict):
    """A verdict on all blocks of its pair before it in the file."""

    kind: Literal["confirmation"]
    before: Name
    after: Name
    benchmark: Text
    version: Text
    case: tuple[Text, ...]
    verdict: Literal["changed", "equivalent", "undecided"]
    ratio: Positive
    low: Positive | None
    high: Positive | None
    margin: Annotated[float, Field(ge=0, le=1)]
    level: Annotated[float, Field(gt=0, lt=1)]
    blocks: Annotated[int, Field(ge=1)]
    correlation: Finite | None
    minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    machine: Text
    tomogram: Text
    at: Moment

    @property
    def pair(self) -> CasePair:
        """What it is a verdict on."""
        return CasePair(
            before=self.before, after=self.after, benchmark=self.benchmark, version=self.version,
            case=self.case,
        )  # fmt: skip


Ruling = VisitLine | BlockLine | ConfirmationLine

OF_JOURNAL: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])
OF_CONFIRMATIONS: TypeAdapter[Ruling] = TypeAdapter(Annotated[Ruling, Field(discriminator="kind")])
