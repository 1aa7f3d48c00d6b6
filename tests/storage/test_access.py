from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.storage.access import READS, WRITES, wanted_voxels
from cryoet_bench.storage.layouts import LAYOUTS, Layout

SHAPES = st.tuples(*[st.integers(1, 130)] * 3)


@given(SHAPES, st.sampled_from(sorted(READS)))
def test_wanted_voxels_are_those_that_numpy_gives(shape: tuple[int, int, int], name: str) -> None:
    selections = READS[name](shape)
    volume = np.broadcast_to(np.int8(0), shape)
    assert wanted_voxels(selections, shape) == sum(volume[part].size for part in selections)


@given(SHAPES)
def test_boxes_lie_inside_and_are_as_large_as_they_can_be(shape: tuple[int, int, int]) -> None:
    for selection in READS["boxes-64"](shape):
        for part, length in zip(selection, shape, strict=True):
            assert isinstance(part, slice)
            assert part.start >= 0
            assert len(range(*part.indices(length))) == min(64, length)


def test_the_same_voxels_are_asked_for_every_time() -> None:
    shape = (128, 128, 128)
    assert READS["patches-96"](shape) == READS["patches-96"](shape)
    assert len({str(selection) for selection in READS["boxes-64"](shape)}) == 6


def test_orthoslices_meet_in_the_middle() -> None:
    volume = np.zeros((6, 8, 10), int)
    for selection in READS["orthoslices"](volume.shape):
        volume[selection] += 1
    assert np.argwhere(volume == 3).tolist() == [[3, 4, 5]]


@given(SHAPES, st.sampled_from(["cube-64", "slab-16x128x128", "shard-32-in-128"]))
def test_chunk_by_chunk_writes_every_voxel_once(shape: tuple[int, int, int], name: str) -> None:
    written = np.zeros(shape, np.int8)
    WRITES["chunk-by-chunk"].write(_Adding(written), np.ones(shape, np.int8), LAYOUTS[name])
    assert (written == 1).all()


class _Adding:
    def __init__(self, target: np.ndarray[tuple[int, ...], np.dtype[np.int8]]) -> None:
        self._target = target

    def __setitem__(self, box: tuple[slice, ...], values: object) -> None:
        self._target[box] += values  # type: ignore[arg-type]


def test_one_chunk_is_the_first() -> None:
    target = np.zeros((5, 5, 5), np.int8)
    WRITES["one-chunk"].write(
        target, np.ones_like(target), Layout(chunks=(2, 3, 4), shards=(4, 6, 8))
    )
    assert target.sum() == target[:2, :3, :4].sum() == 24


def test_one_object_is_the_first_shard() -> None:
    target = np.zeros((9, 9, 9), np.int8)
    WRITES["one-object"].write(
        target, np.ones_like(target), Layout(chunks=(2, 3, 4), shards=(4, 6, 8))
    )
    assert target.sum() == target[:4, :6, :8].sum() == 4 * 6 * 8
