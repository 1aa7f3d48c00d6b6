"""The power spectrum of a tomogram: how far it reaches, and the wedge that was not tilted over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

EDGE = 128
ANGLE_STEP = 2.0
AXIS_STEP = 15.0
BAND_SHARE = 0.999
# Below this much less power inside than outside, an empty wedge looks like a faint one.
WEDGE_CONTRAST = 10.0
_BAND = (0.12, 0.35)
_POINTS = 100_000
# Degrees over which a Hann window smears an edge, beyond which angles mean nothing.
_COARSEST_ANGLE = 15.0


@dataclass(frozen=True)
class Wedge:
    """The missing wedge.

    Parameters
    ----------
    tilt_axis : float
        Direction of the tilt axis in the xy plane, in degrees from y towards x.
    tilt_range : float
        Half of the range that was tilted over, in degrees: 60 for -60 to 60.
    contrast : float
        Power outside over power inside.
    """

    tilt_axis: float
    tilt_range: float
    contrast: float


@dataclass(frozen=True)
class Spectrum:
    """Power of a volume's central box under a Hann window.

    Parameters
    ----------
    frequency : float64, shape (n,)
        Centres of the shells, in cycles per voxel.
    power : float64, shape (n,)
        Mean power in each shell, relative to the largest; NaN where a shell has no samples.
    band_limit : float
        Frequency below which 99.9 % of the variance lies, in cycles per voxel.
    wedge : Wedge or None
        None where none is seen.
    unseen : {"", "thin", "filtered"}
        Why angles cannot be told apart: too few slices, or too little is left of the band.
    angle : float64, shape (m,)
        Centres of the tilt angles, in degrees.
    angular_power : float64, shape (m,)
        Mean power at each tilt angle around the found tilt axis (around y where none is).
    plane : float64, shape (kz, kx)
        Log10 of the power averaged over the frequency along the tilt axis nearest to y or x.
    """

    frequency: npt.NDArray[np.float64]
    power: npt.NDArray[np.float64]
    band_limit: float
    wedge: Wedge | None
    unseen: str
    angle: npt.NDArray[np.float64]
    angular_power: npt.NDArray[np.float64]
    plane: npt.NDArray[np.float64]


def spectrum(box: Array) -> Spectrum | None:
    """Return the power spectrum of a box of a volume, None where it is too small or constant.

    Parameters
    ----------
    box : array, shape (z, y, x)
        Voxels; those that are not finite count as the mean.
    """
    if min(box.shape) < 8:
        return None
    with np.errstate(invalid="ignore"):
        density = box.astype(np.float64)
    finite = np.isfinite(density)
    if not finite.any():
        return None
    density -= density[finite].mean()
    density[~finite] = 0.0
    largest = np.abs(density).max()
    if largest == 0:
        return None
    power = _power((density / largest).astype(np.float32))
    kz, ky, kx = (np.fft.fftfreq(n) for n in box.shape)
    kx = np.fft.rfftfreq(box.shape[2])
    radius = np.sqrt(kz[:, None, None] ** 2 + ky[:, None] ** 2 + kx**2)
    frequency, radial = _radial(power, radius, min(box.shape))
    limit = _band_limit(frequency, radial)
    low, high = _band(min(box.shape), limit)
    unseen = ""
    if 1.15 * low > high:
        unseen = "filtered" if limit < _BAND[1] else "thin"
        low, high = _BAND
    wedge, profile = _wedge(power, radius, (kz, ky, kx), (low, high))
    along_x = wedge is not None and 45 < wedge.tilt_axis < 135
    return Spectrum(
        frequency,
        radial,
        limit,
        None if unseen else wedge,
        unseen,
        np.arange(ANGLE_STEP / 2, 90, ANGLE_STEP),
        profile,
        _plane(power, along_x=along_x),
    )


def _power(density: Array) -> Array:
    for axis, size in enumerate(density.shape):
        # A periodic Hann window.
        window = (np.hanning(size + 1)[:-1] if size > 1 else np.ones(1)).astype(np.float32)
        density *= window.reshape([-1 if axis == other else 1 for other in range(3)])
    # scipy's takes a quarter of the time, but to import it takes more than the whole spectrum.
    transform = np.fft.rfftn(density)
    power = np.square(transform.real) + np.square(transform.imag)
    return np.asarray(power)


def _radial(power: Array, radius: Array, size: int) -> tuple[Array, Array]:
    shells = size // 2
    index = np.minimum((radius * 2 * shells).astype(np.intp), shells).ravel()
    count = np.bincount(index, minlength=shells + 1)[:shells]
    total = np.bincount(index, power.ravel(), shells + 1)[:shells]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
    # The lowest shell is what the window leaves of the mean.
    mean[0] = np.nan
    return (np.arange(shells) + 0.5) / (2 * shells), mean / np.nanmax(mean)


def _band_limit(frequency: Array, power: Array) -> float:
    variance = np.cumsum(np.nan_to_num(power) * frequency**2)
    index = int(np.searchsorted(variance, BAND_SHARE * variance[-1]))
    return float(frequency[index] + frequency[0])


def _band(size: int, limit: float) -> tuple[float, float]:
    """Return the frequencies in which a wedge is looked for.

    They lie below the band limit, and where a Hann window over so few slices, which smears over two
    samples, still tells angles apart.
    """
    high = min(_BAND[1], 0.95 * limit)
    least = 2 / size / math.tan(math.radians(_COARSEST_ANGLE))
    return max(least, min(_BAND[0], 0.35 * high)), high


def _wedge(
    power: Array,
    radius: Array,
    frequencies: tuple[Array, Array, Array],
    band: tuple[float, float],
) -> tuple[Wedge | None, Array]:
    """Find the tilt axis around which a wedge of angles is emptiest, and where it begins."""
    kz, ky, kx = frequencies
    low, high = band
    chosen = np.flatnonzero((radius > low) & (radius < high))
    chosen = chosen[:: max(1, len(chosen) // _POINTS)]
    z, y, x = np.unravel_index(chosen, power.shape)
    # Whitened by shell, or the few strong low frequencies would decide alone.
    shell = (radius.ravel()[chosen] * max(64, min(power.shape[:2]))).astype(np.intp)
    sampled = power.ravel()[chosen].astype(np.float64)
    level = np.bincount(shell, sampled) / np.maximum(np.bincount(shell), 1)
    sampled /= np.maximum(level[shell], np.finfo(np.float64).tiny)
    profiles = {}
    for axis in np.arange(0.0, 180.0, AXIS_STEP):
        turn = math.radians(axis)
        across = np.abs(kx[x] * math.cos(turn) - ky[y] * math.sin(turn))
        angle = np.degrees(np.arctan2(np.abs(kz[z]), across))
        bins = np.minimum((angle / ANGLE_STEP).astype(np.intp), int(90 / ANGLE_STEP) - 1)
        count = np.bincount(bins, minlength=int(90 / ANGLE_STEP))
        total = np.bincount(bins, sampled, int(90 / ANGLE_STEP))
        profiles[axis] = total / np.maximum(count, 1)
    steep = int(70 / ANGLE_STEP)
    axis = min(profiles, key=lambda a: profiles[a][steep:].sum() / profiles[a].sum())
    profile = profiles[axis]
    found = _edge(profile)
    if found is None:
        return None, profile
    edge, contrast = found
    return Wedge(float(axis), edge, contrast), profile


def _edge(profile: Array) -> tuple[float, float] | None:
    """Return the angle at which power breaks off for good, and by what factor."""
    floor = float(np.median(profile[-int(14 / ANGLE_STEP) : -1]))
    bulk = float(np.median(profile[: int(20 / ANGLE_STEP)]))
    contrast = bulk / max(floor, np.finfo(np.float64).tiny)
    if contrast < WEDGE_CONTRAST:
        return None
    # Half the power inside, three bins back, is what a window leaves at a sharp edge.
    for index in range(3, len(profile) - 1):
        if (profile[index:-1] < 0.25 * profile[index - 3]).all():
            return (index - 0.5) * ANGLE_STEP, contrast
    return None


def _plane(power: Array, *, along_x: bool) -> Array:
    flat = power.mean(axis=2) if along_x else power.mean(axis=1)
    full = flat if along_x else np.concatenate([flat[::-1, :0:-1], flat], axis=1)
    shifted = np.fft.fftshift(full, axes=(0, 1) if along_x else 0)
    return np.asarray(np.log10(np.maximum(shifted, shifted.max() * 1e-12)))
