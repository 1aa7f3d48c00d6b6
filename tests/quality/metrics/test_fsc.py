"""One value of the Fourier shell correlation, wherever it is computed."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.quality import fidelity
from cryoet_bench.quality.fidelity.spectrum import cross_spectrum as streamed
from cryoet_bench.quality.metrics.fsc import correlation
from cryoet_bench.quality.metrics.loss import measure_loss
from cryoet_bench.quality.metrics.shells import cross_spectrum

SHAPES = st.tuples(*[st.integers(1, 14)] * 3).filter(lambda shape: sum(n > 2 for n in shape) >= 2)


def tilted(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Band-limited noise without the tilts beyond 60 degrees about y, at the portal's scale."""
    k = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    radius = np.sqrt(sum(np.square(axis) for axis in k))
    missing = np.degrees(np.arctan2(np.abs(k[0]), np.abs(k[2]))) > 60
    white = np.fft.fftn(np.random.default_rng(seed).standard_normal(shape))
    volume = np.fft.ifftn(white * np.exp(-((radius / 0.25) ** 2)) * ~missing).real
    return (volume / volume.std() * 5e-6).astype(np.float32)


def plain_minimum(a: np.ndarray, b: np.ndarray, edge: int, largest_tilt: float) -> float:
    """Sum shell by shell over the full transforms, one coefficient after another."""
    first, second = np.fft.fftn(a.astype(float)), np.fft.fftn(b.astype(float))
    shortest = min(a.shape)
    sums = np.zeros((shortest // 2 + 2, 3))
    for index in np.ndindex(a.shape):
        z, y, x = (min(i, n - i) / n for i, n in zip(index, a.shape, strict=True))
        if math.degrees(math.atan2(z, x)) >= largest_tilt:
            continue
        radius = math.hypot(z, y, x) * shortest
        for shell in (math.floor(radius), math.floor(radius) + 1):
            if shell <= shortest // 2:
                p, q = first[index], second[index]
                share = 1 - abs(radius - shell)
                sums[shell] += share * np.array(
                    [(p * q.conjugate()).real, abs(p) ** 2, abs(q) ** 2]
                )
    cross, one, other = sums[1 : edge + 1].T
    return float((cross / np.sqrt(one * other)).min())


@pytest.mark.parametrize("shape", [(24, 24, 24), (12, 30, 20), (20, 15, 32)])
def test_benchmark_and_verify_show_the_plain_sum(shape: tuple[int, int, int]) -> None:
    a = tilted(shape)
    noise = np.random.default_rng(1).standard_normal(shape)
    b = (a + 0.5 * a.std() * noise).astype(np.float32)
    curve = fidelity.fsc(a, b)
    assert 0.1 < curve.minimum < 0.95
    assert (curve.band.tilt_axis, curve.band.tilt_limit) == ("y", 60)
    expected = plain_minimum(a, b, curve.band.edge, 60)
    assert curve.minimum == pytest.approx(expected, abs=1e-5)
    assert 1 - measure_loss(a, b).fsc_loss == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 1000), broken=st.booleans())
def test_the_compiled_sums_are_those_of_the_definition(
    shape: tuple[int, int, int], seed: int, broken: bool
) -> None:
    random = np.random.default_rng(seed)
    a = random.standard_normal(shape)
    b = a + random.standard_normal(shape)
    if broken:
        a.flat[0] = np.nan
    defined, found = cross_spectrum(a, b), streamed(a, b)
    for name in ("reference", "copy", "cross", "weight"):
        one, other = getattr(defined, name), getattr(found, name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * np.abs(one).max())
    assert (defined.edge, defined.tiles) == (found.edge, found.tiles)
    least = correlation(defined).minimum
    assert correlation(found).minimum == pytest.approx(least, abs=1e-9, nan_ok=True)


def test_the_definition_needs_numpy_alone() -> None:
    heavy = "scipy", "numba", "pandas", "zarr", "skimage", "matplotlib"
    code = f"""
import sys
for name in {heavy}: sys.modules[name] = None
from cryoet_bench.quality.metrics.loss import measure_loss
import numpy
print(measure_loss(numpy.eye(9).reshape(1, 9, 9), numpy.ones((1, 9, 9))).max_error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1.0\n"
