"""The releases of the timeline: read from one file of data, checked, selected.

Standard library only: asv's own interpreter imports this and may have nothing but asv.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryoet_bench import files
from cryoet_bench.errors import InputError

DATA = Path(__file__).with_name("timeline.toml")
TRACKED = ("zarr", "numcodecs")
MAIN = "main"
_HEADER = """\
# The release timeline: append-only, one tracked package (zarr, numcodecs) per entry, full pins.
# Written by 'cryoet-bench timeline update'; recorded results refer to these entries, so none is
# ever edited. The pins are those of Python 3.12 on Linux x86_64. A maintenance release of an older
# series is on a [[line]] of its own; a version that was withdrawn is listed with the reason.
"""
_VERSION = re.compile(r"[0-9][0-9A-Za-z.!+-]*")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Release:
    """One entry of the timeline.

    Attributes
    ----------
    package, version : str
        What moved: a release of zarr or numcodecs, or what had to move so that one could follow.
    date : datetime.datetime
        When it was uploaded (UTC). A move made for a release is dated just before that release.
    pins : Mapping[str, str]
        Every distribution of that moment, by name, with its version.
    moved : tuple[str, ...]
        What else changed since the entry before, such as ``"numpy 1.26.1 to 2.4.1"``.
    prepares : str | None
        The tag of the release that forced this move, where the entry is no release of its own.
    broken : str | None
        Why it cannot be imported, where upstream broke it.
    line : str
        The line it belongs to: "main" follows the newest versions, the others are maintained for
        users who stay on an older series.
    """

    package: str
    version: str
    date: datetime
    pins: Mapping[str, str]
    moved: tuple[str, ...] = ()
    prepares: str | None = None
    broken: str | None = None
    line: str = MAIN

    @property
    def tag(self) -> str:
        """The name in the git repository: ``zarr-3.1.0``."""
        tag = f"{self.package}-{self.version}"
        return f"{tag}-for-{self.prepares}" if self.prepares else tag

    @property
    def label(self) -> str:
        """The name that is shown: ``zarr 3.1.0``."""
        label = f"{self.package} {self.version}"
        return f"{label} (for {self.prepares.replace('-', ' ', 1)})" if self.prepares else label

    @property
    def requirements(self) -> str:
        """The pins as the lines of a requirements file."""
        return "".join(f"{name}=={version}\n" for name, version in sorted(self.pins.items()))


@dataclass(frozen=True, kw_only=True)
class Companion:
    """A distribution installed beside the releases, at one version for the whole line.

    Attributes
    ----------
    name : str
        What it is for.
    pins : Mapping[str, str]
        The distribution and what it needs that a release does not bring.
    since : str | None
        The tag of the first release it works with; None for all.
    """

    name: str
    pins: Mapping[str, str]
    since: str | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of maintenance releases, for users who stay on an older series.

    Attributes
    ----------
    name : str
        Its name, which is also that of its branch in the repository: ``zarr-2``.
    fork : str
        The tag of the release that its first one follows.
    """

    name: str
    fork: str


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    """A version that its maintainers withdrew; it is listed, and never measured by default.

    Attributes
    ----------
    package, version : str
        Which.
    reason : str
        Why, in the words of the package index.
    """

    package: str
    version: str
    reason: str

    @property
    def label(self) -> str:
        """The name that is shown: ``zarr 3.0.5``."""
        return f"{self.package} {self.version}"


