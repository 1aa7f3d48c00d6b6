"""What cryo-ET adds: wedge, band limit, voxel spacing, contrast, byte order, store and header."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check, Verdict, worst
from cryoet_bench.quality.qc.checks import is_segmentation
from cryoet_bench.quality.qc.frame import sample
from cryoet_bench.quality.qc.kernels import BLOCK
from cryoet_bench.quality.qc.spectrum import Spectrum
from cryoet_bench.quality.qc.survey import PILOT_EDGE, ArrayLike, Survey, within
from cryoet_bench.quality.thresholds import LIMITS, Limits
from cryoet_bench.volume import Volume
from cryoet_bench.volume.boxes import read_box

Array = npt.NDArray[Any]
# No density is as large or as small as two to this power.
_FAR = 100


def cryoet_checks(
    volume: Volume, survey: Survey, spectrum: Spectrum | None, limits: Limits = LIMITS
) -> list[Check]:
    """Return the checks that are particular to tomograms."""
    stored = volume.missing_chunks is not None
    told = [
        voxel_spacing(volume, limits),
        *([stored_chunks(volume, survey, limits)] if stored else []),
        header(volume, limits),
        content(volume),
    ]
    if is_segmentation(survey):
        return told
    return [
        missing_wedge(spectrum, limits),
        band_limit(spectrum, volume, limits),
        contrast(survey, limits),
        byte_order(survey, volume.array, limits),
        *told,
    ]


def missing_wedge(spectrum: Spectrum | None, limits: Limits = LIMITS) -> Check:
    """Judge the range of tilts that the power spectrum shows."""
    limit = limits["tilt range"]
    if spectrum is None or spectrum.unseen:
        filtered = spectrum is not None and spectrum.unseen == "filtered"
        return CATALOGUE["missing-wedge"].unanswered(
            "So little of the band is left that angles cannot be told apart."
            if filtered
            else "The volume is too thin or too uniform to see a missing wedge.",
            limits,
        )
    wedge = spectrum.wedge
    if wedge is None:
        return CATALOGUE["missing-wedge"].answered(
            None, "degrees", str(limit), "warn",
            "No missing wedge is seen: the volume is no plain reconstruction of a tilt series "
            "(averaged, simulated, turned, or filled in by a network), or it holds only noise.",
            "no-wedge",
        )  # fmt: skip
    verdict = limit.verdict(wedge.tilt_range)
    axis = {0.0: "y", 90.0: "x"}.get(wedge.tilt_axis, f"{wedge.tilt_axis:g} degrees from y")
    sentence = f"The tilt axis is {axis} and tilts reach about +-{wedge.tilt_range:.0f} degrees" + (
        "." if verdict == "pass" else ": tilts were lost, and detail along z with them."
    )
    return CATALOGUE["missing-wedge"].answered(
        wedge.tilt_range, "degrees", str(limit), verdict, sentence,
        "" if verdict == "pass" else "narrow-tilt-range",
        {"tilt_axis": wedge.tilt_axis, "contrast": wedge.contrast},
    )  # fmt: skip


def band_limit(spectrum: Spectrum | None, volume: Volume, limits: Limits = LIMITS) -> Check:
    """Judge how much of the band the volume's sampling allows is used."""
    limit = limits["band limit"]
    if spectrum is None:
        return CATALOGUE["band-limit"].unanswered(
            "The volume is too thin or too uniform for a power spectrum.", limits
        )
    verdict = limit.verdict(spectrum.band_limit)
    length = ""
    if volume.voxel_spacing:
        length = f" ({max(volume.voxel_spacing) / spectrum.band_limit:.0f} angstrom)"
    sentence = (
        f"99.9 % of the variance lies below {spectrum.band_limit:.2f} cycles/voxel{length}"
        + ("." if verdict == "pass" else ": the volume is heavily filtered or enlarged; bin it.")
    )
    return CATALOGUE["band-limit"].answered(
        spectrum.band_limit, "cycles/voxel", str(limit), verdict, sentence,
        "" if verdict == "pass" else "oversampled",
    )  # fmt: skip


