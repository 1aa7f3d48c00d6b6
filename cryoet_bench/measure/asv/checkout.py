"""The checkout that a command of asv works in: its record, and asv's files of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryoet_bench.measure.asv import files
from cryoet_bench.record.record import Record
from cryoet_bench.timeline import releases
from cryoet_bench.timeline.revisions import Revisions


@dataclass(frozen=True)
class Checkout:
    """The working folder of asv.

    Attributes
    ----------
    record : Record
        What was measured.
    revisions : Revisions
        What can be measured.
    results_dir : Path
        Where asv reads results.
    """

    record: Record
    revisions: Revisions
    results_dir: Path

    @classmethod
    def of(cls, conf: Any) -> Self:
        """Return the checkout that a configuration of asv is for."""
        revisions = Revisions(releases.load(), Path(conf.repo))
        return cls(Record.of(Path.cwd()), revisions, Path(conf.results_dir))

    def write_files(self) -> None:
        """Bring asv's files up to the record."""
        files.refresh(self.record, self.revisions.by_commit.values(), self.results_dir)
