"""Structural similarity in three dimensions (Wang et al. 2004, IEEE TIP 13, 600-612).

The definition is that of ``skimage.metrics.structural_similarity``: uniform windows of 7 voxels,
unbiased covariances, the mean over windows that lie inside the volume. The data range is always
given, from the reference: one taken from each volume by itself would hide a gain.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryoet_bench.quality.compiled import THREADS, compiled
from cryoet_bench.volume.boxes import Voxels
from cryoet_bench.volume.bricks import Brick, walk

WINDOW = 7
APRON = WINDOW - 1
_K1, _K2 = 0.01, 0.03


@dataclass(frozen=True)
class Similarity:
    """Structural similarity of a copy with its reference.

    Parameters
    ----------
    mean, minimum : float
        Over the windows that hold finite voxels only; NaN where there is none.
    windows : int
        How many windows that are.
    """

    mean: float
    minimum: float
    windows: int


class SimilaritySums:
    """Collects the similarity of all windows, brick by brick."""

    def __init__(self, data_range: float) -> None:
        self._c1, self._c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
        self._totals: list[float] = []
        self._windows = 0
        self._minimum = math.inf

    def add(self, brick: Brick, pool: Executor) -> None:
        """Add the windows that end in this brick."""
        a, b = brick.reference, brick.copy
        if min(a.shape) < WINDOW:
            return
        rows = a.shape[1] - APRON
        workers = THREADS if a.size > 2**16 else 1
        edges = [rows * i // workers for i in range(workers + 1)]
        parts = pool.map(
            lambda i: _similarity(a, b, self._c1, self._c2, edges[i], edges[i + 1]), range(workers)
        )
        totals = []
        for part, windows, minimum in parts:
            totals += part.tolist()
            self._windows += windows
            self._minimum = min(self._minimum, minimum)
        self._totals.append(math.fsum(totals))

    def result(self) -> Similarity:
        """Return what was collected."""
        if self._windows == 0:
            return Similarity(math.nan, math.nan, 0)
        return Similarity(math.fsum(self._totals) / self._windows, self._minimum, self._windows)


def ssim(reference: Voxels, copy: Voxels, *, data_range: float) -> Similarity:
    """Return the 3-D structural similarity of two volumes.

    Parameters
    ----------
    reference, copy : array-like, shape (z, y, x)
        Any real dtypes; read brick by brick.
    data_range : float
        Of the reference: its maximum minus its minimum, or the range that its dtype can hold.
    """
    sums = SimilaritySums(data_range)
    with ThreadPoolExecutor(THREADS) as pool:
        for brick in walk(reference, copy, apron=APRON):
            sums.add(brick, pool)
    return sums.result()


@compiled
def _similarity(  # noqa: C901, PLR0915
    a: Any, b: Any, c1: float, c2: float, first: int, stop: int
) -> tuple[Any, int, float]:
    # Each sum over a window is made of additions only. A running sum, which subtracts what
    # leaves, would carry the rounding of one bright voxel along its whole column.
    planes, _, nx = a.shape
    columns = nx - 6
    mean = 1.0 / 343.0
    unbiased = 343.0 / 342.0
    ring = np.empty((7, 4, nx))
    window = np.empty((4, nx))
    values = np.empty(columns)
    # A sum for each row: their sum is the same, however many threads share the rows.
    totals = np.zeros(stop - first)
    count = 0
    minimum = np.inf
    for z in range(planes - 6):
        for y in range(first, stop + 6):
            _sums_of_seven(a, b, z, y, ring[y % 7])
            if y < first + 6:
                continue
            for q in range(4):
                r0 = ring[0, q]
                r1 = ring[1, q]
                r2 = ring[2, q]
                r3 = ring[3, q]
                r4 = ring[4, q]
                r5 = ring[5, q]
                r6 = ring[6, q]
                out = window[q]
                for x in range(nx):
                    out[x] = r0[x] + r1[x] + r2[x] + r3[x] + r4[x] + r5[x] + r6[x]
            wa = window[0]
            wb = window[1]
            ws = window[2]
            wp = window[3]
            broken = 0
            row = 0.0
            for x in range(columns):
                ma = wa[x] + wa[x + 1] + wa[x + 2] + wa[x + 3] + wa[x + 4] + wa[x + 5] + wa[x + 6]
                mb = wb[x] + wb[x + 1] + wb[x + 2] + wb[x + 3] + wb[x + 4] + wb[x + 5] + wb[x + 6]
                ms = ws[x] + ws[x + 1] + ws[x + 2] + ws[x + 3] + ws[x + 4] + ws[x + 5] + ws[x + 6]
                mp = wp[x] + wp[x + 1] + wp[x + 2] + wp[x + 3] + wp[x + 4] + wp[x + 5] + wp[x + 6]
                ma *= mean
                mb *= mean
                cross = ma * mb
                square = ma * ma + mb * mb
                variances = unbiased * (ms * mean - square)
                covariance = unbiased * (mp * mean - cross)
                value = ((2 * cross + c1) * (2 * covariance + c2)) / (
                    (square + c1) * (variances + c2)
                )
                values[x] = value
                row += value
                broken += not np.isfinite(value)
            if broken == 0:
                totals[y - 6 - first] += row
                count += columns
                for x in range(columns):
                    minimum = min(minimum, values[x])
            else:
                for x in range(columns):
                    if np.isfinite(values[x]):
                        totals[y - 6 - first] += values[x]
                        count += 1
                        minimum = min(minimum, values[x])
    return totals, count, minimum


@compiled
def _sums_of_seven(a: Any, b: Any, z: int, y: int, out: Any) -> None:
    # Written out, because a loop over seven inside a loop over x is not made into vectors.
    a0, a1, a2, a3 = a[z, y], a[z + 1, y], a[z + 2, y], a[z + 3, y]
    a4, a5, a6 = a[z + 4, y], a[z + 5, y], a[z + 6, y]
    b0, b1, b2, b3 = b[z, y], b[z + 1, y], b[z + 2, y], b[z + 3, y]
    b4, b5, b6 = b[z + 4, y], b[z + 5, y], b[z + 6, y]
    sum_a, sum_b, squares, products = out[0], out[1], out[2], out[3]
    for x in range(a0.shape[0]):
        p0, p1, p2, p3 = np.float64(a0[x]), np.float64(a1[x]), np.float64(a2[x]), np.float64(a3[x])
        p4, p5, p6 = np.float64(a4[x]), np.float64(a5[x]), np.float64(a6[x])
        q0, q1, q2, q3 = np.float64(b0[x]), np.float64(b1[x]), np.float64(b2[x]), np.float64(b3[x])
        q4, q5, q6 = np.float64(b4[x]), np.float64(b5[x]), np.float64(b6[x])
        sum_a[x] = p0 + p1 + p2 + p3 + p4 + p5 + p6
        sum_b[x] = q0 + q1 + q2 + q3 + q4 + q5 + q6
        squares[x] = (
            (p0 * p0 + q0 * q0)
            + (p1 * p1 + q1 * q1)
            + (p2 * p2 + q2 * q2)
            + (p3 * p3 + q3 * q3)
            + (p4 * p4 + q4 * q4)
            + (p5 * p5 + q5 * q5)
            + (p6 * p6 + q6 * q6)
        )
        products[x] = p0 * q0 + p1 * q1 + p2 * q2 + p3 * q3 + p4 * q4 + p5 * q5 + p6 * q6
