"""What some ways of storing a volume lose on purpose: range, steps, bits, detail, a grey scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.fidelity.damage import bounding_box, extent
from cryoet_bench.quality.fidelity.defects import Defect
from cryoet_bench.quality.fidelity.evidence import MIDDLE, Evidence
from cryoet_bench.quality.fidelity.probes import is_float, middle
from cryoet_bench.quality.metrics.shells import SECTORS

Array = npt.NDArray[Any]

WHITE = 0.9
"""Spectral flatness from which on an error counts as white."""

_SMALLEST_HALF = 2.0**-14
_HALF_STEP = 2.0**-24


def clipping(evidence: Evidence) -> Defect | None:
    """Tell whether all that differs was cut off at an end of the range."""
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


def _where_it_differs(evidence: Evidence) -> tuple[Array, Array]:
    box = bounding_box(evidence.pixels)
    z, y, x = (
        slice(part.start + inner.start, part.start + inner.stop)
        for part, inner in zip(box, middle(extent(box), MIDDLE), strict=True)
    )
    return np.asarray(evidence.reference[z, y, x]), np.asarray(evidence.copy[z, y, x])


def lost_wedge(evidence: Evidence) -> Defect | None:
    """Tell whether the copy lacks the tilts beyond an angle."""
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
            limit = 90 / SECTORS * int(np.flatnonzero(lost).min())
            return Defect(
                "lost-wedge",
                True,
                f"the copy has lost what the reference holds at tilts beyond {limit:g} degrees "
                f"about {name}",
            )
    return None


def line(evidence: Evidence) -> Iterator[Defect]:
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


def gradient(evidence: Evidence) -> Defect | None:
    """Tell whether most of the error is a smooth surface."""
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


def half_precision(evidence: Evidence) -> Defect | None:
    """Tell whether the copy's values are those of half precision."""
    a, b = evidence.middle_reference, evidence.middle_stored
    values = b.astype(np.float64)
    values = values[np.isfinite(values) & (values != 0)]
    if not is_float(b) or _survives_half(a) or not _survives_half(b):
        return None
    if not values.size or _constant(b):
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


def _constant(part: Array) -> bool:
    """Tell whether all voxels are the same, which shows no precision."""
    return bool((part == part.flat[0]).all())


def _survives_half(part: Array) -> bool:
    if not is_float(part):
        return False
    with np.errstate(over="ignore"):
        half = part.astype(np.float16).astype(part.dtype)
    return bool(np.array_equal(half, part, equal_nan=True))


def levels(evidence: Evidence) -> Defect | None:
    """Tell whether the copy has few, evenly spaced levels, as integers do."""
    a, b = evidence.middle_reference, evidence.middle_stored
    after = np.unique(b[np.isfinite(b)] if is_float(b) else b)
    before = np.unique(a[np.isfinite(a)] if is_float(a) else a)
    if not 2 <= len(after) < min(65536, b.size // 4) or len(after) >= len(before):
        return None
    gaps = np.diff(after.astype(np.float64))
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


def mantissa(evidence: Evidence) -> Defect | None:
    """Tell whether bits of the mantissa are zero that the reference uses."""
    a, b = evidence.middle_reference, evidence.middle_stored
    if a.dtype != b.dtype or b.dtype not in (np.float32, np.float64) or _constant(b):
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


def _trailing_zeros(part: Array) -> int:
    bits = np.ascontiguousarray(part[np.isfinite(part)]).view(f"u{part.dtype.itemsize}")
    joined = int(np.bitwise_or.reduce(bits, axis=None)) if bits.size else 0
    return (joined & -joined).bit_length() - 1 if joined else 8 * part.dtype.itemsize


def smoothing(evidence: Evidence) -> Defect | None:
    """Tell beyond which frequency most of the power is gone."""
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


def noise(evidence: Evidence) -> Defect | None:
    """Say what the error looks like where nothing else is recognised."""
    flatness = evidence.correlation.flatness
    if flatness > WHITE:
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


def _ratio(above: Array, below: Array) -> Array:
    unknown = np.full(above.shape, np.nan)
    return np.asarray(np.divide(above, below, out=unknown, where=below > 0))
