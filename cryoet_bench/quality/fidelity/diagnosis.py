"""Names for what happened to a copy, each from evidence that nothing else would leave.

Damage is what no way of storing a volume should do; a loss is what some ways of storing do on
purpose. The numbers say how much and decide, the name says where to look for the cause.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.fidelity.defects import Defect
from cryoet_bench.quality.fidelity.grey_scale import brought_back
from cryoet_bench.quality.fidelity.pixels import MARKS, PixelErrors
from cryoet_bench.quality.fidelity.probes import correlated, middle
from cryoet_bench.quality.metrics.fsc import Correlation
from cryoet_bench.quality.metrics.shells import CrossSpectrum
from cryoet_bench.volume.boxes import Box, Triple, Voxels

Array = npt.NDArray[Any]

MIDDLE = 96
"""Edge in voxels of the box in the middle that a diagnosis looks into."""

_ALIKE = 0.9
_PARTS = 10  # of a voxel, to which a shift is reported
_EXPLAINED = 0.3
_CUBES = 128
_SCATTERED = 0.01
_FEW_SLICES = 16
_CELLS = 64
_SMALLEST_HALF = 2.0**-14
_HALF_STEP = 2.0**-24


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a diagnosis rests on.

    Parameters
    ----------
    reference, copy : array-like
        The volumes, the copy on the reference's grey scale.
    scale : tuple of float or None
        Gain and offset that were taken out of the copy.
    pixels, correlation, spectrum
        What was measured on them.
    middle_reference, middle_stored : numpy.ndarray
        A box in the middle of both, which every mirror image leaves in place, as stored.
    middle_copy : numpy.ndarray
        That of the copy on the reference's grey scale.
    """

    reference: Voxels
    copy: Voxels
    scale: tuple[float, float] | None
    pixels: PixelErrors
    correlation: Correlation
    spectrum: CrossSpectrum
    middle_reference: Array
    middle_stored: Array
    middle_copy: Array


def diagnose(
    reference: Voxels,
    copy: Voxels,
    centres: tuple[Array, Array],
    scale: tuple[float, float] | None,
    pixels: PixelErrors,
    correlation: Correlation,
    spectrum: CrossSpectrum,
) -> list[Defect]:
    """Return what is recognised in a copy that differs from its reference, the gravest first.

    Parameters
    ----------
    reference, copy : array-like
        The volumes, the copy on the reference's grey scale.
    centres : tuple of numpy.ndarray
        The box `middle` of `MIDDLE` voxels an edge of both, as stored.
    scale : tuple of float or None
        Gain and offset that were taken out of the copy.
    pixels, correlation, spectrum
        What was measured on reference and copy.
    """
    if scale is None and pixels.same_values:
        return [_equal_values(*centres, pixels)]
    with np.errstate(invalid="ignore", over="ignore"):
        evidence = Evidence(
            reference,
            copy,
            scale,
            pixels,
            correlation,
            spectrum,
            *centres,
            brought_back(centres[1], scale),
        )
        return _diagnose(evidence)


def _equal_values(reference: Array, stored: Array, pixels: PixelErrors) -> Defect:
    if pixels.identical:
        return Defect(
            "changed-voxels",
            True,
            "integers differ beyond the 53 bits with which they are compared",
            "voxel",
        )
    wider = reference.dtype.name != stored.dtype.name
    return Defect(
        "same-values",
        False,
        f"the bits of {pixels.n_differing:,} voxels differ and no value does: zeros have another "
        "sign, or NaN another payload" + (", in another type" if wider else ""),
    )


def _diagnose(evidence: Evidence) -> list[Defect]:
    pixels = evidence.pixels
    for explain in (_byte_order, _orientation, _shift):
        # These account for every voxel: whatever else would be seen is their effect.
        if defect := explain(evidence):
            return [defect]
    found = [*_nonfinite(evidence)]
    if evidence.scale is not None:
        # Of exact values nothing is left on another scale, so only what stands out is looked for.
        found += [*_line(evidence), *_first(evidence, (_slices, _local))]
        return found + _first(evidence, (_half_precision, _levels, _mantissa))
    if pixels.n_differing > pixels.nonfinite_moved:
        found += _first(evidence, (_single_voxels, _slices, _block, _clipping, _lost_wedge, _local))
    if not found or found[0].name in _BEHIND_LOSSES:
        found += _losses(evidence)
    return found or _first(evidence, (_noise,))