def voxel_spacing(volume: Volume, limits: Limits = LIMITS) -> Check:
    """Judge whether the voxel spacing is there, plausible, and the same along all axes."""
    coarse, fine = limits["spacing"], limits["finest spacing"]
    rule = f"{fine}; {coarse}"
    spacing = volume.voxel_spacing
    if spacing is None:
        return CATALOGUE["voxel-spacing"].answered(
            None, "angstrom", rule, "warn",
            " ".join(
                (
                    "The voxel spacing is not recorded: no length in this volume can be trusted.",
                    *(note.sentence for note in volume.about("spacing")),
                )
            ),
            "no-spacing",
        )  # fmt: skip
    verdict = worst((coarse.verdict(max(spacing)), fine.verdict(min(spacing))))
    finding, sentence = "", f"Voxels of {spacing[2]:g} angstrom."
    if volume.about("spacing") and verdict == "pass":
        note = volume.about("spacing")[0]
        verdict, finding, sentence = "warn", note.name, note.sentence
    elif verdict != "pass":
        finding = "implausible-spacing"
        sentence = f"Voxels of {spacing[2]:g} angstrom are implausible: a unit is wrong."
    elif max(spacing) > 1.01 * min(spacing):
        verdict, finding = "warn", "anisotropic-spacing"
        shown = " x ".join(f"{length:g}" for length in spacing)
        sentence = f"Voxels are no cubes ({shown} angstrom along z, y, x): most programs assume so."
    return CATALOGUE["voxel-spacing"].answered(
        spacing[2], "angstrom", rule, verdict, sentence, finding,
        {"spacing": spacing},
    )  # fmt: skip


