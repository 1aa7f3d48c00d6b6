"""Proof that an environment holds what was pinned: each file against its distribution's record.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryoet_bench import files
from cryoet_bench.timeline import bytecode

INDEX = "index"
# Made by the tools that make an environment, not by a distribution.
_OWN = {"cryoet_bench_root.pth", "_virtualenv.py", "_virtualenv.pth"}
_UNRECORDED = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json")
_CACHE = "__pycache__"
# A file changed within the tick of the file system's clock looks unchanged.
_TICK_NS = 50_000_000

Stamp = tuple[int, int, int, int]
"""What changes with a file's content: size, times of modification and change, and inode."""


@dataclass(frozen=True)
class Distribution:
    """A distribution that was proved to be installed as it was pinned.

    Attributes
    ----------
    name, version : str
        Which.
    origin : str
        Where it came from: ``index``, ``file:NAME`` of a local wheel, or an address.
    digest : str
        A checksum of the files it brought, as its own record names them.
    """

    name: str
    version: str
    origin: str
    digest: str


@dataclass
class Examination:
    """What was found in an environment.

    Attributes
    ----------
    distributions : list of Distribution
        What is there, by name.
    wrong : dict of str to str
        What is not as it was pinned, by name, and why.
    folders : dict of str to list of pathlib.Path
        The folders with the metadata of each distribution: there should be one.
    surplus : list of str
        Files that no distribution brought, relative to ``site-packages``.
    files : dict of str to (Stamp, str)
        Every recorded file, with its stamp and the checksum it has.
    """

    distributions: list[Distribution] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    folders: dict[str, list[Path]] = field(default_factory=dict)
    surplus: list[str] = field(default_factory=list)
    files: dict[str, tuple[Stamp, str]] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """What is wrong, in words; empty when nothing is."""
        reasons = [f"{name} {why}" for name, why in sorted(self.wrong.items())]
        reasons += [f"{path} belongs to nothing that is pinned" for path in self.surplus]
        more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        return "; ".join(reasons[:3]) + more


def examine(
    packages: Path,
    requirements: Sequence[str],
    known: Mapping[str, tuple[Stamp, str]],
    besides: Iterable[str] = (),
) -> Examination:
    """Compare what is installed with the pins, file by file.

    Parameters
    ----------
    packages : pathlib.Path
        The environment's ``site-packages``.
    requirements : sequence of str
        The complete pins: ``zarr==3.4.2`` or ``zarr @ file:///…``.
    known : mapping of str to (Stamp, str)
        Checksums found before; a file with the same stamp is not read again.
    besides : iterable of str
        Distributions that may be there too.
    """
    found = Examination()
    pinned = {name_of(line): line for line in requirements}
    listed: dict[str, tuple[str, str]] = {}
    for folder in sorted(packages.glob("*.dist-info")):
        name, version = _identity(folder)
        found.folders.setdefault(name, []).append(folder)
        rows = list(_record(folder))
        listed |= {path: (name, checksum) for path, checksum in rows}
        if name in besides:
            continue
        if name not in pinned:
            found.wrong[name] = "is not pinned"
            continue
        origin, why = _origin(folder, pinned[name], version)
        if len(found.folders[name]) > 1:
            why = "is there twice"
        if why:
            found.wrong[name] = why
        digest = content_digest(rows, folder.name)
        found.distributions.append(Distribution(name, version, origin, digest))
    for name in pinned.keys() - found.folders.keys():
        found.wrong[name] = "is missing"
    present = dict(_files(packages))
    found.surplus = sorted(present.keys() - listed.keys() - _OWN)
    _compare(packages, listed, present, known, found)
    found.wrong |= {name: why for name, why in _stale(packages, listed).items() if why}
    for name in besides:
        found.wrong.pop(name, None)
    return found


