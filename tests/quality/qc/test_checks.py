from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from cryoet_bench.quality.qc import examine, inspect
from cryoet_bench.quality.qc.checks import half_set_ratio
from cryoet_bench.quality.thresholds import LIMITS
from cryoet_bench.tomogram.phantom import PHANTOMS, make
from cryoet_bench.tomogram.sources import open_volume
from evaluations.defects import OF_VOLUMES, Defect

Array = npt.NDArray[Any]
PLANTED = [
    pytest.param(defect, grade, id=f"{defect.name}: {defect.strengths[grade][0]}")
    for defect in OF_VOLUMES
    for grade in (0,)
]


@pytest.mark.parametrize(("defect", "grade"), PLANTED)
def test_planted_defects_are_found_and_named(clean: Array, defect: Defect, grade: int) -> None:
    damaged = defect.strengths[grade][1](clean, np.random.default_rng(grade))
    inspection = examine(damaged, voxel_spacing=10.012)
    assert inspection.verdict != "pass"
    assert set(inspection.findings) & set(defect.findings)


def test_a_clean_phantom_passes_everything(clean: Array) -> None:
    inspection = examine(clean, voxel_spacing=10.012)
    assert inspection.findings == []
    assert inspection.verdict == "pass"
    for check in inspection.checks:
        assert check.sentence.endswith(".")
        assert check.threshold


def test_the_smallest_phantom_is_sound(cache: Path) -> None:
    assert inspect("phantom-tiny").findings == []


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e6, 1e25])
def test_verdicts_do_not_depend_on_the_scale(clean: Array, scale: float) -> None:
    assert examine(clean / clean.std() * np.float32(scale), voxel_spacing=10).findings == []


@pytest.mark.parametrize("dtype", ["i2", "u2", "f8", ">f4"])
def test_verdicts_do_not_depend_on_the_type(clean: Array, dtype: str) -> None:
    volume = clean / clean.std()
    if np.dtype(dtype).kind in "iu":
        volume = np.round(volume * 1000) + (30000 if dtype == "u2" else 0)
    assert examine(volume.astype(dtype), voxel_spacing=10).findings == []


def test_the_real_tomogram_does_not_fail(microtubule: Path) -> None:
    inspection = inspect(str(microtubule))
    # Its provenance says "inv": protein is bright, which is worth a warning and no failure.
    assert inspection.findings == ["inverted-contrast"]
    assert inspection.verdict == "warn"
    assert inspection["voxel-spacing"].value == pytest.approx(10.52)


@pytest.mark.parametrize(
    "name",
    [
        "swapped slices along y",
        "swapped slices along x",
        "foreign slices along y",
        "hot line along z",
        "constant slab",
    ],
)
def test_defects_are_named_in_the_real_tomogram_too(microtubule: Path, name: str) -> None:
    # Its slices along y share a sixth of their variance, and it holds 8 bits.
    volume = np.asarray(open_volume(str(microtubule)).array)
    defect = next(defect for defect in OF_VOLUMES if defect.name == name)
    damaged = defect.strengths[0][1](volume, np.random.default_rng(3))
    assert set(examine(damaged).findings) & set(defect.findings)


def test_half_sets_follow_frank_and_al_ali() -> None:
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((64, 64, 64))
    noise = rng.standard_normal((2, 64, 64, 64)) / np.sqrt(0.4)
    assert half_set_ratio(signal + noise[0], signal + noise[1]) == pytest.approx(0.4, rel=0.02)


def test_swapped_slices_are_named_by_index(clean: Array) -> None:
    damaged = clean.copy()
    damaged[[40, 60]] = clean[[60, 40]]
    assert "Slices 40 and 60 along z" in examine(damaged)["slice-order"].sentence


def test_slices_of_noise_are_in_no_order() -> None:
    noise = np.random.default_rng(5).standard_normal((48, 48, 48)).astype(np.float32)
    assert examine(noise)["slice-order"].finding == ""


def test_lost_and_reversed_slices_are_breaks_and_no_exchange(clean: Array) -> None:
    lost = examine(np.delete(clean, np.s_[50:60], axis=0))["slice-order"]
    assert lost.finding == "lost-slices"
    assert lost.details["discontinuities"][0]["slices"] == (49, 50)
    turned = clean.copy()
    turned[30:40] = clean[30:40][::-1]
    assert examine(turned)["slice-order"].finding == "foreign-slab"


def test_duplicated_slices_are_named_by_axis_and_index(clean: Array) -> None:
    damaged = clean.copy()
    damaged[:, 31] = damaged[:, 90]
    assert examine(damaged)["slice-order"].details["duplicates"] == [("y", 31, 90)]


def test_an_empty_block_is_named_by_its_place(clean: Array) -> None:
    damaged = clean.copy()
    damaged[32:64, 64:96, 0:32] = 0
    check = examine(damaged)["empty-parts"]
    assert "32:64, 64:96, 0:32" in check.sentence
    assert check.value == 8


@pytest.mark.parametrize(
    "volume",
    [
        np.full((20, 20, 20), 3.0, np.float32),
        np.full((20, 20, 20), np.nan, np.float32),
        np.zeros((1, 1, 1), np.uint8),
        np.random.default_rng(0).standard_normal((1, 40, 40)).astype(np.float32),
        np.random.default_rng(0).standard_normal((40, 1, 3)),
        np.full((9, 9, 9), np.inf),
    ],
    ids=["constant", "all NaN", "one voxel", "one slice", "thin", "all infinite"],
)
def test_degenerate_volumes_get_verdicts_and_no_traceback(volume: Array) -> None:
    inspection = examine(volume)
    assert len(inspection.checks) >= 14
    assert inspection["statistics"].verdict == (
        "pass" if np.isfinite(volume).all() and volume.std() else "fail"
    )


def test_rows_that_are_rough_in_one_place_are_not_damaged(clean: Array) -> None:
    noise = 5 * clean.std() * np.random.default_rng(0).standard_normal((3, clean.shape[2]))
    whole, part = clean.copy(), clean.copy()
    whole[40, 50:53] += noise
    part[40, 50:53, 20:50] += noise[:, :30]
    assert examine(whole)["lines"].finding == "damaged-rows"
    assert examine(part)["lines"].finding == ""


def test_a_thin_or_an_enlarged_volume_has_no_slice_or_row_from_elsewhere() -> None:
    # Of all that were tried, the phantom in which a particle and the grid of an enlargement
    # look most like damage.
    volume = make(PHANTOMS["phantom-10A"], seed=931).data
    assert examine(volume[:44], voxel_spacing=10.0).findings == []
    enlarged = ndimage.zoom(volume[:48, :64, :64], 2, order=1)
    assert "damaged-rows" not in examine(enlarged, voxel_spacing=5.0).findings


@pytest.mark.parametrize("shape", [(40, 1, 1), (1, 40, 1), (1, 1, 40)])
def test_slices_of_one_voxel_have_no_correlation(shape: tuple[int, ...]) -> None:
    volume = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    assert examine(volume)["signal-to-noise"].verdict == "n/a"


def test_half_a_mask_makes_several_modes(clean: Array) -> None:
    damaged = clean.copy()
    damaged[:64] += 40 * clean.std()
    assert "several-modes" in examine(damaged).findings


def test_every_limit_has_a_reason() -> None:
    for name, limit in LIMITS.items():
        assert len(limit.reason) > 30, name
        assert limit.falling == (limit.fail < limit.warn), name
