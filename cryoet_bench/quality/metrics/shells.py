"""Power and agreement of two volumes in Fourier space, by shell and by tilt.

Shells are counted in cycles per voxel, because codecs, filters and rounding act on the grid of
voxels; where voxels are cubes, as in tomograms, these are physical frequencies too. A shell is one
Fourier pixel of the shortest axis wide: along that axis a narrower one would hold no coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SECTORS = 18
"""Of five degrees each, from the untilted view at 0 to the beam's direction at 90."""


@dataclass(frozen=True, eq=False)
class CrossSpectrum:
    """Sums over the Fourier coefficients A of a reference and B of a copy.

    Parameters
    ----------
    reference, copy, cross : numpy.ndarray, shape (2, shells, sectors)
        Sums of |A|^2, |B|^2 and Re(A conj B). The first index is the candidate tilt axis,
        y or x; a sector is a range of the angle between a coefficient, projected along that
        axis, and the plane of the untilted view.
    weight : numpy.ndarray, same shape
        How many coefficients a sum holds: one lies in two neighbouring shells in proportion
        to its nearness.
    edge : int
        Shell s lies at s / edge cycles per voxel.
    tiles : int
        1 where the volume was transformed as a whole; else the number of tapered tiles whose
        sums were added.
    """

    reference: Floats
    copy: Floats
    cross: Floats
    weight: Floats
    edge: int
    tiles: int = 1

    @property
    def frequency(self) -> Floats:
        """Of each shell, in cycles per voxel."""
        return np.arange(self.weight.shape[1]) / self.edge

    @property
    def error(self) -> Floats:
        """Sums of |B - A|^2."""
        return np.maximum(self.reference + self.copy - 2 * self.cross, 0.0)


def shell_edge(shape: tuple[int, ...]) -> int:
    """Return the length of the shortest axis that has more than one voxel."""
    return min((extent for extent in shape if extent > 1), default=1)


def squared_radii(shape: tuple[int, ...]) -> tuple[Floats, Floats, Floats]:
    """Return the squared frequency along z, y and half of x, in squared shell widths."""
    edge = shell_edge(shape)
    z, y = (np.square(np.fft.fftfreq(extent) * edge) for extent in shape[:2])
    return z, y, np.square(np.fft.rfftfreq(shape[2]) * edge)


def tilt_sectors(shape: tuple[int, ...]) -> tuple[Integers, Integers]:
    """Return the sector by (z, x), for tilts about y, and by (z, y), for tilts about x."""
    kz, ky = (np.abs(np.fft.fftfreq(extent)) for extent in shape[:2])
    kx = np.fft.rfftfreq(shape[2])

    def sector(across: Floats) -> Integers:
        angle = np.degrees(np.arctan2(kz[:, None], across))
        return np.minimum(angle // (90 / SECTORS), SECTORS - 1).astype(np.int64)

    return sector(kx), sector(ky)


def no_sums(shape: tuple[int, ...]) -> Floats:
    """Return zeros of shape (4, 2, shells, sectors): reference, copy, cross and weight."""
    return np.zeros((4, 2, shell_edge(shape) // 2 + 1, SECTORS))


def cross_spectrum(reference: npt.NDArray[Any], copy: npt.NDArray[Any]) -> CrossSpectrum:
    """Return the cross-spectrum of two volumes in memory.

    Parameters
    ----------
    reference, copy : numpy.ndarray, shape (z, y, x)
        Voxels that are not finite in both count as the mean.
    """
    finite = np.isfinite(reference) & np.isfinite(copy)
    transforms = []
    for volume in (reference, copy):
        voxels = np.where(finite, volume, 0).astype(np.float64)
        # Without its mean a volume keeps more of its digits; shell 0 is not evaluated.
        voxels -= voxels.sum() / (int(finite.sum()) or 1)
        voxels[~finite] = 0
        transforms.append(np.fft.rfftn(voxels))
    sums = _sums(transforms[0], transforms[1], reference.shape)
    return CrossSpectrum(sums[0], sums[1], sums[2], sums[3], shell_edge(reference.shape))


def _sums(a: npt.NDArray[Any], b: npt.NDArray[Any], shape: tuple[int, ...]) -> Floats:
    """Return the sums over two half transforms.

    A coefficient at frequency f lends weight max(0, 1 - abs(f * edge - s)) to shell s, as in
    torch-fourier-shell-correlation; the conjugate half that a real transform leaves out is
    counted.
    """
    sums = no_sums(shape)
    shells = sums.shape[2]
    zz, yy, xx = squared_radii(shape)
    about_y, about_x = tilt_sectors(shape)
    # The planes x = 0 and Nyquist hold both of a coefficient and its conjugate.
    both = np.full(a.shape[1:], 2.0)
    both[:, 0] = 1.0
    if shape[2] % 2 == 0:
        both[:, -1] = 1.0
    for z in range(shape[0]):
        radius = np.sqrt(zz[z] + yy[:, None] + xx)
        inner = radius.astype(np.int64)
        inside = inner < shells
        outward = (radius - inner)[inside]
        values = (np.abs(a[z]) ** 2, np.abs(b[z]) ** 2, (a[z] * b[z].conj()).real, np.ones(()))
        for axis, sectors in enumerate((about_y[z], about_x[z][:, None])):
            at = (inner * SECTORS + sectors)[inside]
            for kind, value in enumerate(values):
                weighted = (both * value)[inside]
                # One shell more, for what the last one lends beyond itself.
                size = (shells + 1) * SECTORS
                table = np.bincount(at, weighted * (1 - outward), size)
                table += np.bincount(at + SECTORS, weighted * outward, size)
                sums[kind, axis] += table.reshape(shells + 1, SECTORS)[:-1]
    return sums
