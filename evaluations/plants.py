"""Ways to damage a volume on purpose, or to lose some of it as storing may.

Each takes a volume, which it leaves alone, a random generator for what it leaves to chance, and its
strength; it returns the damaged copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def not_a_number(volume: Array, rng: np.random.Generator, *, count: int) -> Array:
    """Make some voxels NaN."""
    return _replace(volume, rng, count, np.nan)


def hot_voxels(volume: Array, rng: np.random.Generator, *, count: int, height: float) -> Array:
    """Raise single voxels by so many standard deviations."""
    return _replace(volume, rng, count, float(volume.mean() + height * volume.std()))


def flipped_bit(volume: Array, rng: np.random.Generator, *, share: float) -> Array:
    """Flip one bit of one voxel; of its bits, the lowest is 0 and the highest 1."""
    damaged = volume.copy()
    bits = damaged.reshape(-1).view(f"u{volume.dtype.itemsize}")
    highest = 8 * volume.dtype.itemsize - 1
    bits[int(rng.integers(volume.size))] ^= bits.dtype.type(1 << int(share * highest))
    return damaged


def clipping(volume: Array, _rng: np.random.Generator, *, share: float) -> Array:
    """Cut off so large a share of the voxels at either end."""
    low, high = np.quantile(volume, (share, 1 - share)).astype(volume.dtype)
    return np.asarray(np.clip(volume, low, high))


def round_trip(
    volume: Array, _rng: np.random.Generator, *, bits: int = 8, reach: float = 6
) -> Array:
    """Store as integers of so many bits over +-reach sd and come back."""
    mean, sd = volume.mean(dtype=np.float64), volume.std(dtype=np.float64)
    top = 2 ** (bits - 1) - 1
    whole = np.clip(np.rint((volume - mean) / (reach * sd) * top), -top, top)
    return np.asarray(whole / top * reach * sd + mean, _floating(volume).dtype)


def rounded_mantissa(volume: Array, _rng: np.random.Generator, *, bits: int) -> Array:
    """Keep so many bits of the mantissa."""
    import numcodecs  # noqa: PLC0415

    codec = numcodecs.BitRound(keepbits=bits)
    kept = codec.decode(codec.encode(volume.copy()))
    return np.asarray(kept).view(volume.dtype).reshape(volume.shape)


def zeroed_chunk(volume: Array, rng: np.random.Generator, *, edge: int) -> Array:
    """Zero one chunk of a grid of cubes."""
    damaged = volume.copy()
    damaged[_chunk(volume, rng, edge)] = 0
    return damaged


def duplicated_slice(volume: Array, rng: np.random.Generator, *, count: int, axis: int) -> Array:
    """Overwrite slices along an axis with the slice before them."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    at = int(rng.integers(1, len(damaged) - count))
    damaged[at : at + count] = damaged[at - 1]
    return _back(damaged, axis)


