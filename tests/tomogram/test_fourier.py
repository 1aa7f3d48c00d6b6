from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.tomogram.fourier import filter_pair, transform

sizes = st.sampled_from([1, 2, 4, 8, 16])


def _volumes(size: int, seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, size, size, size))


@settings(deadline=None)
@given(sizes, st.integers(0, 2**32))
def test_transform_is_the_fourier_transform(size: int, seed: int) -> None:
    real, imaginary = _volumes(size, seed, 2)
    expected = np.fft.fftn(real + 1j * imaginary)
    transform(real, imaginary)
    np.testing.assert_allclose(real + 1j * imaginary, expected, rtol=0, atol=1e-12 * size**1.5)


@settings(deadline=None)
@given(sizes, st.integers(0, 2**32))
def test_filter_pair_filters_each_volume_by_its_own_response(size: int, seed: int) -> None:
    first, second = _volumes(size, seed, 2)
    # Any even response: the sum of a volume and its mirror image through the origin.
    # Of few binary digits, so that half sums are exact in float32.
    mirror = np.ix_(*[-np.arange(size) % size] * 3)
    coarse = (np.rint(_volumes(size, seed + 1, 2) * 1024) / 1024).astype(np.float32)
    one, other = (it + it[mirror] for it in coarse)
    expected = [
        np.fft.ifftn(np.fft.fftn(volume) * response).real
        for volume, response in ((first, one), (second, other))
    ]
    filter_pair(first, second, one, other)
    np.testing.assert_allclose(first, expected[0], rtol=0, atol=1e-12 * size)
    np.testing.assert_allclose(second, expected[1], rtol=0, atol=1e-12 * size)
