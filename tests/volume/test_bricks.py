from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.volume.bricks import boxes, brick_shape, walk, working_dtype

EXTENT = st.integers(1, 23)
SHAPE = st.tuples(EXTENT, EXTENT, EXTENT)


def _stored(voxels: np.ndarray, chunks: tuple[int, int, int]) -> zarr.Array:
    return zarr.create_array({}, data=voxels, chunks=chunks)


@settings(max_examples=40, deadline=None)
@given(shape=SHAPE, step=SHAPE, chunks=SHAPE, apron=st.integers(0, 6))
def test_a_brick_comes_with_the_voxels_before_it(
    shape: tuple[int, int, int],
    step: tuple[int, int, int],
    chunks: tuple[int, int, int],
    apron: int,
) -> None:
    voxels = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    stored = _stored(voxels, tuple(map(min, chunks, shape)))
    seen = np.zeros(shape, int)
    for brick in walk(voxels, stored, apron=apron, step=step):
        assert brick.apron == tuple(min(apron, first) for first in brick.start)
        first = [start - before for start, before in zip(brick.start, brick.apron, strict=True)]
        box = tuple(
            slice(low, low + extent)
            for low, extent in zip(first, brick.reference.shape, strict=True)
        )
        np.testing.assert_array_equal(brick.reference, voxels[box])
        np.testing.assert_array_equal(brick.copy, voxels[box])
        seen[tuple(slice(a, b.stop) for a, b in zip(brick.start, box, strict=True))] += 1
    assert (seen == 1).all()


def test_every_chunk_is_decoded_once() -> None:
    class Counting:
        def __init__(self, array: zarr.Array) -> None:
            self._array, self.voxels = array, 0
            self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks

        def __getitem__(self, box: object) -> np.ndarray:
            part = self._array[box]
            self.voxels += part.size
            return part

    voxels = np.random.default_rng(0).standard_normal((40, 50, 60)).astype(np.float32)
    counted = Counting(_stored(voxels, (16, 16, 16)))
    for _ in walk(voxels, counted, apron=6, step=(16, 16, 16)):
        pass
    assert counted.voxels == voxels.size


def test_a_brick_is_whole_chunks_and_bounded() -> None:
    class Fake:
        def __init__(self, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
            self.shape, self.chunks, self.dtype = shape, chunks, np.dtype("f4")

        def __getitem__(self, box: object) -> None: ...

    portal = Fake((1024, 1024, 1024), (256, 256, 256))
    assert brick_shape(portal, portal) == (256, 256, 256)
    small = Fake((1024, 1024, 1024), (32, 32, 32))
    box = brick_shape(small, small)
    assert all(edge % 32 == 0 for edge in box)
    assert 2**20 <= np.prod(box) <= 2**24
    giant = Fake((2048, 1024, 1024), (2048, 1024, 1024))
    assert np.prod(brick_shape(giant, small)) <= 2**24


@pytest.mark.parametrize(
    ("reference", "copy", "expected"),
    [("f4", "u1", "f4"), ("f2", "i2", "f4"), ("i4", "f4", "f8"), ("f4", "f8", "f8")],
)
def test_the_working_type_holds_both_exactly(reference: str, copy: str, expected: str) -> None:
    assert working_dtype(np.dtype(reference), np.dtype(copy)) == np.dtype(expected)


def test_boxes_cover_a_volume() -> None:
    assert len(list(boxes((5, 4, 3), (2, 4, 2)))) == 3 * 1 * 2