def swapped_slices(
    volume: Array, rng: np.random.Generator, *, distance: int, axis: int = 0
) -> Array:
    """Exchange two slices along an axis."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    apart = min(distance, len(damaged) // 2)
    at = int(rng.integers(2, len(damaged) - apart - 2))
    damaged[[at, at + apart]] = damaged[[at + apart, at]]
    return _back(damaged, axis)


def foreign_slices(volume: Array, rng: np.random.Generator, *, count: int, axis: int) -> Array:
    """Overwrite slices along an axis with mirrored ones from elsewhere."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    size = len(damaged)
    at = int(rng.integers(size // 2 + 2, size - count - 2))
    source = int(rng.integers(2, size // 2 - count - 2))
    damaged[at : at + count] = damaged[source : source + count, ::-1, ::-1].copy()
    return _back(damaged, axis)


def lost_slices(volume: Array, rng: np.random.Generator, *, count: int, axis: int) -> Array:
    """Leave out slices along an axis."""
    at = int(rng.integers(6, volume.shape[axis] - count - 6))
    return np.delete(volume, np.s_[at : at + count], axis)


def offset_slice(volume: Array, rng: np.random.Generator, *, rise: float, axis: int) -> Array:
    """Raise one slice along an axis by so many sd."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    at = int(rng.integers(4, len(damaged) - 4))
    damaged[at] = _fitting(damaged[at] + rise * float(volume.std()), volume.dtype)
    return _back(damaged, axis)


def scaled_part(
    volume: Array, rng: np.random.Generator, *, factor: float, axis: int, share: float = 0.5
) -> Array:
    """Multiply the last part of a volume along an axis."""
    damaged = np.moveaxis(volume.astype(np.float64), axis, 0)
    start = round(len(damaged) * (1 - share)) + int(rng.integers(-3, 4))
    middle = damaged.mean()
    damaged[start:] = middle + factor * (damaged[start:] - middle)
    return _back(_fitting(damaged, volume.dtype), axis)


def hot_line(volume: Array, rng: np.random.Generator, *, rise: float, axis: int) -> Array:
    """Raise one line along an axis by so many sd."""
    damaged = np.moveaxis(volume.copy(), axis, 0)
    y, x = (int(rng.integers(3, n - 3)) for n in damaged.shape[1:])
    damaged[:, y, x] = _fitting(damaged[:, y, x] + rise * float(volume.std()), volume.dtype)
    return _back(damaged, axis)


def flipped_bits(volume: Array, rng: np.random.Generator, *, rows: int, bit: int) -> Array:
    """Flip one bit of every significand in neighbouring rows along x of one slice."""
    damaged = volume.astype(np.float32)
    z = int(rng.integers(2, volume.shape[0] - 2))
    y = int(rng.integers(2, volume.shape[1] - rows - 2))
    damaged.view(np.uint32)[z, y : y + rows] ^= np.uint32(1 << bit)
    return damaged


def wrapped(volume: Array, _rng: np.random.Generator, *, reach: float) -> Array:
    """Store as int8 over +-reach sd without cutting off, so that what lies beyond wraps around."""
    steps = np.round((volume - volume.mean()) / (reach * volume.std()) * 127)
    return np.asarray(steps.astype(np.int64) & 0xFF, np.uint8).view(np.int8)


def copied_block(volume: Array, rng: np.random.Generator, *, edge: int, turn: int = 0) -> Array:
    """Overwrite one chunk of a grid with another, in one of the 48 orientations of a cube."""
    damaged = volume.copy()
    target, source = _chunk(volume, rng, edge), _chunk(volume, rng, edge)
    while source == target:
        source = _chunk(volume, rng, edge)
    damaged[target] = _turned(volume[source], turn)
    return damaged


def turned_block(volume: Array, rng: np.random.Generator, *, edge: int, turn: int) -> Array:
    """Mirror or transpose one chunk where it lies."""
    damaged = volume.copy()
    place = _chunk(volume, rng, edge)
    damaged[place] = _turned(volume[place], turn)
    return damaged


def noise_block(volume: Array, rng: np.random.Generator, *, edge: int) -> Array:
    """Overwrite one chunk with white noise of the volume's mean and sd."""
    damaged = volume.copy()
    place = _chunk(volume, rng, edge)
    noise = volume.mean() + volume.std() * rng.standard_normal(damaged[place].shape)
    damaged[place] = _fitting(noise, volume.dtype)
    return damaged


def scaled_block(
    volume: Array, rng: np.random.Generator, *, edge: int, factor: float = 1.5
) -> Array:
    """Multiply one chunk."""
    damaged = volume.copy()
    place = _chunk(volume, rng, edge)
    middle = volume.mean(dtype=np.float64)
    damaged[place] = _fitting(middle + factor * (volume[place] - middle), volume.dtype)
    return damaged


def _chunk(volume: Array, rng: np.random.Generator, edge: int) -> tuple[slice, ...]:
    """Choose a chunk of a grid of cubes, at most half of a thin volume's depth."""
    steps = [min(edge, n // 2) for n in volume.shape]
    starts = [
        int(rng.integers(n // step)) * step for n, step in zip(volume.shape, steps, strict=True)
    ]
    return tuple(slice(at, at + step) for at, step in zip(starts, steps, strict=True))


def _turned(block: Array, turn: int) -> Array:
    """Return a block mirrored along the axes of the bits of `turn`; 8 and more transpose too.

    A transposition exchanges two axes of equal length, so that the block still fits.
    """
    flips = tuple(slice(None, None, -1 if turn >> axis & 1 else 1) for axis in range(3))
    block = block[flips]
    if turn >= 8:
        pairs = [(a, b) for a, b in ((1, 2), (0, 1), (0, 2)) if block.shape[a] == block.shape[b]]
        block = np.swapaxes(block, *pairs[turn % len(pairs)]) if pairs else block[:, ::-1, ::-1]
    return block


def _fitting(values: Array, dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.round(values), limits.min, limits.max)
    return values.astype(dtype)


def _back(moved: Array, axis: int) -> Array:
    return np.ascontiguousarray(np.moveaxis(moved, 0, axis))


def constant_slab(volume: Array, rng: np.random.Generator, *, count: int) -> Array:
    """Fill slices along z with the mean."""
    damaged = volume.copy()
    at = int(rng.integers(1, len(volume) - count))
    damaged[at : at + count] = volume.mean()
    return damaged


def gradient(volume: Array, rng: np.random.Generator, *, rise: float) -> Array:
    """Add a ramp along a random axis that rises by so many sd from end to end."""
    axis = int(rng.integers(3))
    ramp = np.linspace(-0.5, 0.5, volume.shape[axis]) * rise * volume.std(dtype=np.float64)
    raised = _floating(volume) + ramp.reshape([-1 if axis == other else 1 for other in range(3)])
    return np.asarray(raised, _floating(volume).dtype)


def gain(volume: Array, _rng: np.random.Generator, *, factor: float) -> Array:
    """Multiply all densities."""
    return np.asarray(volume * np.float64(factor), _floating(volume).dtype)


def offset(volume: Array, _rng: np.random.Generator, *, rise: float) -> Array:
    """Raise all densities by so many sd."""
    return np.asarray(volume + rise * volume.std(dtype=np.float64), _floating(volume).dtype)


def shifted(volume: Array, _rng: np.random.Generator, *, voxels: int) -> Array:
    """Move the volume along x, as an off-by-one in a region would."""
    return np.roll(volume, voxels, axis=2)


def mirrored(volume: Array, _rng: np.random.Generator, *, axes: int) -> Array:
    """Mirror along the first axes."""
    return np.flip(volume, tuple(range(axes))).copy()


def low_pass(volume: Array, _rng: np.random.Generator, *, frequency: float) -> Array:
    """Filter with a Gaussian that falls to half of the power at so many cycles per voxel."""
    import scipy.ndimage  # noqa: PLC0415

    sigma = np.sqrt(np.log(2)) / (2 * np.pi * frequency)
    return np.asarray(scipy.ndimage.gaussian_filter(_floating(volume), sigma, mode="wrap"))


def white_noise(volume: Array, rng: np.random.Generator, *, sd: float) -> Array:
    """Add white noise of so many sd."""
    noise = sd * volume.std(dtype=np.float64) * rng.standard_normal(volume.shape)
    return np.asarray(volume + noise, _floating(volume).dtype)


def wrong_byte_order(volume: Array, _rng: np.random.Generator, *, share: float) -> Array:
    """Reverse the bytes of the last slices."""
    damaged = volume.copy()
    start = round(len(volume) * (1 - share))
    damaged[start:] = damaged[start:].byteswap()
    return damaged


def inverted(volume: Array, rng: np.random.Generator, *, noise: float) -> Array:
    """Invert the contrast and bury it in white noise of so many sd."""
    buried = noise * volume.std() * rng.standard_normal(volume.shape)
    return np.asarray(buried - volume, volume.dtype)


def lost_wedge(volume: Array, _rng: np.random.Generator, *, limit: float) -> Array:
    """Remove all tilts beyond so many degrees, around the tilt axis y."""
    kz, _, kx = np.meshgrid(*(np.fft.fftfreq(n) for n in volume.shape), indexing="ij", sparse=True)
    beyond = np.degrees(np.arctan2(np.abs(kz), np.abs(kx))) > limit
    transform = np.fft.fftn(volume)
    transform *= ~beyond
    return np.asarray(np.fft.ifftn(transform).real, _floating(volume).dtype)


def half_precision(
    volume: Array, _rng: np.random.Generator, *, sd: float | None = None, back: bool = False
) -> Array:
    """Store as float16, with the sd scaled to a size and, if wanted, back to its own."""
    factor = 1.0 if sd is None else sd / volume.std(dtype=np.float64)
    kept = (volume * factor).astype(np.float16).astype(np.float64)
    return np.asarray(kept / factor if back else kept, _floating(volume).dtype)


def _floating(volume: Array) -> Array:
    """Return a volume in the smallest floating type, of 32 bits or more, that holds it."""
    return volume.astype(np.result_type(volume.dtype, np.float32))


def _replace(volume: Array, rng: np.random.Generator, count: int, value: float) -> Array:
    damaged = _floating(volume)
    damaged.reshape(-1)[rng.choice(volume.size, count, replace=False)] = value
    return damaged
