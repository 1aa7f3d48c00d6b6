"""Would a copy give the same particles? Template matching on both volumes, and F-beta.

The score is that of the CZII challenge on the CryoET Data Portal: a pick is right when it lies
within half a radius of a particle of its class that no other pick has taken, and
F = (1 + b^2) P R / (b^2 P + R) with b = 4 weighs recall far above precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.measure import block_reduce

from cryoet_bench.quality.compiled import THREADS
from cryoet_bench.quality.fidelity.probes import mean_of
from cryoet_bench.quality.metrics.fsc import Band
from cryoet_bench.quality.metrics.shells import SECTORS
from cryoet_bench.tomogram.phantom import RADII, Particle
from cryoet_bench.volume.boxes import Voxels
from cryoet_bench.volume.bricks import own

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.float64]

BETA = 4
RADIUS_SHARE = 0.5
LARGEST = 2**21
"""Up to so many voxels, after binning, a volume is searched; of a larger one, a box in its centre:
the search holds about ten volumes of float32."""

# Where nothing is known of a volume, the reference's own best picks are what a copy must find.
_BEST = 50
_SMALLEST_RADIUS = 2.0  # voxels: below that a ball is no shape
_COARSEST = 3.0  # voxels: a larger ball is looked for in a volume binned by two, and so on


@dataclass(frozen=True, eq=False)
class Picks:
    """Peaks of the correlation with a ball of one radius (in voxels), the best first."""

    radius: float
    positions: Positions
    scores: Floats


@dataclass(frozen=True)
class PickingScore:
    """How many particles are found in a copy.

    Parameters
    ----------
    agreement : float
        F-beta of the copy's picks, the reference's picks being the truth.
    copy, reference : float or None
        F-beta against the particles that are known to be there, mean over their classes; None
        where none are known.
    """

    agreement: float
    copy: float | None
    reference: float | None


class Picker:
    """Picks particles in a reference, and judges copies by the same templates.

    Picks are ranked, and ranks compared: a copy whose scores are all a little lower than the
    reference's loses nothing, as nothing is lost by setting the threshold anew.

    Parameters
    ----------
    reference : array-like, shape (z, y, x)
        The original.
    voxel_spacing : float
        In angstrom; the templates are dark balls of 30 to 150 angstrom radius.
    band : Band
        Of the reference: the templates lack the same wedge.
    particles : sequence of Particle, optional
        The ones known to be there.
    """

    def __init__(
        self,
        reference: Voxels,
        *,
        voxel_spacing: float,
        band: Band,
        particles: Sequence[Particle] = (),
    ) -> None:
        self._band = band
        known = {particle.radius for particle in particles}
        radii = sorted(known) or [radius / voxel_spacing for radius in RADII]
        radii = [radius for radius in radii if radius >= _SMALLEST_RADIUS]
        finest = _binning(min(radii, default=_SMALLEST_RADIUS))
        self._box = _central_box(reference.shape, LARGEST * finest**3)
        shape = tuple(part.stop - part.start for part in self._box)
        self._known = _known(particles, [part.start for part in self._box], shape)
        self._radii = [
            radius
            for radius in radii
            if radius <= min(shape) / 4 and (not known or radius in self._known)
        ]
        found = [picks for picks in self._search(reference) if len(picks.scores)]
        self._radii = [picks.radius for picks in found]
        best = [self._against_known(picks) for picks in found]
        scores = [score for score, _ in best]
        self._reference = float(np.mean(scores)) if self._known and scores else None
        self._wanted = [
            picks.positions[: count or _BEST] for picks, (_, count) in zip(found, best, strict=True)
        ]

    def score(self, copy: Voxels) -> PickingScore | None:
        """Return what a copy's picks are worth; None where the reference has none to compare."""
        if not self._radii:
            return None
        found = self._search(copy)
        agreements = []
        for picks, wanted in zip(found, self._wanted, strict=True):
            hits = _hits(picks.positions[: len(wanted)], wanted, RADIUS_SHARE * picks.radius)
            agreements.append(float(_f_beta(hits.sum(), len(wanted), len(wanted))))
        scores = [self._against_known(picks)[0] for picks in found] if self._known else []
        return PickingScore(
            agreement=float(np.mean(agreements)),
            copy=float(np.mean(scores)) if scores else None,
            reference=self._reference,
        )

    def _search(self, volume: Voxels) -> list[Picks]:
        return _match(own(volume, self._box, np.dtype(np.float32)), self._radii, self._band)

    def _against_known(self, picks: Picks) -> tuple[float, int]:
        """Return F-beta at the threshold that suits the picks best, and how many pass it."""
        known = self._known.get(picks.radius)
        if known is None or not len(picks.scores):
            return 0.0, 0
        hits = np.cumsum(_hits(picks.positions, known, RADIUS_SHARE * picks.radius), dtype=int)
        values = _f_beta(hits, np.arange(1, len(hits) + 1), len(known))
        best = int(np.argmax(values))
        return float(values[best]), best + 1


