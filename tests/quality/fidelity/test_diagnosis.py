from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryoet_bench.quality.fidelity import compare
from cryoet_bench.tomogram import files
from cryoet_bench.tomogram.phantom import PHANTOMS, make
from evaluations.defects import OF_COPIES, Defect
from evaluations.plants import round_trip


@pytest.fixture(scope="module")
def phantom() -> np.ndarray:
    return make(PHANTOMS["phantom-tiny"]).data


def names(reference: np.ndarray, copy: np.ndarray) -> list[str]:
    return [defect.name for defect in compare(reference, copy).defects]


@pytest.mark.parametrize("defect", OF_COPIES, ids=lambda defect: defect.name)
def test_a_planted_defect_is_named(defect: Defect, phantom: np.ndarray) -> None:
    for label, plant in defect.strengths[:2]:
        found = names(phantom, plant(phantom, np.random.default_rng(0)))
        assert found[0] in defect.findings, label


@pytest.mark.parametrize(
    "defect", [defect for defect in OF_COPIES if not defect.needs], ids=lambda defect: defect.name
)
def test_a_defect_planted_in_a_real_tomogram_is_named(defect: Defect, microtubule: Path) -> None:
    volume = files.read(microtubule).data
    damaged = defect.strengths[0][1](volume, np.random.default_rng(0))
    assert names(volume, damaged)[0] in defect.findings


@pytest.mark.parametrize("seed", range(1, 6))
def test_perfect_copies_have_no_defect(seed: int) -> None:
    volume = make(PHANTOMS["phantom-tiny"], seed=seed).data
    assert names(volume, volume.copy()) == []


def test_a_lost_chunk_is_seen_behind_a_loss(phantom: np.ndarray) -> None:
    copy = round_trip(phantom, np.random.default_rng(0), bits=8)
    copy[16:32, 0:16, 32:48] = 0
    defect = compare(phantom, copy).defects[0]
    assert defect.name == "missing-block"
    assert "z 16:32, y 0:16, x 32:48" in defect.sentence


def test_exchanged_axes_are_told_from_mirrors(phantom: np.ndarray) -> None:
    def sentence(copy: np.ndarray) -> str:
        (defect,) = compare(phantom, np.ascontiguousarray(copy)).defects
        assert defect.name == "transposed"
        return defect.sentence

    assert "handedness is wrong" in sentence(phantom.transpose(0, 2, 1))
    assert "same handedness" in sentence(phantom.transpose(0, 2, 1)[::-1])


def test_a_shift_is_given_with_its_sign(phantom: np.ndarray) -> None:
    copy = np.roll(phantom, (0, -2, 1), (0, 1, 2))
    (defect,) = compare(phantom, copy).defects
    assert "(0, -2, 1)" in defect.sentence


def test_a_changed_voxel_that_is_no_flip_is_only_counted(phantom: np.ndarray) -> None:
    copy = phantom.copy()
    copy[1, 2, 3] = phantom.mean()
    (defect,) = compare(phantom, copy).defects
    assert defect.name == "changed-voxels"
    assert "(1, 2, 3)" in defect.sentence


def test_half_precision_that_was_scaled_is_no_trap(phantom: np.ndarray) -> None:
    scaled = (phantom / phantom.std()).astype("f4")
    assert names(scaled, scaled.astype("f2"))[:1] == ["half-precision"]


def test_a_constant_copy_has_no_precision(phantom: np.ndarray) -> None:
    assert not {"half-precision", "rounded-mantissa"} & {*names(phantom, np.ones_like(phantom))}
