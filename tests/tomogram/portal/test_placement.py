from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal.placement import (
    aligned,
    centred,
    chunk_indices,
    chunk_part,
    size,
)

lengths = st.integers(1, 9)
triples = st.tuples(lengths, lengths, lengths)


def voxels(region: tuple[slice, slice, slice]) -> set[tuple[int, ...]]:
    return set(itertools.product(*(range(it.start, it.stop) for it in region)))


def chunks_touched(region: tuple[slice, slice, slice], chunks: tuple[int, int, int]) -> int:
    return len({tuple(i // c for i, c in zip(it, chunks, strict=True)) for it in voxels(region)})


@settings(max_examples=60)
@given(triples, triples, st.integers(1, 9))
def test_no_other_place_touches_fewer_chunks_or_is_nearer_to_the_centre(
    shape: tuple[int, int, int], chunks: tuple[int, int, int], edge: int
) -> None:
    if edge > min(shape):
        with pytest.raises(InputError, match=f"at most {min(shape)}"):
            aligned(shape, chunks, edge)
        return

    def cost(starts: tuple[int, ...]) -> tuple[int, float]:
        z, y, x = (slice(it, it + edge) for it in starts)
        off_centre = sum(
            abs(it + edge / 2 - length / 2) for it, length in zip(starts, shape, strict=True)
        )
        return chunks_touched((z, y, x), chunks), off_centre

    found = aligned(shape, chunks, edge)
    places = itertools.product(*(range(length - edge + 1) for length in shape))
    z, y, x = found
    assert size(found) == (edge, edge, edge)
    assert cost((z.start, y.start, x.start)) == min(map(cost, places))


def test_the_published_example() -> None:
    shape, chunks = (184, 630, 630), (256, 256, 256)
    assert aligned(shape, chunks, 128) == (slice(28, 156), slice(256, 384), slice(256, 384))
    middle = centred(shape, (128, 128, 128))
    assert len(list(chunk_indices(middle, chunks))) == 4


@given(triples, triples, st.data())
def test_the_parts_of_the_chunks_make_up_the_region(
    shape: tuple[int, int, int], chunks: tuple[int, int, int], data: st.DataObject
) -> None:
    starts = [data.draw(st.integers(0, length - 1)) for length in shape]
    z, y, x = (
        slice(it, data.draw(st.integers(it + 1, length)))
        for it, length in zip(starts, shape, strict=True)
    )
    indices = list(chunk_indices((z, y, x), chunks))
    parts = [voxels(chunk_part(it, chunks, (z, y, x))) for it in indices]
    assert set().union(*parts) == voxels((z, y, x))
    assert sum(map(len, parts)) == len(voxels((z, y, x)))
    assert len(indices) == chunks_touched((z, y, x), chunks)
