from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from numcodecs import Blosc, Zstd

from cryoet_bench.tomogram import Tomogram
from cryoet_bench.tomogram.phantom import PHANTOMS, RADII, make, particles

FINE, COARSE, TINY = (PHANTOMS[name] for name in ("phantom-4.99A", "phantom-10A", "phantom-tiny"))

CODECS = {
    "zstd3": Blosc("zstd", 3, Blosc.SHUFFLE),
    "zstd5": Blosc("zstd", 5, Blosc.SHUFFLE),
    "lz4-3": Blosc("lz4", 3, Blosc.SHUFFLE),
    "lz4-5": Blosc("lz4", 5, Blosc.SHUFFLE),
    "plain": Zstd(5),
}
# TS_100_3 as published: 256-cube at 4.99 angstrom in chunks of 128.
PUBLISHED_CODECS = {
    "zstd3": 1.16905,
    "zstd5": 1.18546,
    "lz4-3": 1.09472,
    "lz4-5": 1.11827,
    "plain": 1.07704,
}
# 128-cube at 10.012 angstrom, blosc-zstd 5, by chunk edge.
PUBLISHED_CHUNKS = {16: 1.1434, 32: 1.1382, 64: 1.1679, 128: 1.1673}


@pytest.fixture(scope="module")
def fine() -> Tomogram:
    return make(FINE)


@pytest.fixture(scope="module")
def coarse() -> Tomogram:
    return make(COARSE)


def _ratio(volume: np.ndarray, codec: Blosc | Zstd, chunk: int) -> float:
    starts = range(0, volume.shape[0], chunk)
    stored = sum(
        len(codec.encode(np.ascontiguousarray(volume[z : z + chunk, y : y + chunk, x : x + chunk])))
        for z in starts
        for y in starts
        for x in starts
    )
    return volume.nbytes / stored


@pytest.mark.parametrize("codec", CODECS)
def test_fine_phantom_compresses_as_the_published_tomogram(fine: Tomogram, codec: str) -> None:
    assert _ratio(fine.data, CODECS[codec], 128) == pytest.approx(PUBLISHED_CODECS[codec], rel=0.02)


@pytest.mark.parametrize("chunk", PUBLISHED_CHUNKS)
def test_coarse_phantom_follows_the_published_chunk_ladder(coarse: Tomogram, chunk: int) -> None:
    ratio = _ratio(coarse.data, CODECS["zstd5"], chunk)
    assert ratio == pytest.approx(PUBLISHED_CHUNKS[chunk], rel=0.01)


def test_fine_phantom_has_the_published_statistics(fine: Tomogram) -> None:
    voxels = fine.data.astype(float).ravel()
    assert voxels.mean() == pytest.approx(-4.9e-7, rel=0.01)
    assert voxels.std() == pytest.approx(2.28e-6, rel=1e-6)
    assert scipy.stats.skew(voxels[::8]) == pytest.approx(-1.24, abs=0.25)
    assert scipy.stats.kurtosis(voxels[::8]) == pytest.approx(3.1, abs=1)
    assert voxels.min() == pytest.approx(-2.1e-5, rel=0.15)
    assert voxels.max() == pytest.approx(1.2e-5, rel=0.15)


def test_coarse_phantom_has_the_published_statistics(coarse: Tomogram) -> None:
    voxels = coarse.data.astype(float).ravel()
    assert 5e-6 <= voxels.std() <= 6e-6
    assert -2.3 <= scipy.stats.skew(voxels) <= -1.2


def test_missing_wedge_is_empty(coarse: Tomogram) -> None:
    power, kz, ky, kx = _power(coarse.data)
    in_band = np.sqrt(kx**2 + ky**2 + kz**2) < 0.4
    tilt = np.degrees(np.arctan2(np.abs(kz), np.abs(kx)))
    seen, lost = power[in_band & (tilt < 59)], power[in_band & (tilt > 61)]
    assert lost.mean() < 1e-3 * seen.mean()


def test_no_power_beyond_the_band_limit(coarse: Tomogram) -> None:
    power, kz, ky, kx = _power(coarse.data)
    beyond = np.sqrt(kx**2 + ky**2 + kz**2) > 0.42
    assert beyond.mean() > 0.6
    assert power[beyond].sum() < 0.005 * power.sum()


def _power(volume: np.ndarray) -> tuple[np.ndarray, ...]:
    power = np.abs(np.fft.fftn(volume.astype(float))) ** 2
    return power, *np.meshgrid(*[np.fft.fftfreq(volume.shape[0])] * 3, indexing="ij")


