from __future__ import annotations

import math

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal import Search, search, select
from cryoet_bench.tomogram.portal.request import parse
from tests.tomogram.portal.conftest import HASTE
from tests.tomogram.portal.proxy import Fault, Kind, Proxy
from tests.tomogram.portal.server import Portal


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Search(dataset=10445), [17001, 17002, 17003, 17004, 17010]),
        (Search(dataset=10445, processing="filtered"), [17002, 17004]),
        (Search(dataset=10445, run="TS_100_*", spacing=10.0), [17003, 17004]),
        (Search(run="ts_1?_8"), [17010]),
        (Search(run="TS_100_3", spacing=4.99, processing="denoised"), [17001]),
        (Search(organism="pombe"), [101, 102]),
        (Search(organism="sapiens"), []),
        # An underscore is a letter like any other, though SQL's LIKE takes it for any letter.
        (Search(run="TS_1_0_8"), []),
    ],
)
def test_search(online: Portal, wanted: Search, ids: list[int]) -> None:
    assert [it.tomogram for it in search(wanted)] == ids


def test_a_search_for_anything_is_refused(online: Portal) -> None:
    with pytest.raises(InputError, match="say what to search for"):
        search(Search())


@pytest.mark.parametrize(
    "wanted", [Search(processing="sharpened"), Search(dataset=10**12), Search(spacing=math.nan)]
)
def test_a_value_that_the_portal_cannot_have(online: Portal, wanted: Search) -> None:
    with pytest.raises(InputError, match="has no such value"):
        search(wanted)


def test_the_record_has_the_axes_of_the_array(online: Portal) -> None:
    record = select(parse("portal:10445/TS_100_3/spacing=10.012/processing=filtered"))
    assert record.shapes == ((46, 157, 157), (23, 78, 78), (11, 39, 39))
    assert (record.tomogram, record.spacing, record.deposition) == (17004, 10.012, 10310)
    assert record.zarr is not None
    assert record.zarr.startswith("s3://cryoet-data-portal-public/10445/TS_100_3/Reconstructions/")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("portal:10445/TS_100_3", "4 tomograms match"),
        ("portal:10445/TS_100_3/spacing=10.012", "2 tomograms match"),
        ("portal:10445/TS_100_3/spacing=7", "no tomogram matches"),
        ("portal:10000/TS_026/processing=raw", "2 tomograms match"),
    ],
)
def test_where_not_one_is_meant_each_candidate_is_listed_with_what_chooses_it(
    online: Portal, spec: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        select(parse(spec))
    sentence, *candidates = str(caught.value).splitlines()
    assert sentence.endswith("spacing, processing or tomogram id:")
    chosen = {select(parse(it.split()[0])).tomogram for it in candidates}
    assert len(chosen) == len(candidates) >= 2


def test_a_run_that_is_not_there(online: Portal) -> None:
    with pytest.raises(InputError, match="no tomogram of run TS_1 in dataset 10445"):
        select(parse("portal:10445/TS_1"))


@pytest.mark.parametrize("kind", ["nonsense", "empty", "error"])
def test_an_answer_that_is_none_is_asked_for_again_and_then_named(
    catalogue_proxy: Proxy, kind: Kind
) -> None:
    catalogue_proxy.reset(Fault(kind))
    assert len(search(Search(dataset=10440), HASTE)) == 1
    catalogue_proxy.reset(Fault(kind, last=100))
    with pytest.raises(InputError, match="did not answer, asked 3 times"):
        search(Search(dataset=10440), HASTE)
