"""What can be measured, release or candidate alike: one type, and one query for all of them.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import repository
from cryoet_bench.timeline.releases import MAIN, TRACKED, Release, Timeline, moves

_BRANCH = re.compile(rf"{repository.CANDIDATES}/({'|'.join(TRACKED)})-(.+)-([0-9a-f]{{8}})")


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A commit of the timeline's repository: a release, or a candidate on top of one.

    Attributes
    ----------
    name : str
        What git calls it: the tag ``zarr-3.4.2``, the branch ``candidate/zarr-3.4.2-1a2b3c4d``.
    label : str
        What a reader calls it: ``zarr 3.4.2``, ``zarr 3.4.2 (candidate 1a2b3c4d)``.
    package, version : str
        What is released or proposed.
    commit : str
        The full hash.
    date : datetime.datetime
        When it was uploaded (UTC); a candidate is dated just after its release.
    line : str
        The line it belongs to; a candidate belongs to that of its release.
    pins : tuple of str
        Its requirements, in the order of its file: ``zarr==3.4.2``, ``zarr @ file:///…``.
    beside : tuple of str
        The requirements of what is installed alongside it.
    release : Release
        Itself, or the release that a candidate stands on.
    is_candidate : bool
        Whether it is unreleased.
    moved : tuple of str
        What else changed since the revision before.
    broken : str or None
        Why it cannot be imported, where upstream broke it.
    withdrawn : str or None
        Why its maintainers withdrew it.
    """

    name: str
    label: str
    package: str
    version: str
    commit: str
    date: datetime
    line: str
    pins: tuple[str, ...]
    beside: tuple[str, ...]
    release: Release
    is_candidate: bool = False
    moved: tuple[str, ...] = ()
    broken: str | None = None
    withdrawn: str | None = None

    @property
    def requirements(self) -> tuple[str, ...]:
        """All that its environment holds, and nothing else."""
        return (*self.pins, *self.beside)


