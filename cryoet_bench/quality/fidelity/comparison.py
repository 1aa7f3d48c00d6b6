"""Everything that is measured on a copy and its reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.quality.compiled import THREADS
from cryoet_bench.quality.fidelity.defects import Defect
from cryoet_bench.quality.fidelity.diagnosis import diagnose
from cryoet_bench.quality.fidelity.evidence import MIDDLE, Evidence
from cryoet_bench.quality.fidelity.grey_scale import Rescaled, grey_scale
from cryoet_bench.quality.fidelity.identity import identical
from cryoet_bench.quality.fidelity.picking import Picker, PickingScore
from cryoet_bench.quality.fidelity.pixels import EVERYTHING, PixelErrors, PixelSums
from cryoet_bench.quality.fidelity.probes import middle
from cryoet_bench.quality.fidelity.sizes import different_shape
from cryoet_bench.quality.fidelity.spectrum import Streamed, cross_spectrum
from cryoet_bench.quality.fidelity.ssim import APRON, Similarity, SimilaritySums
from cryoet_bench.quality.metrics.fsc import Correlation, correlation
from cryoet_bench.quality.metrics.loss import relative
from cryoet_bench.tomogram.phantom import Particle
from cryoet_bench.volume.boxes import Stored, Triple, Voxels, boxes
from cryoet_bench.volume.bricks import brick_shape, walk
from cryoet_bench.volume.spacing import Spacing

SHOWN = 3.0
"""What a display shows, in standard deviations of the reference on either side of its mean."""

Progress = Callable[[str, int, int], None]
"""Receives what is being done, how many steps of it are done, and how many there are."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """What was measured.

    The measures are None where the shapes differ, and where the copy is exact: then there is
    nothing to measure.

    Parameters
    ----------
    reference_shape, copy_shape : tuple of int
        Along z, y, x.
    reference_dtype, copy_dtype : str
        As numpy names them, without the byte order, which a format may choose.
    reference_spacing, copy_spacing : tuple of float or None
        In angstrom; None where a volume does not say.
    exact : bool
        Every voxel has the same value and bits. The type may be another that holds them.
    scale : tuple of float or None
        Gain and offset where the copy = gain * reference + offset on another grey scale; all else
        is then measured on the copy brought back to the reference's.
    pixels, similarity, correlation : PixelErrors, Similarity, Correlation or None
        The measures.
    picking : PickingScore or None
        None too where the voxel spacing is unknown or the volume too small for any particle.
    defects : sequence of Defect
        What was recognised, the gravest first.
    """

    reference_shape: tuple[int, ...]
    copy_shape: tuple[int, ...]
    reference_dtype: str
    copy_dtype: str
    reference_spacing: Spacing | None
    copy_spacing: Spacing | None
    exact: bool
    scale: tuple[float, float] | None = None
    pixels: PixelErrors | None = None
    similarity: Similarity | None = None
    correlation: Correlation | None = None
    picking: PickingScore | None = None
    defects: Sequence[Defect] = ()

    @property
    def same_spacing(self) -> bool | None:
        """Both say the same voxel spacing, or neither says one; None where only one does.

        Four digits have to agree: headers keep lengths of the whole volume as float32.
        """
        if self.reference_spacing is None and self.copy_spacing is None:
            return True
        if self.reference_spacing is None or self.copy_spacing is None:
            return None
        return all(
            math.isclose(a, b, rel_tol=1e-4)
            for a, b in zip(self.reference_spacing, self.copy_spacing, strict=True)
        )

    def measures(self) -> dict[str, Any]:
        """Return every number by its name, None where it could not be measured."""
        values: dict[str, Any] = {
            "same_shape": self.reference_shape == self.copy_shape,
            "same_dtype": self.reference_dtype == self.copy_dtype,
            "same_spacing": self.same_spacing,
            "defects": [defect.name for defect in self.defects],
            "damage": [defect.name for defect in self.defects if defect.damage],
        }
        if values["same_shape"]:
            values["bit_exact"] = self.exact and values["same_dtype"]
        if self.exact:
            values |= _OF_AN_EXACT_COPY
        if self.pixels is not None:
            values |= _of_pixels(self.pixels, self.scale)
        if (similarity := self.similarity) is not None:
            values |= {"ssim": similarity.mean, "ssim_minimum": similarity.minimum}
        if self.correlation is not None:
            values |= _of_correlation(self.correlation)
        if (picking := self.picking) is not None:
            values |= {
                "picking_agreement": picking.agreement,
                "picking_copy": picking.copy,
                "picking_reference": picking.reference,
            }
        return {key: None if _is_nan(value) else value for key, value in values.items()}


_OF_AN_EXACT_COPY: Mapping[str, Any] = {
    "n_differing": 0,
    "first_differing": None,
    "nonfinite_moved": 0,
    "max_error": 0.0,
    "max_error_at": None,
    "max_error_sd": 0.0,
    "mse": 0.0,
    "nrmse": 0.0,
    "shown_error": 0.0,
    "psnr": math.inf,
    "bias_sd": 0.0,
    "gain": 1.0,
    "gain_error": 0.0,
    "pixel_correlation": 1.0,
    "worst_block": 1.0,
    "worst_slice": 0.0,
    "ssim": 1.0,
    "ssim_minimum": 1.0,
    "fsc_minimum": 1.0,
    "picking_agreement": 1.0,
}


def _of_pixels(pixels: PixelErrors, rescaled: tuple[float, float] | None) -> dict[str, Any]:
    scale, offset = rescaled or (1.0, 0.0)
    # Of the copy as it is stored: a mean m of the copy on the reference's scale was
    # scale * m + offset.
    bias = scale * pixels.copy_mean + offset - pixels.reference_mean
    return {
        "n_differing": pixels.n_differing if rescaled is None else None,
        "first_differing": pixels.first_differing,
        "nonfinite_reference": pixels.nonfinite_reference,
        "nonfinite_copy": pixels.nonfinite_copy,
        "nonfinite_moved": pixels.nonfinite_moved,
        "max_error": pixels.max_error,
        "max_error_at": pixels.max_error_at,
        "max_error_sd": pixels.max_error_sd,
        "mse": pixels.mse,
        "nrmse": pixels.nrmse,
        "shown_error": pixels.shown_error,
        "psnr": pixels.psnr,
        "bias_sd": relative(bias, pixels.reference_sd),
        "gain": scale * pixels.gain,
        "gain_error": scale * pixels.gain - 1,
        "pixel_correlation": pixels.correlation,
        "worst_block": pixels.worst_block,
        "worst_slice": pixels.worst_slice,
        "reference_range": pixels.reference_range,
        "reference_sd": pixels.reference_sd,
    }


def _of_correlation(curve: Correlation) -> dict[str, Any]:
    return {
        "fsc_minimum": curve.minimum,
        "fsc_minimum_at": curve.minimum_at,
        "fsc_crossings": {str(level): at for level, at in curve.crossings.items()},
        "band_edge": curve.band.frequency,
        "tilt_axis": curve.band.tilt_axis,
        "tilt_limit": curve.band.tilt_limit,
        "error_flatness": curve.flatness,
        "fsc_tiles": curve.tiles,
        "fsc": {
            "frequency": curve.frequency,
            "measured": curve.measured,
            "whole": curve.whole,
            "error_power": curve.error_power,
            "reference_power": curve.reference_power,
        },
    }


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def compare(
    reference: Voxels,
    copy: Voxels,
    *,
    reference_spacing: Spacing | None = None,
    copy_spacing: Spacing | None = None,
    particles: Sequence[Particle] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Measure what a copy has kept of its reference.

    Parameters
    ----------
    reference, copy : array-like, shape (z, y, x)
        numpy, memory-mapped or zarr arrays of any real dtypes and chunkings. They are read brick
        by brick: once for the Fourier shell correlation and the range, once for all that is
        measured voxel by voxel.
    reference_spacing, copy_spacing : tuple of float, optional
        Edge lengths of a voxel along z, y, x in angstrom.
    particles : sequence of Particle, optional
        What is known to be in the reference.
    progress : callable, optional
        Receives how far the work is.

    Raises
    ------
    InputError
        One of them is no volume of real numbers.
    """
    for volume, what in ((reference, "the reference"), (copy, "the copy")):
        _require_volume(volume, what)
    reference, copy = (
        volume if isinstance(volume, np.ndarray) else Stored(volume) for volume in (reference, copy)
    )
    facts: dict[str, Any] = {
        "reference_shape": tuple(reference.shape),
        "copy_shape": tuple(copy.shape),
        "reference_dtype": np.dtype(reference.dtype).name,
        "copy_dtype": np.dtype(copy.dtype).name,
        "reference_spacing": reference_spacing,
        "copy_spacing": copy_spacing,
    }
    if facts["reference_shape"] != facts["copy_shape"]:
        return Comparison(**facts, exact=False, defects=[different_shape(reference, copy)])
    report = progress or (lambda _what, _done, _total: None)
    report("Bit by bit", 0, 1)
    if identical(reference, copy):
        return Comparison(**facts, exact=True)
    measured = _measured(reference, copy, reference_spacing or copy_spacing, particles, report)
    return Comparison(**facts, **measured, exact=False)


