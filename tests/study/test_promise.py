"""The promise: what is allowed, and what breaks it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryoet_bench.study.configuration import Configuration, Voxel
from cryoet_bench.study.promise import Promise
from cryoet_bench.study.trial import Stored

VALUES = np.array([0.0, 1.0, -2.0, 4.0], "f4")


def test_a_changed_bit_is_a_changed_voxel() -> None:
    copy = VALUES.copy()
    copy[0] = -0.0
    assert Promise().broken_by(VALUES, copy).startswith("1 voxel changed")
    assert Promise().broken_by(VALUES, VALUES.copy()) == ""
    nan = np.array([np.nan, 1], "f4")
    assert Promise().broken_by(nan, nan.copy()) == ""


def test_shape_and_type_are_always_promised() -> None:
    anything = Promise(bounded=False)
    assert "float64" in anything.broken_by(VALUES, VALUES.astype("f8"))
    assert "shape" in anything.broken_by(VALUES, VALUES[:3])
    assert anything.broken_by(VALUES, VALUES * 3) == ""


def test_nan_does_not_come_or_go() -> None:
    copy = VALUES.copy()
    copy[1] = np.nan
    assert "NaN" in Promise(absolute=1e9).broken_by(VALUES, copy)


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20),
    st.floats(1e-6, 1e3),
    st.floats(0, 0.1),
    st.floats(-3, 3),
)
def test_the_bound_is_where_it_is_said(
    values: list[float], absolute: float, relative: float, factor: float
) -> None:
    original = np.array(values, "f8")
    copy = original + factor * (absolute + relative * np.abs(original))
    broken = Promise(absolute=absolute, relative=relative).broken_by(original, copy)
    if abs(factor) < 0.999:
        assert not broken
    if abs(factor) > 1.001:
        assert f"{len(values)} voxel" in broken


@pytest.mark.parametrize("voxel", ["int8", "int16", "uint16"])
def test_half_precision_is_scaled_within_the_bound(voxel: Voxel) -> None:
    volume = np.random.default_rng(1).normal(3, 2, (8, 8, 8)).astype("f2")
    stored = Stored.of(volume, Configuration(codec="none", chunks=(8, 8, 8), voxel=voxel), None)
    copy = stored.decoded(stored.encoded())
    assert stored.promise.broken_by(volume, copy) == ""


def test_losses_add_up() -> None:
    both = Promise(relative=0.5) & Promise(absolute=1.0)
    assert (both.absolute, both.relative) == (1.0, 0.5)
    assert not (both & Promise(bounded=False)).bounded
    assert Promise().lossless
