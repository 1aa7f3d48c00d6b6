"""New releases for the timeline: every version of the package index that it lacks, each tried."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import installers, placement
from cryoet_bench.timeline.environment import Environment, UnreachableError
from cryoet_bench.timeline.releases import (
    TRACKED,
    Line,
    Release,
    Timeline,
    Withdrawn,
    append,
    load,
)
from cryoet_bench.timeline.resolver import SECOND, Resolver, Upload

BEGINNING = datetime(2023, 10, 18, 0, 46, 50, tzinfo=UTC)
"""The oldest moment with a numcodecs for Python 3.12."""

_TRIAL = """
import numpy, numcodecs, zarr
from numcodecs import Blosc
data = numpy.arange(8, dtype="float32").reshape(2, 2, 2)
assert bytes(Blosc("zstd").decode(Blosc("zstd").encode(data))) == data.tobytes()
array = zarr.open(FOLDER, mode="w", shape=data.shape, chunks=(1, 2, 2), dtype=data.dtype)
array[...] = data
assert (zarr.open(FOLDER, mode="r")[...] == data).all()
"""


@dataclass(frozen=True, kw_only=True)
class Update:
    """What an update compared, and what came of it.

    Attributes
    ----------
    versions : Mapping[str, Sequence[str]]
        Every version of each package since the timeline begins, without those withdrawn.
    appended : Sequence[Release]
        The new entries.
    opened : Sequence[Line]
        New lines, each for a maintenance release that fits on none.
    withdrawn : Sequence[Withdrawn]
        What is found withdrawn for the first time.
    left_out : Mapping[str, str]
        What is on no line, and why.
    """

    versions: Mapping[str, Sequence[str]]
    appended: Sequence[Release]
    opened: Sequence[Line]
    withdrawn: Sequence[Withdrawn]
    left_out: Mapping[str, str]


def update(
    path: Path,
    resolver: Resolver,
    report: Callable[[str], None] = lambda _: None,
) -> Update:
    """Append every version that the timeline lacks, each after trying to import it.

    A version that was the newest when it appeared follows on the main line; any other is a
    maintenance release and belongs to a line of its own series. Entries that are there are never
    touched, and each new one is written at once, so an update that is interrupted is resumed by
    the next.

    Raises
    ------
    InputError
        There is no network, or the file is damaged.
    """
    if installers.is_set(installers.variables().get("UV_OFFLINE", "")):
        raise UnreachableError("uv is told to stay offline (UV_OFFLINE), so it sees no new release")
    timeline = load(path) if path.exists() else Timeline(())
    uploads, withdrawn = _listed(resolver, timeline, report)
    if withdrawn and timeline.releases:
        append(withdrawn, path)
    appended: list[Release] = []
    opened: list[Line] = []
    left_out: dict[str, str] = {}
    for upload in _lacking(uploads, timeline):
        where = placement.place(resolver, upload, uploads, timeline)
        if problem := placement.misfit(resolver, upload, where):
            left_out[upload.label] = problem
            continue
        added = _tried(resolver, placement.entries(resolver, upload, where), report)
        # They waited for the first release: a file without one is no timeline.
        ahead: list[Line | Withdrawn] = [] if timeline.releases else [*withdrawn]
        if where.line and where.line not in timeline.lines:
            ahead.append(where.line)
            opened.append(where.line)
        append([*ahead, *added], path)
        appended += added
        timeline = load(path)
    return Update(
        versions={
            package: [upload.version for upload in uploads if upload.package == package]
            for package in TRACKED
        },
        appended=appended,
        opened=opened,
        withdrawn=withdrawn,
        left_out=left_out,
    )


def _listed(
    resolver: Resolver, timeline: Timeline, report: Callable[[str], None]
) -> tuple[list[Upload], list[Withdrawn]]:
    """Return what the package index has since the timeline begins, the oldest first.

    With it comes what is withdrawn there and not in the timeline yet.
    """
    uploads: list[Upload] = []
    withdrawn: list[Withdrawn] = []
    for package in TRACKED:
        report(f"Looking for releases of {package}")
        since = _oldest(package, timeline, resolver)
        found = resolver.uploads(package, since)
        uploads += found
        known = {one.version for one in timeline.withdrawn if one.package == package}
        standing = [upload.version for upload in found]
        withdrawn += [
            one for one in resolver.withdrawn(package, since, standing) if one.version not in known
        ]
    return sorted(uploads, key=lambda upload: upload.time), withdrawn


def _oldest(package: str, timeline: Timeline, resolver: Resolver) -> str:
    """Return the version of a package that the timeline begins with."""
    if timeline.releases:
        return timeline.releases[0].pins[package]
    first = resolver.newest(package, BEGINNING + SECOND)
    if first is None:
        raise InputError(f"the package index has no {package} of before {BEGINNING:%Y-%m-%d}")
    return first.version


def _lacking(uploads: Sequence[Upload], timeline: Timeline) -> list[Upload]:
    """Return the uploads that have no entry, and belong to the time that the timeline covers."""
    known = {release.label for release in timeline.releases}
    return [
        upload
        for upload in uploads
        if upload.label not in known and upload.time >= BEGINNING - SECOND
    ]


def _tried(
    resolver: Resolver, entries: Sequence[Release], report: Callable[[str], None]
) -> list[Release]:
    """Return entries with why they cannot be used, where upstream broke them."""
    tried = []
    for entry in entries:
        report(f"Trying {entry.label}")
        tried.append(replace(entry, broken=_failure(resolver, entry)))
    return tried


def _failure(resolver: Resolver, release: Release) -> str | None:
    """Install a release and use it once; return why that fails, or None.

    Raises
    ------
    UnreachableError
        There is no network.
    """
    with tempfile.TemporaryDirectory(prefix="cryoet-bench-") as folder:
        scratch = Environment(Path(folder, "env"), resolver.uv, resolver.options)
        scratch.create(resolver.python)
        scratch.install(release.requirements.splitlines())
        script = _TRIAL.replace("FOLDER", repr(str(Path(folder, "array"))))
        done = subprocess.run(
            [str(scratch.python), "-I", "-W", "ignore", "-c", script],
            env=installers.variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode == 0:
        return None
    # Python names the file it looked into; where it lay here says nothing elsewhere.
    return re.sub(r" \(/.*\)$", "", done.stderr.strip().splitlines()[-1])
