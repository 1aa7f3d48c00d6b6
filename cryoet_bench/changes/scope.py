"""What is judged: the timeline, as one machine measured it on one tomogram."""

from __future__ import annotations

from dataclasses import dataclass

from cryoet_bench.record.record import Record
from cryoet_bench.timeline.revisions import Revisions


@dataclass(frozen=True)
class Scope:
    """A part of a record, of which all values can be compared.

    Attributes
    ----------
    record : Record
        What was measured.
    revisions : Revisions
        All of the timeline.
    machine, tomogram : str
        Measured on which.
    """

    record: Record
    revisions: Revisions
    machine: str
    tomogram: str