def _measured(
    reference: Voxels,
    copy: Voxels,
    spacing: Spacing | None,
    particles: Sequence[Particle],
    report: Progress,
) -> dict[str, Any]:
    """Return what is measured on a copy that differs, and what is recognised in it."""
    # Read once: a box in the middle may lie in eight chunks.
    box = middle(tuple(reference.shape), MIDDLE)
    centres = np.asarray(reference[box]), np.asarray(copy[box])
    scale = grey_scale(*centres)
    seen = copy if scale is None else Rescaled(copy, *scale, like=reference.dtype)
    report("Fourier shell correlation", 0, 1)
    spectrum = cross_spectrum(reference, seen)
    curve = correlation(spectrum)
    pixels, similarity = voxel_by_voxel(reference, seen, spectrum, report)
    report("Diagnosis", 0, 1)
    evidence = Evidence(reference, seen, scale, pixels, curve, spectrum, *centres)
    defects = diagnose(evidence)
    report("Particle picking", 0, 1)
    picking = None
    if spacing is not None and not pixels.same_values:
        picking = Picker(
            reference, voxel_spacing=spacing[0], band=curve.band, particles=particles
        ).score(seen)
    report("Particle picking", 1, 1)
    return {
        "scale": scale,
        "pixels": pixels,
        "similarity": similarity,
        "correlation": curve,
        "picking": picking,
        "defects": defects,
    }


