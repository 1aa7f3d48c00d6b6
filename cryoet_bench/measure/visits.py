"""What is known of a visit before anything is measured in it."""

from __future__ import annotations

import uuid
from pathlib import Path

from cryoet_bench.measure import suite
from cryoet_bench.measure.asv.environment import Installed, ReleaseEnvironment
from cryoet_bench.record.journal import Visit, now


def begun(root: Path, origin: str, installed: Installed | None, *, quick: bool = False) -> Visit:
    """Return a new visit, with all that is in force.

    Parameters
    ----------
    root : pathlib.Path
        The checkout whose suite measures.
    origin, quick
        As in `Visit`.
    installed : Installed or None
        What the environment holds.
    """
    return Visit(
        id=uuid.uuid4().hex[:12],
        started_at=now(),
        origin=origin,
        quick=quick,
        installed=tuple(vars(one) for one in installed.distributions) if installed else (),
        project=suite.state(root),
        conditions=ReleaseEnvironment.conditions(),
    )
