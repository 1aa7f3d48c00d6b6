"""What asv loads: it makes the timeline's repository, and asv measures into the record.

Standard library and asv only: asv's own interpreter imports this.
"""

from __future__ import annotations

from cryoet_bench.measure.asv import commands
from cryoet_bench.measure.asv.ending import concluded, in_asvs_words
from cryoet_bench.measure.asv.environment import ReleaseEnvironment
from cryoet_bench.timeline import releases, repository

__all__ = ["ReleaseEnvironment", "setup"]


def setup() -> None:
    """Prepare what every command of asv needs."""
    with concluded(), in_asvs_words():
        commands.forget_other_repositories()
        repository.refresh(releases.load(), repository.LOCATION)
    commands.take_charge()
