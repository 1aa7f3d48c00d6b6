"""Fourier filters whose result is the same to the last bit on every machine.

Hand-written, because no FFT library promises that: results differ in the last bits between
numpy releases and processors, and a float32 volume of 16 million voxels rounds some of them
differently. Additions and multiplications of float64 arrays are exact by IEEE 754, everywhere.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]


def filter_pair(
    first: Real,
    second: Real,
    first_response: npt.NDArray[np.float32],
    second_response: npt.NDArray[np.float32],
) -> None:
    """Filter two real volumes in place, for the price of one complex transform each way.

    With F the transform of ``first + i second`` and F' its conjugate at the opposite frequency,
    that of ``a * first + i b * second`` is ``(a + b) / 2 F + (a - b) / 2 F'`` for real even
    responses a and b.

    Parameters
    ----------
    first, second : numpy.ndarray of float64, shape (n, n, n)
        Volumes, n a power of two; overwritten.
    first_response, second_response : numpy.ndarray of float32, shape (n, n, n)
        Even real responses in the order of ``numpy.fft.fftfreq``.
    """
    transform(first, second)
    mean = (first_response + second_response) / 2
    difference = (first_response - second_response) / 2
    opposite = np.ix_(*(-np.arange(size) % size for size in first.shape))
    reflected = first[opposite] * difference
    first *= mean
    first += reflected
    reflected = second[opposite] * difference
    second *= mean
    second -= reflected
    transform(second, first)  # real and imaginary parts exchanged: the inverse, unscaled
    first /= first.size
    second /= second.size


def transform(real: Real, imaginary: Real) -> None:
    """Fourier transform ``real + i imaginary`` in place, as ``numpy.fft.fftn`` does.

    Parameters
    ----------
    real, imaginary : numpy.ndarray of float64, shape (n, n, n)
        Parts of the volume, n a power of two.
    """
    size = real.shape[0]
    # Rounded, so that no difference of the platforms' cosines is left.
    turns = [2 * math.pi * step / size for step in range(size // 2)]
    cosines = np.array([round(math.cos(turn), 15) for turn in turns])
    sines = np.array([round(-math.sin(turn), 15) for turn in turns])
    for axis in range(3):
        a, b = np.moveaxis(real, axis, 0), np.moveaxis(imaginary, axis, 0)
        for section in range(size):
            a[:, section], b[:, section] = _columns(a[:, section], b[:, section], cosines, sines)


def _columns(real: Real, imaginary: Real, cosines: Real, sines: Real) -> tuple[Real, Real]:
    """Return the transforms along the first axis (Stockham's radix-2 algorithm)."""
    size, columns = real.shape
    re, im = np.ascontiguousarray(real), np.ascontiguousarray(imaginary)
    next_re, next_im = np.empty_like(re), np.empty_like(im)
    length, done = size, 1
    while length > 1:
        half = length // 2
        cos, sin = cosines[::done, None, None], sines[::done, None, None]
        re, im = (part.reshape(2, half, done, columns) for part in (re, im))
        next_re, next_im = (part.reshape(half, 2, done, columns) for part in (next_re, next_im))
        np.add(re[0], re[1], out=next_re[:, 0])
        np.add(im[0], im[1], out=next_im[:, 0])
        delta_re, delta_im = re[0] - re[1], im[0] - im[1]
        np.subtract(delta_re * cos, delta_im * sin, out=next_re[:, 1])
        np.add(delta_im * cos, delta_re * sin, out=next_im[:, 1])
        re, im, next_re, next_im = next_re, next_im, re, im
        length, done = half, 2 * done
    return re.reshape(size, columns), im.reshape(size, columns)
