"""What explains a time is measured by the suite, under the names that are used here."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from asv_runner.discovery import disc_benchmarks

from cryoet_bench.changes.companions import COMPANIONS, codec
from cryoet_bench.changes.subject import Named, subject, values
from cryoet_bench.storage.codecs import COMPRESSORS
from tests.changes.recorded import REQUESTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cases() -> dict[str, set[Named]]:
    """The cases of every benchmark of the suite."""
    return {
        one.name: {values(tuple(case)) for case in itertools.product(*one._params)}
        for one in disc_benchmarks(str(ROOT / "benchmarks"))
    }


def test_every_time_has_a_companion_that_is_measured(cases: dict[str, set[Named]]) -> None:
    timed = {name for name in cases if ".time_" in name or ".peakmem_" in name}
    assert timed - COMPANIONS.keys() == {
        "control.Machine.time_work",
        "memory.Peak.peakmem_reference",  # what the libraries load, and nothing else
    }
    assert COMPANIONS.keys() <= timed
    for name, companions in COMPANIONS.items():
        for companion in companions:
            found = {companion.case(case) for case in cases[name]} & cases[companion.benchmark]
            assert found, f"{companion.benchmark} has none of the cases of {name}"


def test_the_codec_of_a_case_is_one_that_is_measured_alone(cases: dict[str, set[Named]]) -> None:
    named = {
        found
        for name in COMPANIONS
        for case in cases[name]
        if (found := codec(name.rpartition(".")[0], case))
    }
    assert named & set(COMPRESSORS) >= {"blosc-lz4-5", "blosc-zstd-5", "zstd-3", "gzip-5"}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (bool, ""),
        (lambda case: "v2" in case[1], "format 2"),
        (lambda case: "v2" not in case[1], "format 3"),
        (lambda case: "cube-64" in case[1], "cube-64"),
        (lambda case: "shard" in case[1], "sharded layouts"),
        (lambda case: "whole" in case[0] and "cube-32" in case[1], "whole, cube-32"),
    ],
)
def test_cases_are_told_by_what_they_have_in_common(chosen: object, words: str) -> None:
    assert callable(chosen)
    own = [case for case in REQUESTS.cases if chosen(case)]
    assert subject(REQUESTS, own, REQUESTS.cases).words == words


def test_cases_without_a_common_name_are_listed() -> None:
    own = [REQUESTS.cases[0], REQUESTS.cases[3], REQUESTS.cases[5], REQUESTS.cases[6]]
    assert subject(REQUESTS, own, REQUESTS.cases).words == (
        "whole, cube-32 v2; whole, shard-32-in-128 v3; slice-xy, cube-64 v2 and 1 more"
    )
