"""The cross-spectrum of two volumes of any size, streamed and compiled.

Everything about frequencies (FSC, band, wedge, the error's spectrum) is read off one table, defined
in `quality.metrics.shells`, that is filled in one pass over the two transforms.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.compiled import THREADS, compiled, pieces
from cryoet_bench.quality.fidelity.probes import mean_of
from cryoet_bench.quality.metrics.fsc import Correlation, correlation
from cryoet_bench.quality.metrics.shells import (
    CrossSpectrum,
    Floats,
    no_sums,
    shell_edge,
    squared_radii,
    tilt_sectors,
)
from cryoet_bench.volume.boxes import Triple, Voxels
from cryoet_bench.volume.bricks import own, working_dtype

WHOLE = 2**25
"""Up to so many voxels a volume is transformed as a whole: the two transforms of 33 million
float32 voxels take 270 MB, and the voxels as much again."""

TILE = 256
SMALLEST_TILE = 128
_TAPER = 0.125


@dataclass(frozen=True, eq=False)
class Streamed(CrossSpectrum):
    """A cross-spectrum, and what its pass over the voxels has seen besides.

    Parameters
    ----------
    tile_shape : tuple of int
        Voxels of what was transformed.
    reference_range : float
        Maximum minus minimum of the reference's finite voxels, NaN where there are none; known
        from here on, so that the pass over the voxels has it for the structural similarity.
    reference_mean, reference_sd : float
        Of all tiles' finite voxels: what a display shows lies around them.
    """

    tile_shape: Triple = (1, 1, 1)
    reference_range: float = math.nan
    reference_mean: float = math.nan
    reference_sd: float = math.nan


def fsc(reference: Voxels, copy: Voxels) -> Correlation:
    """Return the Fourier shell correlation of two volumes of one shape.

    Parameters
    ----------
    reference, copy : array-like, shape (z, y, x)
        The band and the missing wedge are taken from the reference.
    """
    return correlation(cross_spectrum(reference, copy))


def cross_spectrum(reference: Voxels, copy: Voxels) -> Streamed:
    """Return the cross-spectrum of two volumes of one shape.

    Parameters
    ----------
    reference, copy : array-like, shape (z, y, x)
        Voxels that are not finite in both count as the mean.

    Notes
    -----
    Larger volumes than `WHOLE` are averaged over tiles with tapered borders (Welch 1967,
    IEEE Trans. Audio Electroacoust. 15, 70-73), so memory does not grow with the volume.
    """
    if math.prod(reference.shape) <= WHOLE:
        tile: Triple = tuple(reference.shape)  # type: ignore[assignment]
        tapers = None
    else:
        tile = _tile_shape(reference, copy)
        tapers = [_taper(extent) for extent in tile]
    sums = no_sums(tile)
    tiles = 0
    low, high = np.inf, -np.inf
    moments = np.zeros(3)
    with ThreadPoolExecutor(THREADS) as pool:
        for pair in _tiles(reference, copy, tile):
            with np.errstate(invalid="ignore"):
                finite = _finite(pair)
                bottom, top = _extremes(pair[0])
                moments += _moments(pair[0], finite)
                a, b = (_transform(pair.pop(0), finite, tapers) for _ in range(2))
            low, high = min(low, bottom), max(high, top)
            sectors = tilt_sectors(tile)
            for part in pool.map(
                lambda planes, a=a, b=b, sectors=sectors: _part(a, b, tile, sectors, planes),
                pieces(tile[0], math.prod(tile)),
            ):
                sums += part
            tiles += 1
            # The next tiles are read before these names are taken again.
            del a, b, finite
    count = moments[0] or math.nan
    mean = moments[1] / count
    return Streamed(
        sums[0],
        sums[1],
        sums[2],
        sums[3],
        edge=shell_edge(tile),
        tiles=tiles,
        tile_shape=tile,
        reference_range=high - low if high >= low else math.nan,
        reference_mean=mean,
        reference_sd=math.sqrt(max(0.0, moments[2] / count - mean**2)),
    )


def _tile_shape(reference: Voxels, copy: Voxels) -> Triple:
    """Return the tile: whole chunks where those are between 128 and 256 voxels wide."""
    edges = []
    for axis, extent in enumerate(reference.shape):
        pieces = [
            (getattr(volume, "shards", None) or getattr(volume, "chunks", None) or (1, 1, 1))[axis]
            for volume in (reference, copy)
        ]
        piece = min(max(pieces), TILE)
        whole = piece * max(1, math.ceil(SMALLEST_TILE / piece))
        edges.append(min(extent, TILE, whole))
    return edges[0], edges[1], edges[2]


def _tiles(reference: Voxels, copy: Voxels, tile: Triple) -> Iterator[list[npt.NDArray[Any]]]:
    """Yield both volumes tile by tile; the last along an axis reaches back to be whole."""
    dtype = working_dtype(reference.dtype, copy.dtype)
    starts = [
        sorted({min(first, extent - size) for first in range(0, extent, size)})
        for extent, size in zip(reference.shape, tile, strict=True)
    ]
    for corner in itertools.product(*starts):
        z, y, x = (slice(at, at + size) for at, size in zip(corner, tile, strict=True))
        box = z, y, x
        yield [own(volume, box, dtype) for volume in (reference, copy)]


def _taper(extent: int) -> Floats:
    """Return a window that is flat but for a cosine at both ends (Tukey 1967).

    Written out, because importing scipy.signal takes more memory than a tile.
    """
    if extent == 1:
        return np.ones(1)
    at = np.arange(extent)
    depth = np.minimum(at, at[::-1]) / (_TAPER * (extent - 1))
    window: Floats = 0.5 - 0.5 * np.cos(np.pi * np.minimum(depth, 1.0))
    return window


def _finite(pair: list[npt.NDArray[Any]]) -> npt.NDArray[np.bool_] | None:
    """Return where both volumes are finite, None for everywhere."""
    finite = np.isfinite(pair[0])
    finite &= np.isfinite(pair[1])
    return None if finite.all() else finite


def _extremes(voxels: npt.NDArray[Any]) -> tuple[float, float]:
    low, high = float(voxels.min()), float(voxels.max())
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    known = voxels[np.isfinite(voxels)]
    return float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))


def _moments(voxels: npt.NDArray[Any], finite: npt.NDArray[np.bool_] | None) -> Floats:
    """Return the number, sum and sum of squares of finite voxels."""
    known = voxels.ravel() if finite is None else voxels[finite]
    # The last digits of np.dot depend on the threads of its library.
    squares = np.einsum("i,i", known, known, dtype=np.float64)
    return np.array([known.size, known.sum(dtype=np.float64), squares])


def _transform(
    voxels: npt.NDArray[Any], finite: npt.NDArray[np.bool_] | None, tapers: list[Floats] | None
) -> npt.NDArray[Any]:
    import scipy.fft  # noqa: PLC0415

    # Without its mean a volume keeps more of its digits; shell 0 is not evaluated.
    voxels -= mean_of(voxels if finite is None else voxels[finite])
    if finite is not None:
        voxels[~finite] = 0
    for axis, taper in enumerate(tapers or ()):
        shape = [1, 1, 1]
        shape[axis] = -1
        voxels *= taper.reshape(shape).astype(voxels.dtype)
    transform: npt.NDArray[Any] = scipy.fft.rfftn(voxels, workers=THREADS)
    return transform


def _part(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    shape: Triple,
    sectors: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    planes: tuple[int, int],
) -> Floats:
    sums = np.ascontiguousarray(np.moveaxis(no_sums(shape), 0, 3))
    _add((a, b), shape[2], squared_radii(shape), sectors, planes, sums)
    return np.moveaxis(sums, 3, 0)


@compiled
def _add(transforms: Any, nx: int, squares: Any, sectors: Any, planes: Any, sums: Any) -> None:
    a, b = transforms
    zz, yy, xx = squares
    about_y, about_x = sectors
    shells = sums.shape[1]
    for z in range(planes[0], planes[1]):
        for y in range(a.shape[1]):
            other = about_x[z, y]
            across = zz[z] + yy[y]
            for x in range(a.shape[2]):
                radius = np.sqrt(across + xx[x])
                inner = int(radius)
                if inner >= shells:
                    # The triangle of the last shell ends one shell beyond it.
                    break
                p = a[z, y, x]
                q = b[z, y, x]
                pr, pi = np.float64(p.real), np.float64(p.imag)
                qr, qi = np.float64(q.real), np.float64(q.imag)
                # Each coefficient stands for its conjugate too, but on the planes x = 0 and
                # Nyquist, which hold both.
                both = 1.0 if x == 0 or 2 * x == nx else 2.0
                outward = radius - inner
                one = about_y[z, x]
                for step in range(2):
                    shell = inner + step
                    if shell >= shells:
                        break
                    share = both * (outward if step else 1.0 - outward)
                    power_a = share * (pr * pr + pi * pi)
                    power_b = share * (qr * qr + qi * qi)
                    product = share * (pr * qr + pi * qi)
                    sums[0, shell, one, 0] += power_a
                    sums[0, shell, one, 1] += power_b
                    sums[0, shell, one, 2] += product
                    sums[0, shell, one, 3] += share
                    sums[1, shell, other, 0] += power_a
                    sums[1, shell, other, 1] += power_b
                    sums[1, shell, other, 2] += product
                    sums[1, shell, other, 3] += share
