"""What happened where a copy has another shape: a pyramid's level, a part, a border, other axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.fidelity.defects import Defect
from cryoet_bench.quality.fidelity.evidence import ALIKE
from cryoet_bench.quality.fidelity.probes import correlated, middle
from cryoet_bench.volume.boxes import Triple, Voxels

Array = npt.NDArray[Any]

_CUBE = 32
_LEVELS = 5


def different_shape(reference: Voxels, copy: Voxels) -> Defect:
    """Return what a copy is that has another shape than its reference."""
    for explain in (_level, _exchanged, _part):
        if defect := explain(reference, copy):
            return defect
    return Defect("different-shape", True, f"the shape {_words(reference)} became {_words(copy)}")


def _words(volume: Voxels) -> str:
    return " x ".join(map(str, volume.shape))


def _level(reference: Voxels, copy: Voxels) -> Defect | None:
    """Recognise a level of a pyramid by its size, and by its voxels being means or samples."""
    for level in range(1, _LEVELS + 1):
        for large, small, text in (
            (reference, copy, f"the copy looks like level {level} of the reference's pyramid"),
            (copy, reference, f"the reference looks like level {level} of the copy's pyramid"),
        ):
            if _is_reduced(large, small, 2**level):
                size = "half the size" if level == 1 else f"1/{2**level} of the size"
                return Defect(
                    "pyramid-level",
                    True,
                    f"{text}, {size}: {_words(reference)} against {_words(copy)}; "
                    "name the same level of both",
                )
    return None


def _is_reduced(large: Voxels, small: Voxels, factor: int) -> bool:
    """Tell whether a volume is another one, smaller by a factor along each axis."""
    halved = [
        {max(1, round_(n / factor)) for round_ in (math.floor, math.ceil)} for n in large.shape
    ]
    if not all(n in sizes for n, sizes in zip(small.shape, halved, strict=True)):
        return False
    box = middle(tuple(small.shape), _CUBE)
    b = np.asarray(small[box])
    wide = tuple(slice(part.start * factor, part.stop * factor) for part in box)
    a = np.asarray(large[wide]).astype(np.float64)
    shape = [n // factor for n in a.shape]
    if tuple(shape) != b.shape:
        return False
    a = a[tuple(slice(n * factor) for n in shape)]
    cubes = a.reshape([part for n in shape for part in (n, factor)])
    means, samples = cubes.mean(axis=(1, 3, 5)), cubes[:, 0, :, 0, :, 0]
    return any(correlated(reduced, b) > ALIKE for reduced in (means, samples))


def _exchanged(reference: Voxels, copy: Voxels) -> Defect | None:
    if sorted(reference.shape) != sorted(copy.shape):
        return None
    a, b = (np.asarray(volume[middle(tuple(volume.shape), _CUBE)]) for volume in (reference, copy))
    for order in itertools.permutations(range(3)):
        if tuple(reference.shape[axis] for axis in order) != tuple(copy.shape):
            continue
        turned = a.transpose(order)
        if order != (0, 1, 2) and turned.shape == b.shape and correlated(turned, b) > ALIKE:
            names = ", ".join("zyx"[axis] for axis in order)
            return Defect(
                "transposed",
                True,
                f"the axes are exchanged: the copy's z, y, x are the reference's {names} "
                f"({_words(reference)} became {_words(copy)})",
            )
    return Defect(
        "transposed",
        True,
        f"the axes may be exchanged: {_words(reference)} became {_words(copy)}",
    )


def _part(reference: Voxels, copy: Voxels) -> Defect | None:
    """Look for the copy's middle at the places where cropping and padding leave it."""
    size = tuple(min(pair) for pair in zip(reference.shape, copy.shape, strict=True))
    inner = middle(size, _CUBE)
    for in_reference, in_copy in _alignments(reference.shape, copy.shape):
        a, b = (
            np.asarray(
                volume[
                    tuple(
                        slice(part.start + first, part.stop + first)
                        for part, first in zip(inner, start, strict=True)
                    )
                ]
            )
            for volume, start in ((reference, in_reference), (copy, in_copy))
        )
        if a.std() == 0 or correlated(a, b) <= ALIKE:
            continue
        smaller = all(n <= m for n, m in zip(copy.shape, reference.shape, strict=True))
        larger = all(n >= m for n, m in zip(copy.shape, reference.shape, strict=True))
        start = in_reference if smaller else in_copy
        spans = ", ".join(
            f"{axis} {first}:{first + extent}"
            for axis, first, extent in zip("zyx", start, size, strict=True)
        )
        change = f"{_words(reference)} became {_words(copy)}"
        if smaller:
            return Defect(
                "cropped", True, f"the copy is a part of the reference, its {spans}: {change}"
            )
        if larger:
            return Defect(
                "padded", True, f"the reference is a part of the copy, its {spans}: {change}"
            )
        return Defect(
            "cropped",
            True,
            f"the copy is cropped along some axes and padded along others: {change}",
        )
    return None


def _alignments(
    reference: tuple[int, ...], copy: tuple[int, ...]
) -> Iterator[tuple[Triple, Triple]]:
    """Yield where the common part may begin in both: at either end, or in the middle."""
    choices = []
    for n, m in zip(reference, copy, strict=True):
        spare = abs(n - m)
        starts = dict.fromkeys((0, spare // 2, -(-spare // 2), spare))
        choices.append([(at, 0) if n > m else (0, at) for at in starts])
    for chosen in itertools.product(*choices):
        (z, w), (y, v), (x, u) = chosen
        yield (z, y, x), (w, v, u)
