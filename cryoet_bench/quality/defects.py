"""Defects planted on purpose, each in three strengths, to see which the checks find.

`PLANTS` are defects of one volume; each names the findings that recognise it. Defects that show
only beside the original belong to fidelity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

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
    damaged[_chunk(volume, rng, edge)] = 0
    return damaged


def duplicated_slice(volume: Array, rng: np.random.Generator, *, count: int, axis: int) -> Array:
    """Overwrite slices along an axis with the slice before them."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    at = int(rng.integers(1, len(damaged) - count))
    damaged[at : at + count] = damaged[at - 1]
    return _back(damaged, axis)


def swapped_slices(
    volume: Array, rng: np.random.Generator, *, distance: int, axis: int = 0
) -> Array:
    """Exchange two slices along an axis."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    apart = min(distance, len(damaged) // 2)
    at = int(rng.integers(2, len(damaged) - apart - 2))
    damaged[[at, at + apart]] = damaged[[at + apart, at]]
    return _back(damaged, axis)


def foreign_slices(volume: Array, rng: np.random.Generator, *, count: int, axis: int) -> Array:
    """Overwrite slices along an axis with mirrored ones from elsewhere."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    size = len(damaged)
    at = int(rng.integers(size // 2 + 2, size - count - 2))
    source = int(rng.integers(2, size // 2 - count - 2))
    damaged[at : at + count] = damaged[source : source + count, ::-1, ::-1].copy()
    return _back(damaged, axis)


def lost_slices(volume: Array, rng: np.random.Generator, *, count: int, axis: int) -> Array:
    """Leave out slices along an axis."""
    at = int(rng.integers(6, volume.shape[axis] - count - 6))
    return np.delete(volume, np.s_[at : at + count], axis)


def offset_slice(volume: Array, rng: np.random.Generator, *, rise: float, axis: int) -> Array:
    """Raise one slice along an axis by so many sd."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    at = int(rng.integers(4, len(damaged) - 4))
    damaged[at] = _fitting(damaged[at] + rise * float(volume.std()), volume.dtype)
    return _back(damaged, axis)


def scaled_part(
    volume: Array, rng: np.random.Generator, *, factor: float, axis: int, share: float = 0.5
) -> Array:
    """Multiply the last part of a volume along an axis."""
    damaged = np.moveaxis(volume.astype(np.float64), axis, 0)
    start = round(len(damaged) * (1 - share)) + int(rng.integers(-3, 4))
    middle = damaged.mean()
    damaged[start:] = middle + factor * (damaged[start:] - middle)
    return _back(_fitting(damaged, volume.dtype), axis)


def hot_line(volume: Array, rng: np.random.Generator, *, rise: float, axis: int) -> Array:
    """Raise one line along an axis by so many sd."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    y, x = (int(rng.integers(3, n - 3)) for n in damaged.shape[1:])
    damaged[:, y, x] = _fitting(damaged[:, y, x] + rise * float(volume.std()), volume.dtype)
    return _back(damaged, axis)


def flipped_bits(volume: Array, rng: np.random.Generator, *, rows: int, bit: int) -> Array:
    """Flip one bit of every significand in neighbouring rows along x of one slice."""
    damaged = volume.astype(np.float32)
    z = int(rng.integers(2, volume.shape[0] - 2))
    y = int(rng.integers(2, volume.shape[1] - rows - 2))
    damaged.view(np.uint32)[z, y : y + rows] ^= np.uint32(1 << bit)
    return damaged


def wrapped(volume: Array, _rng: np.random.Generator, *, reach: float) -> Array:
    """Store as int8 over +-reach sd without cutting off, so that what lies beyond wraps around."""
    steps = np.round((volume - volume.mean()) / (reach * volume.std()) * 127)
    return np.asarray(steps.astype(np.int64) & 0xFF, np.uint8).view(np.int8)


def copied_block(volume: Array, rng: np.random.Generator, *, edge: int, turn: int = 0) -> Array:
    """Overwrite one chunk of a grid with another, in one of the 48 orientations of a cube."""
    damaged = volume.copy()
    target, source = _chunk(volume, rng, edge), _chunk(volume, rng, edge)
    while source == target:
        source = _chunk(volume, rng, edge)
    damaged[target] = _turned(volume[source], turn)
    return damaged


def turned_block(volume: Array, rng: np.random.Generator, *, edge: int, turn: int) -> Array:
    """Mirror or transpose one chunk where it lies."""
    damaged = volume.copy()
    place = _chunk(volume, rng, edge)
    damaged[place] = _turned(volume[place], turn)
    return damaged


def noise_block(volume: Array, rng: np.random.Generator, *, edge: int) -> Array:
    """Overwrite one chunk with white noise of the volume's mean and sd."""
    damaged = volume.copy()
    place = _chunk(volume, rng, edge)
    noise = volume.mean() + volume.std() * rng.standard_normal(damaged[place].shape)
    damaged[place] = _fitting(noise, volume.dtype)
    return damaged


def scaled_block(
    volume: Array, rng: np.random.Generator, *, edge: int, factor: float = 1.5
) -> Array:
    """Multiply one chunk."""
    damaged = volume.copy()
    place = _chunk(volume, rng, edge)
    middle = volume.mean(dtype=np.float64)
    damaged[place] = _fitting(middle + factor * (volume[place] - middle), volume.dtype)
    return damaged


def _chunk(volume: Array, rng: np.random.Generator, edge: int) -> tuple[slice, ...]:
    """Choose a chunk of a grid of cubes, at most half of a thin volume's depth."""
    steps = [min(edge, n // 2) for n in volume.shape]
    starts = [
        int(rng.integers(n // step)) * step for n, step in zip(volume.shape, steps, strict=True)
    ]
    return tuple(slice(at, at + step) for at, step in zip(starts, steps, strict=True))


def _turned(block: Array, turn: int) -> Array:
    """Return a block mirrored along the axes of the bits of `turn`; 8 and more transpose too.

    A transposition exchanges two axes of equal length, so that the block still fits.
    """
    flips = tuple(slice(None, None, -1 if turn >> axis & 1 else 1) for axis in range(3))
    block = block[flips]
    if turn >= 8:
        pairs = [(a, b) for a, b in ((1, 2), (0, 1), (0, 2)) if block.shape[a] == block.shape[b]]
        block = np.swapaxes(block, *pairs[turn % len(pairs)]) if pairs else block[:, ::-1, ::-1]
    return block


def _fitting(values: Array, dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.round(values), limits.min, limits.max)
    return values.astype(dtype)


def _back(moved: Array, axis: int) -> Array:
    return np.ascontiguousarray(np.moveaxis(moved, 0, axis))


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
    *(
        Defect(f"{name} along {axis}", findings, [(label, partial(plant, axis=number, **strength))
               for label, strength in strengths])
        for name, findings, plant, strengths in (
            ("swapped slices", ("swapped-slices",), swapped_slices, (
                ("20 apart", {"distance": 20}), ("5 apart", {"distance": 5}),
                ("1 apart", {"distance": 1}))),
            ("foreign slices", ("foreign-slice", "foreign-slab", "copied-block"), foreign_slices, (
                ("1 slice", {"count": 1}), ("4 slices", {"count": 4}),
                ("2 slices", {"count": 2}))),
            ("lost slices", ("lost-slices",), lost_slices, (
                ("10 slices", {"count": 10}), ("4 slices", {"count": 4}),
                ("1 slice", {"count": 1}))),
            ("raised slice", ("offset-slice",), offset_slice, (
                ("3 sd", {"rise": 3}), ("1.5 sd", {"rise": 1.5}), ("0.7 sd", {"rise": 0.7}))),
            ("half scaled", ("scaled-part",), scaled_part, (
                ("by 1.5", {"factor": 1.5}), ("by 1.3", {"factor": 1.3}),
                ("by 1.15", {"factor": 1.15}))),
            ("hot line", ("hot-line",), hot_line, (
                ("10 sd", {"rise": 10}), ("5 sd", {"rise": 5}), ("2 sd", {"rise": 2}))),
        )
        for number, axis in enumerate("zyx")
        if (name, axis) != ("swapped slices", "z")
    ),
    *(
        Defect(name, findings, [
            (f"{edge}-cube", partial(cast("Any", plant), edge=edge, **options))
            for edge in (64, 32, 16)
        ])
        for name, findings, plant, options in (
            ("copied block", ("copied-block",), copied_block, {}),
            ("copied block, mirrored", ("copied-block",), copied_block, {"turn": 3}),
            ("copied block, transposed", ("copied-block",), copied_block, {"turn": 8}),
            ("block mirrored along z", ("foreign-block",), turned_block, {"turn": 1}),
            ("block mirrored along y and x", ("foreign-block",), turned_block, {"turn": 6}),
            ("block transposed", ("foreign-block",), turned_block, {"turn": 8}),
            ("block of noise", ("noise-block",), noise_block, {}),
            ("block scaled by 1.5", ("scaled-block",), scaled_block, {}),
        )
    ),
    Defect("integer wrap-around", ("wrapped",), [
        (f"beyond {reach} sd", partial(wrapped, reach=reach)) for reach in (1.5, 2.5, 3.5)
    ]),
    Defect("flipped bits", ("damaged-rows",), [
        (f"bit {bit}, {rows} rows", partial(flipped_bits, rows=rows, bit=bit))
        for bit, rows in ((22, 16), (22, 4), (21, 1))
    ]),
    Defect("half-precision subnormals", ("half-precision-subnormals",), [
        (f"sd {scale:g}", partial(subnormals, scale=scale)) for scale in (5e-7, 2e-6, 6e-6)
    ]),
)  # fmt: skip
