"""How fast and in how much memory quality is judged, each against its bar.

    python -m evaluations.quality_speed [qc] [stages] [commands] [small] [axes] [streaming]

Without arguments every part runs. Exits with 1 when a part misses its bar. `commands` installs
this package and PixelPatrol into temporary environments, which takes a package index.

- qc: the checks of any volume, against numpy, scipy and scikit-image in the same run
- stages: where the time of these checks goes, voxel by voxel; no bar
- commands: `cryoet-bench qc` against PixelPatrol's `process`, as whole commands on one core
- small: a warm `cryoet-bench qc` of a small file
- axes: a 5-D OME-Zarr against the same voxels in three dimensions
- streaming: volumes of growing size; memory
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import mrcfile
import numcodecs
import numpy as np
import tifffile
import zarr
from scipy import ndimage, stats
from skimage.util import view_as_blocks

from cryoet_bench.quality.qc import inspect
from cryoet_bench.quality.qc.checks import volume_checks
from cryoet_bench.quality.qc.copies import sampled, spacing
from cryoet_bench.quality.qc.frame import of_pilot
from cryoet_bench.quality.qc.kernels import beside_largest
from cryoet_bench.quality.qc.survey import PILOT_EDGE, survey, within
from cryoet_bench.quality.qc.sweep import RANGE_END, RANGE_SIDE, Sweeper
from cryoet_bench.quality.qc.tiles import tile
from cryoet_bench.timeline.installers import find_uv
from cryoet_bench.tomogram.sources import obtain
from cryoet_bench.volume.region import middle
from evaluations import ROOT

ROUNDS = 5
QC_BAR = 20.0
COMMAND_BAR = 5.0
SMALL_BAR = 2.5
AXES_BAR = 1.1
MEMORY_BAR = 512.0
EDGES = (128, 256, 512, 1024)
PIXEL_PATROL = ("pixel-patrol-base==1.0.1", "pixel-patrol-loader-bio==1.0.1")


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
    """Compare the checks of any volume on the 256-cube."""
    volume = obtain("phantom-4.99A").data
    ours: Callable[[], object] = lambda: volume_checks(survey(volume), volume)  # noqa: E731
    ours()
    rounds = [
        (_seconds(lambda: plain_checks(volume)), _seconds(lambda: plain_tiles(volume)),
         _seconds(ours))
        for _ in range(ROUNDS)
    ]  # fmt: skip
    plain, tiles, fast = (median(column) for column in zip(*rounds, strict=True))
    ratio = median((a + b) / c for a, b, c in rounds)
    without = median(a / c for a, _, c in rounds)
    print("## QC checks of any volume, 256-cube of float32 (64 MiB)\n")
    print("| way | seconds | MB/s |\n|---|---|---|")
    print(f"| numpy, scipy, scikit-image | {plain:.3f} | {volume.nbytes / plain / 1e6:.0f} |")
    print(f"| the same, for blocks and lines | {tiles:.3f} | {volume.nbytes / tiles / 1e6:.0f} |")
    print(f"| cryoet_bench.quality | {fast:.3f} | {volume.nbytes / fast / 1e6:.0f} |")
    print(f"\n{ratio:.1f} times faster (median of {ROUNDS} rounds; bar {QC_BAR:g})")
    print(f"{without:.1f} times what the plain way takes without blocks and lines\n")
    return ratio >= QC_BAR


def stages() -> bool:
    """Tell where the time of the checks of any volume goes, on one thread."""
    volume = obtain("phantom-4.99A").data
    found = survey(volume, workers=1)
    sweeper = Sweeper(volume, 1, None)
    frame = of_pilot(sweeper.read(within(sweeper.padding.box, PILOT_EDGE)), volume.dtype)
    unit = found.mean, 1 / found.sd
    low, high = found.minimum, found.maximum
    reach = RANGE_END * (high - low), RANGE_SIDE * (high - low)
    parts: dict[str, Callable[[], object]] = {
        "all": lambda: volume_checks(survey(volume, workers=1), volume),
        "first sweep: moments, histogram, extremes": lambda: sweeper.sum(frame),
        "second sweep: tiles": lambda: [tile(volume[box], box, 16, *unit) for box in sweeper.boxes],
        "second sweep: samples for copies": lambda: [
            sampled(volume[box], (0, 0, 0), spacing(volume.shape)) for box in sweeper.boxes
        ],
        "second sweep: wrapped values": lambda: [
            beside_largest(volume[box], low + reach[0], low + reach[1], high - reach[0])
            for box in sweeper.boxes
        ],
        "verdicts": lambda: volume_checks(found, volume),
    }
    print("## Where the time goes, one thread, 256-cube of float32\n")
    print("| stage | ms | ns a voxel |\n|---|---|---|")
    for name, work in parts.items():
        work()
        seconds = median(_processor_seconds(work) for _ in range(ROUNDS))
        print(f"| {name} | {1e3 * seconds:.1f} | {1e9 * seconds / volume.size:.2f} |")
    print("\nThe rest is the collection of medians and outliers in the second sweep.\n")
    return True


def plain_checks(volume: np.ndarray) -> dict[str, object]:
    """Measure what the checks of any volume measure, each in the usual one or two calls."""
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
# Loads the compiled loops, which is not the volume's cost.
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


def _processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def commands() -> bool:
    """Time whole commands on one core, side by side: ours, and PixelPatrol's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = folder / "images"
        images.mkdir()
        tifffile.imwrite(images / "cube.tif", obtain("phantom-4.99A").data)
        bench = _installed(folder / "bench", str(ROOT)) / "cryoet-bench"
        patrol = _installed(folder / "patrol", *PIXEL_PATROL) / "pixel-patrol"
        ways = {
            "cryoet-bench qc": [str(bench), "qc", str(images / "cube.tif")],
            "pixel-patrol process": [
                str(patrol), "process", str(images), "-o", str(folder / "table.parquet"),
                "--loader", "tifffile", "--max-workers", "1",
            ],
        }  # fmt: skip
        # The first time, both compile what they keep.
        rounds = [[_command(way, folder) for way in ways.values()] for _ in range(ROUNDS + 1)][1:]
    ratio = median(theirs / ours for ours, theirs in rounds)
    print("## Whole commands, 256-cube of float32 as TIFF, one core\n")
    print("| command | seconds of processor |\n|---|---|")
    for way, seconds in zip(ways, zip(*rounds, strict=True), strict=True):
        print(f"| {way} | {median(seconds):.2f} |")
    print(f"\n{ratio:.1f} times faster (median of {ROUNDS} rounds; bar {COMMAND_BAR:g})\n")
    return ratio >= COMMAND_BAR


