from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.quality.qc.tiles import tile

Array = npt.NDArray[Any]
EDGE = 16


def in_tiles(values: Array, starts: tuple[int, ...], axis: int) -> Array:
    """Add up each tile of the planes across an axis, with numpy."""
    rows, columns = (
        (start + np.arange(n)) // EDGE - start // EDGE
        for other, (start, n) in enumerate(zip(starts, values.shape, strict=True))
        if other != axis
    )
    planes = np.moveaxis(values, axis, 0)
    sums = np.zeros((len(planes), rows[-1] + 1, columns[-1] + 1))
    for plane, into in zip(planes, sums, strict=True):
        np.add.at(into, (rows[:, None], columns), plane)
    return sums


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.sampled_from([1, 2, 3, 15, 16, 17, 40])] * 3),
    starts=st.tuples(*[st.integers(0, 40)] * 3),
    dtype=st.sampled_from(["f4", "f8"]),
    holes=st.floats(0, 0.2),
    seed=st.integers(0, 10**6),
)
def test_tiles_agree_with_numpy(
    shape: tuple[int, ...], starts: tuple[int, ...], dtype: str, holes: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    data = (3 + 2 * rng.standard_normal(shape)).astype(dtype)
    data[rng.random(shape) < holes] = rng.choice([np.nan, np.inf, -np.inf])
    there = np.isfinite(data)
    unit = np.where(there, np.clip((data - 3) * 0.5, -10, 10), 0).astype(np.float64)
    box = tuple(slice(start, start + n) for start, n in zip(starts, shape, strict=True))
    found = tile(data, (box[0], box[1], box[2]), EDGE, 3.0, 0.5)
    for axis, planes in enumerate(found.axes):
        near = [np.moveaxis(values, axis, 0) for values in (unit, there)]
        both = near[1][1:] & near[1][:-1]
        change = np.where(both, np.square(np.diff(near[0], axis=0)), 0)
        pair = [np.zeros(near[0].shape) for _ in range(2)]
        pair[0][:-1], pair[1][:-1] = change, both
        step, pairs = (in_tiles(np.moveaxis(values, 0, axis), starts, axis) for values in pair)
        np.testing.assert_allclose(planes.total, in_tiles(unit, starts, axis), atol=2e-3)
        np.testing.assert_allclose(planes.square, in_tiles(unit**2, starts, axis), rtol=1e-4)
        np.testing.assert_allclose(planes.step, step, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(planes.voxels, in_tiles(there, starts, axis))
        np.testing.assert_array_equal(planes.pairs, pairs)
        np.testing.assert_allclose(found.lines[axis], unit.sum(axis=axis), atol=2e-3)
        np.testing.assert_array_equal(found.filled[axis], there.sum(axis=axis))
    bend = 2 * unit[1:-1] - unit[:-2] - unit[2:]
    known = (there[1:-1] & there[:-2] & there[2:]).all(axis=2)
    np.testing.assert_allclose(
        found.rows[1:-1][known], np.square(bend).sum(axis=2)[known], rtol=1e-4, atol=1e-4
    )
    assert np.isnan(found.rows[1:-1][~known]).all()
