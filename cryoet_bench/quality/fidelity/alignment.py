"""How a copy lies on its reference: the order of its bytes, its axes, and where it is.

Each of these accounts for every voxel: whatever else would be seen is its effect.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.fidelity.defects import Defect
from cryoet_bench.quality.fidelity.evidence import ALIKE, Evidence
from cryoet_bench.quality.fidelity.probes import correlated, is_float, middle
from cryoet_bench.volume.boxes import Box, Triple

Array = npt.NDArray[Any]

_PARTS = 10  # of a voxel, to which a shift is reported
_EXPLAINED = 0.3


def byte_order(evidence: Evidence) -> Defect | None:
    """Tell whether the copy equals the reference with its bytes reversed."""
    a, b = evidence.middle_reference, evidence.middle_stored
    if a.dtype.itemsize == 1 or a.dtype.itemsize != b.dtype.itemsize:
        return None
    swapped = b.view(b.dtype.newbyteorder())
    if np.array_equal(a, b, equal_nan=is_float(a)) or not _mostly_equal(a, swapped):
        return None
    return Defect(
        "wrong-byte-order",
        True,
        "the copy's voxels equal the reference's with their bytes reversed: it was read or "
        "written with the wrong byte order",
    )


def _mostly_equal(a: Array, b: Array) -> bool:
    if a.shape != b.shape:
        return False
    same = a == b
    if is_float(a) and is_float(b):
        same |= np.isnan(a) & np.isnan(b)
    return float(same.mean()) > 0.95


def orientation(evidence: Evidence) -> Defect | None:
    """Tell whether the copy is the reference with axes mirrored or exchanged."""
    box = _cube(evidence.middle_reference.shape)
    a, b = evidence.middle_reference[box], evidence.middle_copy[box]
    if correlated(a, b) > ALIKE / 2:
        return None
    found = turn(a, b)
    if found is None:
        return None
    order, mirrored = found
    axes = [axis for axis, step in zip("zyx", mirrored, strict=True) if step < 0]
    swapped = "" if order == (0, 1, 2) else "its axes are exchanged"
    flipped = f"it is mirrored along {' and '.join(axes)}" if axes else ""
    hand = _odd(order) != (len(axes) % 2 == 1)
    return Defect(
        "mirrored" if not swapped else "transposed",
        True,
        " and ".join(filter(None, (swapped, flipped)))
        + (", so its handedness is wrong" if hand else ", with the same handedness"),
    )


def turn(a: Array, b: Array) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the exchange of axes and the mirrors that make b of a, None where nothing does."""
    for order in itertools.permutations(range(3)):
        turned = a.transpose(order)
        if turned.shape != b.shape:
            continue
        for mirrored in itertools.product((1, -1), repeat=3):
            way = tuple(slice(None, None, step) for step in mirrored)
            if correlated(turned[way], b) > ALIKE:
                return order, mirrored
    return None


def _cube(shape: Triple) -> Box:
    """Return a box in the middle that is a cube along axes of equal length."""
    return middle(shape, min(32, max(shape)))


def _odd(order: tuple[int, ...]) -> bool:
    return order in {(0, 2, 1), (1, 0, 2), (2, 1, 0)}


def shift(evidence: Evidence) -> Defect | None:
    """Tell whether the copy is the reference moved, by whole voxels or less."""
    a, b = (
        np.nan_to_num(part.astype(np.float64), posinf=0.0, neginf=0.0)
        for part in (evidence.middle_reference, evidence.middle_copy)
    )
    if min(a.shape) < 4 or a.std() == 0 or b.std() == 0:
        return None
    before = correlated(a, b)
    if before > 0.9999:
        return None
    from skimage.registration import phase_cross_correlation  # noqa: PLC0415

    a, b = a - a.mean(), b - b.mean()
    for normalization in ("phase", None):
        step, _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call]
            b, a, upsample_factor=_PARTS, normalization=normalization
        )
        if not np.any(step):
            continue
        kept, moved = _aligned(a, b, step)
        # A copy that was moved is explained by the move, and one that only lost detail is not.
        if not kept.size or 1 - correlated(kept, moved) > _EXPLAINED * (1 - before):
            continue
        whole = bool(np.all(step == np.rint(step)))
        z, y, x = (f"{part:.0f}" if whole else f"{part:.1f}" for part in step + 0.0)
        return Defect(
            "shifted",
            True,
            f"the copy is moved by ({z}, {y}, {x}) voxels along z, y, x"
            + ("" if whole else ": it was interpolated, so detail is lost as well"),
        )
    return None


def _aligned(a: Array, b: Array, step: Array) -> tuple[Array, Array]:
    """Return a moved by a step, and b, without the border that came in from the other side."""
    from scipy.ndimage import fourier_shift  # noqa: PLC0415

    moved = np.fft.ifftn(fourier_shift(np.fft.fftn(a), step)).real
    margin = [math.ceil(abs(part)) + (0 if part == round(part) else 2) for part in step]
    inner = tuple(
        slice(border if extent > 1 else 0, extent - border if extent > 1 else extent)
        for border, extent in zip(margin, a.shape, strict=True)
    )
    return moved[inner], b[inner]
