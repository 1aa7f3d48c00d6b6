"""The verdicts of the matrix that a small volume shows quickly; the evaluation runs them all."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cryoet_bench.tomogram.phantom import PHANTOMS, make
from evaluations.verify_matrix import CASES, Case, said

QUICK = (
    "nothing|constant|uint64|only one|contradicting|float64|-0|another NaN|gain|offset of 0|"
    "int16 on|last bit|highest|sign of|block|foreign slice|half a voxel in|short|padded|level 1"
)


@pytest.fixture(scope="module")
def phantom() -> np.ndarray:
    return make(PHANTOMS["phantom-tiny"]).data


@pytest.mark.parametrize(
    "case", [case for case in CASES if re.search(QUICK, case.name)], ids=lambda case: case.name
)
def test_the_verdict_is_the_wanted_one(case: Case, phantom: np.ndarray) -> None:
    assert said(case, phantom)[0] == case.wanted, case.reason


def test_every_case_has_three_verdicts_and_a_reason() -> None:
    assert len(CASES) >= 40
    for case in CASES:
        assert re.fullmatch("[FU]{3}", case.wanted)
        assert case.reason
