"""Time and memory of `verify`, against scikit-image and plain numpy on the same arrays.

Usage: python -m evaluations.verify_speed [--largest 1024]

The second table streams copies of growing size from Zarr (chunks of 256, as on the portal) and
measures the memory above what the interpreter holds after its imports. Exits with 1 unless 3-D SSIM
is ten times as fast as scikit-image's, and a 512-cube is verified within 15 s.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from cryoet_bench.quality.fidelity import compare, fsc, ssim
from cryoet_bench.tomogram.sources import obtain

MEGABYTE = 2**20
SSIM_BAR = 10.0
LARGE, LARGE_BAR = 512, 15.0
REPEATS = 5


def memory(field: str) -> int:
    """Return VmRSS or VmHWM of this process in bytes."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    assert found
    return int(found[1]) * 1024


def peak(work: Callable[[], Any]) -> float:
    """Return by how many MB the resident memory rose while something ran."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", "utf-8")  # the high-water mark starts anew
    before = memory("VmRSS")
    work()
    return (memory("VmHWM") - before) / MEGABYTE


def fastest(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Return the least of some times, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def plain_pixels(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> dict[str, float]:
    """Return the pixel metrics of verify by one library call or expression each."""
    from skimage import metrics  # noqa: PLC0415

    data_range = float(a.max()) - float(a.min())
    error = b.astype(float) - a
    return {
        "mse": metrics.mean_squared_error(a, b),
        "psnr": metrics.peak_signal_noise_ratio(a, b, data_range=data_range),
        "nrmse": float(np.sqrt(np.mean(error**2)) / a.std(dtype=float)),
        "max": float(np.abs(error).max()),
        "at": float(np.argmax(np.abs(error))),
        "bias": float(error.mean()),
        "correlation": float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
        "differing": float((a.view(np.uint32) != b.view(np.uint32)).sum()),
        "non-finite": float((~np.isfinite(a)).sum() + (~np.isfinite(b)).sum()),
        "minimum": float(b.min()),
        "maximum": float(b.max()),
    }


def plain_fsc(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the FSC as it is usually written: full transforms, and a sum for each shell."""
    size = min(a.shape)
    k = [np.fft.fftfreq(extent) * size for extent in a.shape]
    shell = np.rint(np.sqrt(k[0][:, None, None] ** 2 + k[1][:, None] ** 2 + k[2] ** 2)).astype(int)
    first, second = np.fft.fftn(a), np.fft.fftn(b)

    def sums(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.bincount(shell.ravel(), values.ravel())[: size // 2 + 1]

    cross = sums((first * second.conj()).real)
    return cross / np.sqrt(sums(np.abs(first) ** 2) * sums(np.abs(second) ** 2))


def side_by_side(console: Console) -> float:
    """Compare with the plain way on the 256-cube; return how many times faster 3-D SSIM is."""
    from skimage.metrics import structural_similarity  # noqa: PLC0415

    from cryoet_bench.quality.fidelity.comparison import voxel_by_voxel  # noqa: PLC0415
    from cryoet_bench.quality.fidelity.spectrum import cross_spectrum  # noqa: PLC0415

    a = obtain("phantom-4.99A").data
    sd = a.std(dtype=float)
    random = np.random.default_rng(0).standard_normal(a.shape, np.float32)
    b = (a + np.float32(0.1 * sd) * random).astype(np.float32)
    data_range = float(a.max()) - float(a.min())

    spectrum = cross_spectrum(a, b)
    ours = {
        "3-D SSIM": lambda: ssim(a, b, data_range=data_range),
        "pixel metrics": lambda: pixel_metrics(a, b),
        "pixel metrics and SSIM, one pass": lambda: voxel_by_voxel(a, b, spectrum),
        "FSC": lambda: fsc(a, b),
    }
    peers = {
        "3-D SSIM": lambda: structural_similarity(a, b, data_range=data_range, win_size=7),
        "pixel metrics": lambda: plain_pixels(a, b),
        "pixel metrics and SSIM, one pass": lambda: (
            plain_pixels(a, b),
            structural_similarity(a, b, data_range=data_range, win_size=7),
        ),
        "FSC": lambda: plain_fsc(a, b),
    }
    table = Table("256-cube, float32", "s", "plain way, s", "times faster", "MB", "plain way, MB")
    faster = {}
    for name, work in ours.items():
        work()
        here, there = fastest(work), fastest(peers[name], 2)
        faster[name] = there / here
        table.add_row(
            name,
            f"{here:.3f}",
            f"{there:.3f}",
            f"{faster[name]:.1f}",
            f"{peak(work):.0f}",
            f"{peak(peers[name]):.0f}",
        )
    console.print(table)
    return faster["3-D SSIM"]


def pixel_metrics(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Any:
    """Return the pixel metrics alone."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    from cryoet_bench.quality.compiled import THREADS  # noqa: PLC0415
    from cryoet_bench.quality.fidelity.pixels import PixelSums  # noqa: PLC0415
    from cryoet_bench.volume.bricks import walk  # noqa: PLC0415

    sums = PixelSums(a.shape)  # type: ignore[arg-type]
    with ThreadPoolExecutor(THREADS) as pool:
        for brick in walk(a, b):
            sums.add(brick, pool)
    return sums.result()


def store(folder: Path, size: int) -> None:
    """Write a volume of tiled phantom and a copy that keeps 7 bits of the mantissa."""
    import numcodecs  # noqa: PLC0415
    import zarr  # noqa: PLC0415
    from zarr.codecs import BloscCodec  # noqa: PLC0415

    tile = obtain("phantom-4.99A").data
    edge = min(size, 256)
    codec = BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")
    rounding = numcodecs.BitRound(keepbits=7)
    arrays = [
        zarr.create_array(
            folder / name, shape=(size,) * 3, chunks=(edge,) * 3, dtype="f4", compressors=codec
        )
        for name in ("reference", "copy")
    ]
    for corner in np.ndindex(*(size // edge,) * 3):
        box = tuple(slice(at * edge, (at + 1) * edge) for at in corner)
        voxels = np.roll(tile, sum(corner), axis=0)[:edge, :edge, :edge].copy()
        arrays[0][box] = voxels
        arrays[1][box] = rounding.decode(rounding.encode(voxels)).view("f4").reshape(voxels.shape)


def stream(folder: str, queue: Any) -> None:
    """Compare the two stored volumes and tell time and memory."""
    import zarr  # noqa: PLC0415

    small = np.random.default_rng(0).standard_normal((48, 48, 48)).astype(np.float32)
    compare(small, small + 1, reference_spacing=(10.0,) * 3)  # imports, loads what is compiled
    reference, copy = (zarr.open_array(f"{folder}/{name}") for name in ("reference", "copy"))
    start = time.perf_counter()
    rise = peak(lambda: compare(reference, copy, reference_spacing=(4.99,) * 3))
    queue.put((time.perf_counter() - start, rise))


def streamed(console: Console, largest: int) -> dict[int, float]:
    """Compare volumes of growing size where they lie; return the seconds of each."""
    times = {}
    table = Table("cube, streamed from Zarr", "MB of voxels", "s", "ns per voxel", "peak MB")
    size = 128
    spawn = multiprocessing.get_context("spawn")
    while size <= largest:
        with tempfile.TemporaryDirectory() as folder:
            store(Path(folder), size)
            queue = spawn.Queue()
            process = spawn.Process(target=stream, args=(folder, queue))
            process.start()
            seconds, rise = queue.get()
            process.join()
        times[size] = seconds
        table.add_row(
            str(size),
            f"{4 * size**3 / MEGABYTE:.0f}",
            f"{seconds:.2f}",
            f"{1e9 * seconds / size**3:.1f}",
            f"{rise:.0f}",
        )
        size *= 2
    console.print(table)
    return times


def main() -> int:
    """Print both tables; the exit code tells whether the bars are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1024, help="Edge of the largest cube.")
    largest = parser.parse_args().largest
    console = Console(width=120)
    faster = side_by_side(console)
    print(f"3-D SSIM: {faster:.1f} times faster (bar {SSIM_BAR:g})\n")
    times = streamed(console, largest)
    if LARGE in times:
        print(f"verify of a {LARGE}-cube: {times[LARGE]:.1f} s (bar {LARGE_BAR:g})")
    return int(faster < SSIM_BAR or times.get(LARGE, 0.0) > LARGE_BAR)


if __name__ == "__main__":
    sys.exit(main())
