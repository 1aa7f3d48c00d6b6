from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal.request import Request, parse

edges = st.integers(0, 500).flatmap(lambda a: st.integers(a + 1, 999).map(lambda b: f"{a}:{b}"))
requests = st.builds(
    Request,
    dataset=st.integers(1, 99999),
    run=st.from_regex(r"[A-Za-z0-9_ .=:-]{1,20}", fullmatch=True),
    spacing=st.none() | st.floats(0.5, 50),
    processing=st.none() | st.sampled_from(["raw", "filtered", "denoised"]),
    tomogram=st.none() | st.integers(1, 10**6),
    level=st.integers(0, 2),
    region=st.none() | st.tuples(edges, edges, edges).map(",".join) | st.just("whole"),
)


@given(requests)
def test_a_request_is_what_its_text_says(request: Request) -> None:
    assert parse(str(request)) == request


def test_the_shortest_request() -> None:
    request = parse("portal:10445/TS_100_3")
    assert (request.dataset, request.run, request.edge, request.level) == (
        10445,
        "TS_100_3",
        128,
        0,
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("portal:10445", "portal:DATASET/RUN"),
        ("portal:10445/", "run"),
        ("portal:ten/TS_1", "dataset"),
        ("portal:0/TS_1", "greater than 0"),
        ("portal:1/TS_1/spacing", "portal:DATASET/RUN"),
        ("portal:1/TS_1/subset=1/subset=2", "portal:DATASET/RUN"),
        ("portal:1/TS_1/colour=red", "colour: Extra inputs"),
        ("portal:1/TS_1/spacing=-1", "greater than 0"),
        ("portal:1/TS_1/region=1:2", "z0:z1,y0:y1,x0:x1"),
        ("portal:1/TS_1/region=5:5,0:1,0:1", "empty"),
        ("portal:1/TS_1/region=0:1,0:1,0:1/subset=3", "not both"),
        ("portal:1/TS_1/source=png", "source"),
        ("portal:1/TS_1/source=mrc/level=1", "level 0 only"),
    ],
)
def test_an_impossible_request_is_one_sentence(spec: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        parse(spec)
    assert "\n" not in str(caught.value)
