"""Fourier shell correlation of a stored copy with its original.

FSC(s) = sum Re(A conj B) / sqrt(sum |A|^2 sum |B|^2) over shell s (Harauz and van Heel 1986,
Optik 73, 146-156). The customary 0.143 belongs to half-maps that are averaged afterwards; a copy
has to keep the noise as well as the signal, so it is held against values near one, and only where
the reference has any power: in empty shells and in the missing wedge every copy scores badly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.metrics.shells import SECTORS, CrossSpectrum, Floats

LEVELS = (0.999, 0.99, 0.5, 0.143)
"""At which the first crossing is reported."""

# Contributing less than 1 % of the strongest shell's variance, a shell counts as empty: on the
# portal's tomograms that puts the edge at 0.42 cycles per voxel, where their power ends. Shells 1
# and 2 hold gradients over the whole volume and do not set the measure.
_SHARE_OF_STRONGEST = 0.01
_FIRST_MEASURE = 3
_SHARE_OF_SECTOR = 0.01


@dataclass(frozen=True, eq=False)
class Band:
    """Where a reference carries power.

    Parameters
    ----------
    edge : int
        Last shell of the band; 0 where the volume is constant.
    frequency : float
        Of that shell, in cycles per voxel.
    tilt_axis : {"y", "x", None}
        Along which the volume was tilted, None where no wedge is missing.
    tilt_limit : float
        Up to which angle the sectors are filled, in degrees, in steps of five.
    sectors : numpy.ndarray of bool, shape (2, sectors)
        The filled ones; only the chosen axis leaves any out.
    """

    edge: int
    frequency: float
    tilt_axis: Literal["y", "x"] | None
    tilt_limit: float
    sectors: npt.NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Correlation:
    """Fourier shell correlation, and what the error looks like in Fourier space.

    Parameters
    ----------
    frequency : numpy.ndarray, shape (shells,)
        In cycles per voxel, from 0 to Nyquist along the shortest axis.
    whole, measured : numpy.ndarray, shape (shells,)
        FSC over all of each shell, and over the sectors that the reference fills. Shell 0 is the
        mean, and 1 by convention; a shell without power in either volume is NaN.
    band : Band
        Of the reference.
    minimum, minimum_at : float
        The least measured FSC in the band, and its frequency.
    crossings : mapping of float to float or None
        First frequency at which the measured FSC is below each of `LEVELS`; None: nowhere.
    error_power, reference_power : numpy.ndarray, shape (shells,)
        Mean power of a coefficient of the error, and of the reference.
    flatness : float
        Geometric over arithmetic mean of the error's power, over all coefficients from shell 1
        to Nyquist: 1 for white noise. NaN without an error.
    tiles : int
        As in `CrossSpectrum`.
    """

    frequency: Floats = field(repr=False)
    whole: Floats = field(repr=False)
    measured: Floats = field(repr=False)
    band: Band
    minimum: float
    minimum_at: float
    crossings: dict[float, float | None]
    error_power: Floats = field(repr=False)
    reference_power: Floats = field(repr=False)
    flatness: float
    tiles: int


def correlation(spectrum: CrossSpectrum) -> Correlation:
    """Return the FSC and the error's spectrum that a cross-spectrum holds."""
    band = _band(spectrum)
    axis = 1 if band.tilt_axis == "x" else 0
    filled = band.sectors[axis]
    whole = _fsc(spectrum, axis, np.ones(SECTORS, bool))
    measured = _fsc(spectrum, axis, filled)
    inside = measured[1 : band.edge + 1]
    lowest = int(np.nanargmin(inside)) + 1 if np.isfinite(inside).any() else None
    weight = spectrum.weight[0].sum(1)
    error = _mean_power(spectrum.error[0].sum(1), weight)
    return Correlation(
        frequency=spectrum.frequency,
        whole=whole,
        measured=measured,
        band=band,
        minimum=float(measured[lowest]) if lowest else np.nan,
        minimum_at=float(spectrum.frequency[lowest]) if lowest else np.nan,
        crossings={level: _crossing(spectrum.frequency, measured, level) for level in LEVELS},
        error_power=error,
        reference_power=_mean_power(spectrum.reference[0].sum(1), weight),
        flatness=_flatness(error[1:], weight[1:]),
        tiles=spectrum.tiles,
    )


