from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.site.wording import MINUS, TIMES, amount, bounds, describe, hardware, slug
from tests.measured import FACTS


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (5.52, f"5.5{TIMES}"),
        (1.12, "+12 %"),
        (1.0042, "+0.4 %"),
        (0.924, f"{MINUS}7.6 %"),
        (0.237, "÷4.2"),
        (12.34, f"12.3{TIMES}"),
        (1234.5, f"1,234{TIMES}"),
        (None, ""),
    ],
)
def test_amounts(ratio: float | None, words: str) -> None:
    assert amount(ratio) == words


def test_an_interval_is_told_as_the_amount_is() -> None:
    assert bounds((1.06, 2.5)) == f"+6.0 % to 2.5{TIMES}"
    assert bounds((0.182, 0.98)) == f"÷5.5 to {MINUS}2.0 %"
    assert bounds(None) == ""


@given(st.floats(1e-6, 1e6))
def test_an_amount_is_within_a_twentieth_of_the_ratio(ratio: float) -> None:
    words = amount(ratio).replace(MINUS, "-").replace(",", "")
    if words.startswith("÷"):
        back = 1 / float(words[1:])
    elif words.endswith(TIMES):
        back = float(words[:-1])
    else:
        back = 1 + float(words.removesuffix(" %")) / 100
    assert back == pytest.approx(ratio, rel=0.05)


@given(st.text(max_size=30))
def test_a_slug_is_harmless_in_an_address(title: str) -> None:
    assert set(slug(title)) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert slug(title) not in {"", ".", ".."}


def test_a_tomogram_of_unknown_origin_is_not_given_one() -> None:
    assert describe("phantom-tiny", {}) == "synthetic"
    assert describe("mine-01234567", {}) == "of unrecorded origin"
    file = FACTS | {"source": "file", "voxel_spacing": None}
    assert describe("mine", file) == f"from a file, 128 {TIMES} 128 {TIMES} 128 voxels, float32"


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (["avx", "avx2", "avx512f"], "AMD EPYC with AVX-512, 2 CPUs"),
        (["avx", "avx2"], "AMD EPYC with AVX2, 2 CPUs"),
        (["asimd"], "AMD EPYC with NEON, 2 CPUs"),
        ([], "AMD EPYC, 2 CPUs"),
    ],
)
def test_a_processor_is_told_with_its_vectors(features: list[str], words: str) -> None:
    assert hardware({"cpu": "AMD EPYC", "num_cpu": "2", "cpu_features": features}) == words
    assert hardware({}) == ""
