"""How times and sizes grow with the volume: boxes of several edges of one tomogram."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.study.results import Results
    from cryoet_bench.study.subject import Subject

_GROWING = {"read_s": "read", "write_s": "write", "stored_bytes": "store"}


def by_size(found: Results, subject: Subject) -> pd.DataFrame:
    """Return the configurations that were measured in every box of a tomogram.

    Parameters
    ----------
    found : Results
        The study.
    subject : Subject
        One of its tomograms.

    Returns
    -------
    pandas.DataFrame
        A row a configuration and box, the smallest box first; the summary's columns and `voxels`.
        Empty where the study measured one box.
    """
    import pandas as pd  # noqa: PLC0415

    tables = []
    for box in found.boxes_of(subject):
        rows = found.of(box)
        passed = rows[rows["status"] == "passed"].assign(voxels=math.prod(box.box_shape))
        if len(passed):
            tables.append(passed.reset_index())
    together = pd.concat(tables) if tables else pd.DataFrame(columns=["configuration"])
    counts = together["configuration"].value_counts()
    everywhere = counts.index[(counts == len(tables)) & (len(tables) > 1)]
    return together[together["configuration"].isin(everywhere)]


def sentences(found: Results, subject: Subject) -> list[str]:
    """Return what a voxel costs in the largest box against the smallest, in words."""
    rows = by_size(found, subject)
    if rows.empty:
        return []
    smallest, largest = (
        rows[rows["voxels"] == voxels].set_index("configuration")
        for voxels in (rows["voxels"].min(), rows["voxels"].max())
    )
    parts = []
    for measure, verb in _GROWING.items():
        if measure in rows:
            grown = largest[measure] / smallest[measure]
            each = grown / (largest["voxels"] / smallest["voxels"])
            parts.append(f"{each.min():.2f} to {each.max():.2f} times as much to {verb}")
    small, large = (table["box"].iloc[0] for table in (smallest, largest))
    return [
        (
            f"{subject.name}: in the box of {large} a voxel takes {', '.join(parts)} as in the box "
            f"of {small}; costs are extrapolated as if that were 1."
        )
    ]