def clear(packages: Path, found: Examination) -> None:
    """Remove what is wrong from an environment, so that it can be installed anew."""
    for name in found.wrong:
        for folder in found.folders.get(name, ()):
            shutil.rmtree(folder)
    listed = {path for folder in packages.glob("*.dist-info") for path, _ in _record(folder)}
    for path in [path for path, _ in _files(packages) if path not in listed and path not in _OWN]:
        (packages / path).unlink()
    folders = [Path(folder) for folder, _, _ in os.walk(packages, topdown=False)]
    for folder in folders:
        left = {entry.name for entry in folder.iterdir()} if folder.is_dir() else {""}
        if folder != packages and left <= {_CACHE}:
            shutil.rmtree(folder)


def save(file: Path, found: Examination) -> None:
    """Keep what was proved beside an environment, for the next proof and for `changed`."""
    facts = {
        "distributions": [list(vars(one).values()) for one in found.distributions],
        "files": {path: [*stamp, checksum] for path, (stamp, checksum) in found.files.items()},
    }
    files.write_text(file, json.dumps(facts, separators=(",", ":")))


def load(file: Path) -> tuple[tuple[Distribution, ...], dict[str, tuple[Stamp, str]]]:
    """Return the distributions and files that were proved; nothing when there is no proof."""
    try:
        return _loaded(file, _stamp(file.stat()))
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return (), {}


@lru_cache(maxsize=1)
def _loaded(
    file: Path, _stamp: Stamp
) -> tuple[tuple[Distribution, ...], dict[str, tuple[Stamp, str]]]:
    """Return what a file holds, read once as long as it stays the same."""
    facts = json.loads(file.read_text("utf-8"))
    distributions = tuple(Distribution(*one) for one in facts["distributions"])
    proved = {
        path: ((row[0], row[1], row[2], row[3]), row[4]) for path, row in facts["files"].items()
    }
    return distributions, proved


def changed(packages: Path, proved: Mapping[str, tuple[Stamp, str]]) -> list[str]:
    """Return the files of an environment that are not as they were proved."""
    present = {path: stamp for path, stamp in _files(packages) if path not in _OWN}
    differing = sorted(present.keys() ^ {path for path in proved if not path.startswith("..")})
    for path, stamp in present.items():
        if (
            path in proved
            and stamp != proved[path][0]
            and _hash(packages / path) != proved[path][1]
        ):
            differing.append(path)
    return differing


