"""Unreleased software on the timeline: a branch on top of the newest release."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import environment, installers, repository
from cryoet_bench.timeline.releases import TRACKED, Timeline, moves
from cryoet_bench.timeline.resolver import Resolver

WHEELS = Path("candidates")
_SHORT = re.compile(rf"({'|'.join(TRACKED)})[- ]+([0-9]\S*)", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """Unreleased software that is ready to be measured.

    Attributes
    ----------
    package, version : str
        What it is.
    branch : str
        Its branch in the timeline's repository.
    moved : tuple[str, ...]
        What else had to move from the newest release.
    """

    package: str
    version: str
    branch: str
    moved: tuple[str, ...]


def propose(spec: str, timeline: Timeline, path: Path, resolver: Resolver) -> Candidate:
    """Put an unreleased zarr or numcodecs on a branch on top of the newest release.

    Parameters
    ----------
    spec : str
        A version (``zarr==3.5.0rc1``), a wheel, a folder with the sources, or any requirement
        that pip understands (``zarr @ git+https://…``).
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
    newest = timeline.releases[-1]
    others = [name for name in TRACKED if name != package]
    lines = resolver.lock([requirement, *others], keep=newest.pins)
    pins = dict(map(_pin, lines))
    moved = moves(newest.pins, pins, besides=package)
    version = pins[package] or _version(requirement)
    message = f"{package} {version} (candidate)\n\n"
    message += f"Moved with it: {', '.join(moved)}.\n\n" if moved else ""
    message += f"Given as {spec}, on top of {newest.label}.\n"
    name = re.sub(r"[^A-Za-z0-9.+_-]+", "-", f"{package}-{version}")
    text = "".join(f"{line}\n" for line in lines)
    branch = repository.propose(path, name, text, message)
    return Candidate(package, version, branch, moved)


def _requirement(spec: str, wheels: Path, resolver: Resolver) -> tuple[str, str]:
    """Return the package and the requirement that the user means."""
    location = Path(spec.strip() or "no candidate").expanduser()
    if location.suffix == ".whl" or location.is_dir():
        wheel = _keep(location, wheels, resolver)
        package = canonicalize_name(wheel.name.partition("-")[0])
        return _tracked(package, spec), f"{package} @ {wheel.absolute().as_uri()}"
    short = _SHORT.fullmatch(spec.strip())
    text = f"{short[1].lower()}=={short[2]}" if short else spec
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise _no_candidate(spec) from error
    return _tracked(canonicalize_name(requirement.name), spec), str(requirement)


def _keep(location: Path, wheels: Path, resolver: Resolver) -> Path:
    """Return a copy of a wheel, or of the one built from a folder, named after its content."""
    with tempfile.TemporaryDirectory(prefix="cryoet-bench-") as folder:
        wheel = _build(location, Path(folder), resolver) if location.is_dir() else location
        try:
            parse_wheel_filename(wheel.name)
            content = hashlib.sha256(wheel.read_bytes()).hexdigest()[:12]
        except InvalidWheelFilename as error:
            raise InputError(f"{wheel} is not named as a wheel is: {error}") from error
        except OSError as error:
            raise InputError(f"cannot read the wheel {wheel}: {error.strerror}") from error
        kept = wheels / content / wheel.name
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            staging = kept.with_suffix(".part")
            shutil.copyfile(wheel, staging)
            staging.replace(kept)
    return kept


def _build(sources: Path, folder: Path, resolver: Resolver) -> Path:
    if not (sources / "pyproject.toml").is_file() and not (sources / "setup.py").is_file():
        raise InputError(f"{sources} holds no Python project: give a folder with a pyproject.toml")
    command = [
        resolver.uv, "build", "--wheel", "--quiet", "--python", resolver.python,
        "--out-dir", str(folder), *resolver.options, str(sources.absolute()),
    ]  # fmt: skip
    done = subprocess.run(
        command, env=installers.variables(), capture_output=True, text=True, check=False
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
        f"a wheel, a folder with the sources, or a requirement such as 'zarr @ git+https://…', "
        f"of {' or '.join(TRACKED)}"
    )


def _pin(line: str) -> tuple[str, str]:
    """Return the name and, where it is an exact pin, the version of a requirement's line."""
    requirement = Requirement(line)
    version = "" if requirement.url else str(requirement.specifier).removeprefix("==")
    return canonicalize_name(requirement.name), version


def _version(requirement: str) -> str:
    """Return the version in a wheel's name, or what identifies other sources."""
    url = Requirement(requirement).url or requirement
    name = url.rpartition("/")[2]
    if name.endswith(".whl"):
        return str(parse_wheel_filename(name.replace("%2B", "+"))[1])
    return name