def _fsc(spectrum: CrossSpectrum, axis: int, sectors: npt.NDArray[np.bool_]) -> Floats:
    reference, copy, cross = (
        part[axis][:, sectors].sum(1)
        for part in (spectrum.reference, spectrum.copy, spectrum.cross)
    )
    # Powers of volumes near 1e-6 multiply to nothing; scaled, equal ones give exactly one.
    scale = max(reference.max(initial=0.0), copy.max(initial=0.0)) or 1.0
    reference, copy, cross = reference / scale, copy / scale, cross / scale
    below = np.sqrt(reference * copy)
    # Power in only one of the volumes is no agreement; in neither, nothing can be said.
    empty = np.where((reference > 0) | (copy > 0), 0.0, np.nan)
    values: Floats = np.divide(cross, below, out=empty, where=below > 0)
    values = np.clip(values, -1.0, 1.0)
    values[:1] = 1.0
    return values


def _mean_power(sums: Floats, weight: Floats) -> Floats:
    return np.divide(sums, weight, out=np.zeros_like(sums), where=weight > 0)


def _band(spectrum: CrossSpectrum) -> Band:
    contribution = spectrum.reference[0].sum(1)
    strongest = contribution[min(_FIRST_MEASURE, len(contribution) - 1) :].max()
    carrying = np.flatnonzero(contribution[1:] >= _SHARE_OF_STRONGEST * strongest) + 1
    edge = int(carrying[-1]) if strongest > 0 and carrying.size else 0
    power = [_sector_power(spectrum, axis, edge) for axis in (0, 1)]
    axis = int(np.argmin([np.nanmin(part, initial=1.0) for part in power]))
    sectors = np.ones((2, SECTORS), bool)
    sectors[axis] = ~(power[axis] < _SHARE_OF_SECTOR)
    width = 90 / SECTORS
    complete = bool(sectors.all())
    return Band(
        edge=edge,
        frequency=edge / spectrum.edge,
        tilt_axis=None if complete else ("y", "x")[axis],
        tilt_limit=90.0 if complete else float((np.flatnonzero(sectors[axis])[-1] + 1) * width),
        sectors=sectors,
    )


def _sector_power(spectrum: CrossSpectrum, axis: int, edge: int) -> Floats:
    """Return each sector's power in the band against the fullest's, free of the radial decay."""
    power, weight = spectrum.reference[axis][1 : edge + 1], spectrum.weight[axis][1 : edge + 1]
    expected = weight * _mean_power(power.sum(1), weight.sum(1))[:, None]
    ratio = np.divide(
        power.sum(0), expected.sum(0), out=np.full(SECTORS, np.nan), where=expected.sum(0) > 0
    )
    fullest = np.nanmax(ratio, initial=0.0)
    return ratio / fullest if fullest > 0 else np.full(SECTORS, np.nan)


def _crossing(frequency: Floats, values: Floats, level: float) -> float | None:
    below = np.flatnonzero(values[1:] < level) + 1
    if not below.size:
        return None
    shell = below[0]
    above = values[shell - 1]
    if not np.isfinite(above) or above <= level:
        return float(frequency[shell])
    part = (above - level) / (above - values[shell])
    return float(frequency[shell - 1] + part * (frequency[shell] - frequency[shell - 1]))


def _flatness(power: Floats, weight: Floats) -> float:
    held = weight > 0
    power, weight = power[held], weight[held]
    if not power.sum() > 0:
        return float("nan")
    share = weight / weight.sum()
    if (power == 0).any():
        return 0.0
    return float(np.exp(share @ np.log(power)) / (share @ power))