# What may be planted in a copy that differs everywhere else as well.
_BEHIND_LOSSES = {
    "missing-block", "replaced-block", "mirrored-block", "replaced-slices", "constant-slices",
    "swapped-slices", "duplicated-slice",
}  # fmt: skip


def _first(
    evidence: Evidence, explanations: tuple[Callable[[Evidence], Defect | None], ...]
) -> list[Defect]:
    for explain in explanations:
        if defect := explain(evidence):
            return [defect]
    return []


def _nonfinite(evidence: Evidence) -> Iterator[Defect]:
    pixels = evidence.pixels
    if pixels.nonfinite_moved:
        yield Defect(
            "nan-positions",
            True,
            f"{pixels.nonfinite_moved:,} voxels are NaN or infinite in one volume and something "
            f"else in the other, the first at (z, y, x) = {pixels.nonfinite_first}",
        )


def _byte_order(evidence: Evidence) -> Defect | None:
    a, b = evidence.middle_reference, evidence.middle_stored
    if a.dtype.itemsize == 1 or a.dtype.itemsize != b.dtype.itemsize:
        return None
    swapped = b.view(b.dtype.newbyteorder())
    if np.array_equal(a, b, equal_nan=_is_float(a)) or not _mostly_equal(a, swapped):
        return None
    return Defect(
        "wrong-byte-order",
        True,
        "the copy's voxels equal the reference's with their bytes reversed: it was read or "
        "written with the wrong byte order",
    )


def _orientation(evidence: Evidence) -> Defect | None:
    box = _cube(evidence.middle_reference.shape)
    a, b = evidence.middle_reference[box], evidence.middle_copy[box]
    if correlated(a, b) > _ALIKE / 2:
        return None
    turned = _turned(a, b)
    if turned is None:
        return None
    order, mirrored = turned
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


