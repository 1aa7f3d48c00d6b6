"""The checkout that is measured from: its folder, its releases, and what measures on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cryoet_bench.errors import InputError

if TYPE_CHECKING:
    from cryoet_bench.measure.plan import Selection
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.record.benchmark import Tier
    from cryoet_bench.timeline.revisions import Revision, Revisions


def project_root() -> Path:
    """Return the checkout that this package is installed from.

    Raises
    ------
    InputError
        The package is installed without the benchmarks.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "asv.conf.json").exists():
        raise InputError(
            f"there are no benchmarks next to {root / 'cryoet_bench'}: "
            "clone the project with git and run scripts/bench there"
        )
    return root


def known_revisions(root: Path) -> Revisions:
    """Return all releases and candidates of a checkout, bringing its repository up to date."""
    from cryoet_bench.timeline import releases, repository
    from cryoet_bench.timeline.revisions import Revisions

    timeline = releases.load()
    repository.refresh(timeline, root / repository.LOCATION)
    return Revisions(timeline, root / repository.LOCATION)


def propose(spec: str, revisions: Revisions) -> Revision:
    """Return a candidate, which becomes a revision of the timeline unless it is one."""
    from cryoet_bench.timeline import candidate, repository, resolver

    if spec.startswith(f"{repository.CANDIDATES}/"):
        return revisions.find(spec)
    resolve = resolver.find_resolver()
    return candidate.propose(spec, revisions.timeline, revisions.path, resolve)


def selected(root: Path, tier: Tier, pattern: str | None) -> Selection:
    """Return which cases are meant, before anything is prepared to measure them.

    Raises
    ------
    InputError
        The pattern matches nothing of the suite as it last described itself.
    """
    from cryoet_bench.measure import suite
    from cryoet_bench.measure.plan import Selection
    from cryoet_bench.record.record import Record

    selection = Selection(tier, pattern)
    if described := Record.of(root).suite(suite.digest(root)):
        selection.of(described)
    return selection


def prepared(root: Path, tomogram: str, pattern: str | None = None) -> Campaign:
    """Return a campaign on the core tier, or on the benchmarks that match.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    tomogram : str
        A name, a file or ``portal:DATASET/RUN``.
    pattern : str, optional
        A regular expression.

    Raises
    ------
    InputError
        The pattern matches nothing, or there is no such tomogram.
    """
    from cryoet_bench.measure.run import Campaign
    from cryoet_bench.record.record import Record
    from cryoet_bench.tomogram.sources import obtain

    selection = selected(root, "core", pattern)
    facts = obtain(tomogram).facts
    record = Record.of(root)
    record.describe_tomogram(facts)
    return Campaign(root, known_revisions(root), str(facts["name"]), record, selection)
