"""Label volumes: dark objects of a tomogram, as a segmentation program would number them.

A tomogram seldom comes with its labels, and what is measured of them is how they are stored. So
they are derived from the densities, in whole numbers: the same under every numpy and on every
machine.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint16]

SHARE = 0.04
"""Share of the voxels that belong to an object: proteins and membranes are dark."""

CLASSES = 3
"""Kinds of objects, by their size."""

_BLOCK = 4  # voxels: objects that are nearer to each other are one
_REACH = 2  # voxels on either side over which densities are averaged
_STEPS = 2**16


def segment(volume: npt.NDArray[np.generic], dtype: str) -> npt.NDArray[np.unsignedinteger]:
    """Return the labels of a volume: the class of each voxel as uint8, its object as uint16."""
    numbers = objects(volume)
    return classes(numbers) if dtype == "uint8" else numbers


def objects(volume: npt.NDArray[np.generic]) -> Labels:
    """Return the number of the object that each voxel belongs to, 0 for none.

    Objects are the darkest voxels after averaging over 5 x 5 x 5, connected through blocks of
    4 x 4 x 4 that share a face; 1 is the largest. Beyond 65,535 the numbers begin again at 1.

    Parameters
    ----------
    volume : numpy.ndarray, shape (z, y, x)
        Any real dtype, finite.
    """
    dark = _dark(volume)
    blocks = _components(_any_in_block(dark))
    numbers = _by_size(blocks, dark)
    grown = numbers
    for axis in range(3):
        grown = np.repeat(grown, _BLOCK, axis)
    z, y, x = dark.shape
    return np.where(dark, grown[:z, :y, :x], 0).astype(np.uint16)


def classes(numbers: Labels) -> npt.NDArray[np.uint8]:
    """Return the class of each voxel's object: a third of the objects each, 1 the largest."""
    count = max(int(numbers.max()), 1)
    table = np.zeros(count + 1, np.uint8)
    table[1:] = np.arange(count) * CLASSES // count + 1
    return table[numbers]


def _dark(volume: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Return the `SHARE` of the voxels whose surroundings are darkest."""
    values = volume.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    sums = np.floor((values - low) * ((_STEPS - 1) / ((high - low) or 1.0))).astype(np.int64)
    for axis in range(3):
        sums = _windows(sums, axis)
    rank = math.ceil(SHARE * sums.size) - 1
    threshold = np.partition(sums, rank, axis=None)[rank]
    return sums <= threshold if high > low else np.zeros(sums.shape, bool)


def _windows(values: npt.NDArray[np.int64], axis: int) -> npt.NDArray[np.int64]:
    """Return the sums over a window along an axis; the edge voxels stand for what lies beyond."""
    width = [(0, 0)] * 3
    width[axis] = (_REACH + 1, _REACH)
    totals = np.cumsum(np.pad(values, width, mode="edge"), axis=axis)
    length, window = values.shape[axis], 2 * _REACH + 1
    ends = np.take(totals, np.arange(window, window + length), axis)
    return ends - np.take(totals, np.arange(length), axis)


def _any_in_block(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    padded = np.pad(mask, [(0, -length % _BLOCK) for length in mask.shape])
    z, y, x = (length // _BLOCK for length in padded.shape)
    return padded.reshape(z, _BLOCK, y, _BLOCK, x, _BLOCK).any(axis=(1, 3, 5))


def _components(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return for each voxel of a mask the least index of those it is connected to; -1 outside.

    The least index spreads over faces until nothing changes. scikit-image labels faster; a
    measured environment has numpy alone.
    """
    outside = mask.size
    least = np.where(mask, np.arange(mask.size).reshape(mask.shape), outside)
    while True:
        before = least
        spread = np.pad(least, 1, constant_values=outside)
        core = slice(1, -1)
        for axis in range(3):
            for step in (slice(2, None), slice(None, -2)):
                near = [core, core, core]
                near[axis] = step
                least = np.minimum(least, spread[tuple(near)])
        least = np.where(mask, least, outside)
        if (least == before).all():
            return np.where(mask, least, -1)


def _by_size(blocks: npt.NDArray[np.int64], dark: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the numbers of connected blocks from 1, by their dark voxels; 0 outside."""
    padded = np.pad(dark, [(0, -length % _BLOCK) for length in dark.shape])
    z, y, x = blocks.shape
    inside = padded.reshape(z, _BLOCK, y, _BLOCK, x, _BLOCK).sum(axis=(1, 3, 5))
    found, position = np.unique(blocks, return_inverse=True)
    position = position.reshape(-1)
    sizes = np.bincount(position, inside.ravel()).astype(np.int64)
    sizes[found < 0] = -1
    order = np.argsort(-sizes, kind="stable")
    numbers = np.empty(len(found), np.int64)
    numbers[order] = np.arange(len(found)) % np.iinfo(np.uint16).max + 1
    numbers[found < 0] = 0
    return numbers[position].reshape(blocks.shape)
