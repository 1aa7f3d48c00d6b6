"""Where a version stands on the timeline: its line, what it follows, and what moves with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from packaging.version import Version

from cryoet_bench.timeline.releases import TRACKED, Line, Release, Timeline, moves
from cryoet_bench.timeline.resolver import SECOND, NoSolutionError, Resolver, Upload

ISOLATED = (*TRACKED, "numpy")
"""What may show in times when it moves: a forced move gets an entry of its own where it can."""


@dataclass(frozen=True)
class Place:
    """Where an upload stands.

    Attributes
    ----------
    line : Line | None
        The line of maintenance releases that it belongs to; None for the main one.
    before : Release | None
        The entry that it follows; None where the timeline begins.
    """

    line: Line | None
    before: Release | None


def place(
    resolver: Resolver, upload: Upload, uploads: Sequence[Upload], timeline: Timeline
) -> Place:
    """Return where an upload stands among all uploads.

    A version that was the newest when it appeared follows on the main line. A maintenance release
    follows the highest version below its own: on the line that has it last, or on a new line.
    """
    version = Version(upload.version)
    earlier = [
        Version(other.version)
        for other in uploads
        if other.package == upload.package and other.time < upload.time
    ]
    if all(version > other for other in earlier):
        main = timeline.history()
        return Place(None, main[-1] if main else None)
    below = str(max((other for other in earlier if other < version), default=earlier[0]))
    return _continued(resolver, upload, below, timeline) or _opened(
        resolver, upload, below, timeline
    )


def _continued(resolver: Resolver, upload: Upload, below: str, timeline: Timeline) -> Place | None:
    """Return the end of a line of the upload's series, or of one whose users get it as the newest.

    None where no line ends with the version below it.
    """
    for line in timeline.lines:
        tip = timeline.history(line.name)[-1]
        if tip.pins[upload.package] == below and (
            line.name in _series(upload) or _gets(resolver, upload, tip)
        ):
            return Place(line, tip)
    return None


def _opened(resolver: Resolver, upload: Upload, below: str, timeline: Timeline) -> Place:
    """Return a new line from the newest main release with the version below that gets the upload.

    It is named after the series of zarr that its users stay on, or else after the upload's own.
    """
    main = timeline.history()
    stages = [release for release in main if release.pins[upload.package] == below] or main[:1]
    fork = next((stage for stage in reversed(stages) if _gets(resolver, upload, stage)), stages[-1])
    stays, newest = (f"zarr-{Version(one.pins['zarr']).major}" for one in (fork, main[-1]))
    taken = {line.name for line in timeline.lines}
    name = _series(upload)[1] if stays == newest or stays in taken else stays
    return Place(Line(name=name, fork=fork.tag), fork)


def _series(upload: Upload) -> tuple[str, str]:
    version = Version(upload.version)
    major = f"{upload.package}-{version.major}"
    return major, f"{major}.{version.minor}"


def _gets(resolver: Resolver, upload: Upload, release: Release) -> bool:
    """Tell whether who stays on a release of the other package gets this upload as the newest."""
    others = [f"{name}=={release.pins[name]}" for name in TRACKED if name != upload.package]
    try:
        pins = resolver.pins([upload.package, *others], upload.time)
    except NoSolutionError:
        return False
    return pins[upload.package] == upload.version


def misfit(resolver: Resolver, upload: Upload, where: Place) -> str:
    """Return why an upload cannot be an entry at its place, or nothing."""
    if where.before and upload.time <= where.before.date:
        return f"it is older than {where.before.label}, after which it would stand"
    if where.line is None:
        newest = resolver.pins([*TRACKED], upload.time)
        if newest[upload.package] != upload.version:
            (other,) = (f"{name} {newest[name]}" for name in TRACKED if name != upload.package)
            return f"it cannot be installed with {other}, the newest of its day"
    return ""


def entries(resolver: Resolver, upload: Upload, where: Place) -> list[Release]:
    """Return the entries that an upload adds at its place: itself, after the moves it forces."""
    if where.before is None:
        release = _entry(upload, resolver.pins([*TRACKED], upload.time), {}, upload.time)
        return [replace(release, moved=())]
    wanted = [f"{upload.package}=={upload.version}"]
    wanted += [name for name in ISOLATED if name != upload.package]
    before = where.before.pins
    release = _entry(upload, resolver.pins(wanted, upload.time, keep=before), before, upload.time)
    prepared = _prepared(resolver, release, before)
    if prepared:
        before = prepared[-1].pins
        pins = resolver.pins(wanted, upload.time, keep=before)
        release = _entry(upload, pins, before, upload.time)
    added = [*prepared, release]
    return [replace(entry, line=where.line.name) for entry in added] if where.line else added


def _prepared(resolver: Resolver, release: Release, before: Mapping[str, str]) -> list[Release]:
    """Return the moves that a release forces and that can be made one by one before it."""
    forced = [
        name
        for name in ISOLATED
        if name != release.package and release.pins.get(name) != before.get(name)
    ]
    found: list[Release] = []
    for position, name in enumerate(forced):
        fixed = {**before, name: release.pins[name]}
        try:
            moved = resolver.pins(
                [f"{other}=={fixed[other]}" for other in ISOLATED], release.date, keep=before
            )
        except NoSolutionError:
            continue
        date = release.date - (len(forced) - position) * SECOND
        entry = _entry(Upload(name, release.pins[name], release.date), moved, before, date)
        found.append(replace(entry, prepares=release.tag))
        before = moved
    return found


def _entry(
    upload: Upload, pins: Mapping[str, str], before: Mapping[str, str], date: datetime
) -> Release:
    return Release(
        package=upload.package,
        version=upload.version,
        date=date,
        pins=dict(sorted(pins.items())),
        moved=moves(before, pins, besides=upload.package),
    )
