"""New releases for the timeline, found and pinned by uv's resolver.

uv knows when every file was uploaded and what was withdrawn, and it keeps the pins that it finds
in its output file unless it is forced to move them: so each entry changes one thing.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import environment
from cryoet_bench.timeline.environment import PYTHON, Environment, UnreachableError
from cryoet_bench.timeline.releases import (
    TRACKED,
    Release,
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

        Raises
        ------
        UnreachableError
            There is no network.
        """
        arguments = ["--no-deps", "--format", "pylock.toml", "--python-platform", PLATFORM]
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

    def uploads(self, package: str, after: datetime) -> list[Upload]:
        """Return what was the newest version at some moment after `after`, oldest first."""
        found: list[Upload] = []
        upload = self.newest(package)
        while upload is not None and upload.time > after:
            found.insert(0, upload)
            # The time is cut to the second: the file itself may be a part of one younger.
            upload = self.newest(package, upload.time)
            if upload is not None and upload.version == found[0].version:
                upload = self.newest(package, upload.time - _SECOND)
        return found

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
                *environment.wheels_only(wanted), *arguments, *self.options,
            ]  # fmt: skip
            if before is not None:
                command += ["--exclude-newer", before.strftime("%Y-%m-%dT%H:%M:%SZ")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
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
    uv = environment.find_uv()
    if uv is None:
        raise InputError(
            "resolving releases needs uv: install it, for example with 'pip install uv'"
        )
    return Resolver(uv, environment.find_python(uv), tuple(options))


def update(
    path: Path,
    resolver: Resolver,
    report: Callable[[str], None] = lambda _: None,
) -> list[Release]:
    """Append the releases that appeared since the last entry, each after trying to import it.

    Entries that are there are never touched, and each new one is written at once, so an update
    that is interrupted goes on where it stopped.

    Returns
    -------
    list[Release]
        What was appended; nothing the second time.

    Raises
    ------
    InputError
        There is no network, or the file is damaged.
    """
    last = load(path).releases[-1] if path.exists() else None
    uploads = []
    for package in TRACKED:
        report(f"Looking for releases of {package}")
        uploads += resolver.uploads(package, last.date if last else BEGINNING - _SECOND)
    appended: list[Release] = []
    for upload in sorted(uploads, key=lambda upload: upload.time):
        added = []
        for release in entries(resolver, upload, last):
            report(f"Trying {release.label}")
            added.append(replace(release, broken=probe(resolver, release)))
        if added:
            append(added, path)
            last = added[-1]
            appended += added
    return appended


def entries(resolver: Resolver, upload: Upload, last: Release | None) -> list[Release]:
    """Return the entries that one upload adds: itself, after the moves that it forces.

    Nothing, when it cannot be had together with the newest release of the other package.
    """
    newest = resolver.pins([*TRACKED], upload.time)
    if newest[upload.package] != upload.version:
        return []
    if last is None:
        release = _entry(upload, newest, {}, upload.time)
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
            capture_output=True, text=True, check=False,
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
