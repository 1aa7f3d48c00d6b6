"""What a study says: a sheet for each tomogram, and notes on all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryoet_bench.measure.controls import LIMIT
from cryoet_bench.quality.check import several
from cryoet_bench.study import scaling
from cryoet_bench.study.campaign import ATTEMPTS
from cryoet_bench.study.cost import Price
from cryoet_bench.study.sheet import Sheet, sheet
from cryoet_bench.study.transfer import Transfer, transfer
from cryoet_bench.study.uses import use_cases

if TYPE_CHECKING:
    from cryoet_bench.study.results import Results


@dataclass(frozen=True)
class Overview:
    """What a study says.

    Parameters
    ----------
    results : Results
        What was measured.
    sheets : tuple of Sheet
        One a tomogram.
    transfer : Transfer or None
        Whether the choice holds on all tomograms, where there are several.
    notes : tuple of str
        About the study as a whole.
    price : Price
        What the costs rest on.
    """

    results: Results
    sheets: tuple[Sheet, ...]
    transfer: Transfer | None
    notes: tuple[str, ...]
    price: Price


def overview(
    found: Results, price: Price, *, volumes: int = 1, excluded: Mapping[str, int] | None = None
) -> Overview:
    """Return what a study says.

    Parameters
    ----------
    found : Results
        What was measured.
    price : Price
        What costs rest on.
    volumes : int
        In the collection.
    excluded : mapping of str to int
        How many combinations of the matrix each rule left out.
    """
    sheets = tuple(sheet(found, subject, price, volumes) for subject in found.subjects)
    notes = []
    if excluded:
        total = sum(excluded.values())
        reasons = "; ".join(f"{reason}: {number}" for reason, number in excluded.items())
        combinations = several(total, "combination")
        notes.append(f"Left out of the matrix: {combinations} ({reasons}).")
    notes.append(_controls(found))
    plan = found.ledger.plan
    software = ", ".join(f"{name} {version}" for name, version in plan["software"].items())
    machine = f" on {plan['machine']['cpu']}" if "machine" in plan else ""
    notes.append(f"Measured with {software}{machine}; store: {found.store}.")
    notes.append(price.origin)
    for subject in found.subjects:
        notes += scaling.sentences(found, subject)
    shared = transfer(found, list(use_cases().values())) if len(found.subjects) > 1 else None
    if shared is not None:
        notes += shared.sentences
    return Overview(found, sheets, shared, tuple(notes), price)


def _controls(found: Results) -> str:
    slower = [
        entry.values["slower_controls"] or 1.0
        for entry in found.ledger.entries.values()
        if "slower_controls" in entry.values
    ]
    if not slower:
        return "No times were measured."
    disturbed = sum(one > LIMIT for one in slower)
    noise = found.noise.get("read_s")
    spread = ""
    if noise is not None and noise.degrees:
        spread = f"reads differ by {100 * noise.deviation:.1f} % from process to process; "
    return (
        f"{len(slower)} trials in fresh processes: {spread}the controls of {disturbed} were still "
        f"off after {ATTEMPTS} attempts."
    )
