"""uv's resolver: which versions there are, and the pins of a moment.

uv knows when every file was uploaded and what was withdrawn, and it keeps the pins that it finds
in its output file unless it is forced to move them: so each entry of the timeline changes one
thing.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from packaging.version import Version

from cryoet_bench.errors import InputError
from cryoet_bench.timeline import environment, installers
from cryoet_bench.timeline.environment import UnreachableError
from cryoet_bench.timeline.installers import PYTHON
from cryoet_bench.timeline.releases import Withdrawn, parse_pins

# The wheels of one platform decide, so that every machine that updates finds the same.
PLATFORM = "x86_64-manylinux_2_28"
SECOND = timedelta(seconds=1)
"""What uv counts moments in, while an index may tell them more finely."""

# How uv tells that nothing is left but what was withdrawn, here with its lines joined.
_YANKED = re.compile(
    r"((?:\b[a-z]+[<>=]=\S+ )+)w(?:as|ere) yanked(?: \(reason: (.*?)\)(?=,? (?:and|we)\b))?"
)


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
            unwanted = "".join(f",!={version}" for version in left_out)
            chosen, named = self._left(package, f">={since}{unwanted}")
            ends = {
                version: reason
                for version, reason in named.items()
                if version not in found and not Version(version).is_prerelease
            }
            if not chosen and not ends:
                break
            found |= ends
            left_out += [*chosen, *ends]
        return [
            Withdrawn(package=package, version=version, reason=found[version] or "no reason given")
            for version in sorted(found, key=Version)
        ]

    def _left(self, package: str, versions: str) -> tuple[list[str], dict[str, str]]:
        """Return the version that uv chooses, else those that it names as withdrawn, and why."""
        arguments = ["--no-deps", "--no-annotate", "--prerelease", "disallow"]
        try:
            text = self._compile([f"{package}{versions}"], arguments, wheels=False)
        except UnreachableError:
            raise
        except InputError as error:  # nothing is left, or something that cannot be built here
            return [], {
                version: reason
                for named, reason in _YANKED.findall(str(error))
                for version in re.findall(rf"(?:{package}|,)[<>=]=([^,\s]+)", named)
            }
        # It has no wheel for this Python, or it would be one of those that are left out.
        return [*parse_pins(text.splitlines()).values()], {}

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
        text = self._compile(wanted, arguments, before=at + SECOND, lock=lines)
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