@dataclass(frozen=True)
class Timeline:
    """All releases of all lines, oldest first, and what is installed alongside them."""

    releases: tuple[Release, ...]
    companions: tuple[Companion, ...] = ()
    lines: tuple[Line, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()

    def history(self, line: str = MAIN) -> list[Release]:
        """Return the releases that lead to the newest one of a line, oldest first.

        A line begins where the timeline does: its own releases follow those up to its fork.

        Raises
        ------
        InputError
            There is no such line.
        """
        own = [release for release in self.releases if release.line == line]
        if line == MAIN:
            return own
        for known in self.lines:
            if known.name == line:
                return [*self.until(known.fork), *own]
        names = ", ".join([MAIN, *(known.name for known in self.lines)])
        raise InputError(f"the timeline has no line {line!r}: choose one of {names}")

    def until(self, tag: str) -> list[Release]:
        """Return the releases that lead to one, oldest first, itself included."""
        release = self.find(tag)
        history = self.history(release.line)
        return history[: history.index(release) + 1]

    def beside(self, tag: str) -> list[str]:
        """Return the requirements of the companions of one release, which yield to its own."""
        history = [release.tag for release in self.until(tag)]
        taken = self.find(tag).pins
        return [
            f"{name}=={version}"
            for companion in self.companions
            if companion.since is None or companion.since in history
            for name, version in companion.pins.items()
            if name not in taken
        ]

    def find(self, tag: str) -> Release:
        """Return the release of a tag; ``zarr 3.1.0`` and ``zarr==3.1.0`` are understood too.

        Raises
        ------
        InputError
            There is no such release; close ones are named.
        """
        return self.releases[self._position(tag)]

    def _position(self, tag: str) -> int:
        wanted = re.sub(r"\s*==\s*|\s+", "-", tag.strip().lower(), count=1)
        tags = [release.tag for release in self.releases]
        if wanted in tags:
            return tags.index(wanted)
        close = difflib.get_close_matches(wanted, tags, n=3, cutoff=0.6)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise InputError(
            f"no release named {tag!r} in the timeline{hint or ':'} "
            f"see 'cryoet-bench timeline list'"
        )


def load(path: Path | None = None) -> Timeline:
    """Read and check a timeline's file, by default the project's own.

    Raises
    ------
    InputError
        The file is missing or damaged; the message names the entry.
    """
    path = path or DATA
    try:
        facts = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read the release timeline {path}: {error.strerror}; restore it with git"
        ) from error
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    tables = {name: facts.pop(name, []) for name in ("release", "companion", "line", "withdrawn")}
    if facts or not tables["release"] or not all(map(_tables, tables.values())):
        raise _damaged(
            path,
            "it must hold [[release]] entries, and [[companion]], [[line]], [[withdrawn]] tables",
        )
    releases = [
        _release(path, number, entry) for number, entry in enumerate(tables["release"], start=1)
    ]
    tags = [release.tag for release in releases]
    for tag in tags:
        if tags.count(tag) > 1:
            raise _damaged(path, f"{tag} is there twice")
    timeline = Timeline(
        tuple(sorted(releases, key=lambda release: release.date)),
        tuple(_companion(path, table, tags) for table in tables["companion"]),
        tuple(_line(path, table, releases) for table in tables["line"]),
        tuple(_withdrawn(path, table) for table in tables["withdrawn"]),
    )
    _check_order(path, releases, timeline)
    return timeline


def _check_order(path: Path, releases: Sequence[Release], timeline: Timeline) -> None:
    """Raise InputError unless each release of the file can follow the one before on its line."""
    tips: dict[str, Release] = {}
    for release in releases:
        if release.line != MAIN and release.line not in tips:
            forks = {line.name: line.fork for line in timeline.lines}
            if release.line not in forks:
                raise _damaged(path, f"{release.tag}: there is no line {release.line!r}")
            tips[release.line] = timeline.find(forks[release.line])
        before = tips.get(release.line)
        problem = _problem(before, release) if before else None
        if problem:
            raise _damaged(path, f"{release.tag}: {problem}")
        tips[release.line] = release


def append(entries: Iterable[Release | Line | Withdrawn], path: Path) -> None:
    """Add entries at the end of a timeline's file, all or none; what is there stays as it is.

    Raises
    ------
    InputError
        It cannot be written.
    """
    try:
        text = path.read_text("utf-8") if path.exists() else _HEADER
        files.write_text(path, "\n".join([text, *map(_text, entries)]))
    except OSError as error:
        raise InputError(f"cannot write the release timeline {path}: {error.strerror}") from error


def moves(before: Mapping[str, str], after: Mapping[str, str], *, besides: str) -> tuple[str, ...]:
    """Return in words what differs between two sets of pins, leaving out one package."""
    words = []
    for name in sorted((before.keys() | after.keys()) - {besides}):
        old, new = before.get(name), after.get(name)
        if old is None:
            words.append(f"adds {name} {new}")
        elif new is None:
            words.append(f"drops {name} {old}")
        elif old != new:
            words.append(f"{name} {old} to {new}")
    return tuple(words)


def parse_pins(lines: Iterable[str]) -> dict[str, str]:
    """Return names and versions from ``name==version`` lines.

    Raises
    ------
    ValueError
        A line is no exact pin, or a name comes twice.
    """
    pins: dict[str, str] = {}
    for line in lines:
        name, _, version = line.partition("==")
        if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version) or name in pins:
            raise ValueError(f"{line!r} is not a pin such as 'zarr==3.1.0', or is there twice")
        pins[name] = version
    return pins