def small() -> bool:
    """Time a command on a small file once its loops are compiled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.mrc"
        with mrcfile.new(path) as mrc:
            mrc.set_data(obtain("phantom-tiny").data)
            mrc.voxel_size = 10.0
        _command([*_OURS, "qc", str(path)], Path(folder))
        seconds = median(_command([*_OURS, "qc", str(path)], Path(folder)) for _ in range(ROUNDS))
    print(f"## Warm qc of a small file: {seconds:.2f} s of processor (bar {SMALL_BAR:g})\n")
    return seconds <= SMALL_BAR


_OURS = (sys.executable, "-m", "cryoet_bench")


def _installed(folder: Path, *wanted: str) -> Path:
    """Install packages into an environment of their own; return the folder of their commands."""
    uv = find_uv()
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *wanted], check=True)
    return folder / "bin"


def _command(command: Sequence[str], folder: Path) -> float:
    """Return the seconds of processor that a command takes on one core; it must not fail to run.

    On a core of its own, these are the seconds that pass; other programs do not add to them. The
    bytecode of what is imported is kept, as an installation has it.
    """
    core = min(os.sched_getaffinity(0))
    kept = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False,
        preexec_fn=partial(os.sched_setaffinity, 0, {core}),
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def axes() -> bool:
    """Compare an OME-Zarr of t, c, z, y, x with one of z, y, x that holds the same voxels."""
    volume = obtain("phantom-4.99A").data
    with tempfile.TemporaryDirectory() as folder:
        flat, deep = Path(folder) / "flat.ome.zarr", Path(folder) / "deep.ome.zarr"
        _write_image(flat, volume, "zyx")
        _write_image(deep, volume[None, None], "tczyx")
        rounds = [
            [_seconds(partial(inspect, str(path))) for path in (flat, deep)]
            for _ in range(ROUNDS + 1)
        ][1:]
    ratio = median(five / three for three, five in rounds)
    three, five = (median(column) for column in zip(*rounds, strict=True))
    print("## All QC of a 256-cube as OME-Zarr\n")
    print(f"3-D {three:.2f} s, 5-D {five:.2f} s: {ratio:.2f} times as long (bar {AXES_BAR:g})\n")
    return ratio <= AXES_BAR


def _write_image(path: Path, voxels: np.ndarray, names: str) -> None:
    kinds = {"t": "time", "c": "channel"}
    scale = [5.0 if name in "zyx" else 1.0 for name in names]
    described = [
        {"name": name, "type": kinds.get(name, "space")}
        | ({"unit": "angstrom"} if name in "zyx" else {})
        for name in names
    ]
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.create_array("0", data=voxels, chunks=(1,) * (voxels.ndim - 3) + (128,) * 3)
    dataset = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"name": "image", "axes": described, "datasets": [dataset]}],
    }


PARTS: dict[str, Callable[[], bool]] = {
    "qc": qc,
    "stages": stages,
    "commands": commands,
    "small": small,
    "axes": axes,
    "streaming": streaming,
}


if __name__ == "__main__":
    sys.exit(main())
