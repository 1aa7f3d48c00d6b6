"""Every command in a console block of the documents is run, in a project as a newcomer has it.

Only the suite is a smaller one, so that "a few minutes" are seconds here. The portal's page has
a test of its own beside its stand-in, and that of the benchmarks one beside the real suite. What
needs sources of the reader's own, a container, or many minutes stands in blocks of sh: it is not
run, but tests/cli/test_printed_commands.py tells whether it can be typed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import zarr

from cryoet_bench.measure.plan import Selection
from cryoet_bench.record.record import REFERENCE, Record
from cryoet_bench.tomogram.phantom import PHANTOMS, make

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "docs/timeline.md", "docs/measuring.md", "docs/quality.md"]
SERVERS = {"asv preview"}
RECORDED = {"zarr-3.4.1.jsonl.xz", "zarr-3.4.2.jsonl.xz"}
"""What the clone has of the record: each command that publishes draws all that is there."""
INSTALL = re.compile(r"pip install '?cryoet-bench(?P<extra>\[\w+\])?'?")
SPACING = 10.012
SUITE = '''
import os

from cryoet_bench.tomogram import cache


def data():
    return cache.load(os.environ["CRYOET_BENCH_TOMOGRAM"]).data


class Patterns:
    version = "1"
    rounds = 2
    number = 1
    repeat = 2
    warmup_time = 0

    def setup(self):
        import zarr

        self.array = zarr.array(data(), chunks=(32, 32, 32))

    def time_read(self):
        """How long does a read take?"""
        self.array[...]


class Tomogram:
    version = "1"

    def track_voxels(self):
        """How many voxels are there?"""
        return data().size


Tomogram.track_voxels.unit = "voxels"
'''


def blocks(document: str) -> list[list[str]]:
    """Return the document's console blocks, line by line."""
    text = (ROOT / document).read_text("utf-8")
    found = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [[line.strip() for line in block.splitlines() if line.strip()] for block in found]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files without anything made from them, a small suite, and two tomograms."""
    folder = tmp_path_factory.mktemp("newcomer") / "cryoet-bench"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = Path(name)
        is_left = path.parts[0] in {"benchmarks", "results"}
        is_left |= path.parts[0] == "record" and path.suffix == ".xz" and path.name not in RECORDED
        if (ROOT / path).is_file() and not is_left:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "__init__.py").touch()
    (folder / "benchmarks" / "read.py").write_text(SUITE)
    phantom = make(PHANTOMS["phantom-tiny"])
    _write_mrc(folder / "my_tomogram.mrc", phantom.data)
    _write_ome_zarr(folder / "my_copy.zarr", phantom.data)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_documents_commands(clone: Path) -> None:
    run: set[tuple[str, str]] = set()
    for document in DOCUMENTS:
        for block in blocks(document):
            # What follows an installation is done by what was installed, as a user would.
            installs = any(map(INSTALL.fullmatch, block))
            folder = "installed" if installs else "cryoet-bench/.venv"
            for command in block:
                if (folder, command) in run:  # on another page
                    continue
                run.add((folder, command))
                if installation := INSTALL.fullmatch(command):
                    _install(clone, installation["extra"] or "")
                elif command in SERVERS:
                    assert _serves(command, clone), f"{document}: {command}"
                else:
                    _run(document, command, clone, clone.parent / folder / "bin")
    assert (clone / "qc.html").stat().st_size > 10_000
    assert (clone / "verify.html").stat().st_size > 10_000
    assert (clone / ".asv" / "html" / "index.html").exists()


def test_each_pattern_that_is_named_matches_a_benchmark() -> None:
    """Once two matched controls alone, which are measured always and are no answer."""
    suite = Record(ROOT / REFERENCE).suite()
    places = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/**/*.yml")]
    patterns = {
        pattern
        for path in places
        for pattern in re.findall(r"--bench ([a-z][\w.]+)", path.read_text("utf-8"))
    }
    assert {"defaults.Size", "read.Patterns"} <= patterns
    for pattern in patterns:
        assert Selection("core", pattern).of(suite), pattern


def test_every_document_is_held_to_its_commands() -> None:
    elsewhere = {"docs/portal.md", "docs/benchmarks.md", "docs/record.md"}
    showing = {
        str(path.relative_to(ROOT))
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
        if "```console" in path.read_text("utf-8")
    }
    assert showing - elsewhere == set(DOCUMENTS)


def _environment(clone: Path, first: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
        "CRYOET_BENCH_CACHE": str(clone.parent / "cache"),
        "PATH": os.pathsep.join(
            [
                str(first),
                str(clone / ".venv" / "bin"),  # once scripts/bench has made it
                os.environ["PATH"],
            ]
        ),
    }


def _install(clone: Path, extra: str) -> None:
    """Install the project, as from an index, into an environment of its own.

    The locked versions are taken, so that nothing is downloaded that .venv has not.
    """
    uv = str(Path(sys.executable).parent / "uv")
    python = clone.parent / "installed" / "bin" / "python"
    if not python.exists():
        subprocess.run([uv, "venv", "-q", "-p", sys.executable, python.parent.parent], check=True)
    lock = clone / "requirements" / "bench.txt"
    install = [uv, "pip", "install", "-q", "-p", python, "--constraint", lock, f"{clone}{extra}"]
    subprocess.run(install, check=True)


def _run(document: str, command: str, clone: Path, first: Path) -> None:
    # The tests of this very run are not all run again inside of it, nor whole lines of releases.
    shorter = {
        "scripts/test": "scripts/test tests/test_documents.py -k every_document",
        "asv run NEW": "asv run NEW --steps 1",
        # No sources of zarr lie here.
        "scripts/bench --candidate ~/zarr-python": "scripts/bench --candidate zarr==3.4.2",
    }
    shown = shorter.get(command, command)
    done = subprocess.run(
        ["bash", "-c", shown],
        cwd=clone,
        env=_environment(clone, first),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    # Two releases may differ: that is a finding, and the command did its work.
    judges = any(word in command for word in ("asv compare", "asv continuous", " changes "))
    assert done.returncode in ({0, 1} if judges else {0}), (
        f"{document}: {command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    )


def _serves(command: str, clone: Path) -> bool:
    with subprocess.Popen(
        [*command.split(), "--port", "18765"],
        cwd=clone,
        env=_environment(clone, clone / ".venv" / "bin"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            for _ in range(100):
                try:
                    with urllib.request.urlopen("http://127.0.0.1:18765/index.html") as answer:
                        return bool(answer.read())
                except OSError:
                    time.sleep(0.1)
        finally:
            server.terminate()
    return False


def _write_ome_zarr(path: Path, data: np.ndarray) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    array = group.create_array("0", shape=data.shape, chunks=(32, 32, 32), dtype=data.dtype)
    array[...] = data
    scale = {"type": "scale", "scale": [SPACING] * 3}
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": n, "type": "space", "unit": "angstrom"} for n in "zyx"],
            "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
        }
    ]


def _write_mrc(path: Path, data: np.ndarray) -> None:
    import warnings

    import mrcfile

    with warnings.catch_warnings():
        # mrcfile sets a shape in a way that numpy has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        with mrcfile.new(path) as file:
            file.set_data(data)
            file.voxel_size = SPACING
