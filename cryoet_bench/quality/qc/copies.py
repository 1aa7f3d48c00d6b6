"""Parts of a volume that occur twice, in any of the 48 orientations of a cube.

A voxel is sampled where a hash of its surroundings falls below a threshold, so the same content is
sampled wherever it lies; the hash does not depend on orientation. Pairs of equal surroundings then
vote for the rigid motion that carries one onto the other.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.compiled import compiled

Array = npt.NDArray[Any]

# Voxels per sample: about ten samples in a cube of 16 voxels a side.
_SPARSE = 256
_ROOM = 2**18
# Samples with a twin of which more would show nothing new.
_COMPARED = 2**14
# Pairs that must agree on one motion before it is believed.
_VOTES = 4
# A motion that carries this share of the volume onto itself is a symmetry.
_SYMMETRY = 0.3


@dataclass(frozen=True)
class Copy:
    """A part that occurs twice: boxes of the samples that agree, as (start, stop) along z, y, x.

    `turned` tells whether one has another orientation than the other.
    """

    first: tuple[tuple[int, int], ...]
    second: tuple[tuple[int, int], ...]
    turned: bool
    share: float

    @property
    def symmetric(self) -> bool:
        """Tell whether so much is repeated that the volume itself is symmetric or periodic."""
        return self.share > _SYMMETRY


def spacing(shape: Sequence[int]) -> int:
    """Return voxels per sample, a power of two, so that all samples fit in memory."""
    return max(_SPARSE, 1 << max(0, math.ceil(math.log2(math.prod(shape) / _ROOM))))


class Samples(NamedTuple):
    """Voxels that were sampled.

    Parameters
    ----------
    around : uint16, shape (n, 27)
        Hashes of the 3 x 3 x 3 voxels around each: they take less memory, and few are alike.
    places : int32, shape (n, 3)
        Where each lies in the volume.
    keys : uint64, shape (n,)
        Hash of each one's surroundings, the same in every orientation.
    """

    around: Array
    places: Array
    keys: Array


def sampled(data: Array, origin: Sequence[int], sparse: int) -> Samples:
    """Return the samples of a box.

    Parameters
    ----------
    data : float32 or float64, shape (z, y, x)
        The box, C-contiguous.
    origin : sequence of int
        Where the box starts in its volume.
    sparse : int
        Voxels per sample, a power of two.
    """
    bits = data.view(f"u{data.dtype.itemsize}")
    room = min(data.size, 8 * (data.size // sparse) + 1024)
    # Room that is never written to costs nothing.
    places, around = np.empty((room, 3), np.int32), np.empty((room, 27), np.uint16)
    keys = np.empty(room, np.uint64)
    count = _sample(data, bits, sparse, places, around, keys)
    places = places[:count] + np.array(origin, np.int32)
    return Samples(around[:count].copy(), places, keys[:count].copy())


@compiled
def _sample(
    data: Array, bits: Array, sparse: int, places: Array, around: Array, keys: Array
) -> int:
    depth, height, width = data.shape
    factor, salt = np.uint32(2654435761), np.uint32(0x9E3779B1)
    limit = np.uint32(0xFFFFFFFF) // np.uint32(sparse)
    hashed = np.empty(width, np.uint32)
    # Seen eight at a time, few are marked.
    marks = np.zeros(8 * (width // 8 + 1), np.uint8)
    words = marks.view(np.uint64)
    count = 0
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            here, left, right = bits[z, y, 1:], bits[z, y], bits[z, y, 2:]
            low, high = bits[z, y - 1, 1:], bits[z, y + 1, 1:]
            down, up = bits[z - 1, y, 1:], bits[z + 1, y, 1:]
            # Stored as 32 bits between two loops, because in between 64 would be reckoned with.
            for x in range(width - 2):
                beside = np.uint32(left[x]) + np.uint32(right[x])
                beside += np.uint32(low[x]) + np.uint32(high[x])
                beside += np.uint32(down[x]) + np.uint32(up[x])
                hashed[x] = np.uint32((np.uint32(here[x]) * salt) ^ beside)
            for x in range(width - 2):
                key = np.uint32((hashed[x] ^ (hashed[x] >> np.uint32(15))) * factor)
                marks[x] = key < limit
            for word in range(-(-(width - 2) // 8)):
                if words[word] == 0:
                    continue
                for x in range(8 * word + 1, min(8 * word + 9, width - 1)):
                    if marks[x - 1] and count < len(places) and _tells(data, z, y, x):
                        places[count, 0], places[count, 1], places[count, 2] = z, y, x
                        keys[count] = _key(bits, z, y, x, around[count])
                        count += 1
    return count


@compiled
def _tells(data: Array, z: int, y: int, x: int) -> bool:
    """Tell whether a voxel is a number, and not all around it are the same."""
    value = data[z, y, x]
    return bool(np.isfinite(value)) and not (
        data[z, y, x - 1] == value
        and data[z, y, x + 1] == value
        and data[z, y - 1, x] == value
        and data[z + 1, y, x] == value
    )


@compiled
def _key(bits: Array, z: int, y: int, x: int, around: Array) -> np.unsignedinteger[Any]:
    """Take a voxel's surroundings; return their hash: of a sum, which no orientation changes."""
    key = np.uint64(0)
    at = 0
    for i in range(z - 1, z + 2):
        for j in range(y - 1, y + 2):
            for k in range(x - 1, x + 2):
                pattern = np.uint64(bits[i, j, k])
                mixed = (pattern ^ (pattern >> np.uint64(15))) * np.uint64(0x9E3779B97F4A7C15)
                mixed >>= np.uint64(7)
                key += mixed * mixed
                around[at] = np.uint16(mixed >> np.uint64(41))
                at += 1
    return key


