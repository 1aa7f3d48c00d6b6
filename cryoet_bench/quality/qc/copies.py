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
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.compiled import compiled

Array = npt.NDArray[Any]

# Voxels per sample: about ten samples in a cube of 16 voxels a side.
_SPARSE = 256
_ROOM = 2**18
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


def sampled(data: Array, origin: Sequence[int], sparse: int) -> tuple[Array, Array]:
    """Return surroundings of the sampled voxels of a box, and where they lie.

    Parameters
    ----------
    data : float32 or float64, shape (z, y, x)
        The box, C-contiguous.
    origin : sequence of int
        Where the box starts in its volume.
    sparse : int
        Voxels per sample, a power of two.

    Returns
    -------
    data's dtype, shape (n, 27), and int32, shape (n, 3)
        The 3 x 3 x 3 voxels around each sample, and its place in the volume.
    """
    bits = data.view(f"u{data.dtype.itemsize}")
    room = min(data.size, 8 * (data.size // sparse) + 1024)
    # Room that is never written to costs nothing.
    places, around = np.empty((room, 3), np.int32), np.empty((room, 27), data.dtype)
    count = _sample(data, bits, sparse, places, around)
    return around[:count].copy(), places[:count] + np.array(origin, np.int32)


@compiled
def _sample(data: Array, bits: Array, sparse: int, places: Array, around: Array) -> int:
    depth, height, width = data.shape
    factor = np.uint32(2654435761)
    limit = np.uint32(0xFFFFFFFF) // np.uint32(sparse)
    hashed = np.empty(width, np.uint32)
    count = 0
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            here, low, high = bits[z, y], bits[z, y - 1], bits[z, y + 1]
            down, up = bits[z - 1, y], bits[z + 1, y]
            for x in range(1, width - 1):
                beside = np.uint32(here[x - 1]) + np.uint32(here[x + 1])
                beside += np.uint32(low[x]) + np.uint32(high[x])
                beside += np.uint32(down[x]) + np.uint32(up[x])
                key = (np.uint32(here[x]) * np.uint32(0x9E3779B1)) ^ beside
                key ^= key >> np.uint32(15)
                hashed[x] = key * factor
            for x in range(1, width - 1):
                if hashed[x] < limit:
                    value = data[z, y, x]
                    flat = (
                        data[z, y, x - 1] == value
                        and data[z, y, x + 1] == value
                        and data[z, y - 1, x] == value
                        and data[z + 1, y, x] == value
                    )
                    if not flat and np.isfinite(value) and count < len(places):
                        places[count, 0], places[count, 1], places[count, 2] = z, y, x
                        at = 0
                        for i in range(z - 1, z + 2):
                            for j in range(y - 1, y + 2):
                                for k in range(x - 1, x + 2):
                                    around[count, at] = data[i, j, k]
                                    at += 1
                        count += 1
    return count


def copies(around: Array, places: Array) -> list[Copy]:
    """Return the parts that occur twice, largest first.

    Parameters
    ----------
    around : float, shape (n, 27)
        Surroundings of all samples of a volume.
    places : int, shape (n, 3)
        Where they lie.
    """
    if len(places) < _VOTES:
        return []
    # A sum over hashed values is the same in every orientation.
    bits = around.view(f"u{around.itemsize}").astype(np.uint64)
    keys = ((bits ^ (bits >> np.uint64(15))) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(7)
    keys = (keys * keys).sum(axis=1)
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    # Few grey values make surroundings equal by chance, in large groups.
    wanted = np.flatnonzero((counts[inverse] > 1) & (counts[inverse] <= 4))
    groups: dict[int, list[int]] = defaultdict(list)
    for index in wanted[: 4 * _ROOM // 64]:
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
