"""How fast quality is judged, against the plain numpy, scipy and scikit-image way in the same run.

    python evaluations/quality_speed.py [qc] [streaming] [copies] ...

Without arguments every part runs. Exits with 1 when a part misses its bar.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numcodecs
import numpy as np
import verify_speed
import zarr
from rich.console import Console
from scipy import ndimage, stats
from skimage.util import view_as_blocks

from cryoet_bench.quality.qc.checks import seven_checks
from cryoet_bench.quality.qc.survey import survey
from cryoet_bench.tomogram.sources import obtain
from cryoet_bench.volume.region import middle

ROUNDS = 5
QC_BAR = 20.0
SSIM_BAR = 10.0
MEMORY_BAR = 512.0
EDGES = (128, 256, 512, 1024)


def main() -> int:
    """Run the chosen parts; return the exit code."""
    chosen = sys.argv[1:] or list(PARTS)
    unknown = set(chosen) - set(PARTS)
    if unknown:
        print(f"no part named {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
        return 2
    results = [PARTS[name]() for name in chosen]
    return 0 if all(results) else 1


def qc() -> bool:
    """Compare the seven checks on the 256-cube."""
    volume = obtain("phantom-4.99A").data
    ours: Callable[[], object] = lambda: seven_checks(survey(volume), volume)  # noqa: E731
    ours()
    rounds = [
        (_seconds(lambda: plain_checks(volume)), _seconds(lambda: plain_tiles(volume)),
         _seconds(ours))
        for _ in range(ROUNDS)
    ]  # fmt: skip
    plain, tiles, fast = (median(column) for column in zip(*rounds, strict=True))
    ratio = median((a + b) / c for a, b, c in rounds)
    without = median(a / c for a, _, c in rounds)
    print("## Seven QC checks, 256-cube of float32 (64 MiB)\n")
    print("| way | seconds | MB/s |\n|---|---|---|")
    print(f"| numpy, scipy, scikit-image | {plain:.3f} | {volume.nbytes / plain / 1e6:.0f} |")
    print(f"| the same, for blocks and lines | {tiles:.3f} | {volume.nbytes / tiles / 1e6:.0f} |")
    print(f"| cryoet_bench.quality | {fast:.3f} | {volume.nbytes / fast / 1e6:.0f} |")
    print(f"\n{ratio:.1f} times faster (median of {ROUNDS} rounds; bar {QC_BAR:g})")
    print(f"{without:.1f} times what the plain way takes without blocks and lines\n")
    return ratio >= QC_BAR


def plain_checks(volume: np.ndarray) -> dict[str, object]:
    """Measure what the seven checks measure, each in the usual one or two calls."""
    found: dict[str, object] = {}
    finite = np.isfinite(volume)
    found["statistics"] = (
        finite.sum(), np.isnan(volume).sum(), volume.min(), volume.max(), volume.mean(),
        volume.std(), np.median(volume), stats.median_abs_deviation(volume, axis=None),
    )  # fmt: skip
    flat = volume.ravel()
    found["distribution"] = (np.histogram(flat, 256), stats.skew(flat), stats.kurtosis(flat))
    centre = np.median(volume)
    spread = 1.4826 * stats.median_abs_deviation(volume, axis=None)
    labels, count = ndimage.label(np.abs(volume - centre) > 6 * spread, np.ones((3, 3, 3)))
    found["outliers"] = (count, np.bincount(labels.ravel())[1:])
    found["signal-to-noise"] = [
        np.corrcoef(volume[z].ravel(), volume[z + 1].ravel())[0, 1] for z in range(len(volume) - 1)
    ]
    found["dynamic range"] = np.unique(volume[middle(volume.shape, 64)]).size
    found["saturation"] = ((volume == volume.min()).sum(), (volume == volume.max()).sum())
    blocks = view_as_blocks(volume, (16, 16, 16))
    found["consistency"] = (
        [(volume.mean(axis=axes), volume.std(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))],
        [np.array_equal(volume[z], volume[z + 1]) for z in range(len(volume) - 1)],
        blocks.min(axis=(3, 4, 5)) == blocks.max(axis=(3, 4, 5)),
    )
    return found


def plain_tiles(volume: np.ndarray) -> list[object]:
    """Measure what the checks of slices, blocks and lines need, in the usual way.

    The search for copies is left out: there is no usual way.
    """
    unit = np.clip((volume - volume.mean()) / volume.std(), -10, 10)
    found: list[object] = [np.square(2 * unit[1:-1] - unit[:-2] - unit[2:]).sum(axis=2)]
    for axis in range(3):
        planes = np.ascontiguousarray(np.moveaxis(unit, axis, 0))
        step = np.square(np.diff(planes, axis=0))
        found += [
            view_as_blocks(values, (1, 16, 16)).sum(axis=(3, 4, 5))
            for values in (planes, np.square(planes), step)
        ]
        found.append(planes.sum(axis=0))
    return found


def streaming() -> bool:
    """Sweep Zarr volumes of growing size, each in a fresh process; check memory and linearity."""
    print("## All QC of a Zarr volume, portal layout (Blosc-lz4, chunks of 256), fresh process\n")
    print("| volume | MiB | seconds | ns a voxel | peak over a bare interpreter, MiB |")
    print("|---|---|---|---|---|")
    costs, peaks = [], []
    bare = _run("-c", _MEMORY)
    with tempfile.TemporaryDirectory() as folder:
        for edge in EDGES:
            path = Path(folder) / f"{edge}.zarr"
            _write(path, edge)
            seconds, peak = _run("-c", _EXAMINE + _MEMORY, str(path))
            costs.append(seconds / edge**3 * 1e9)
            peaks.append(peak - bare[-1])
            size = edge**3 * 4 / 2**20
            print(
                f"| {edge}-cube | {size:.0f} | {seconds:.2f} | {costs[-1]:.2f} | {peaks[-1]:.0f} |",
                flush=True,
            )
    print(f"\nbars: {MEMORY_BAR:g} MiB; from 256-cube to 1024-cube at most 1.5 times a voxel\n")
    return max(peaks) <= MEMORY_BAR and costs[-1] <= 1.5 * costs[1]


_EXAMINE = """
import sys, time
import numpy as np
from cryoet_bench.quality.qc import examine, inspect
# Loads the compiled loops and scipy, which is not the volume's cost.
examine(np.random.default_rng(0).standard_normal((32, 32, 32), np.float32))
start = time.perf_counter()
inspect(sys.argv[1])
print(time.perf_counter() - start)
"""
_MEMORY = """
import re
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024)
"""


def _run(*arguments: str) -> list[float]:
    """Return the numbers that a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True, env=os.environ
    )
    return [float(line) for line in done.stdout.split()]


def _write(path: Path, edge: int) -> None:
    """Tile the phantom, each copy scaled differently so that no two parts are equal."""
    tile = obtain("phantom-10A").data
    array = zarr.create_array(
        path,
        shape=(edge,) * 3,
        chunks=(min(edge, 256),) * 3,
        dtype="float32",
        zarr_format=2,
        compressors=numcodecs.Blosc("lz4", 5, numcodecs.Blosc.SHUFFLE),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    step = min(edge, 256)
    for number, place in enumerate(np.ndindex(*(edge // step,) * 3)):
        block = np.tile(tile, (step // len(tile),) * 3)
        ramp = np.linspace(1, 1.001 + 0.001 * number, step, dtype=np.float32)
        block *= ramp[:, None, None] * ramp[:, None] * ramp
        array[tuple(slice(at * step, (at + 1) * step) for at in place)] = block


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def copies() -> bool:
    """Compare verify's measures with the usual ways; True when 3-D SSIM meets its bar."""
    return verify_speed.side_by_side(Console(width=120)) >= SSIM_BAR


PARTS: dict[str, Callable[[], bool]] = {"qc": qc, "streaming": streaming, "copies": copies}


if __name__ == "__main__":
    sys.exit(main())
