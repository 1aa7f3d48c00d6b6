from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cryoet_bench.tomogram.phantom import PHANTOMS, make


@pytest.fixture(scope="session")
def clean() -> npt.NDArray[Any]:
    """A clean phantom that no threshold was chosen on."""
    return make(PHANTOMS["phantom-10A"], seed=100).data


@pytest.fixture
def noise() -> npt.NDArray[np.float32]:
    """A small volume of smooth noise, where single defects are easy to place."""
    volume = np.random.default_rng(1).standard_normal((48, 40, 56)).astype(np.float32)
    for axis in range(3):
        volume = volume + np.roll(volume, 1, axis)
    return volume
