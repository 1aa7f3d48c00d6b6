"""Small looks into a pair of volumes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.volume.boxes import Box, Voxels

Array = npt.NDArray[Any]


def middle(shape: tuple[int, ...], edge: int) -> Box:
    """Return a box in the middle of at most about `edge` voxels, which mirrors leave in place."""
    z, y, x = (
        slice((extent - size) // 2, (extent - size) // 2 + size)
        for extent, size in ((n, n - (n - min(n, edge)) // 2 * 2) for n in shape)
    )
    return z, y, x


def read_plane(volume: Voxels, axis: int, index: int) -> Array:
    """Read one slice across an axis."""
    place: list[Any] = [slice(None)] * 3
    place[axis] = index
    return np.asarray(volume[tuple(place)])


def mean_of(values: Array) -> float:
    """Return the mean of some voxels, 0 of none."""
    return float(values.mean(dtype=np.float64)) if values.size else 0.0


def is_float(part: Array) -> bool:
    """Tell whether voxels can be NaN."""
    return part.dtype.kind == "f"


def correlated(a: Array, b: Array) -> float:
    """Return the Pearson correlation of two arrays of one shape; 0 where one is constant.

    Voxels that are not finite in both are left out.
    """
    first, second = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    finite = np.isfinite(first) & np.isfinite(second)
    if not finite.all():
        first, second = first[finite], second[finite]
    if not first.size:
        return 0.0
    first, second = first - first.mean(), second - second.mean()
    below = math.sqrt(_product(first, first) * _product(second, second))
    return _product(first, second) / below if below > 0 else 0.0


def _product(first: Array, second: Array) -> float:
    """Return the sum of products; the last digits of ``@`` depend on its library's threads."""
    return float(np.einsum("i,i", first, second))