def contrast(survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge whether protein is dark, by the sign of the skewness."""
    limit = limits["skewness"]
    value = survey.skewness
    verdict: Verdict = "n/a" if np.isnan(value) else limit.verdict(value)
    if verdict == "n/a":
        sentence = "A volume without an image has no contrast."
    elif verdict != "pass":
        sentence = (
            "Dense matter looks bright here: most pickers and templates expect it dark; invert "
            "the volume or tell them."
        )
    elif value < -limit.warn:
        sentence = "Dense matter is dark, as the field's convention is."
    else:
        sentence = "The distribution is nearly symmetric: the sign of the contrast is not evident."
    return CATALOGUE["contrast"].answered(
        None if np.isnan(value) else value, "skewness",
        str(limit), verdict, sentence, "inverted-contrast" if verdict in {"warn", "fail"} else "",
    )  # fmt: skip


def byte_order(survey: Survey, array: ArrayLike, limits: Limits = LIMITS) -> Check:
    """Judge whether neighbouring voxels become alike only when their bytes are reversed.

    Only signs of differences from the median are compared, which no damaged exponent can upset.
    The central box is tried, and the places where values are wildest.
    """
    limit = limits["byte order"]
    gains = {}
    if survey.dtype.itemsize > 1:
        gains = {place: _gain(box) for place, box in _suspicious(survey, array).items()}
    worst_place = max(gains, key=lambda place: gains[place], default="")
    gain = max(gains.get(worst_place, 0.0), 0.0)
    verdict = limit.verdict(gain)
    sentence = (
        f"At {worst_place} the volume makes sense only with its bytes reversed: it was "
        "written on, or declared for, a machine of the other byte order."
        if verdict != "pass"
        else "The bytes of a voxel are in the order that the type says."
    )
    return CATALOGUE["byte-order"].answered(
        gain, "gain in likeness", str(limit), verdict, sentence,
        "" if verdict == "pass" else "wrong-byte-order",
    )  # fmt: skip


def _suspicious(survey: Survey, array: ArrayLike) -> dict[str, Array]:
    boxes = {
        "the centre": read_box(array, within(survey.padding.box, PILOT_EDGE)),
    }
    with np.errstate(over="ignore", invalid="ignore"):
        reach = np.maximum(np.abs(survey.block_low), np.abs(survey.block_high))
    # Exponents of reversed bytes may lie at either end of the type's range.
    wild = [
        np.unravel_index(int(place), reach.shape)
        for place in (
            np.argmax(np.where(np.isinf(reach), 0, reach)),
            np.argmin(np.where(reach > 0, reach, np.inf)),
        )
    ]
    incomplete = np.flatnonzero(survey.slices[0].count < survey.slices[0].count.max())
    if incomplete.size:
        row = incomplete[len(incomplete) // 2] // BLOCK
        middle = tuple(n // 2 for n in reach.shape[1:])
        wild.append((row, *middle))
    for place in wild:
        starts = [int(at) * BLOCK for at in place]
        box = tuple(slice(at, at + BLOCK) for at in starts)
        boxes["z, y, x = " + ", ".join(str(at) for at in starts)] = np.asarray(array[box])
    return boxes


def _gain(box: Array) -> float:
    """Return how much more alike neighbours become when bytes are reversed, if values do too.

    Exponents of bytes in the wrong order are spread over the whole range of the type, or lie at its
    ends, which no density does; those of rounding noise around zero do not.
    """
    if box.dtype.kind == "f":
        spread, level = _exponents(box)
        if not (spread > 4 * _exponents(box.byteswap())[0] + 4 or abs(level) > _FAR):
            return 0.0
    return _likeness(box.byteswap()) - _likeness(box)


def _exponents(box: Array) -> tuple[float, float]:
    """Return spread and level of the exponents of a box's values, in bits."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        exponent = np.log2(np.abs(sample(box).astype(np.float64)))
    known = exponent[np.isfinite(exponent)]
    if not known.size:
        return 0.0, 0.0
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    return float(high - low), float(middle)


def _likeness(box: Array) -> float:
    """Return the mean product of the signs of neighbours, along the axis where it is largest."""
    with np.errstate(invalid="ignore", over="ignore"):
        values = box.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return 0.0
    sign = np.sign(values - np.median(values[finite]), where=finite, out=np.zeros(box.shape))
    return max(
        (
            float(np.mean(np.take(sign, range(1, n), axis) * np.take(sign, range(n - 1), axis)))
            for axis, n in enumerate(sign.shape)
            if n > 1
        ),
        default=0.0,
    )


def stored_chunks(volume: Volume, survey: Survey, limits: Limits = LIMITS) -> Check:
    """Judge whether every chunk is in the store."""
    limit, missing = limits["missing chunks"], volume.missing_chunks or ()
    verdict: Verdict = limit.verdict(len(missing))
    notes = volume.about("chunks")
    sentence = " ".join(note.sentence for note in notes) or "Every chunk is in the store."
    unwritten = bool(missing) and _like_padding(volume, survey)
    if unwritten:
        verdict = "warn"
        sentence += " All of them lie in padding, where unwritten chunks are normal."
    return CATALOGUE["stored-chunks"].answered(
        len(missing), "missing", str(limit), verdict,
        sentence, "unwritten-chunks" if unwritten else "missing-chunk" if missing else "",
        {"missing": list(missing)[:100]},
    )  # fmt: skip


def _like_padding(volume: Volume, survey: Survey) -> bool:
    """Tell whether missing chunks lie where the volume is padded, as unwritten ones do.

    Padding goes on beyond a chunk, or takes whole slabs; a lost chunk ends where it ends.
    """
    chunks, tiles = volume.chunks, survey.tiles
    if chunks is None or not survey.padded:
        return False
    held = tiles.axes[0].voxels
    for place in volume.missing_chunks or ():
        spans = [
            (at * step, min((at + 1) * step, n))
            for at, step, n in zip(place, chunks, survey.shape, strict=True)
        ]
        if any(
            high <= whole.start or low >= whole.stop
            for (low, high), whole in zip(spans, survey.padding.box, strict=True)
        ):
            continue
        near = tuple(
            slice(max(0, low - 1) // unit, -(-(high + 1) // unit))
            for (low, high), unit in zip(spans, (1, tiles.edge, tiles.edge), strict=True)
        )
        inside = tuple(
            slice(-(-low // unit), high // unit)
            for (low, high), unit in zip(spans, (1, tiles.edge, tiles.edge), strict=True)
        )
        missing = float(held[inside].sum())
        # What is seen beyond the chunk, of what there would be without padding.
        around = float(held[near].sum()) - missing
        most = (held[near].size - held[inside].size) * float(held.max(initial=1))
        if missing > 0 or around > 0.95 * most:
            return False
    return True


def header(volume: Volume, limits: Limits = LIMITS) -> Check:
    """Judge whether the header agrees with itself and with the file."""
    limit, found = limits["header"], volume.disagreements
    sentence = (
        f"The header is damaged or stale: {'; '.join(found)}."
        if found
        else "Header and voxels agree, as far as the format lets one tell."
    )
    return CATALOGUE["header"].answered(
        len(found), "disagreements", str(limit), limit.verdict(len(found)),
        sentence, "damaged-header" if found else "",
    )  # fmt: skip


def content(volume: Volume) -> Check:
    """Judge whether the file holds what it was taken for: one volume of densities along z, y, x."""
    notes = volume.about("content")
    doubtful = [note for note in notes if not note.harmless]
    sentence = " ".join(note.sentence for note in notes)
    return CATALOGUE["content"].answered(
        len(doubtful), "doubts", "none",
        "warn" if doubtful else "pass", sentence or "The file holds one volume along z, y, x.",
        doubtful[0].name if doubtful else "",
    )  # fmt: skip