def content_digest(rows: Iterable[tuple[str, str]], folder: str) -> str:
    """Return a checksum of what a distribution brings, from the rows of its record.

    What the installer adds is left out, so it is the same for a wheel and for its installation,
    unless the wheel has files that are moved at installation.

    Parameters
    ----------
    rows : iterable of (str, str)
        Paths and their checksums.
    folder : str
        The name of the folder with its metadata.
    """
    own = {f"{folder}/{name}" for name in _UNRECORDED}
    lines = sorted(
        f"{path} {checksum}\n"
        for path, checksum in rows
        if checksum and path not in own and not path.startswith("..")
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def name_of(requirement: str) -> str:
    """Return the normalised name in a requirement (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[=@ \[]", requirement, maxsplit=1)[0]).lower()


def rows_of(record: str) -> Iterator[tuple[str, str]]:
    """Return the paths of a record, and their checksums without the algorithm's name."""
    for row in csv.reader(record.splitlines()):
        if row:
            yield os.path.normpath(row[0]), row[1].partition("=")[2] if len(row) > 1 else ""


def _record(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        yield from rows_of((folder / "RECORD").read_text("utf-8"))
    except (OSError, ValueError):
        return


def _identity(folder: Path) -> tuple[str, str]:
    """Return the name and version of what is installed."""
    try:
        metadata = (folder / "METADATA").read_text("utf-8", "replace")
    except OSError:
        metadata = ""
    facts = dict(re.findall(r"(?m)^(Name|Version): *(\S+)", metadata.partition("\n\n")[0]))
    stem = folder.name.removesuffix(".dist-info").partition("-")
    return name_of(facts.get("Name", stem[0])), facts.get("Version", stem[2])


def _origin(folder: Path, requirement: str, version: str) -> tuple[str, str]:
    """Return where a distribution came from, and why that is not what was pinned."""
    try:
        facts: dict[str, Any] = json.loads((folder / "direct_url.json").read_text("utf-8"))
    except FileNotFoundError:
        facts = {}
    except (OSError, ValueError):
        return INDEX, "does not tell where it came from"
    _, is_url, pinned = requirement.partition(" @ ")
    if not is_url:
        _, _, wanted = requirement.partition("==")
        if facts:
            return INDEX, f"came from {_shown(str(facts.get('url')))} and not from the index"
        return INDEX, "" if version == wanted else f"is at {version} and not at {wanted}"
    if not facts:
        return INDEX, f"came from the index and not from {_shown(pinned)}"
    url, _, fragment = str(facts.get("url")).partition("#")
    if "vcs_info" in facts:
        info = facts["vcs_info"]
        url = f"{info.get('vcs')}+{url}@{info.get('commit_id')}"
    checksum = facts.get("archive_info", {}).get("hashes", {}).get("sha256")
    address, _, wanted = pinned.strip().partition("#")
    same = url == address and (not fragment or fragment == wanted or "vcs_info" in facts)
    if "sha256=" in wanted and checksum:
        same = same and wanted.endswith(f"sha256={checksum}")
    if not same or facts.get("dir_info", {}).get("editable"):
        return _shown(url), f"came from {_shown(url)} and not from {_shown(pinned)}"
    return _shown(pinned), ""


def _shown(url: str) -> str:
    """Return an address without credentials, and a local file's without its folder."""
    address = url.partition("#")[0]
    parts = urlsplit(address)
    if parts.scheme == "file":
        return f"file:{parts.path.rstrip('/').rpartition('/')[2]}"
    return address.replace(f"//{parts.netloc}", f"//{parts.netloc.rpartition('@')[2]}", 1)


def _files(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """Return every file below a folder but for bytecode, with its stamp."""
    pending = [(str(folder), "")]
    while pending:
        path, prefix = pending.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != _CACHE:
                        pending.append((entry.path, f"{prefix}{entry.name}/"))
                else:
                    yield f"{prefix}{entry.name}", _stamp(entry.stat())


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _hash(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _compare(
    packages: Path,
    listed: Mapping[str, tuple[str, str]],
    present: dict[str, Stamp],
    known: Mapping[str, tuple[Stamp, str]],
    found: Examination,
) -> None:
    """Note the files that are not what their distribution's record says."""
    for path in listed:
        if path.startswith(".."):  # a command, beside the packages
            outside = packages / path
            if outside.is_file():
                present[path] = _stamp(outside.stat())
    now = time.time_ns()
    unread = [
        path
        for path in listed
        if path in present and (path not in known or known[path][0] != present[path])
    ]
    with ThreadPoolExecutor(2) as pool:
        read = dict(zip(unread, pool.map(lambda path: _hash(packages / path), unread), strict=True))
    for path, (name, wanted) in listed.items():
        if _CACHE in path.split("/"):
            continue
        if path not in present:
            found.wrong.setdefault(name, f"lacks {path}")
            continue
        checksum = read.get(path) or known[path][1]
        if wanted and checksum != wanted:
            found.wrong.setdefault(name, f"has another {path} than it came with")
        if now - present[path][2] > _TICK_NS:
            found.files[path] = present[path], checksum
        else:
            found.files[path] = (0, 0, 0, 0), checksum


def _stale(packages: Path, listed: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return whose bytecode may be another source's: it is not checked against a hash."""
    wrong = {}
    for folder, _, names in os.walk(packages):
        if not folder.endswith(_CACHE):
            continue
        parent = os.path.relpath(Path(folder).parent, packages)
        for name in names:
            source = os.path.normpath(f"{parent}/{name.partition('.')[0]}.py")
            if not name.endswith(".pyc") or source not in listed:
                continue
            if not bytecode.is_checked(Path(folder, name)):
                wrong[listed[source][0]] = f"has bytecode that is not checked ({name})"
    return wrong
