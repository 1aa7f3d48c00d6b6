"""Does each revision run its own code, whatever was installed before it?

    python -m evaluations.candidate_orders

It takes the sources of the newest zarr from the package index, plants a line in three copies, and
proposes them as a checkout, a source archive and a wheel of the released version. Then one
environment moves between the release and these in every order, with all that is installed
alongside them, and a process of each says which code it runs. Exits with 1 when one runs another's.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from cryoet_bench.timeline import candidate, environment, installers, releases, repository
from cryoet_bench.timeline.resolver import find_resolver
from cryoet_bench.timeline.revisions import Revision, Revisions

SCRIPT = "import zarr; print(getattr(zarr, 'PLANTED', 'release'))"


def sources(folder: Path, version: str, kind: str) -> Path:
    """Return zarr's sources, unpacked, with a line that says what they were made for."""
    folder.mkdir()
    command = [
        sys.executable,
        "-m",
        "uv",
        "tool",
        "run",
        "--python",
        sys.executable,
        "pip",
        "download",
        "--quiet",
        "--no-deps",
    ]
    command += ["--no-binary", "zarr", "--dest", str(folder)]
    subprocess.run([*command, f"zarr=={version}"], check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()
    (checkout,) = folder.iterdir()
    with (checkout / "src" / "zarr" / "__init__.py").open("a") as file:
        file.write(f'\nPLANTED = "{kind}"\n')
    return checkout


def propose(folder: Path, path: Path) -> dict[str, Revision]:
    """Return the release and the three candidates of its version."""
    timeline, resolver = releases.load(), find_resolver()
    repository.build(timeline, path)
    revisions = Revisions(timeline, path)
    release = next(one for one in reversed(revisions.releases("main")) if one.package == "zarr")
    made = {}
    for kind in ("checkout", "archive", "wheel"):
        checkout = sources(folder / kind, release.version, kind)
        spec = checkout
        if kind != "checkout":
            form = "--wheel" if kind == "wheel" else "--sdist"
            command = [resolver.uv, "build", form, "--quiet", "--out-dir", str(folder / "dist")]
            variables = installers.variables()
            subprocess.run([*command, str(checkout)], check=True, env=variables)
            (spec,) = (folder / "dist").glob("*.whl" if kind == "wheel" else "*.tar.gz")
        made[kind] = candidate.propose(str(spec), timeline, path, resolver)
        assert made[kind].version == release.version, f"{made[kind].label} is another version"
    return {"release": release, **made}


def main() -> int:
    """Walk over every ordered pair, and print what each move runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        revisions = propose(folder, folder / "repository" / "timeline")
        uv = installers.find_uv()
        home = environment.Environment(folder / "env", uv)
        home.create(installers.find_python(uv))
        r, w, c, a = "release", "wheel", "checkout", "archive"
        walk = [r, w, r, c, r, a, w, c, w, a, c, a, r]
        assert set(itertools.pairwise(walk)) == set(itertools.permutations(revisions, 2))
        wrong, moving, proving = 0, [], []
        for kind in walk:
            requirements = revisions[kind].requirements
            times = [time.perf_counter()]
            home.install(requirements)
            times.append(time.perf_counter())
            proved = home.prove(requirements)
            times.append(time.perf_counter())
            (zarr,) = (one for one in proved if one.name == "zarr")
            done = subprocess.run(
                [home.python, "-c", SCRIPT], capture_output=True, text=True, check=True
            )
            runs = done.stdout.strip()
            wrong += runs != kind
            moving.append(times[1] - times[0])
            proving.append(times[2] - times[1])
            print(f"{revisions[kind].label:38} runs {runs:9} {zarr.origin} {zarr.digest}")
    print(
        f"{len(walk)} moves, {wrong} wrong; {len(proved)} distributions; median seconds: ", end=""
    )
    print(
        f"install {statistics.median(moving[1:]):.2f}, prove {statistics.median(proving[1:]):.2f}"
    )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