def test_texture_is_that_of_the_real_slices(coarse: Tomogram, portal_slices: Path) -> None:
    with np.load(portal_slices) as archive:
        real = {name[:2]: [] for name in archive}
        for name in archive:
            real[name[:2]].append(archive[name].astype(float))
    # The real slices were recovered at 8 bit, which adds a floor to their spectra: so here too.
    volume = np.rint((coarse.data.astype(float) + 6.93e-5) / 9.71e-5 * 255)
    made = {
        "xy": list(volume[::16]),
        "xz": list(volume.transpose(1, 0, 2)[::16]),
        "yz": list(volume.transpose(2, 0, 1)[::16]),
    }
    assert sorted(real) == sorted(made)
    for plane, images in made.items():
        for axis in (0, 1):
            found, wanted = (
                [np.mean([_correlation(image, axis, lag) for image in some]) for lag in (1, 2, 3)]
                for some in (images, real[plane])
            )
            np.testing.assert_allclose(found, wanted, atol=0.2, err_msg=f"{plane} axis {axis}")
        found, wanted = (
            np.mean([_slope(image) for image in some]) for some in (images, real[plane])
        )
        assert found == pytest.approx(wanted, rel=SLOPE_TOLERANCE[plane]), plane


# The model is known to fall too fast across the tilt axis, in yz: -0.89 against -0.61.
SLOPE_TOLERANCE = {"xy": 0.25, "xz": 0.25, "yz": 0.5}


def _correlation(image: np.ndarray, axis: int, lag: int) -> float:
    """Autocorrelation along one axis."""
    image = np.moveaxis(image - image.mean(), axis, 0)
    return float((image[lag:] * image[:-lag]).mean() / (image * image).mean())


def _slope(image: np.ndarray) -> float:
    """Decades of power lost for each 0.1 cycles/voxel, from 0.1 to 0.35."""
    window = np.hanning(image.shape[0])
    spectrum = np.abs(np.fft.fft2((image - image.mean()) * window[:, None] * window)) ** 2
    k = np.fft.fftfreq(image.shape[0])
    radius = np.hypot(k[:, None], k)
    edges = np.arange(0.1, 0.351, 0.05)
    shells = np.digitize(radius, edges)
    power = [spectrum[shells == shell].mean() for shell in range(1, len(edges))]
    return float(np.polyfit((edges[:-1] + 0.025) * 10, np.log10(power), 1)[0])


@pytest.mark.parametrize("name", ["phantom-tiny", "phantom-10A", "phantom-4.99A"])
def test_bytes_are_those_of_record(name: str, request: pytest.FixtureRequest) -> None:
    ready = {"phantom-10A": "coarse", "phantom-4.99A": "fine"}
    tomogram = request.getfixturevalue(ready[name]) if name in ready else make(TINY)
    assert tomogram.name == name
    assert tomogram.sha256 == PHANTOMS[name].sha256
    assert tomogram.data.dtype == np.float32
    assert tomogram.source == "synthetic"


def test_bytes_do_not_depend_on_the_processor() -> None:
    from numpy._core import _multiarray_umath as built

    optional = [it for it in built.__cpu_dispatch__ if built.__cpu_features__[it]]
    if not optional:
        pytest.skip("this processor has nothing beyond what numpy requires")
    program = (
        "from cryoet_bench.tomogram.phantom import PHANTOMS, make;"
        "print(make(PHANTOMS['phantom-tiny']).sha256)"
    )
    plain = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(optional)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert plain.stdout.strip() == TINY.sha256


def test_other_bytes_get_another_name() -> None:
    expected = dataclasses.replace(TINY, sha256="0" * 64)
    tomogram = make(expected)
    assert tomogram.name == f"phantom-tiny-{tomogram.sha256[:8]}"
    assert tomogram.provenance["expected_sha256"] == "0" * 64


def test_seeds_give_different_phantoms_of_the_same_kind() -> None:
    one, other = make(TINY, seed=1), make(TINY, seed=2)
    assert (one.name, other.name) == ("phantom-tiny-seed1", "phantom-tiny-seed2")
    assert abs(np.corrcoef(one.data.ravel(), other.data.ravel())[0, 1]) < 0.1
    for tomogram in (one, other):
        assert tomogram.data.std(dtype=float) == pytest.approx(TINY.sd, rel=1e-6)
        assert _ratio(tomogram.data, CODECS["zstd5"], 64) == pytest.approx(1.1679, rel=0.01)


@pytest.mark.parametrize("name", PHANTOMS)
@pytest.mark.parametrize("seed", [0, 7])
def test_particles_are_apart_and_inside(name: str, seed: int) -> None:
    phantom = PHANTOMS[name]
    found = particles(phantom, seed=seed)
    assert len(found) == phantom.particles
    assert {round(it.radius * phantom.voxel_spacing, 6) for it in found} <= set(RADII)
    centers = np.array([it.center for it in found])
    assert centers.min() >= 0
    assert centers.max() < phantom.size
    for i, one in enumerate(found):
        for other in found[:i]:
            assert np.linalg.norm(np.subtract(one.center, other.center)) >= (
                one.radius + other.radius
            )


def test_particles_are_where_they_are_said_to_be(coarse: Tomogram) -> None:
    grid = np.indices(coarse.data.shape)
    # The contrast of particles of a few voxels is lost in the band limit.
    large = [it for it in particles(COARSE) if it.radius > 5]
    inside = [
        coarse.data[((grid - np.reshape(it.center, (3, 1, 1, 1))) ** 2).sum(0) <= it.radius**2]
        for it in large
    ]
    darker = [voxels.mean(dtype=float) < -COARSE.sd for voxels in inside]
    assert np.mean(darker) >= 0.9
