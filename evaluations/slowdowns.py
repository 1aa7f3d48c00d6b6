"""Copies of the newest release that are slower by a known share, and harmless ones.

The extra work is real: a Python function called until enough processor time has passed, so a count
of Python calls or instructions sees it, too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.cli import checkout
from cryoet_bench.timeline import releases
from cryoet_bench.timeline.revisions import Revision
from evaluations import planted

SIZES = (0.02, 0.05, 0.10, 0.20, 0.50)
TWINS = 2
"""Copies of each slowdown: the second follows the first where the right release is to be blamed."""

HARMLESS = 16

_SLOWER = """
import sys as _sys
import time as _time
{imports}
_planted = {owner}.{method}
def _work():
    return None
def _slower(*arguments, **options):
    start = _time.perf_counter()
    found = _planted(*arguments, **options)
    until = _time.thread_time() + {size} * {seconds}
    while _time.thread_time() < until:
        _work()
    return found
{owner}.{method} = _slower
"""

_ITS_OWN = "(_time.perf_counter() - start)"


@dataclass(frozen=True)
class Place:
    """Where extra work is planted, and what it slows down by its size.

    Attributes
    ----------
    package, module, imports, owner, method : str
        The function that becomes slower.
    covered : str
        Matches the timed cases that become slower by the size.
    counted : str
        Matches the exact cases that the extra work touches.
    seconds : str
        Of what the extra work is a share: an expression, the function's own time if none is given.
    """

    package: str
    module: str
    imports: str
    owner: str
    method: str
    covered: str
    counted: str
    seconds: str = _ITS_OWN

    def code(self, size: float) -> str:
        """Return what is appended to the module."""
        return _SLOWER.format(
            imports=self.imports,
            owner=self.owner,
            method=self.method,
            size=size,
            seconds=self.seconds,
        )


def _zstd(method: str) -> Place:
    return Place(
        "numcodecs",
        "numcodecs/__init__.py",
        "from numcodecs.zstd import Zstd as _Zstd",
        "_Zstd",
        method,
        rf"codec\.Chunk\.time_{method}\('zstd-3'",
        rf"instructions\.Chunk\.track_{method}\('zstd-3'",
    )


PLACES = {
    "encode": _zstd("encode"),
    "decode": _zstd("decode"),
    "store get": Place(
        "zarr",
        "zarr/storage/_local.py",
        "",
        "_sys.modules[__name__]",
        "_get",
        r"read\.Patterns\.time_read\('slice-yz', 'cube-64",
        r"cost\.Reads\.track_python_calls\('slice-yz', 'cube-64 v3",
        "0.0006",  # s: a quarter of such a slice on the record's machine, which gets four chunks
    ),
    "metadata": Place(
        "zarr",
        "zarr/__init__.py",
        "import zarr as _zarr",
        "_zarr",
        "open_array",
        r"read\.Opening\.time_open\('array'",
        r"cost\.Pyramid\.track_python_calls\('open-array'",
    ),
    "Python layer": Place(
        "zarr",
        "zarr/__init__.py",
        "from zarr.core.array import Array as _Array",
        "_Array",
        "__getitem__",
        r"read\.Patterns\.time_read\('(slice-xy|boxes-64)', 'cube-64",
        r"cost\.Reads\.track_python_calls\('(slice-xy|boxes-64)', 'cube-64 v3",
    ),
}

CASES = "|".join(
    pattern
    for one in PLACES.values()
    for pattern in (one.covered, one.counted)
    if not pattern.startswith("instructions")
)
INSTRUCTIONS = "|".join(
    one.counted for one in PLACES.values() if one.counted.startswith("instructions")
)
"""Slow to count, and touched by the plants in a codec alone."""


@dataclass(frozen=True)
class Copy:
    """A copy of the release: where what was planted, or nothing.

    Attributes
    ----------
    place : str
        One of `PLACES`; empty for a harmless copy.
    size : float
        How much longer it takes.
    number : int
        Tells copies with the same in them apart.
    """

    place: str = ""
    size: float = 0.0
    number: int = 0

    @property
    def has_instructions(self) -> bool:
        """Whether its instructions are counted: those of a codec, and two to compare with."""
        if not self.place:
            return self.number < 2
        return PLACES[self.place].counted.startswith("instructions")

    @property
    def name(self) -> str:
        """What it is called here."""
        what = f"{self.place.replace(' ', '-')}-{self.size:.2f}" if self.place else "harmless"
        return f"{what}-{self.number}"


COPIES = [
    *(Copy(place, size, number) for place in PLACES for size in SIZES for number in range(TWINS)),
    *(Copy(number=number) for number in range(HARMLESS)),
]


def candidates(root: Path, folder: Path) -> dict[Copy, Revision]:
    """Return the candidates by what they are, proposing those that are not there yet.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    folder : pathlib.Path
        Where the wheels are kept, and what was proposed.
    """
    known_at = folder / "candidates.json"
    known = json.loads(known_at.read_text("utf-8")) if known_at.exists() else {}
    newest = releases.load().history()[-1]
    wheels: dict[str, Path] = {}
    for copy in COPIES:
        if copy.name in known:
            continue
        place = PLACES.get(copy.place, PLACES["Python layer"])
        if place.package not in wheels:
            pin = f"{place.package}=={newest.pins[place.package]}"
            wheels[place.package] = planted.download(pin, folder / "released")
        code = place.code(copy.size) if copy.place else ""
        code += f"\n_COPY = {copy.name!r}"
        wheel = planted.plant(wheels[place.package], place.module, code, folder / copy.name)
        known[copy.name] = checkout.propose(str(wheel), checkout.known_revisions(root)).name
        known_at.write_text(json.dumps(known, indent=1))
    revisions = checkout.known_revisions(root)
    return {copy: revisions.find(known[copy.name]) for copy in COPIES}