def match(volume: npt.NDArray[Any], radii: Sequence[float], band: Band) -> list[Picks]:
    """Correlate a volume with dark balls and return the peaks for each radius.

    Parameters
    ----------
    volume : numpy.ndarray, shape (z, y, x)
        Voxels that are not finite count as the mean.
    radii : sequence of float
        In voxels.
    band : Band
        Its empty sectors are taken out of the templates.

    Notes
    -----
    The score is the locally normalised correlation of Roseman (2003, Ultramicroscopy 94,
    225-236), computed with Fourier transforms.
    """
    return _match(volume.astype(np.float32), radii, band)


def _match(voxels: npt.NDArray[np.float32], radii: Sequence[float], band: Band) -> list[Picks]:
    """Do what `match` does, on voxels that are changed."""
    finite = np.isfinite(voxels)
    mean = voxels.mean(dtype=np.float64) if finite.all() else mean_of(voxels[finite])
    voxels -= np.float32(mean)
    if not finite.all():
        voxels[~finite] = 0
    del finite
    spread = float(voxels.std(dtype=np.float64))
    if not spread > 0:
        return [Picks(radius, np.empty((0, 3)), np.empty(0)) for radius in radii]
    voxels /= np.float32(spread)
    factors = [_binning(radius) for radius in radii]
    picks = []
    done = 1
    for factor in sorted(set(factors)):
        voxels, done = _binned(voxels, factor // done), factor
        among = [
            radius / factor for radius, own in zip(radii, factors, strict=True) if own == factor
        ]
        for found in _match_at(voxels, among, band):
            positions = (found.positions + 0.5) * factor - 0.5
            picks.append(Picks(found.radius * factor, positions, found.scores))
    return picks


def _binning(radius: float) -> int:
    """Return the power of two by which a volume is binned to look for balls of a radius."""
    return 1 << max(0, math.floor(math.log2(radius / _COARSEST)))


def _binned(voxels: npt.NDArray[np.float32], factor: int) -> npt.NDArray[np.float32]:
    """Return the means of cubes of voxels; what does not fill a cube at the far end is left out."""
    if factor == 1:
        return voxels
    z, y, x = (extent // factor for extent in voxels.shape)
    cut = voxels[: z * factor, : y * factor, : x * factor]
    binned: npt.NDArray[np.float32] = block_reduce(  # type: ignore[no-untyped-call]
        cut, factor, np.mean
    )
    return binned


def _match_at(
    voxels: npt.NDArray[np.float32], radii: Sequence[float], band: Band
) -> Iterator[Picks]:
    import scipy.fft  # noqa: PLC0415

    shape = voxels.shape
    transform = scipy.fft.rfftn(voxels, workers=THREADS)
    squared = scipy.fft.rfftn(np.square(voxels), workers=THREADS)
    filled = _filled(shape, band)
    distance = _distance(shape)

    def correlated(spectrum: npt.NDArray[Any], kernel: npt.NDArray[Any]) -> npt.NDArray[Any]:
        against = scipy.fft.rfftn(kernel, workers=THREADS)
        np.conjugate(against, out=against)
        against *= spectrum
        result: npt.NDArray[Any] = scipy.fft.irfftn(against, shape, workers=THREADS)
        return result

    for radius in radii:
        around = distance <= 1.5 * radius + 1
        count = int(around.sum())
        ball = scipy.fft.rfftn(-np.clip(radius + 0.5 - distance, 0, 1), workers=THREADS)
        ball = scipy.fft.irfftn(ball * filled, shape, workers=THREADS)
        template = np.where(around, ball - ball[around].mean(), 0).astype(np.float32)
        template /= np.sqrt(np.square(template).sum())
        window = around.astype(np.float32)
        score = correlated(transform, template)
        local = correlated(squared, window)
        local -= np.square(correlated(transform, window)) / count
        # A flat neighbourhood has no correlation; rounding must not make one of it.
        np.maximum(local, 1e-6 * count, out=local)
        np.sqrt(local, out=local)
        score /= local
        yield _peaks(score, radius)


def _peaks(score: npt.NDArray[Any], radius: float) -> Picks:
    import scipy.ndimage  # noqa: PLC0415

    apart = max(3, 2 * int(0.7 * radius) + 1)
    highest = scipy.ndimage.maximum_filter(score, size=apart, mode="wrap")
    positions = np.argwhere((score == highest) & (score > 0))
    scores = score[tuple(positions.T)].astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    return Picks(radius, positions[order].astype(np.float64), scores[order])


def _central_box(shape: tuple[int, ...], largest: int) -> tuple[slice, slice, slice]:
    """Return the box in the middle with at most so many voxels, as near to a cube as can be."""
    edge = max(shape)
    while math.prod(min(extent, edge) for extent in shape) > largest:
        edge -= 1
    extents = [min(extent, edge) for extent in shape]
    starts = [(whole - part) // 2 for whole, part in zip(shape, extents, strict=True)]
    z, y, x = (slice(first, first + part) for first, part in zip(starts, extents, strict=True))
    return z, y, x


def _known(
    particles: Sequence[Particle], corner: Sequence[int], shape: tuple[int, ...]
) -> dict[float, Positions]:
    """Return the centres of the particles in a box, by radius, counted from its corner."""
    classes: dict[float, list[Floats]] = {}
    for particle in particles:
        centre = np.asarray(particle.center) - corner
        if (centre >= 0).all() and (centre < shape).all():
            classes.setdefault(particle.radius, []).append(centre)
    return {radius: np.array(centres) for radius, centres in classes.items()}


def _filled(shape: tuple[int, ...], band: Band) -> npt.NDArray[np.float32]:
    """Return 1 where a reference's sectors are filled and 0 in its missing wedge."""
    if band.tilt_axis is None:
        return np.ones((1, 1, 1), np.float32)
    kz, ky, kx = (
        np.abs(np.fft.fftfreq(shape[0]))[:, None, None],
        np.abs(np.fft.fftfreq(shape[1]))[:, None],
        np.fft.rfftfreq(shape[2]),
    )
    angle = np.degrees(np.arctan2(kz, kx if band.tilt_axis == "y" else ky))
    sector = np.minimum(angle // (90 / SECTORS), SECTORS - 1).astype(int)
    filled = band.sectors[0 if band.tilt_axis == "y" else 1]
    return np.asarray(filled[sector], np.float32)


def _distance(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return the distance of each voxel from the first, the volume being periodic."""
    z, y, x = (np.square(np.fft.fftfreq(extent) * extent) for extent in shape)
    return np.sqrt(z[:, None, None] + y[:, None] + x).astype(np.float32)


def _hits(picked: Positions, truth: Positions, within: float) -> npt.NDArray[np.bool_]:
    """Return which picks are right, the best first choosing; each particle is taken once."""
    from scipy.spatial import cKDTree  # noqa: PLC0415

    right = np.zeros(len(picked), bool)
    if not len(truth) or not len(picked):
        return right
    taken = np.zeros(len(truth), bool)
    near = cKDTree(truth).query_ball_point(picked, within)
    for pick, candidates in enumerate(near):
        free = [candidate for candidate in candidates if not taken[candidate]]
        if free:
            away = [np.linalg.norm(truth[candidate] - picked[pick]) for candidate in free]
            taken[free[int(np.argmin(away))]] = right[pick] = True
    return right


def _f_beta(hits: Any, picks: Any, truth: int) -> Any:
    """Return F-beta, written without the ratios that are undefined when nothing is picked."""
    return (1 + BETA**2) * hits / (BETA**2 * truth + picks)
