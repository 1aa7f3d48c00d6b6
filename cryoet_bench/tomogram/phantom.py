"""The calibrated phantom: a synthetic tomogram that compresses as real ones do.

Band-limited noise with the missing wedge of a tilt series, and dark textured particles. Its
parameters were fitted by hand to one real tomogram of the CryoET Data Portal (TS_100_3 of
dataset 10445), so that lossless codecs reach the ratios published for that one.

The bytes are the same under every numpy and on every machine: they come from numpy's frozen legacy
random stream, exact arithmetic, and tables rounded to float32. numpy is all that is needed.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cryoet_bench.tomogram.fourier import filter_pair
from cryoet_bench.tomogram.volume import Tomogram

# Angstrom, and how often each occurs: ribosome-sized complexes down to small proteins.
RADII, SHARES = (30.0, 60.0, 70.0, 125.0, 150.0), (0.3, 0.2, 0.2, 0.2, 0.1)
TEXTURE_WIDTH, TEXTURE_SHARE = 12.0, 0.7  # standard deviation in angstrom; of a particle's density
TILT_LIMIT, TILT_WIDTH = 60.0, 35.0  # degrees
WEDGE_LEAK = 1e-4  # power left inside the missing wedge
NOISE_FLOOR = 0.03  # of the ramp filter, in cycles per voxel


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """What a phantom is made from.

    Parameters
    ----------
    name : str
        The name in the cache.
    size : int
        Voxels along each edge, a power of two.
    voxel_spacing : float
        Angstrom.
    resolution : float
        Where the band limit sets in, in angstrom.
    particles : int
        How many.
    contrast : float
        Mean absolute density inside particles, in standard deviations of the noise.
    sd, mean : float
        Standard deviation, and mean in units of it.
    sha256 : str
        Checksum of the tomogram with seed 0.
    """

    name: str
    size: int
    voxel_spacing: float
    resolution: float
    particles: int
    contrast: float
    sd: float
    mean: float
    sha256: str


@dataclass(frozen=True)
class Particle:
    """A ball: centre along z, y, x, and radius, in voxels."""

    center: tuple[float, float, float]
    radius: float


PHANTOMS = {
    phantom.name: phantom
    for phantom in (
        Phantom(
            name="phantom-4.99A",
            size=256,
            voxel_spacing=4.99,
            resolution=22.0,
            particles=150,
            contrast=3.5,
            sd=2.28e-6,
            mean=-0.2157,
            sha256="5255a56827d502d118e52e27a210004a3803e2c3937fa4a2f5ec1ab43818e2fc",
        ),
        Phantom(
            name="phantom-10A",
            size=128,
            voxel_spacing=10.012,
            resolution=36.0,
            particles=40,
            contrast=3.5,
            sd=5.5e-6,
            mean=0.0,
            sha256="d9ec38984eb97d073c2e7410ba1ed1adf2819f0190a942336ca6b4d9a26c2e85",
        ),
        Phantom(
            name="phantom-tiny",
            size=64,
            voxel_spacing=10.012,
            resolution=36.0,
            particles=5,
            contrast=3.5,
            sd=5.5e-6,
            mean=0.0,
            sha256="4e3e4530b9cca21a35d2250a731b0a437e271e47fa9332d0066d034d3e4ea09f",
        ),
    )
}


def make(phantom: Phantom, *, seed: int = 0) -> Tomogram:
    """Make a phantom.

    Parameters
    ----------
    phantom : Phantom
        What to make, usually one of ``PHANTOMS``.
    seed : int
        Seed 0 gives the phantom of record; others give further ones, named after their seed.

    Returns
    -------
    Tomogram
        float32; named after its bytes where they are not the expected ones, so that its results
        never share a series with the phantom of record.
    """
    size = phantom.size
    noise = _white(size, seed, "noise")
    texture = _white(size, seed, "texture")
    filter_pair(noise, texture, _noise_response(phantom), _texture_response(phantom))
    noise *= _rounded(1 / noise.std())
    texture *= _rounded(TEXTURE_SHARE / texture.std())

    signal = np.zeros((size, size, size))
    inside = np.zeros(signal.shape, bool)
    for particle in particles(phantom, seed=seed):
        box, ball = _ball(particle, size)
        signal[box] -= ball * (1 + texture[box])
        inside[box] |= ball
    response = _signal_response(phantom)
    filter_pair(signal, np.zeros_like(signal), response, response)
    signal *= _rounded(phantom.contrast / np.abs(signal[inside]).mean())

    density = noise
    density += signal
    density *= _rounded(phantom.sd / density.std())
    density += phantom.mean * phantom.sd

    facts = dataclasses.asdict(phantom)
    expected = facts.pop("sha256")
    tomogram = Tomogram(
        phantom.name if seed == 0 else f"{phantom.name}-seed{seed}",
        density.astype(np.float32),
        (phantom.voxel_spacing,) * 3,
        "synthetic",
        {"phantom": facts.pop("name"), "seed": seed, **facts},
    )
    if seed == 0 and tomogram.sha256 != expected:
        return dataclasses.replace(
            tomogram,
            name=f"{phantom.name}-{tomogram.sha256[:8]}",
            provenance={**tomogram.provenance, "expected_sha256": expected},
        )
    return tomogram


def particles(phantom: Phantom, *, seed: int = 0) -> list[Particle]:
    """Return the particles of a phantom without making it; they do not overlap."""
    random = _random(seed, "particles")
    placed: list[Particle] = []
    while len(placed) < phantom.particles:
        radius = float(random.choice(RADII, p=SHARES)) / phantom.voxel_spacing
        z, y, x = random.uniform(0, phantom.size, 3).tolist()
        particle = Particle((z, y, x), radius)
        if not any(_overlap(particle, other) for other in placed):
            placed.append(particle)
    return placed


def _overlap(one: Particle, other: Particle) -> bool:
    squares = [(a - b) * (a - b) for a, b in zip(one.center, other.center, strict=True)]
    return sum(squares) < (one.radius + other.radius) * (one.radius + other.radius)


def _ball(particle: Particle, size: int) -> tuple[tuple[slice, ...], npt.NDArray[np.bool_]]:
    """Return the box around a particle within the volume, and which of its voxels are inside."""
    radius = particle.radius
    box = tuple(
        slice(max(0, math.ceil(at - radius)), min(size, math.floor(at + radius) + 1))
        for at in particle.center
    )
    z, y, x = (
        np.square(np.arange(edge.start, edge.stop) - at)
        for edge, at in zip(box, particle.center, strict=True)
    )
    return box, z[:, None, None] + y[:, None] + x <= radius * radius


def _random(seed: int, purpose: str) -> np.random.RandomState:
    # The legacy stream is frozen for good; Generator's distributions may change.
    streams = {"noise": 0, "texture": 1, "particles": 2}
    return np.random.RandomState([seed, streams[purpose]])


def _white(size: int, seed: int, purpose: str) -> npt.NDArray[np.float64]:
    values = _random(seed, purpose).standard_normal((size, size, size))
    # The platforms' logarithms differ in the last bit: round it away.
    values *= 2**20
    np.rint(values, out=values)
    values /= 2**20
    return values


def _rounded(value: float) -> float:
    """Return a factor that no difference in the order of summation can change."""
    return float(np.float32(value))


def _frequencies(size: int) -> npt.NDArray[np.int32]:
    """Return |k| along one axis, in cycles per volume."""
    steps = np.arange(size, dtype=np.int32)
    return np.minimum(steps, size - steps)


def _band_limit(phantom: Phantom) -> npt.NDArray[np.float32]:
    """Return exp(-0.5 (|k| resolution / voxel)^4), and zero at |k| = 0."""
    size = phantom.size
    squares = np.square(_frequencies(size))
    in_cycles = phantom.resolution / phantom.voxel_spacing / size
    falloff = np.exp(-0.5 * (np.arange(3 * (size // 2) ** 2 + 1) * in_cycles**2) ** 2)
    falloff[0] = 0
    table: npt.NDArray[np.float32] = falloff.astype(np.float32)
    return np.take(table, squares[:, None, None] + squares[:, None] + squares)


def _tilts(size: int) -> npt.NDArray[np.float64]:
    """Return the weight of each tilt over (kz, kx), the tilt axis being y."""
    kz, kx = _frequencies(size)[:, None], _frequencies(size)
    angle = np.degrees(np.arctan2(kz, kx))
    return np.where(angle <= TILT_LIMIT, np.exp(-np.square(angle / TILT_WIDTH)), WEDGE_LEAK)


def _noise_response(phantom: Phantom) -> npt.NDArray[np.float32]:
    k = _frequencies(phantom.size)
    ramp = np.sqrt(np.square(k)[:, None] + np.square(k)) / phantom.size + NOISE_FLOOR
    weight = np.sqrt(ramp * _tilts(phantom.size)).astype(np.float32)
    return _band_limit(phantom) * weight[:, None]


def _signal_response(phantom: Phantom) -> npt.NDArray[np.float32]:
    weight = np.sqrt(_tilts(phantom.size)).astype(np.float32)
    return _band_limit(phantom) * weight[:, None]


def _texture_response(phantom: Phantom) -> npt.NDArray[np.float32]:
    """Return the response of a Gaussian of TEXTURE_WIDTH."""
    in_voxels = TEXTURE_WIDTH / phantom.voxel_spacing
    k = _frequencies(phantom.size) / phantom.size
    falloff = np.exp(-2 * np.square(math.pi * in_voxels * k)).astype(np.float32)
    return falloff[:, None, None] * falloff[:, None] * falloff