def _text(entry: Release | Line | Withdrawn) -> str:
    if isinstance(entry, Line):
        return f"[[line]]\nname = {json.dumps(entry.name)}\nfork = {json.dumps(entry.fork)}\n"
    lines = [
        "[[release]]" if isinstance(entry, Release) else "[[withdrawn]]",
        f"package = {json.dumps(entry.package)}",
        f"version = {json.dumps(entry.version)}",
    ]
    if isinstance(entry, Withdrawn):
        return "\n".join([*lines, f"reason = {json.dumps(entry.reason, ensure_ascii=False)}", ""])
    lines.append(f"date = {entry.date:%Y-%m-%dT%H:%M:%SZ}")
    if entry.line != MAIN:
        lines.append(f"line = {json.dumps(entry.line)}")
    if entry.prepares:
        lines.append(f"prepares = {json.dumps(entry.prepares)}")
    if entry.moved:
        lines.append(f"moved = {json.dumps(entry.moved)}")
    if entry.broken:
        lines.append(f"broken = {json.dumps(entry.broken)}")
    pins = [f'  "{name}=={version}",' for name, version in sorted(entry.pins.items())]
    return "\n".join([*lines, "pins = [", *pins, "]", ""])


def _release(path: Path, number: int, entry: Mapping[str, Any]) -> Release:
    facts = dict(entry)
    try:
        release = Release(
            package=facts.pop("package"),
            version=facts.pop("version"),
            date=_time(facts.pop("date")),
            pins=parse_pins(_texts(facts.pop("pins"))),
            moved=tuple(_texts(facts.pop("moved", []))),
            prepares=facts.pop("prepares", None),
            broken=facts.pop("broken", None),
            line=facts.pop("line", MAIN),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"release {number}: {_reason(error)}") from error
    problem = None
    if facts:
        problem = f"unknown field {next(iter(facts))!r}"
    elif release.pins.get(release.package) != release.version:
        problem = f"the pins do not hold {release.package}=={release.version}"
    elif release.package not in TRACKED and release.prepares is None:
        problem = f"{release.package} is neither {' nor '.join(TRACKED)}"
    if problem:
        raise _damaged(path, f"release {number}: {problem}")
    return release


def _companion(path: Path, table: Mapping[str, Any], tags: Sequence[str]) -> Companion:
    facts = dict(table)
    try:
        companion = Companion(
            name=facts.pop("name"),
            pins=parse_pins(_texts(facts.pop("pins"))),
            since=facts.pop("since", None),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"companion: {_reason(error)}") from error
    if facts:
        raise _damaged(path, f"companion {companion.name}: unknown field {next(iter(facts))!r}")
    if companion.since is not None and companion.since not in tags:
        raise _damaged(path, f"companion {companion.name}: no release {companion.since!r}")
    return companion


def _line(path: Path, table: Mapping[str, Any], releases: Sequence[Release]) -> Line:
    main = [release.tag for release in releases if release.line == MAIN]
    name, fork = table.get("name"), table.get("fork")
    if table.keys() != {"name", "fork"} or not isinstance(name, str) or fork not in main:
        raise _damaged(path, f"line {name!r}: it needs a name, and a fork on the main line")
    return Line(name=name, fork=str(fork))


def _withdrawn(path: Path, table: Mapping[str, Any]) -> Withdrawn:
    texts = {key: value for key, value in table.items() if isinstance(value, str)}
    if texts.keys() != {"package", "version", "reason"} or table.keys() != texts.keys():
        raise _damaged(path, f"withdrawn {dict(table)}: it needs package, version and reason")
    return Withdrawn(**texts)


def _problem(before: Release, release: Release) -> str | None:
    """Say why `release` cannot follow `before`, or return None."""
    if release.date <= before.date:
        return f"it is not later than {before.tag}"
    if before.prepares is not None and release.tag != before.prepares and not release.prepares:
        return f"{before.tag} must stand just before {before.prepares}"
    if before.pins.get(release.package) == release.version:
        return f"{release.package} is at {release.version} already in {before.tag}"
    found = moves(before.pins, release.pins, besides=release.package)
    if found != release.moved:
        return (
            f"its pins differ from those of {before.tag} in {found}, but it names {release.moved}"
        )
    return None


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"date {value} is not a time with a zone, such as 2025-07-15T07:48:51Z")
    return value.astimezone(UTC)


def _texts(value: Any) -> Sequence[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{value!r} is not a list of texts")
    return value


def _tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"the release timeline {path} is damaged: {what}; restore it with git")