def _turned(a: Array, b: Array) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the exchange of axes and the mirrors that make b of a, None where nothing does."""
    for order in itertools.permutations(range(3)):
        turned = a.transpose(order)
        if turned.shape != b.shape:
            continue
        for mirrored in itertools.product((1, -1), repeat=3):
            way = tuple(slice(None, None, step) for step in mirrored)
            if correlated(turned[way], b) > _ALIKE:
                return order, mirrored
    return None


def _shift(evidence: Evidence) -> Defect | None:
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


def _single_voxels(evidence: Evidence) -> Defect | None:
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
    if largest > 6:
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


def _slices(evidence: Evidence) -> Defect | None:
    pixels = evidence.pixels
    for axis, name in enumerate("zyx"):
        hit = _suspects(pixels, axis)
        if not 0 < len(hit) <= min(_FEW_SLICES, pixels.shape[axis] // 2):
            continue
        severity = float(pixels.slice_rms[axis][hit].max()) / (pixels.reference_sd or 1.0)
        near = sorted({*hit.tolist(), *(hit - 1).tolist(), *(hit + 1).tolist()})
        near = [i for i in near if 0 <= i < pixels.shape[axis]]
        originals = {i: _slice(evidence.reference, axis, i) for i in near}
        copies = {int(i): _slice(evidence.copy, axis, int(i)) for i in hit}
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
        if max(alike) < _ALIKE / 2:
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


def _block(evidence: Evidence) -> Defect | None:
    """Look at what differs where nothing else does."""
    pixels = evidence.pixels
    box = _bounding_box(pixels)
    inside = math.prod(_extent(box))
    dense = inside < math.prod(pixels.shape) / 4 and pixels.n_differing > 0.5 * inside
    severity = float(pixels.block_error.max(initial=0.0))
    region = _clipped(box, _CUBES)
    a, b = (np.asarray(volume[region]) for volume in (evidence.reference, evidence.copy))
    different = a != b
    values = b[different]
    one = bool(values.size) and bool((values == values[0]).all())
    if one and pixels.n_differing < _SCATTERED * inside and pixels.max_error_sd > 6:
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
    if correlated(a, b) > _ALIKE / 2 or sum(extent > 1 for extent in a.shape) < 2:
        return None
    if min(a.shape) >= 4 and (turned := _turned(a, b)):
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


def _spans(box: Box) -> str:
    return ", ".join(
        f"{axis} {part.start}:{part.stop}" for axis, part in zip("zyx", box, strict=True)
    )


def _local(evidence: Evidence) -> Defect | None:
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
    if pixels.worst_block > _ALIKE / 2:
        return None
    box = _cells_box(np.argwhere(bad), pixels)
    if bad.sum() * cell**3 < 0.3 * math.prod(_extent(box)):
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


def _clipping(evidence: Evidence) -> Defect | None:
    pixels = evidence.pixels
    a, b = _where_it_differs(evidence)
    different = (a != b) & np.isfinite(a) & np.isfinite(b)
    if not different.any() or different.mean() > 0.5:
        return None
    low, high = b == pixels.copy_minimum, b == pixels.copy_maximum
    cut = (low & (a < b)) | (high & (a > b))
    if (different & ~cut).any():
        return None
    share = pixels.n_differing / math.prod(pixels.shape)
    return Defect(
        "clipping",
        False,
        f"{100 * share:.2g} % of the voxels are cut off at {pixels.copy_minimum:.4g} or "
        f"{pixels.copy_maximum:.4g}; all others are the same",
    )


def _lost_wedge(evidence: Evidence) -> Defect | None:
    spectrum, band = evidence.spectrum, evidence.correlation.band
    if not band.edge:
        return None
    # Of a filter that darkens whole shells nothing is to be read about tilts.
    shells = np.arange(len(spectrum.copy[0]))
    passed = _ratio(spectrum.copy[0].sum(1), spectrum.reference[0].sum(1)) > 0.3
    passed &= (shells > 0) & (shells <= band.edge)
    for axis, name in enumerate("yx"):
        kept = _ratio(spectrum.copy[axis][passed].sum(0), spectrum.reference[axis][passed].sum(0))
        lost = band.sectors[axis] & (kept < 0.1)
        whole = band.sectors[axis] & (kept > 0.5)
        # A wedge is lost from one side on; what stands beside it is kept.
        if lost.any() and whole.any() and np.flatnonzero(whole).max() < np.flatnonzero(lost).min():
            limit = 5 * int(np.flatnonzero(lost).min())
            return Defect(
                "lost-wedge",
                True,
                f"the copy has lost what the reference holds at tilts beyond {limit} degrees "
                f"about {name}",
            )
    return None


def _losses(evidence: Evidence) -> list[Defect]:
    found = list(_line(evidence))
    found += _first(evidence, (_gradient,))
    found += _first(evidence, (_half_precision, _levels, _mantissa))
    found += _first(evidence, (_smoothing,))
    return found


def _line(evidence: Evidence) -> Iterator[Defect]:
    """Look for a straight line from reference to copy that explains most of the error."""
    pixels = evidence.pixels
    if evidence.scale is not None:
        gain, offset = evidence.scale
        if gain != 1:
            kept = "; all else is judged on the reference's grey scale"
            yield Defect(
                "gain-error",
                False,
                f"the copy is the reference times {gain:.6g} plus {offset:.6g}{kept}",
            )
        else:
            shift = offset / (pixels.reference_sd or 1.0)
            yield Defect("offset-error", False, f"the copy is the reference plus {shift:.4g} sd")
        return
    if not pixels.reference_sd > 0 or not pixels.copy_sd > 0:
        return
    left = pixels.residual_sd * pixels.copy_sd
    if not left < 0.2 * pixels.rmse:
        return
    gain, bias = pixels.gain, pixels.bias / pixels.reference_sd
    if gain < -0.5:
        yield Defect(
            "inverted-contrast",
            True,
            f"the copy is the reference times {gain:.4g}: dark and bright have changed places",
        )
        return
    # Rounding leaves a trace of a gain beside an offset and the other way round.
    share = max(2 * left, 0.05 * pixels.rmse)
    if abs(gain - 1) * pixels.reference_sd > share:
        yield Defect("gain-error", False, f"the copy is the reference times {gain:.6g}")
    rest = bias - (gain - 1) * pixels.reference_mean / pixels.reference_sd
    if abs(rest) * pixels.reference_sd > share:
        yield Defect("offset-error", False, f"the copy is the reference plus {rest:.4g} of its sd")


def _gradient(evidence: Evidence) -> Defect | None:
    # A smooth surface needs no more than some thirty points along an axis.
    thin = tuple(slice(None, None, max(1, n // 32)) for n in evidence.middle_copy.shape)
    a = evidence.middle_reference[thin]
    b = evidence.middle_copy[thin]
    error = b.astype(np.float64) - a.astype(np.float64)
    if min(error.shape) < 4 or not np.isfinite(error).all() or not error.std() > 0:
        return None
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, extent) for extent in error.shape), indexing="ij")
    terms = (np.ones_like(z), z, y, x, z * z, y * y, x * x, z * y, z * x, y * x)
    surface = np.stack([term.ravel() for term in terms], axis=1)
    _, left, rank, _ = np.linalg.lstsq(surface, error.ravel(), rcond=None)
    if rank < len(terms):
        return None
    share = 1 - float(left[0]) / float(np.square(error - error.mean()).sum())
    if share < 0.8:
        return None
    return Defect(
        "gradient-drift",
        False,
        f"{100 * share:.0f} % of the error is a smooth surface across the volume: a gradient was "
        "added or taken away",
    )


def _half_precision(evidence: Evidence) -> Defect | None:
    a, b = evidence.middle_reference, evidence.middle_stored
    values = b.astype(np.float64)
    values = values[np.isfinite(values) & (values != 0)]
    if not values.size or not _is_float(b) or _survives_half(a):
        return None
    if not _survives_half(b):
        return None
    small = float((np.abs(values) < _SMALLEST_HALF).mean())
    if small > 0.01:
        sd = evidence.pixels.reference_sd
        return Defect(
            "half-precision-subnormals",
            False,
            f"{100 * small:.0f} % of the voxels lie below the smallest normal half-precision "
            f"number, where its steps are {_HALF_STEP / sd:.2g} sd: scale before storing it",
        )
    return Defect("half-precision", False, "the copy's values are those of half precision")


def _levels(evidence: Evidence) -> Defect | None:
    a, b = evidence.middle_reference, evidence.middle_stored
    levels = np.unique(b[np.isfinite(b)] if _is_float(b) else b)
    before = np.unique(a[np.isfinite(a)] if _is_float(a) else a)
    if not 2 <= len(levels) < min(65536, b.size // 4) or len(levels) >= len(before):
        return None
    gaps = np.diff(levels.astype(np.float64))
    # From all neighbouring levels together: rounding to float32 has moved each a little.
    step = float(gaps[gaps < 1.5 * gaps.min()].mean())
    if (np.abs(gaps / step - np.rint(gaps / step)) > 0.25).any():
        return None
    gain, _ = evidence.scale or (1.0, 0.0)
    error = np.abs(evidence.middle_copy.astype(np.float64) - a)
    # Rounding errs by half a step at most, but for the tails that it may cut off.
    if np.nanpercentile(error, 90) * abs(gain) > 0.6 * step:
        return None
    spread = (evidence.pixels.copy_maximum - evidence.pixels.copy_minimum) * abs(gain)
    count = round(spread / step) + 1
    bits = max(1, math.ceil(math.log2(count)))
    if bits > 16:
        return None
    name = "int8-round-trip" if bits <= 8 else "int16-round-trip"
    return Defect(
        name,
        False,
        f"the copy has {count:,} evenly spaced levels ({bits} bits), "
        f"{step / abs(gain) / (evidence.pixels.reference_sd or 1.0):.2g} sd apart",
    )


def _mantissa(evidence: Evidence) -> Defect | None:
    a, b = evidence.middle_reference, evidence.middle_stored
    if a.dtype != b.dtype or b.dtype not in (np.float32, np.float64):
        return None
    mantissa = 23 if b.dtype == np.float32 else 52
    before, after = (_trailing_zeros(part) for part in (a, b))
    if after < before + 2:
        return None
    return Defect(
        "rounded-mantissa",
        False,
        f"the copy keeps {mantissa - min(after, mantissa)} of the {mantissa} bits of the mantissa",
    )


def _smoothing(evidence: Evidence) -> Defect | None:
    edge = evidence.correlation.band.edge
    reference, copy = evidence.spectrum.reference[0].sum(1), evidence.spectrum.copy[0].sum(1)
    kept = _ratio(copy, reference)[1 : edge + 1]
    if len(kept) < 4 or np.nanmedian(kept[: max(1, len(kept) // 8)]) < 0.5:
        return None
    lost = np.flatnonzero(kept < 0.5)
    if not lost.size or kept[-1] >= 0.5:
        return None
    frequency = evidence.correlation.frequency[lost[0] + 1]
    return Defect(
        "smoothing",
        False,
        f"beyond {frequency:.3g} cycles per voxel the copy has less than half of the reference's "
        "power: it was filtered or binned",
    )


def _noise(evidence: Evidence) -> Defect | None:
    flatness = evidence.correlation.flatness
    if flatness > 0.9:
        return Defect(
            "white-error", False, f"the error is white (spectral flatness {flatness:.2f}), as noise"
        )
    if math.isfinite(flatness):
        return Defect(
            "structured-error",
            False,
            f"the error is structured (spectral flatness {flatness:.2f}): some frequencies suffer "
            "more than others",
        )
    return None


# --- evidence, piece by piece


def _is_float(part: Array) -> bool:
    return part.dtype.kind == "f"


def _mostly_equal(a: Array, b: Array) -> bool:
    if a.shape != b.shape:
        return False
    same = a == b
    if _is_float(a) and _is_float(b):
        same |= np.isnan(a) & np.isnan(b)
    return float(same.mean()) > 0.95


def _cube(shape: Triple) -> Box:
    """Return a box in the middle that is a cube along axes of equal length."""
    return middle(shape, min(32, max(shape)))


def _bounding_box(pixels: PixelErrors) -> Box:
    hits = [np.flatnonzero(along) for along in pixels.differing_along]
    z, y, x = (slice(int(hit[0]), int(hit[-1]) + 1) for hit in hits)
    return z, y, x


def _clipped(box: Box, edge: int) -> Box:
    z, y, x = (slice(part.start, min(part.stop, part.start + edge)) for part in box)
    return z, y, x


def _where_it_differs(evidence: Evidence) -> tuple[Array, Array]:
    box = _bounding_box(evidence.pixels)
    z, y, x = (
        slice(part.start + inner.start, part.start + inner.stop)
        for part, inner in zip(box, middle(_extent(box), MIDDLE), strict=True)
    )
    return np.asarray(evidence.reference[z, y, x]), np.asarray(evidence.copy[z, y, x])


def _extent(box: Box) -> Triple:
    z, y, x = (part.stop - part.start for part in box)
    return z, y, x


def _odd(order: tuple[int, ...]) -> bool:
    return order in {(0, 2, 1), (1, 0, 2), (2, 1, 0)}


def _slice(volume: Voxels, axis: int, index: int) -> Array:
    place: list[Any] = [slice(None)] * 3
    place[axis] = index
    return np.asarray(volume[tuple(place)])


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _ratio(above: Array, below: Array) -> Array:
    unknown = np.full(above.shape, np.nan)
    return np.asarray(np.divide(above, below, out=unknown, where=below > 0))


def _differing_bits(a: Array, b: Array) -> int:
    return sum((x ^ y).bit_count() for x, y in zip(a.tobytes(), b.tobytes(), strict=True))


def _survives_half(part: Array) -> bool:
    if not _is_float(part):
        return False
    with np.errstate(over="ignore"):
        half = part.astype(np.float16).astype(part.dtype)
    return bool(np.array_equal(half, part, equal_nan=True))


def _trailing_zeros(part: Array) -> int:
    bits = np.ascontiguousarray(part[np.isfinite(part)]).view(f"u{part.dtype.itemsize}")
    joined = int(np.bitwise_or.reduce(bits, axis=None)) if bits.size else 0
    return (joined & -joined).bit_length() - 1 if joined else 8 * part.dtype.itemsize
