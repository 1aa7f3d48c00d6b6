"""Does the container measure the same as ``scripts/bench`` does outside of one?

    python -m evaluations.container FOLDER [--bench REGEX] [RELEASE ...]

Executes the steps of Containerfile as they are written there. No engine is needed: a root folder
of the same Debian, with this machine's Python in /usr/local, stands for the base image, and
namespaces of the kernel for the container. Then its ENTRYPOINT there, and scripts/bench in a clone
beside it, measure the same cases. Prints the conditions and how many exact values are the same;
exits with 1 when one differs. What was done is kept in FOLDER: a rerun resumes.

Needs root, debootstrap, and the network. What only an engine can show, it does not: its own
restrictions on system calls, and another user's files.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cryoet_bench.cli.checkout import known_revisions
from cryoet_bench.record.record import Record
from evaluations import ROOT

VOLUMES = ("results", ".asv")
BENCHES = r"^(control|defaults|memory\.Written|size\.Types|engine\.Cost|codec\.Size)"
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# What python:3.12-slim has beside Python.
PACKAGES = (
    "ca-certificates", "netbase", "tzdata", "libbz2-1.0", "libffi8", "libgdbm6", "liblzma5",
    "libncursesw6", "libreadline8", "libsqlite3-0", "libssl3", "libuuid1", "zlib1g",
)  # fmt: skip
# From `podman run` of docs/record.md: --hostname, --shm-size, and both folders.
INSIDE = """
root=$1; volumes=$2; shift 2
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o size=2g tmpfs "$root/dev/shm"
for each in $volumes; do
    mkdir -p "$root/cryoet-bench/$each"
    mount --bind "$root/../$each" "$root/cryoet-bench/$each"
done
hostname container-check
exec chroot "$root" sh -c "$@"
"""


@dataclass(frozen=True)
class Step:
    """One instruction of a container file, its lines joined."""

    instruction: str
    text: str


def steps(file: str) -> list[Step]:
    """Return the instructions of a container file in their order."""
    lines = [line for line in file.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


@dataclass(frozen=True)
class Container:
    """A root folder, and what is executed within it.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``root``, the clone that is copied into it, and the mounted ``results`` and ``asv``.
    """

    folder: Path

    @property
    def root(self) -> Path:
        """Where the file system of the container is."""
        return self.folder / "root"

    @property
    def clone(self) -> Path:
        """What is copied, and measures outside."""
        return self.folder / "clone"

    def build(self) -> list[str]:
        """Execute the steps that were not done yet, and return the entry point."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.clone.is_dir():
            run("git", "clone", "--quiet", ROOT, self.clone)
        where, entry = "/", []
        for number, step in enumerate(steps((ROOT / "Containerfile").read_text("utf-8"))):
            done = self.folder / f"step-{number}.done"
            print(f"{'kept' if done.exists() else 'step'}  {step.instruction} {step.text}")
            match step.instruction:
                case "WORKDIR":
                    where = step.text
                case "ENTRYPOINT":
                    entry = [where, *json.loads(step.text)]
                case "FROM" | "COPY" | "RUN" if not done.exists():
                    self._execute(step, where)
                    done.touch()
                case "FROM" | "COPY" | "RUN" | "VOLUME":
                    pass
                case unknown:
                    raise SystemExit(f"Containerfile has an instruction {unknown}: teach it here")
        return entry

    def _execute(self, step: Step, where: str) -> None:
        if step.instruction == "RUN":
            self.run(where, step.text)
        elif step.instruction == "COPY":
            shutil.copytree(
                self.clone, self.root / where.strip("/"), symlinks=True, dirs_exist_ok=True
            )
        else:
            self._base(step.text)

    def _base(self, image: str) -> None:
        """Make what stands for the base image."""
        named = re.fullmatch(r"\S*python:(3\.\d+)-slim-(\w+)", image)
        if named is None or named[1] != f"{sys.version_info[0]}.{sys.version_info[1]}":
            raise SystemExit(f"{image} is no slim image of this Python")
        shutil.rmtree(self.root, ignore_errors=True)
        added = f"--include={','.join(PACKAGES)}"
        run("debootstrap", "--variant=minbase", added, named[2], self.root)
        base = Path(sys.base_prefix)
        left = shutil.ignore_patterns("site-packages", "test", "__pycache__", "*.a")
        for name in ("bin", "lib"):
            target = self.root / "usr" / "local" / name
            shutil.copytree(base / name, target, symlinks=True, ignore=left, dirs_exist_ok=True)
        # How this machine reaches the network, which an engine hands on too.
        for path in (Path("/etc/resolv.conf"), Path("/etc/ssl/certs/ca-certificates.crt")):
            shutil.copy(path, self.root / path.relative_to("/"))
        self.run("/", "ldconfig && python -m ensurepip && python --version && cat /etc/os-release")

    def run(self, where: str, command: str, volumes: Sequence[str] = ()) -> None:
        """Run a command of the shell as root of the container."""
        own = {name: value for name, value in os.environ.items() if "CERT" in name}
        namespaces = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        line = f"cd {shlex.quote(where)} && {command}"
        run(
            *namespaces, "sh", "-euc", INSIDE, "sh", self.root, " ".join(volumes), line,
            environment={**own, "PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root"},
        )  # fmt: skip


