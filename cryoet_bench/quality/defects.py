"""Defects planted on purpose, each in three strengths, to see which the checks find.

`PLANTS` are defects of one volume; each names the findings that recognise it. Defects that show
only beside the original belong to fidelity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Plant = Callable[[Array, np.random.Generator], Array]


@dataclass(frozen=True)
class Defect:
    """A defect in three strengths, strongest first.

    Parameters
    ----------
    name : str
        What it is.
    findings : tuple of str
        Any of these names it rightly.
    strengths : sequence of (str, callable)
        What is done, and a function of a volume (which it leaves alone) and a random generator.
    """

    name: str
    findings: tuple[str, ...]
    strengths: Sequence[tuple[str, Plant]]


def not_a_number(volume: Array, rng: np.random.Generator, *, count: int) -> Array:
    """Make some voxels NaN."""
    return _replace(volume, rng, count, np.nan)


def hot_voxels(volume: Array, rng: np.random.Generator, *, count: int, height: float) -> Array:
    """Raise single voxels by so many standard deviations."""
    return _replace(volume, rng, count, float(volume.mean() + height * volume.std()))


def clipping(volume: Array, _rng: np.random.Generator, *, share: float) -> Array:
    """Cut off so large a share of the voxels at either end."""
    low, high = np.quantile(volume, (share, 1 - share)).astype(volume.dtype)
    return np.clip(volume, low, high)


def eight_bits(volume: Array, _rng: np.random.Generator, *, reach: float) -> Array:
    """Store as int8 over +-reach sd and come back."""
    step = volume.dtype.type(reach * volume.std() / 127)
    return np.asarray(np.clip(np.round(volume / step), -127, 127) * step, volume.dtype)


def zeroed_chunk(volume: Array, rng: np.random.Generator, *, edge: int) -> Array:
    """Zero one chunk of a grid of cubes."""
    damaged = volume.copy()
    place = [int(rng.integers(n // edge)) * edge for n in volume.shape]
    damaged[tuple(slice(at, at + edge) for at in place)] = 0
    return damaged


def duplicated_slice(volume: Array, rng: np.random.Generator, *, count: int, axis: int) -> Array:
    """Overwrite slices along an axis with the slice before them."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    at = int(rng.integers(1, len(damaged) - count))
    damaged[at : at + count] = damaged[at - 1]
    return np.ascontiguousarray(np.moveaxis(damaged, 0, axis))


def swapped_slices(volume: Array, rng: np.random.Generator, *, distance: int) -> Array:
    """Exchange two slices along z."""
    damaged = volume.copy()
    at = int(rng.integers(2, len(volume) - distance - 2))
    damaged[[at, at + distance]] = volume[[at + distance, at]]
    return damaged


def constant_slab(volume: Array, rng: np.random.Generator, *, count: int) -> Array:
    """Fill slices along z with the mean."""
    damaged = volume.copy()
    at = int(rng.integers(1, len(volume) - count))
    damaged[at : at + count] = volume.mean()
    return damaged


def gradient(volume: Array, rng: np.random.Generator, *, rise: float) -> Array:
    """Add a ramp along a random axis that rises by so many sd from end to end."""
    axis = int(rng.integers(3))
    ramp = np.linspace(-0.5, 0.5, volume.shape[axis]) * rise * volume.std()
    shape = [-1 if axis == other else 1 for other in range(3)]
    return np.asarray(volume + ramp.reshape(shape), volume.dtype)


def wrong_byte_order(volume: Array, _rng: np.random.Generator, *, share: float) -> Array:
    """Reverse the bytes of the last slices."""
    damaged = volume.copy()
    start = round(len(volume) * (1 - share))
    damaged[start:] = damaged[start:].byteswap()
    return damaged


def inverted(volume: Array, rng: np.random.Generator, *, noise: float) -> Array:
    """Invert the contrast and bury it in white noise of so many sd."""
    buried = noise * volume.std() * rng.standard_normal(volume.shape)
    return np.asarray(buried - volume, volume.dtype)


def lost_wedge(volume: Array, _rng: np.random.Generator, *, limit: float) -> Array:
    """Remove all tilts beyond so many degrees, around the tilt axis y."""
    kz, _, kx = np.meshgrid(*(np.fft.fftfreq(n) for n in volume.shape), indexing="ij", sparse=True)
    beyond = np.degrees(np.arctan2(np.abs(kz), np.abs(kx))) > limit
    transform = np.fft.fftn(volume)
    transform *= ~beyond
    return np.asarray(np.fft.ifftn(transform).real, volume.dtype)


def subnormals(volume: Array, _rng: np.random.Generator, *, scale: float) -> Array:
    """Store as float16 with the sd at so small a scale, and come back."""
    small = volume * volume.dtype.type(scale / volume.std())
    return np.asarray(small.astype(np.float16), volume.dtype)


def _replace(volume: Array, rng: np.random.Generator, count: int, value: float) -> Array:
    damaged = volume.copy()
    damaged.reshape(-1)[rng.choice(volume.size, count, replace=False)] = value
    return damaged


PLANTS = (
    Defect("NaN", ("non-finite",), [
        (f"{count} voxels", partial(not_a_number, count=count)) for count in (1000, 30, 1)
    ]),
    Defect("hot voxels", ("hot-voxels",), [
        (f"{count} voxels of {height} sd", partial(hot_voxels, count=count, height=height))
        for count, height in ((1000, 30), (100, 20), (10, 12))
    ]),
    Defect("clipping", ("clipped",), [
        (f"{share:g} at either end", partial(clipping, share=share)) for share in (1e-2, 1e-3, 1e-4)
    ]),
    Defect("int8 round trip", ("quantised",), [
        (f"over +-{reach} sd", partial(eight_bits, reach=reach)) for reach in (12, 6, 3)
    ]),
    Defect("zeroed chunk", ("empty-block", "missing-chunk", "repeated-value"), [
        (f"{edge}-cube", partial(zeroed_chunk, edge=edge)) for edge in (64, 32, 16)
    ]),
    Defect("duplicated slice", ("duplicated-slice",), [
        ("8 along z", partial(duplicated_slice, count=8, axis=0)),
        ("1 along z", partial(duplicated_slice, count=1, axis=0)),
        ("1 along x", partial(duplicated_slice, count=1, axis=2)),
    ]),
    Defect("swapped slices", ("swapped-slices",), [
        (f"{distance} apart", partial(swapped_slices, distance=distance)) for distance in (20, 5, 1)
    ]),
    Defect("constant slab", ("constant-slab",), [
        (f"{count} slices", partial(constant_slab, count=count)) for count in (16, 4, 1)
    ]),
    Defect("gradient drift", ("gradient",), [
        (f"{rise} sd", partial(gradient, rise=rise)) for rise in (4, 2, 1)
    ]),
    Defect("wrong byte order", ("wrong-byte-order",), [
        (f"{share:g} of the slices", partial(wrong_byte_order, share=share))
        for share in (1.0, 0.5, 0.125)
    ]),
    Defect("inverted contrast", ("inverted-contrast",), [
        (f"with noise of {noise} sd", partial(inverted, noise=noise)) for noise in (0, 0.5, 1)
    ]),
    Defect("lost wedge", ("narrow-tilt-range",), [
        (f"beyond {limit} degrees", partial(lost_wedge, limit=limit)) for limit in (25, 35, 45)
    ]),
    Defect("half-precision subnormals", ("half-precision-subnormals",), [
        (f"sd {scale:g}", partial(subnormals, scale=scale)) for scale in (5e-7, 2e-6, 6e-6)
    ]),
)  # fmt: skip
