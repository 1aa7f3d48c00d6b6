"""What the first sweep over a volume adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.qc.kernels import BINS

Array = npt.NDArray[Any]


@dataclass
class Sums:
    """What the first sweep adds up over a box or a whole volume, as `kernels.accumulate` does.

    Parameters
    ----------
    z, y, x, powers, special, products, histogram : numpy.ndarray
        As in `kernels.accumulate`.
    low, high : numpy.ndarray, shape (z, y, x)
        Extremes of the finite voxels in blocks of `kernels.BLOCK` voxels a side.
    slice_low, slice_high : numpy.ndarray, shape (z,)
        Extremes of the finite voxels in each slice along z.
    dtype : numpy.dtype
        In which voxels are computed.
    bits : int
        The bit patterns of the voxels, joined.
    padded : int
        Voxels of padding, which are in no other sum.
    corners : dict
        The corners of the specimen by (far along z, y, x), each cut corner first.
    compared : numpy.ndarray, shape (2,)
        Neighbours along x that are equal, and those that were compared, of each fourth row.
    """

    z: Array
    y: Array
    x: Array
    powers: Array
    special: Array
    products: Array
    low: Array
    high: Array
    slice_low: Array
    slice_high: Array
    histogram: Array
    dtype: np.dtype[Any]
    bits: int = 0
    padded: int = 0
    corners: dict[tuple[bool, bool, bool], Array] = field(default_factory=dict)
    compared: Array = field(default_factory=lambda: np.zeros(2, np.int64))

    @classmethod
    def empty(cls, shape: Sequence[int], grid: Sequence[int], dtype: np.dtype[Any]) -> Sums:
        """Return sums of no voxels."""
        depth, height, width = shape
        return cls(
            z=np.zeros((3, depth)), y=np.zeros((3, height)), x=np.zeros((3, width)),
            powers=np.zeros(2), special=np.zeros(3, np.int64), products=np.zeros(depth),
            low=np.full(grid, np.inf), high=np.full(grid, -np.inf),
            slice_low=np.full(depth, np.inf), slice_high=np.full(depth, -np.inf),
            histogram=np.zeros(BINS, np.int64), dtype=dtype,
        )  # fmt: skip

    @property
    def count(self) -> int:
        """Finite voxels."""
        return int(self.z[0].sum())
