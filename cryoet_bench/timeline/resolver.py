"""New releases for the timeline, found and pinned by uv's resolver.

uv knows when every file was uploaded and what was withdrawn, and it keeps the pins that it finds
in its output file unless it is forced to move them: so each entry changes one thing.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from packaging.version import Version

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import environment, installers
from cryoet_bench.timeline.environment import Environment, UnreachableError
from cryoet_bench.timeline.installers import PYTHON
from cryoet_bench.timeline.releases import (
    TRACKED,
    Line,
    Release,
    Timeline,
    Withdrawn,
    append,
    load,
    moves,
    parse_pins,
)

# The wheels of one platform decide, so that every machine that updates finds the same.
PLATFORM = "x86_64-manylinux_2_28"
# The oldest moment with a numcodecs for Python 3.12.
BEGINNING = datetime(2023, 10, 18, 0, 46, 50, tzinfo=UTC)
# A move of these shows in timings, so a forced one gets an entry of its own where that resolves.
ISOLATED = (*TRACKED, "numpy")
_SECOND = timedelta(seconds=1)
# How uv tells that nothing is left but what was withdrawn, here with its lines joined.
_YANKED = re.compile(
    r"((?:\b[a-z]+[<>=]=\S+ )+)w(?:as|ere) yanked(?: \(reason: (.*?)\)(?=,? (?:and|we)\b))?"
)
_PROBE = """
import numpy, numcodecs, zarr
from numcodecs import Blosc
data = numpy.arange(8, dtype="float32").reshape(2, 2, 2)
assert bytes(Blosc("zstd").decode(Blosc("zstd").encode(data))) == data.tobytes()
array = zarr.open(FOLDER, mode="w", shape=data.shape, chunks=(1, 2, 2), dtype=data.dtype)
array[...] = data
assert (zarr.open(FOLDER, mode="r")[...] == data).all()
"""


@dataclass(frozen=True)
class Upload:
    """A version of a package and when it appeared."""

    package: str
    version: str
    time: datetime

    @property
    def label(self) -> str:
        """The name that is shown: ``zarr 3.1.0``."""
        return f"{self.package} {self.version}"


@dataclass(frozen=True)
class Resolver:
    """uv's resolver for the Python of the timeline.

    Attributes
    ----------
    uv : str
        The path of uv.
    python : str
        The path of an interpreter of that version.
    options : tuple[str, ...]
        Further options of ``uv pip compile``, such as another index.
    """

    uv: str
    python: str
    options: tuple[str, ...] = ()

    def newest(self, package: str, before: datetime | None = None) -> Upload | None:
        """Return the newest version that is not withdrawn, among those of before a moment.

        A requirement such as ``zarr<3.4.2`` may take the place of the package's name.

        Raises
        ------
        UnreachableError
            There is no network.
        """
        arguments = [
            "--no-deps", "--format", "pylock.toml", "--python-platform", PLATFORM,
            "--prerelease", "disallow",
        ]  # fmt: skip
        try:
            text = self._compile([package], arguments, before=before)
        except NoSolutionError:
            return None
        lock = tomllib.loads(text)["packages"][0]
        times = [wheel.get("upload-time") for wheel in lock["wheels"]]
        if not times or None in times:
            raise InputError(
                "the package index does not tell when files were uploaded: use one that does"
            )
        return Upload(lock["name"], lock["version"], min(times).astimezone(UTC))

    def uploads(self, package: str, since: str) -> list[Upload]:
        """Return every version from one on, oldest first, but for those that are withdrawn.

        Each is found below the one before it, so a maintenance release of an older series is
        found too, which was the newest version at no moment.
        """
        found: list[Upload] = []
        upload = self.newest(f"{package}>={since}")
        while upload is not None:
            found.append(upload)
            upload = self.newest(f"{package}>={since},<{upload.version}")
        return sorted(found, key=lambda upload: upload.time)

    def withdrawn(self, package: str, since: str, but: Iterable[str]) -> list[Withdrawn]:
        """Return the versions from one on that are withdrawn, and why.

        uv chooses none of them, but names them when nothing else is left to choose: a range of
        them by its ends, so what was named is left out and the rest asked for again.

        Parameters
        ----------
        package, since : str
            Which package, and the oldest version.
        but : iterable of str
            The versions that are not withdrawn.
        """
        left_out = [*but]
        found: dict[str, str] = {}
        while True:
            wanted = f"{package}>={since}" + "".join(f",!={version}" for version in left_out)
            try:
                text = self._compile(
                    [wanted],
                    ["--no-deps", "--no-annotate", "--prerelease", "disallow"],
                    wheels=False,
                )
            except UnreachableError:
                raise
            except InputError as error:  # nothing is left, or something that cannot be built here
                named = _YANKED.findall(str(error))
            else:  # a version without a wheel for this Python
                left_out += parse_pins(text.splitlines()).values()
                continue
            ends = {
                version: reason
                for versions, reason in named
                for version in re.findall(rf"(?:{package}|,)[<>=]=([^,\s]+)", versions)
                if version not in found and not Version(version).is_prerelease
            }
            if not ends:
                break
            found |= ends
            left_out += ends
        return [
            Withdrawn(package=package, version=version, reason=found[version] or "no reason given")
            for version in sorted(found, key=Version)
        ]

    def pins(
        self, wanted: Sequence[str], at: datetime, keep: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return the full pins for some requirements at a moment, moving few of `keep`.

        Raises
        ------
        NoSolutionError
            They cannot be had together.
        UnreachableError
            There is no network.
        """
        lines = [f"{name}=={version}" for name, version in (keep or {}).items()]
        arguments = ["--no-annotate", "--python-platform", PLATFORM]
        text = self._compile(wanted, arguments, before=at + _SECOND, lock=lines)
        return parse_pins(line for line in text.splitlines() if line)

    def lock(self, wanted: Sequence[str], keep: Mapping[str, str]) -> list[str]:
        """Return the full requirements for some now, on this machine, moving few of `keep`.

        Raises
        ------
        InputError
            They cannot be had together.
        """
        lines = [f"{name}=={version}" for name, version in keep.items()]
        return self._compile(wanted, ["--no-annotate"], lock=lines).splitlines()

    def _compile(
        self,
        wanted: Sequence[str],
        arguments: Sequence[str],
        *,
        before: datetime | None = None,
        lock: Sequence[str] = (),
        wheels: bool = True,
    ) -> str:
        with tempfile.TemporaryDirectory(prefix="cryoet-bench-") as folder:
            suffix = "pylock.toml" if "pylock.toml" in arguments else "lock.txt"
            output = Path(folder, suffix)
            if lock:
                output.write_text("".join(f"{line}\n" for line in lock), "utf-8")
            requirements = Path(folder, "requirements.in")
            requirements.write_text("".join(f"{line}\n" for line in wanted), "utf-8")
            command = [
                self.uv, "pip", "compile", str(requirements), "--output-file", str(output),
                "--quiet", "--no-header", "--python", self.python,
                "--python-version", PYTHON,
                *(environment.wheels_only(wanted) if wheels else ()), *arguments, *self.options,
            ]  # fmt: skip
            if before is not None:
                command += ["--exclude-newer", before.strftime("%Y-%m-%dT%H:%M:%SZ")]
            done = subprocess.run(
                command, env=installers.variables(), capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                return output.read_text("utf-8")
        if environment.is_offline(done.stderr):
            raise UnreachableError(environment.OFFLINE)
        kind = NoSolutionError if "No solution found" in done.stderr else InputError
        raise kind(f"cannot install {' with '.join(wanted)}: {environment.cause(done.stderr)}")


class NoSolutionError(InputError):
    """Requirements that cannot be had together."""


def find_resolver(options: Sequence[str] = ()) -> Resolver:
    """Return uv's resolver on this machine.

    Raises
    ------
    InputError
        There is no uv, or no Python 3.12.
    """
    uv = installers.find_uv()
    if uv is None:
        raise InputError(
            "resolving releases needs uv: install it, for example with 'pip install uv'"
        )
    return Resolver(uv, installers.find_python(uv), tuple(options))


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
    known = {release.label for release in timeline.releases}
    uploads: list[Upload] = []
    withdrawn: list[Withdrawn] = []
    for package in TRACKED:
        report(f"Looking for releases of {package}")
        since = _oldest(package, timeline, resolver)
        found = resolver.uploads(package, since)
        uploads += found
        listed = {one.version for one in timeline.withdrawn if one.package == package}
        standing = [upload.version for upload in found]
        withdrawn += [
            one for one in resolver.withdrawn(package, since, standing) if one.version not in listed
        ]
    if withdrawn and timeline.releases:
        append(withdrawn, path)
    appended: list[Release] = []
    opened: list[Line] = []
    left_out: dict[str, str] = {}
    uploads.sort(key=lambda upload: upload.time)
    for upload in uploads:
        main = timeline.history()
        if upload.label in known or upload.time < BEGINNING - _SECOND:
            continue
        line, before = _place(resolver, upload, uploads, timeline)
        problem = _misfit(resolver, upload, line, before)
        if problem:
            left_out[upload.label] = problem
            continue
        added: list[Release] = []
        for release in entries(resolver, upload, before):
            report(f"Trying {release.label}")
            entry = replace(release, broken=probe(resolver, release))
            added.append(replace(entry, line=line.name) if line else entry)
        if line and line not in timeline.lines:
            append([line, *added], path)
            opened.append(line)
        else:
            append(added if main else [*withdrawn, *added], path)
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


def _misfit(resolver: Resolver, upload: Upload, line: Line | None, before: Release | None) -> str:
    """Return why an upload cannot be an entry of its line, or nothing."""
    if before and upload.time <= before.date:
        return f"it is older than {before.label}, after which it would stand"
    if line is None:
        newest = resolver.pins([*TRACKED], upload.time)
        if newest[upload.package] != upload.version:
            (other,) = (f"{name} {newest[name]}" for name in TRACKED if name != upload.package)
            return f"it cannot be installed with {other}, the newest of its day"
    return ""


def _oldest(package: str, timeline: Timeline, resolver: Resolver) -> str:
    """Return the version of a package that the timeline begins with."""
    if timeline.releases:
        return timeline.releases[0].pins[package]
    first = resolver.newest(package, BEGINNING + _SECOND)
    if first is None:
        raise InputError(f"the package index has no {package} of before {BEGINNING:%Y-%m-%d}")
    return first.version


def _place(
    resolver: Resolver, upload: Upload, uploads: Sequence[Upload], timeline: Timeline
) -> tuple[Line | None, Release | None]:
    """Return the line of an upload, None for the main one, and the entry that it follows.

    A maintenance release follows the highest version below its own: at the end of a line of its
    series, or of one whose other package gets it as the newest; else from the newest main release
    that gets it, because the other package there accepts nothing newer, and opens a line.
    """
    package, version = upload.package, Version(upload.version)
    earlier = [
        Version(other.version)
        for other in uploads
        if other.package == package and other.time < upload.time
    ]
    main = timeline.history()
    if all(version > other for other in earlier):
        return None, main[-1] if main else None
    below = str(max((other for other in earlier if other < version), default=earlier[0]))
    series = f"{package}-{version.major}", f"{package}-{version.major}.{version.minor}"
    for line in timeline.lines:
        tip = timeline.history(line.name)[-1]
        if tip.pins[package] == below and (line.name in series or _gets(resolver, upload, tip)):
            return line, tip
    stages = [release for release in main if release.pins[package] == below] or main[:1]
    fork = next((stage for stage in reversed(stages) if _gets(resolver, upload, stage)), stages[-1])
    stays = f"zarr-{Version(fork.pins['zarr']).major}"
    newest = f"zarr-{Version(main[-1].pins['zarr']).major}"
    taken = {line.name for line in timeline.lines}
    name = series[1] if stays == newest or stays in taken else stays
    return Line(name=name, fork=fork.tag), fork


def _gets(resolver: Resolver, upload: Upload, release: Release) -> bool:
    """Tell whether who stays on a release of the other package gets this upload as the newest."""
    others = [f"{name}=={release.pins[name]}" for name in TRACKED if name != upload.package]
    try:
        pins = resolver.pins([upload.package, *others], upload.time)
    except NoSolutionError:
        return False
    return pins[upload.package] == upload.version


def entries(resolver: Resolver, upload: Upload, last: Release | None) -> list[Release]:
    """Return the entries that one upload adds: itself, after the moves that it forces."""
    if last is None:
        release = _entry(upload, resolver.pins([*TRACKED], upload.time), {}, upload.time)
        return [replace(release, moved=())]
    exact = f"{upload.package}=={upload.version}"
    others = [name for name in ISOLATED if name != upload.package]
    pins = resolver.pins([exact, *others], upload.time, keep=last.pins)
    release = _entry(upload, pins, last.pins, upload.time)
    forced = [name for name in others if pins.get(name) != last.pins.get(name)]
    prepared: list[Release] = []
    before: dict[str, str] = dict(last.pins)
    for position, name in enumerate(forced):
        fixed = before | {name: pins[name]}
        wanted = [f"{other}=={fixed[other]}" for other in ISOLATED]
        try:
            moved = resolver.pins(wanted, upload.time, keep=before)
        except NoSolutionError:
            continue
        step = Upload(name, pins[name], upload.time)
        date = upload.time - (len(forced) - position) * _SECOND
        prepared.append(replace(_entry(step, moved, before, date), prepares=release.tag))
        before = moved
    if prepared:
        pins = resolver.pins([exact, *others], upload.time, keep=before)
        release = _entry(upload, pins, before, upload.time)
    return [*prepared, release]


def probe(resolver: Resolver, release: Release) -> str | None:
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
        script = _PROBE.replace("FOLDER", repr(str(Path(folder, "array"))))
        done = subprocess.run(
            [str(scratch.python), "-I", "-W", "ignore", "-c", script],
            env=installers.variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode == 0:
        return None
    # Python names the file it looked into; where it lay here says nothing elsewhere.
    return re.sub(r" \(/.*\)$", "", done.stderr.strip().splitlines()[-1])


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
