"""Unreleased software on the timeline: a branch on top of the newest release."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from cryoet_bench import files
from cryoet_bench.errors import InputError
from cryoet_bench.timeline import environment, installers, proof, repository
from cryoet_bench.timeline.releases import TRACKED, Release, Timeline, moves
from cryoet_bench.timeline.resolver import Resolver
from cryoet_bench.timeline.revisions import Revision, Revisions

WHEELS = Path("candidates")
_SHORT = re.compile(rf"({'|'.join(TRACKED)})[- ]+([0-9]\S*)", re.IGNORECASE)
_ARCHIVES = (".whl", ".tar.gz", ".zip")
# The oldest time that a zip archive can hold: the same sources give the same wheel.
_EPOCH = {"SOURCE_DATE_EPOCH": "315532800"}


def propose(spec: str, timeline: Timeline, path: Path, resolver: Resolver) -> Revision:
    """Put an unreleased zarr or numcodecs on a branch on top of the newest release.

    The branch is named after the version and a checksum of the content, so another candidate of
    the same version never takes its place.

    Parameters
    ----------
    spec : str
        A version (``zarr==3.5.0rc1``), a wheel, a source archive, a folder with the sources, or
        any requirement that pip understands (``zarr @ git+https://…``).
    timeline : Timeline
        Whose newest release it starts from.
    path : Path
        The timeline's repository. Wheels are kept beside it, so that a candidate stays what it
        was when its sources change.
    resolver : Resolver
        Decides what else has to move.

    Raises
    ------
    InputError
        It is no such thing, cannot be built, or cannot be installed with the newest release.
    """
    package, requirement = _requirement(spec, path.parent / WHEELS, resolver)
    newest = timeline.history()[-1]
    others = [name for name in TRACKED if name != package]
    lines = resolver.lock([requirement, *others], keep=newest.pins)
    pins = dict(map(_pin, lines))
    version, content = _content(package, lines)
    moved = moves(newest.pins, pins, besides=package)
    message = f"{package} {version} (candidate)\n\n"
    message += f"Moved with it: {', '.join(moved)}.\n\n" if moved else ""
    message += f"Given as {spec}, on top of {newest.label}.\n"
    name = re.sub(r"[^A-Za-z0-9.+_]+", "-", f"{package}-{version}")
    if _differs(path, f"{name}-{content[:8]}", lines, newest):
        content = hashlib.sha256("\n".join([newest.tag, *lines]).encode()).hexdigest()
    text = "".join(f"{line}\n" for line in lines)
    branch = repository.propose(path, f"{name}-{content[:8]}", text, message)
    return Revisions(timeline, path).find(branch)


def _differs(path: Path, name: str, lines: Sequence[str], newest: Release) -> bool:
    """Tell whether the same candidate stands on another release, or with other pins."""
    branch = f"{repository.CANDIDATES}/{name}"
    if branch not in {known for known, _, _ in repository.candidates(path)}:
        return False
    same = repository.requirements(path, branch) == list(lines)
    return not same or repository.release_below(path, branch) != newest.tag


def _content(package: str, lines: Sequence[str]) -> tuple[str, str]:
    """Return the version of a package among locked requirements, and a checksum of its content."""
    (line,) = (line for line in lines if canonicalize_name(Requirement(line).name) == package)
    requirement = Requirement(line)
    if not requirement.url:
        version = str(requirement.specifier).removeprefix("==")
        return version, hashlib.sha256(line.encode()).hexdigest()
    url = urlsplit(requirement.url)
    file = Path(unquote(url.path))
    if file.suffix != ".whl":
        commit = re.search(r"@([0-9a-f]{40})$", url.path)
        return "git", commit[1] if commit else hashlib.sha256(line.encode()).hexdigest()
    version = str(parse_wheel_filename(file.name)[1])
    if url.scheme != "file":
        return version, hashlib.sha256(line.encode()).hexdigest()
    return version, _digest(file)


def _requirement(spec: str, wheels: Path, resolver: Resolver) -> tuple[str, str]:
    """Return the package and the requirement that a spec means."""
    location = Path(spec.strip() or "no candidate").expanduser()
    is_requirement = " @ " in spec or "://" in spec
    if not is_requirement and (location.name.endswith(_ARCHIVES) or location.is_dir()):
        return _local(location, spec, wheels, resolver)
    short = _SHORT.fullmatch(spec.strip())
    text = f"{short[1].lower()}=={short[2]}" if short else spec
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise _no_candidate(spec) from error
    package = _tracked(canonicalize_name(requirement.name), spec)
    if requirement.url and urlsplit(requirement.url).scheme == "file":
        location = Path(unquote(urlsplit(requirement.url).path))
        found, line = _local(location, spec, wheels, resolver)
        if found != package:
            raise InputError(f"{location} is {found} and not {package}: name it so")
        return found, line
    return package, str(requirement)


def _local(location: Path, spec: str, wheels: Path, resolver: Resolver) -> tuple[str, str]:
    """Return the package and the requirement of a wheel, of sources in an archive or a folder."""
    wheel = _keep(location, wheels, resolver)
    package = _tracked(canonicalize_name(wheel.name.partition("-")[0]), spec)
    checksum = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return package, f"{package} @ {wheel.absolute().as_uri()}#sha256={checksum}"


def _keep(location: Path, wheels: Path, resolver: Resolver) -> Path:
    """Return a copy of a wheel, or of the one built from sources, in a folder of its content."""
    with tempfile.TemporaryDirectory(prefix="cryoet-bench-") as folder:
        built = location.suffix != ".whl"
        wheel = _build(location, Path(folder), resolver) if built else location
        try:
            parse_wheel_filename(wheel.name)
            kept = wheels / _digest(wheel) / wheel.name
        except InvalidWheelFilename as error:
            raise InputError(f"{wheel} is not named as a wheel is: {error}") from error
        except OSError as error:
            raise InputError(f"cannot read the wheel {wheel}: {error.strerror}") from error
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with files.staged(kept) as staging:
                shutil.copyfile(wheel, staging)
    return kept


def _digest(wheel: Path) -> str:
    """Return the checksum of a wheel's content that its installation will have, too."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            (record,) = (name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
            rows = proof.rows_of(archive.read(record).decode())
            return proof.content_digest(rows, record.removesuffix("/RECORD"))
    except (zipfile.BadZipFile, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{wheel} is no wheel: it has no record of its files") from error


def _build(sources: Path, folder: Path, resolver: Resolver) -> Path:
    if sources.is_dir():
        projects = [sources / "pyproject.toml", sources / "setup.py"]
        if not any(project.is_file() for project in projects):
            raise InputError(
                f"{sources} holds no Python project: give a folder with a pyproject.toml"
            )
    elif not sources.is_file():
        raise InputError(f"cannot read the source archive {sources}: there is no such file")
    command = [
        resolver.uv, "build", "--wheel", "--quiet", "--python", resolver.python,
        "--out-dir", str(folder), *resolver.options, str(sources.absolute()),
    ]  # fmt: skip
    done = subprocess.run(
        command, env=installers.variables() | _EPOCH, capture_output=True, text=True, check=False
    )
    built = list(folder.glob("*.whl"))
    if done.returncode or not built:
        raise InputError(f"{sources} cannot be built: {environment.cause(done.stderr)}")
    return built[0]


def _tracked(package: str, spec: str) -> str:
    if package not in TRACKED:
        raise _no_candidate(spec)
    return package


def _no_candidate(spec: str) -> InputError:
    return InputError(
        f"{spec!r} is no candidate: give a version such as zarr==3.5.0rc1, "
        f"a wheel, a source archive, a folder with the sources, "
        f"or a requirement such as 'zarr @ git+https://…', "
        f"of {' or '.join(TRACKED)}"
    )


def _pin(line: str) -> tuple[str, str]:
    """Return the name and, where it is an exact pin, the version of a requirement's line."""
    requirement = Requirement(line)
    version = "" if requirement.url else str(requirement.specifier).removeprefix("==")
    return canonicalize_name(requirement.name), version