@dataclass(frozen=True)
class Revisions:
    """The revisions of a timeline, found in its repository.

    Parameters
    ----------
    timeline : Timeline
        The releases.
    path : pathlib.Path
        The repository that was made from it, which also holds the candidates.
    """

    timeline: Timeline
    path: Path

    def releases(self, line: str | None = None) -> list[Revision]:
        """Return the releases of all lines, or all that lead to the newest of one; oldest first.

        Raises
        ------
        InputError
            There is no such line, or no repository.
        """
        chosen = self.timeline.releases if line is None else self.timeline.history(line)
        return [self._releases[release.tag] for release in chosen]

    def candidates(self) -> list[Revision]:
        """Return the candidates, those on older releases first."""
        return list(self._candidates.values())

    def last(self, count: int, line: str = MAIN) -> list[Revision]:
        """Return the newest releases of a line that are not withdrawn, oldest first.

        Raises
        ------
        InputError
            The count is not positive, or there is no such line.
        """
        if count < 1:
            raise InputError(f"cannot take {count} releases: ask for 1 or more")
        return _standing(self.releases(line))[-count:]

    def since(self, name: str, line: str | None = None) -> list[Revision]:
        """Return a release and those after it on a line, its own unless another is named.

        Raises
        ------
        InputError
            There is no such release on the line, or no such line.
        """
        first = self.find(name)
        line = line or first.line
        history = self.releases(line)
        if first not in history:
            raise InputError(
                f"{first.label} is not on the line {line}: choose a release that "
                f"'cryoet-bench timeline list --line {line}' shows"
            )
        return [first, *_standing(history[history.index(first) + 1 :])]

    def named(self, names: Iterable[str]) -> list[Revision]:
        """Return the revisions of some names, oldest first, each once.

        Parameters
        ----------
        names : iterable of str
            Tags (``zarr-3.1.0``), also written ``zarr 3.1.0`` or ``zarr==3.1.0``; branches of
            candidates, with or without ``candidate/``; labels; and what else git calls a commit of
            the timeline: hashes or how they begin, branches of lines, ``zarr-3.1.0~1``.

        Raises
        ------
        InputError
            There is no such revision, or several; close names are listed.
        """
        found = {revision.commit: revision for revision in map(self.find, names)}
        order = list(self.by_commit)
        return sorted(found.values(), key=lambda revision: order.index(revision.commit))

    def find(self, name: str) -> Revision:
        """Return the one revision of a name; `named` tells how it may be written."""
        wanted = name.strip().lower()
        for spelled in (wanted, re.sub(r"\s*==\s*|\s+", "-", wanted, count=1)):
            if spelled in self._by_name:
                return self._by_name[spelled]
        with contextlib.suppress(InputError, KeyError):
            return self.by_commit[repository.head(self.path, wanted)]
        raise self._unknown(name)

    def before(self, revision: Revision) -> Revision | None:
        """Return what a revision follows: the release below it, or None for the first of all."""
        if revision.is_candidate:
            return self._releases[revision.release.tag]
        history = self.timeline.until(revision.name)
        return self._releases[history[-2].tag] if len(history) > 1 else None

    @cached_property
    def by_commit(self) -> Mapping[str, Revision]:
        """All revisions by their full hash: oldest first, each candidate after its release."""
        every = [*self._releases.values(), *self._candidates.values()]
        every.sort(key=lambda revision: (revision.date, revision.is_candidate, revision.name))
        return {revision.commit: revision for revision in every}

    @cached_property
    def _releases(self) -> Mapping[str, Revision]:
        commits = repository.commits(self.path)
        if any(release.tag not in commits for release in self.timeline.releases):
            raise InputError(
                f"the timeline's repository {self.path} is older than its data: "
                "run 'cryoet-bench timeline build'"
            )
        return {
            release.tag: Revision(
                name=release.tag,
                label=release.label,
                package=release.package,
                version=release.version,
                commit=commits[release.tag],
                date=release.date,
                line=release.line,
                pins=tuple(release.requirements.splitlines()),
                beside=tuple(self.timeline.beside(release.tag)),
                release=release,
                moved=release.moved,
                broken=release.broken,
                withdrawn=self._withdrawn(release.package, release.version),
            )
            for release in self.timeline.releases
        }

    @cached_property
    def _candidates(self) -> Mapping[str, Revision]:
        found = []
        for branch, commit, date in repository.candidates(self.path):
            parts = _BRANCH.fullmatch(branch)
            if parts is None:
                continue
            package, version, digest = parts.groups()
            release = self.timeline.find(repository.release_below(self.path, commit))
            pins = repository.requirements(self.path, commit)
            found.append(
                Revision(
                    name=branch,
                    label=f"{package} {version} (candidate {digest})",
                    package=package,
                    version=version,
                    commit=commit,
                    date=date,
                    line=release.line,
                    pins=tuple(pins),
                    beside=tuple(self.timeline.beside(release.tag)),
                    release=release,
                    is_candidate=True,
                    moved=moves(release.pins, dict(map(_pin, pins)), besides=package),
                    withdrawn=self._withdrawn(package, version),
                )
            )
        found.sort(key=lambda revision: (revision.date, revision.name))
        return {revision.name: revision for revision in found}

    @cached_property
    def _by_name(self) -> Mapping[str, Revision]:
        spelled = {}
        for revision in [*self._candidates.values(), *self._releases.values()]:
            short = revision.name.removeprefix(f"{repository.CANDIDATES}/")
            for name in (short, revision.name, revision.label):
                spelled[name.lower()] = revision
        return spelled

    def _withdrawn(self, package: str, version: str) -> str | None:
        for one in self.timeline.withdrawn:
            if (one.package, one.version) == (package, version):
                return one.reason
        return None

    def _unknown(self, name: str) -> InputError:
        wanted = re.sub(r"\s*==\s*|\s+", "-", name.strip().lower(), count=1)
        for one in self.timeline.withdrawn:
            if wanted == f"{one.package}-{one.version}":
                pin = f"{one.package}=={one.version}"
                return InputError(
                    f"{one.label} was withdrawn ({one.reason}) and is not on the timeline: "
                    f"measure it as a candidate, with 'scripts/bench --candidate {pin}'"
                )
        close = difflib.get_close_matches(wanted, self._by_name, n=3, cutoff=0.6)
        shown = dict.fromkeys(self._by_name[key].name for key in close)
        hint = f"; did you mean {' or '.join(shown)}?" if shown else ":"
        return InputError(
            f"no release or candidate named {name!r} in the timeline{hint} "
            f"see 'cryoet-bench timeline list'"
        )


def _standing(revisions: Iterable[Revision]) -> list[Revision]:
    return [revision for revision in revisions if revision.withdrawn is None]


def _pin(line: str) -> tuple[str, str]:
    """Return the name of a requirement and its version, or where it comes from."""
    name, _, version = line.partition("==")
    if version:
        return name, version
    name, _, url = line.partition(" @ ")
    return name, url
