from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.errors import InputError
from cryoet_bench.volume.region import format_region, middle, parse_region, require_inside, whole

edges = st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)).map(
    lambda it: slice(it[0], it[0] + it[1])
)


@given(st.tuples(edges, edges, edges))
def test_what_is_written_is_read_back(region: tuple[slice, slice, slice]) -> None:
    assert parse_region(format_region(region)) == region


def test_spaces_are_welcome() -> None:
    assert parse_region(" 0:1, 2:3 ,4:5 ") == (slice(0, 1), slice(2, 3), slice(4, 5))


@pytest.mark.parametrize("text", ["", "1,2,3", "0:1,0:1", "0:1,0:1,-1:1", "a:b,0:1,0:1", "0:1" * 3])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no region"):
        parse_region(text)


@pytest.mark.parametrize("text", ["1:1,0:1,0:1", "0:1,5:2,0:1"])
def test_empty_regions_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is empty"):
        parse_region(text)


@given(st.tuples(*[st.integers(1, 50)] * 3), st.tuples(edges, edges, edges))
def test_only_regions_inside_pass(
    shape: tuple[int, int, int], region: tuple[slice, slice, slice]
) -> None:
    require_inside(whole(shape), shape, "it")
    if all(edge.stop <= size for edge, size in zip(region, shape, strict=True)):
        require_inside(region, shape, "it")
    else:
        with pytest.raises(InputError, match="outside it"):
            require_inside(region, shape, "it")


@given(st.tuples(*[st.integers(1, 200)] * 3), st.integers(1, 128))
def test_the_middle_is_as_near_the_centre_as_can_be(shape: tuple[int, int, int], edge: int) -> None:
    for part, length in zip(middle(shape, edge), shape, strict=True):
        assert part.stop - part.start == min(edge, length)
        assert 0 <= (length - part.stop) - part.start <= 1