def copies(samples: Samples) -> list[Copy]:
    """Return the parts of a volume that occur twice, largest first, from all its samples."""
    around, places, keys = samples
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():
        return []
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    # Few grey values make surroundings equal by chance, in large groups.
    wanted = np.flatnonzero((counts[inverse] > 1) & (counts[inverse] <= 4))
    groups: dict[int, list[int]] = defaultdict(list)
    for index in wanted[:_COMPARED]:
        groups[int(inverse[index])].append(int(index))
    votes: dict[tuple[int, tuple[int, int, int]], list[tuple[int, int]]] = defaultdict(list)
    for members in groups.values():
        for one, other in itertools.combinations(members, 2):
            for turn, shift in _motions(around, places, one, other):
                votes[turn, shift].append((one, other))
    found = []
    # Of the motions that agree, the one with most votes explains the rest.
    taken: set[int] = set()
    for (turn, _), pairs in sorted(votes.items(), key=lambda item: -len(item[1])):
        fresh = [pair for pair in pairs if pair[0] not in taken]
        if len(fresh) < _VOTES:
            continue
        taken.update(pair[0] for pair in fresh)
        first, second = (_around(places[[pair[side] for pair in fresh]]) for side in (0, 1))
        found.append(Copy(first, second, turn > 0, 2 * len(fresh) / len(places)))
    return found


def _around(places: Array) -> tuple[tuple[int, int], ...]:
    return tuple(
        (int(low) - 1, int(high) + 2)
        for low, high in zip(places.min(axis=0), places.max(axis=0), strict=True)
    )


def _orientations() -> list[tuple[Array, Array]]:
    """Return the 48 signed permutations, and how each reorders 27 voxels."""
    grid = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    turns = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3), np.int64)
            matrix[range(3), order] = signs
            turned = grid @ matrix.T
            turns.append((matrix, (turned + 1) @ np.array([9, 3, 1])))
    return turns


_TURNS = _orientations()


def _motions(
    around: Array, places: Array, one: int, other: int
) -> list[tuple[int, tuple[int, int, int]]]:
    """Return the motions that carry one sample's surroundings onto the other's."""
    found = []
    for number, (matrix, order) in enumerate(_TURNS):
        if np.array_equal(around[one], around[other][order]):
            z, y, x = (places[other] - matrix @ places[one]).tolist()
            found.append((number, (z, y, x)))
    return found