def voxel_by_voxel(
    reference: Voxels,
    copy: Voxels,
    spectrum: Streamed,
    report: Progress = lambda _what, _done, _total: None,
) -> tuple[PixelErrors, Similarity]:
    """Return all that is measured in real space, in one pass over two volumes of one shape."""
    z, y, x = reference.shape
    shape: Triple = (z, y, x)
    reach = SHOWN * spectrum.reference_sd
    shown = EVERYTHING
    if reach > 0:
        shown = spectrum.reference_mean - reach, spectrum.reference_mean + reach
    sums = PixelSums(shape, shown=shown)
    similarity = SimilaritySums(spectrum.reference_range)
    step = brick_shape(reference, copy)
    total = sum(1 for _ in boxes(shape, step))
    with ThreadPoolExecutor(THREADS) as pool:
        for done, brick in enumerate(walk(reference, copy, apron=APRON, step=step)):
            report("Voxel by voxel", done, total)
            sums.add(brick, pool)
            similarity.add(brick, pool)
    return sums.result(), similarity.result()


def _require_volume(volume: Voxels, what: str) -> None:
    shape, dtype = tuple(volume.shape), np.dtype(volume.dtype)
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"{what} is no volume: its shape is {shape}, and three axes are needed")
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise InputError(f"{what} holds {dtype} values: a tomogram has real numbers")
