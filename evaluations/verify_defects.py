#!/usr/bin/env python3
"""Plant defects in copies, at three strengths each, and table what `verify` calls them.

Usage: python -m evaluations.verify_defects [TOMOGRAM]   (default phantom-10A)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Plant = Callable[[Array, float], Array]


def _scattered(volume: Array, count: int) -> tuple[Array, ...]:
    places = np.random.default_rng(1).choice(volume.size, count, replace=False)
    return np.unravel_index(places, volume.shape)


def nan_positions(volume: Array, count: float) -> Array:
    """Lose the value of a few voxels."""
    copy = volume.astype(np.result_type(volume.dtype, np.float32))
    copy[_scattered(volume, int(count))] = np.nan
    return copy


def hot_voxels(volume: Array, sigma: float) -> Array:
    """Make five voxels far too bright."""
    copy = volume.astype(np.float32)
    copy[_scattered(volume, 5)] += sigma * copy.std()
    return copy


def flipped_bits(volume: Array, bit: float) -> Array:
    """Flip one bit of one voxel, the lower the weaker."""
    copy = volume.copy()
    z, y, x = (extent // 3 for extent in volume.shape)
    copy.view(f"u{volume.dtype.itemsize}")[z, y, x] ^= 1 << int(bit * (8 * volume.itemsize - 1))
    return copy


def zeroed_block(volume: Array, edge: float) -> Array:
    """Lose a chunk."""
    copy = volume.copy()
    size = int(edge)
    z, y, x = (min(extent // 2, extent - size) for extent in volume.shape)
    copy[max(z, 0) : z + size, max(y, 0) : y + size, max(x, 0) : x + size] = 0
    return copy


def duplicated_slices(volume: Array, count: float) -> Array:
    """Repeat a slice in place of the next ones."""
    copy = volume.copy()
    for i in range(int(count)):
        at = 3 + 4 * i
        copy[at] = volume[at - 1]
    return copy


def swapped_slices(volume: Array, count: float) -> Array:
    """Exchange neighbouring slices."""
    copy = volume.copy()
    for i in range(int(count)):
        at = 3 + 4 * i
        copy[at], copy[at + 1] = volume[at + 1], volume[at]
    return copy


def constant_slices(volume: Array, count: float) -> Array:
    """Empty some slices."""
    copy = volume.copy()
    copy[5 : 5 + int(count)] = volume.flat[0]
    return copy


def clipping(volume: Array, sigma: float) -> Array:
    """Cut off both tails."""
    mean, sd = volume.mean(dtype=float), volume.std(dtype=float)
    return np.clip(volume, mean - sigma * sd, mean + sigma * sd).astype(volume.dtype)


def gain(volume: Array, factor: float) -> Array:
    """Scale."""
    return (volume * np.float64(factor)).astype(np.float32)


def offset(volume: Array, sigma: float) -> Array:
    """Shift the grey values."""
    return (volume + sigma * volume.std(dtype=float)).astype(np.float32)


def inverted(volume: Array, factor: float) -> Array:
    """Exchange dark and bright."""
    return (volume * -np.float64(factor)).astype(np.float32)


def shifted(volume: Array, voxels: float) -> Array:
    """Move the volume along x, as an off-by-one in a region would."""
    return np.roll(volume, int(voxels), axis=2)


def mirrored(volume: Array, axes: float) -> Array:
    """Mirror one, two or three axes."""
    return np.flip(volume, tuple(range(int(axes)))).copy()


def byte_order(volume: Array, _: float) -> Array:
    """Read the bytes in the wrong order."""
    return volume.byteswap()


def half_precision(volume: Array, scale: float) -> Array:
    """Store as float16, the values being small."""
    factor = scale / volume.std(dtype=float)
    return ((volume * factor).astype(np.float16) / factor).astype(np.float32)


def subnormals(volume: Array, _: float) -> Array:
    """Store as float16 as it is."""
    return volume.astype(np.float16).astype(volume.dtype)


def round_trip(volume: Array, bits: float) -> Array:
    """Store as integers over six sd and back."""
    mean, sd = volume.mean(dtype=float), volume.std(dtype=float)
    top = 2 ** (bits - 1) - 1
    whole = np.clip(np.rint((volume - mean) / (6 * sd) * top), -top, top)
    return (whole / top * 6 * sd + mean).astype(np.float32)


def bit_rounding(volume: Array, bits: float) -> Array:
    """Keep some bits of the mantissa."""
    import numcodecs  # noqa: PLC0415

    codec = numcodecs.BitRound(keepbits=int(bits))
    return codec.decode(codec.encode(volume.copy())).view(volume.dtype).reshape(volume.shape)


def drift(volume: Array, sigma: float) -> Array:
    """Add a gradient along z."""
    ramp = np.linspace(-1, 1, len(volume))[:, None, None] * sigma * volume.std(dtype=float)
    return (volume + ramp).astype(np.float32)


def lost_wedge(volume: Array, degrees: float) -> Array:
    """Lose the tilts beyond an angle about y."""
    transform = np.fft.rfftn(volume)
    kz, kx = np.abs(np.fft.fftfreq(volume.shape[0])), np.fft.rfftfreq(volume.shape[2])
    keep = np.degrees(np.arctan2(kz[:, None], kx)) <= degrees
    kept = np.fft.irfftn(transform * keep[:, None], volume.shape, axes=(0, 1, 2))
    return kept.astype(np.float32)


def low_pass(volume: Array, frequency: float) -> Array:
    """Filter with a Gaussian that falls to a half of the power at a frequency."""
    import scipy.ndimage  # noqa: PLC0415

    sigma = np.sqrt(np.log(2)) / (2 * np.pi * frequency)
    return scipy.ndimage.gaussian_filter(volume.astype(np.float32), sigma, mode="wrap")


def noise(volume: Array, sigma: float) -> Array:
    """Add white noise."""
    random = np.random.default_rng(2).standard_normal(volume.shape)
    return (volume + sigma * volume.std(dtype=float) * random).astype(np.float32)


# The plant, its strengths from weak to strong, and the name it deserves.
DEFECTS: dict[str, tuple[Plant, tuple[float, float, float], str]] = {
    "NaN in a few voxels": (nan_positions, (1, 10, 1000), "nan-positions"),
    "hot voxels (sd)": (hot_voxels, (8, 20, 100), "hot-voxels"),
    "one flipped bit (of a voxel)": (flipped_bits, (0, 0.5, 1), "flipped-bit"),
    "zeroed chunk (edge)": (zeroed_block, (8, 16, 32), "missing-block"),
    "duplicated slices": (duplicated_slices, (1, 2, 4), "duplicated-slice"),
    "swapped slices (pairs)": (swapped_slices, (1, 2, 4), "swapped-slices"),
    "constant slices": (constant_slices, (1, 3, 10), "constant-slices"),
    "clipping (sd)": (clipping, (4, 3, 2), "clipping"),
    "gain": (gain, (1.001, 1.01, 1.1), "gain-error"),
    "offset (sd)": (offset, (0.001, 0.01, 0.1), "offset-error"),
    "inverted contrast (gain)": (inverted, (1, 1.1, 2), "inverted-contrast"),
    "shifted by voxels": (shifted, (1, 2, 5), "shifted"),
    "mirrored axes": (mirrored, (1, 2, 3), "mirrored"),
    "wrong byte order": (byte_order, (1, 1, 1), "wrong-byte-order"),
    "half precision subnormals": (subnormals, (1, 1, 1), "half-precision-subnormals"),
    "int8 round trip (bits)": (round_trip, (8, 7, 5), "int8-round-trip"),
    "bit rounding (bits kept)": (bit_rounding, (12, 8, 5), "rounded-mantissa"),
    "gradient drift (sd)": (drift, (0.02, 0.1, 0.5), "gradient-drift"),
    "lost wedge (degrees)": (lost_wedge, (50, 40, 30), "lost-wedge"),
    "low pass (cycles/voxel)": (low_pass, (0.35, 0.2, 0.1), "smoothing"),
    "white noise (sd)": (noise, (0.01, 0.1, 0.5), "white-error"),
}

NEEDS_FLOATS = {"half-precision-subnormals", "rounded-mantissa"}


def main() -> int:
    """Print the table; the exit code tells whether everything was named."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from cryoet_bench.quality.fidelity import compare  # noqa: PLC0415
    from cryoet_bench.tomogram.sources import obtain  # noqa: PLC0415

    volume = obtain(sys.argv[1] if len(sys.argv) > 1 else "phantom-10A").data
    table = Table("planted", "name", "weak", "middle", "strong")
    planted = missed = 0
    for title, (plant, strengths, name) in DEFECTS.items():
        cells = []
        if (name in NEEDS_FLOATS and volume.dtype.kind != "f") or (
            name == "wrong-byte-order" and volume.itemsize == 1
        ):
            continue
        for strength in strengths:
            found = [defect.name for defect in compare(volume, plant(volume, strength)).defects]
            right = found[:1] == [name]
            planted += 1
            missed += not right
            cells.append(f"{strength:g}: " + ("found" if right else f"{found}"))
        table.add_row(title, name, *cells)
    Console(width=140).print(table)
    print(f"{missed} missed or wrongly named of {planted}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
