"""From the box to the whole volume: against chunks that are counted one by one."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.study import whole
from cryoet_bench.study.configuration import Configuration
from tests.study.synthetic import SUBJECT

EDGES = st.tuples(*[st.integers(1, 40)] * 3)


def touched(shape: tuple[int, ...], chunks: tuple[int, ...], axis: int | None) -> int:
    """Count the chunks that hold a voxel of a plane in the middle, or of the volume."""
    wanted = [np.arange(length) for length in shape]
    if axis is not None:
        wanted[axis] = wanted[axis][shape[axis] // 2 :][:1]
    each = [set(places // edge) for places, edge in zip(wanted, chunks, strict=True)]
    return sum(1 for _ in itertools.product(*each))


@given(EDGES, EDGES, EDGES)
def test_slices_touch_as_many_chunks_more(
    shape: tuple[int, int, int], box: tuple[int, int, int], chunks: tuple[int, int, int]
) -> None:
    subject = dataclasses.replace(SUBJECT, shape=shape, box_shape=box)
    configuration = Configuration(codec="none", chunks=chunks)
    for access, axis in (("xy_slices", 0), ("xz_slices", 1), ("yz_slices", 2), ("read", None)):
        expected = touched(shape, chunks, axis) / touched(box, chunks, axis)
        assert whole.times_more(access, configuration, subject) == pytest.approx(expected)
    assert whole.times_more("patches", configuration, subject) == 1
    assert whole.objects(configuration, shape) == touched(shape, chunks, None)


def test_waiting_is_round_trips_and_bytes() -> None:
    row = {"xy_slices_requests": 4, "xy_slices_fetched_bytes": 1e6}
    # 64 requests in seven rounds of ten, then 16 MB.
    assert whole.waiting(row, "xy_slices", 16, "s3") == pytest.approx(7 * 0.03 + 16e6 / 1e8)
