"""What no way of storing a volume should do: voxels, slices and blocks that are not its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.check import several
from cryoet_bench.quality.fidelity.alignment import turn
from cryoet_bench.quality.fidelity.defects import Defect
from cryoet_bench.quality.fidelity.evidence import ALIKE, Evidence
from cryoet_bench.quality.fidelity.pixels import MARKS, PixelErrors
from cryoet_bench.quality.fidelity.probes import correlated, read_plane
from cryoet_bench.volume.boxes import Box, Triple

Array = npt.NDArray[Any]

_CUBES = 128  # voxels: no more of a block is read along each axis
# Where less of their bounding box differs, voxels were hit one by one.
_SCATTERED = 0.01
# In sd: noise does not reach so far, nor does any loss that is taken on purpose.
_HOT = 6.0
# Of more slices, what happened to each would not be read.
_FEW_SLICES = 16
# So many cells, the worst first, are enough to find a lost chunk.
_CELLS = 64


def nonfinite(evidence: Evidence) -> Iterator[Defect]:
    """Tell where one volume holds a number and the other none."""
    pixels = evidence.pixels
    if pixels.nonfinite_moved:
        yield Defect(
            "nan-positions",
            True,
            f"in {several(pixels.nonfinite_moved, 'voxel')} one volume is NaN or infinite and the "
            f"other something else, the first at (z, y, x) = {pixels.nonfinite_first}",
        )


def single_voxels(evidence: Evidence) -> Defect | None:
    """Look at each voxel that differs, where they are few."""
    pixels = evidence.pixels
    if pixels.n_differing > MARKS or pixels.n_differing >= math.prod(pixels.shape) / 8:
        return None
    pairs = [
        (np.asarray(evidence.reference[at]), np.asarray(evidence.copy[at])) for at in pixels.marked
    ]
    n = len(pairs)
    voxels, where = ("voxel", "at") if n == 1 else (f"{n} voxels", "the first at")
    place = f"{where} (z, y, x) = {pixels.first_differing}"
    largest = pixels.max_error_sd
    if pairs[0][0].dtype == pairs[0][1].dtype:
        flips = [_differing_bits(*pair) for pair in pairs]
        if all(count == 1 for count in flips):
            bit = "one bit" if n == 1 else "one bit each"
            return Defect(
                "flipped-bit", True, f"{bit} differs in {voxels}, {place}", "voxel", largest
            )
    if pixels.nonfinite_moved == pixels.n_differing:
        return None
    if largest > _HOT:
        text = f"{voxels} {'is' if n == 1 else 'are'} off by up to {largest:.3g} sd, {place}"
        return Defect("hot-voxels", True, text, "voxel", largest)
    return Defect(
        "changed-voxels",
        True,
        f"{voxels} differs, {place}"
        if n == 1
        else f"{voxels} differ and all others are the same, {place}",
        "voxel",
        largest,
    )


def _differing_bits(a: Array, b: Array) -> int:
    return sum((x ^ y).bit_count() for x, y in zip(a.tobytes(), b.tobytes(), strict=True))


def slices(evidence: Evidence) -> Defect | None:
    """Look for slices that are swapped, repeated, emptied or replaced."""
    pixels = evidence.pixels
    for axis, name in enumerate("zyx"):
        hit = _suspects(pixels, axis)
        if not 0 < len(hit) <= min(_FEW_SLICES, pixels.shape[axis] // 2):
            continue
        severity = float(pixels.slice_rms[axis][hit].max()) / (pixels.reference_sd or 1.0)
        near = sorted({*hit.tolist(), *(hit - 1).tolist(), *(hit + 1).tolist()})
        near = [i for i in near if 0 <= i < pixels.shape[axis]]
        originals = {i: read_plane(evidence.reference, axis, i) for i in near}
        copies = {int(i): read_plane(evidence.copy, axis, int(i)) for i in hit}
        sources = {
            i: next((j for j in near if j != i and _repeats(plane, originals[j])), None)
            for i, plane in copies.items()
        }
        found = _rearranged(sources, name)
        if found:
            return Defect(*found, "region", severity)
        constant = [i for i, plane in copies.items() if plane.min() == plane.max()]
        if len(constant) == len(copies):
            value = copies[constant[0]].flat[0]
            text = f"{name} slices {_listed(constant)} hold nothing but {value:g}"
            return Defect("constant-slices", True, text, "region", severity)
        alike = [correlated(originals[i], plane) for i, plane in copies.items()]
        if max(alike) < ALIKE / 2:
            text = f"{name} slice {_listed(list(copies))} is not the reference's: all others are"
            if len(copies) > 1:
                text = f"{name} slices {_listed(list(copies))} are not the reference's"
            return Defect("replaced-slices", True, text, "region", severity)
    return None


def _suspects(pixels: PixelErrors, axis: int) -> npt.NDArray[np.intp]:
    """Return the slices that differ where few do; else those whose error stands out."""
    hit = np.flatnonzero(pixels.differing_along[axis])
    if len(hit) > pixels.shape[axis] // 2:
        rms = pixels.slice_rms[axis]
        return np.flatnonzero((rms > 4 * np.median(rms)) & (rms > 0.2 * pixels.reference_sd))
    others = [i for i in range(3) if i != axis]
    touched = [np.count_nonzero(pixels.differing_along[i]) for i in others]
    wide = all(count >= 0.5 * pixels.shape[i] for count, i in zip(touched, others, strict=True))
    return hit if wide else hit[:0]


def _repeats(plane: Array, other: Array) -> bool:
    """Whether a slice is another one, up to what storing may have lost."""
    return bool(np.array_equal(plane, other)) or correlated(plane, other) > 0.995


def _rearranged(sources: dict[int, int | None], axis: str) -> tuple[str, bool, str] | None:
    pairs = [(i, j) for i, j in sources.items() if j is not None and sources.get(j) == i and i < j]
    if pairs and 2 * len(pairs) == len(sources):
        text = ", ".join(f"{i} and {j}" for i, j in pairs)
        return "swapped-slices", True, f"{axis} slices {text} have changed places"
    known = {i: j for i, j in sources.items() if j is not None}
    if known and len(known) == len(sources):
        text = ", ".join(f"{i} repeats {j}" for i, j in known.items())
        return "duplicated-slice", True, f"{axis} slice {text}"
    return None


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def block(evidence: Evidence) -> Defect | None:
    """Look at what differs where nothing else does."""
    pixels = evidence.pixels
    box = bounding_box(pixels)
    inside = math.prod(extent(box))
    dense = inside < math.prod(pixels.shape) / 4 and pixels.n_differing > 0.5 * inside
    severity = float(pixels.block_error.max(initial=0.0))
    region = _clipped(box, _CUBES)
    a, b = (np.asarray(volume[region]) for volume in (evidence.reference, evidence.copy))
    different = a != b
    values = b[different]
    one = bool(values.size) and bool((values == values[0]).all())
    if one and pixels.n_differing < _SCATTERED * inside and pixels.max_error_sd > _HOT:
        text = (
            f"{pixels.n_differing:,} scattered voxels are off by up to {pixels.max_error_sd:.3g} "
            f"sd, the first at (z, y, x) = {pixels.first_differing}"
        )
        return Defect("hot-voxels", True, text, "voxel", pixels.max_error_sd)
    if one and not _cut_off(a[different], values[0], pixels):
        return Defect(
            "missing-block",
            True,
            f"{pixels.n_differing:,} voxels within {_spans(box)} read as {values[0]:g}: a chunk "
            "that is missing or was never written reads as the fill value",
            "region",
            severity,
        )
    if not dense:
        return None
    if found := _replaced(a, b, _spans(box), severity):
        return found
    text = f"the block {_spans(box)} differs, and nothing else does"
    if sum(part.stop - part.start > 1 for part in box) < 2:
        return Defect("changed-line", True, text, "voxel", pixels.max_error_sd)
    return Defect("changed-block", True, text, "region", severity)


def _replaced(a: Array, b: Array, spans: str, severity: float) -> Defect | None:
    """Name a block that holds something else than the reference does there."""
    if correlated(a, b) > ALIKE / 2 or sum(extent > 1 for extent in a.shape) < 2:
        return None
    if min(a.shape) >= 4 and (turned := turn(a, b)):
        how = "mirrored" if turned[0] == (0, 1, 2) else "with its axes exchanged"
        return Defect(
            "mirrored-block", True, f"the block {spans} is stored {how}", "region", severity
        )
    return Defect(
        "replaced-block",
        True,
        f"the block {spans} holds something else than the reference does there",
        "region",
        severity,
    )


def local(evidence: Evidence) -> Defect | None:
    """Look for lost and replaced chunks in a copy that differs everywhere else as well."""
    pixels, cell = evidence.pixels, evidence.pixels.cell
    rms = pixels.cell_rms
    bad = (rms > 4 * np.median(rms)) & (rms > 0.3 * pixels.reference_sd)
    if not bad.any():
        return None
    lost: list[tuple[int, ...]] = []
    value = None
    severity = float(pixels.block_error.max(initial=0.0))
    for place in sorted(map(tuple, np.argwhere(bad).tolist()), key=lambda at: -rms[at])[:_CELLS]:
        box = tuple(slice(at * cell, (at + 1) * cell) for at in place)
        voxels = np.asarray(evidence.copy[box])
        first = voxels.flat[0]
        if (voxels != first).any() or (value is not None and first != value):
            continue
        if not _cut_off(np.asarray(evidence.reference[box]), first, pixels):
            lost.append(place)
            value = first
    if lost:
        box = _cells_box(np.array(lost), pixels)
        return Defect(
            "missing-block",
            True,
            f"cells within {_spans(box)} hold nothing but {value:g}: a chunk that is missing or "
            "was never written reads as the fill value",
            "region",
            severity,
        )
    if pixels.worst_block > ALIKE / 2:
        return None
    box = _cells_box(np.argwhere(bad), pixels)
    if bad.sum() * cell**3 < 0.3 * math.prod(extent(box)):
        return None
    region = _clipped(box, _CUBES)
    a, b = (np.asarray(volume[region]) for volume in (evidence.reference, evidence.copy))
    return _replaced(a, b, _spans(box), severity)


def _cells_box(places: Array, pixels: PixelErrors) -> Box:
    low, high = places.min(0) * pixels.cell, (places.max(0) + 1) * pixels.cell
    z, y, x = (
        slice(int(first), min(int(stop), extent))
        for first, stop, extent in zip(low, high, pixels.shape, strict=True)
    )
    return z, y, x


def _cut_off(lost: Array, value: Any, pixels: PixelErrors) -> bool:
    """Whether voxels that read as one value lay beyond it, at an end of the copy's range."""
    below = value == pixels.copy_minimum and bool((lost <= value).all())
    above = value == pixels.copy_maximum and bool((lost >= value).all())
    return below or above


def _spans(box: Box) -> str:
    return ", ".join(
        f"{axis} {part.start}:{part.stop}" for axis, part in zip("zyx", box, strict=True)
    )


def bounding_box(pixels: PixelErrors) -> Box:
    """Return the box that holds all that differs."""
    hits = [np.flatnonzero(along) for along in pixels.differing_along]
    z, y, x = (slice(int(hit[0]), int(hit[-1]) + 1) for hit in hits)
    return z, y, x


def _clipped(box: Box, edge: int) -> Box:
    z, y, x = (slice(part.start, min(part.stop, part.start + edge)) for part in box)
    return z, y, x


def extent(box: Box) -> Triple:
    """Return how many voxels a box has along each axis."""
    z, y, x = (part.stop - part.start for part in box)
    return z, y, x
