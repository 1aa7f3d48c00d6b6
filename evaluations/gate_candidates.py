"""Does the gate tell five candidates apart, and one that cannot be installed?

    python -m evaluations.gate_candidates
    python -m evaluations.gate_candidates --only lossy --minutes 3 --bench 'size|codec'

Each candidate is a copy of the newest release with one thing planted. It takes ten minutes a
candidate at most on a quiet machine; what was measured is kept, so it can be resumed. Prints what
each gate ended with, what it found first and how long it took; exits with 1 when one ended
otherwise than it should.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.timeline import releases
from evaluations import ROOT, planted

FOLDER = ROOT / ".asv" / "gate_candidates"


@dataclass(frozen=True)
class Candidate:
    """A copy of the newest release of a package with something planted.

    Attributes
    ----------
    package, module, code : str
        What is appended to which file of which package.
    expected : int
        The exit code of its gate.
    """

    package: str
    module: str
    code: str
    expected: int


SLOWER_READ = """
import time as _time
from zarr.core.array import Array as _Array
_read = _Array.__getitem__
def _slower(self, selection):
    start = _time.perf_counter()
    found = _read(self, selection)
    now = _time.perf_counter()
    while _time.perf_counter() < now + 0.15 * (now - start):
        sum(range(20))
    return found
_Array.__getitem__ = _slower
"""
MORE_REQUESTS = """
from zarr.storage._common import StorePath as _StorePath
_get = _StorePath.get
async def _asking_first(self, *arguments, **options):
    await _get(self, *arguments, **options)
    return await _get(self, *arguments, **options)
_StorePath.get = _asking_first
"""
LOSSY = """
import numpy as _np
_encode = GZip.encode
def _rounding(self, buf):
    rounded = _np.array(ensure_contiguous_ndarray(buf).view("u1"))
    rounded[::4] &= 0xFE
    return _encode(self, rounded)
GZip.encode = _rounding
"""
SLOWER_DECODE = """
import time as _time
_decode = GZip.decode
def _slower(self, buf, out=None):
    start = _time.perf_counter()
    found = _decode(self, buf, out)
    now = _time.perf_counter()
    while _time.perf_counter() < now + 0.10 * (now - start):
        sum(range(20))
    return found
GZip.decode = _slower
"""

CANDIDATES = {
    "slower-read": Candidate("zarr", "zarr/__init__.py", SLOWER_READ, 1),
    "harmless": Candidate("zarr", "zarr/__init__.py", '_NOTE = "a harmless line"', 0),
    "more-requests": Candidate("zarr", "zarr/__init__.py", MORE_REQUESTS, 1),
    "lossy": Candidate("numcodecs", "numcodecs/gzip.py", LOSSY, 1),
    "slower-decode": Candidate("numcodecs", "numcodecs/gzip.py", SLOWER_DECODE, 1),
}


def make(name: str) -> Path:
    """Return the wheel of a candidate."""
    wanted = CANDIDATES[name]
    version = releases.load().history()[-1].pins[wanted.package]
    folder = FOLDER / "released"
    known = list(folder.glob(f"{wanted.package}-{version}-*.whl"))
    wheel = known[0] if known else planted.download(f"{wanted.package}=={version}", folder)
    return planted.plant(wheel, wanted.module, wanted.code, FOLDER / name)


def unbuildable() -> Path:
    """Return the sources of a zarr that needs what does not exist."""
    folder = FOLDER / "unbuildable"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["no-such-backend-of-cryoet-bench==1"]\n'
        '[project]\nname = "zarr"\nversion = "99"\n'
    )
    return folder


def gate(spec: Path, name: str, options: list[str]) -> tuple[int, float, str]:
    """Return how the gate of a candidate ended, after how many minutes, and what it found first."""
    found = FOLDER / f"{name}.json"
    command = [sys.executable, "-m", "cryoet_bench", "gate", str(spec), "--json", str(found)]
    begun = time.monotonic()
    done = subprocess.run(
        [*command, *options], cwd=ROOT, check=False, capture_output=True, text=True
    )
    minutes = (time.monotonic() - begun) / 60
    if not found.exists() or done.returncode not in {0, 1, 2}:
        return done.returncode, minutes, done.stderr.strip().splitlines()[-1]
    report = json.loads(found.read_text("utf-8"))
    first = [f"{one['verdict']}: {one['title']}, {one['case']}" for one in report["judgements"][:1]]
    (FOLDER / f"{name}.txt").write_text(done.stdout)
    return done.returncode, minutes, " ".join([report["summary"], *first])


def main() -> int:
    """Gate the candidates and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", choices=[*CANDIDATES, "unbuildable"])
    parser.add_argument("--minutes", default="10")
    parser.add_argument("--bench", help="only these benchmarks")
    options = parser.parse_args()
    passed_on = ["--minutes", options.minutes]
    passed_on += ["--bench", options.bench] if options.bench else []
    wrong = 0
    for name in [options.only] if options.only else [*CANDIDATES, "unbuildable"]:
        expected = 2 if name == "unbuildable" else CANDIDATES[name].expected
        spec = unbuildable() if name == "unbuildable" else make(name)
        code, minutes, said = gate(spec, name, passed_on)
        wrong += code != expected
        print(f"{name:14} {code} ({expected} expected) {minutes:5.1f} min  {said}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