def run(
    *command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> None:
    """Run a command, or end with what failed."""
    done = subprocess.run(command, cwd=cwd, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, command[:4]))} ... ended with {done.returncode}")


def measured(record: Record) -> tuple[pd.DataFrame, dict[str, object]]:
    """Return the cases of the one machine that has results, and its last conditions."""
    own = Record(record.own)
    (machine,) = {one.machine for one in own.series()}
    cases = record.cases(list(known_revisions(ROOT).by_commit.values()), machine=machine)
    visits = [visit for one in own.series() for visit in own.journal(one).visits.values()]
    return cases, dict(visits[-1].conditions)


def compare(inside: Record, outside: Record) -> int:
    """Print what differs, and return how many exact values and outcomes do."""
    (here, conditions), (there, others) = measured(inside), measured(outside)
    for name in sorted({*conditions, *others} - {"load", "hash_seed"}):
        pair = conditions.get(name), others.get(name)
        verdict = "the same" if pair[0] == pair[1] else f"{pair[0]} inside, {pair[1]} outside"
        print(f"  {name:20} {verdict}")
    suite = outside.suite()
    place = ["revision", "benchmark", "case"]
    other = there.set_index(place).add_suffix("_outside")
    both = here.set_index(place).join(other, how="outer")
    apart = 0
    for name, rows in both.groupby("benchmark"):
        benchmark = suite[str(name)]
        outcomes = (rows["status"] == rows["status_outside"]).sum()
        if benchmark.is_timed:
            ratio = (rows["value"] / rows["value_outside"]).median()
            equal = f"median ratio {ratio:.3f}"
        else:
            values = rows[["value", "value_outside"]].dropna()
            cases = values.index.get_level_values("case")
            same = [
                benchmark.is_same(case, one, other)
                for case, (one, other) in zip(cases, values.to_numpy(), strict=True)
            ]
            apart += len(same) - sum(same)
            equal = f"{sum(same)} of {len(same)} values the same"
        apart += len(rows) - outcomes
        print(f"  {name:36} {outcomes} of {len(rows)} outcomes the same; {equal}")
    return apart


def main() -> int:
    """Build, measure on both sides, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("releases", nargs="*", default=["zarr-2.18.7", "zarr-3.4.2"])
    parser.add_argument("--bench", default=BENCHES)
    arguments = parser.parse_args()
    container = Container(arguments.folder.resolve())
    where, *entry = container.build()
    selection = ["--tier", "full", "--rounds", "1", "--bench", arguments.bench, *arguments.releases]
    for name in VOLUMES:
        (container.folder / name).mkdir(exist_ok=True)
    print("inside", flush=True)
    container.run(where, shlex.join([*entry, *selection]), VOLUMES)
    print("outside", flush=True)
    run(sys.executable, "scripts/bench", *selection, cwd=container.clone)
    outside = Record.of(container.clone)
    apart = compare(Record(container.folder / "results", outside.others), outside)
    print(f"{apart} differ")
    return int(apart > 0)


if __name__ == "__main__":
    sys.exit(main())
