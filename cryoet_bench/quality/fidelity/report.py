"""The report on a copy: where it differs from its reference, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.fidelity.comparison import SHOWN, Comparison
from cryoet_bench.quality.fidelity.losses import WHITE
from cryoet_bench.quality.fidelity.probes import read_plane
from cryoet_bench.quality.fidelity.verification import Verification
from cryoet_bench.quality.metrics.fsc import LEVELS
from cryoet_bench.quality.report import Report, Section, Table
from cryoet_bench.quality.report.plane import AXES, ORIENTATION, show_plane
from cryoet_bench.volume import Volume

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

Array = npt.NDArray[Any]


def build_report(verification: Verification) -> Report:
    """Return the report of a verification, ready to be written in any form."""
    comparison = verification.comparison
    reference, copy = verification.reference, verification.copy
    sections = [_numbers(comparison)]
    if comparison.pixels is not None:
        sections = [
            _error_slices(verification),
            _fsc(comparison),
            _error_spectrum(comparison),
            _error_map(comparison),
            *sections,
        ]
    return Report(
        kind="fidelity",
        title=f"{copy.name} against {reference.name}",
        subject={
            "profile": f"{verification.profile.name}: {verification.profile.purpose}",
            "reference": _described(reference),
            "copy": _described(copy),
        },
        checks=verification.checks,
        sections=sections,
        measures=comparison.measures(),
        answer=verification.headline,
    )


def _described(volume: Volume) -> str:
    spacing = volume.voxel_spacing
    size = " x ".join(map(str, volume.array.shape))
    fine = "spacing unknown" if spacing is None else f"{' x '.join(f'{s:g}' for s in spacing)} A"
    kind = "synthetic, " if volume.facts.get("source") == "synthetic" else ""
    stored = volume.facts.get("format") or "in the cache"
    return f"{kind}{size} {np.dtype(volume.array.dtype).name}, {fine}, {stored}"


def _numbers(comparison: Comparison) -> Section:
    hidden = {"fsc", "fsc_crossings", "defects", "damage"}
    values = {key: value for key, value in comparison.measures().items() if key not in hidden}
    crossings = comparison.correlation.crossings if comparison.correlation else {}
    rows: list[tuple[str, Any]] = [
        (key.replace("_", " "), str(value) if isinstance(value, tuple) else value)
        for key, value in values.items()
    ]
    rows += [
        (f"FSC falls below {level:g} at (cycles/voxel)", "nowhere" if at is None else at)
        for level, at in crossings.items()
    ]
    return Section(
        "All measures", "Errors are copy minus reference.", table=Table(("measure", "value"), rows)
    )


def _error_slices(verification: Verification) -> Section:
    pixels = verification.comparison.pixels
    assert pixels is not None
    depth, height, width = pixels.shape
    at = pixels.max_error_at or (depth // 2, height // 2, width // 2)
    planes = [
        [
            read_plane(volume.array, axis, at[axis]).astype(np.float64)
            for volume in (verification.reference, verification.copy)
        ]
        for axis in range(3)
    ]

    def draw(figure: SubFigure) -> None:
        axes = figure.subplots(3, 3, squeeze=False)
        mean, reach = pixels.reference_mean, SHOWN * (pixels.reference_sd or 1.0)
        scale = pixels.rmse * 3 or 1.0
        for row, (axis, (original, stored)) in enumerate(zip(AXES, planes, strict=True)):
            for column, (plane, low, high, colours) in enumerate(
                (
                    (original, mean - reach, mean + reach, "gray"),
                    (stored, mean - reach, mean + reach, "gray"),
                    (stored - original, -scale, scale, "RdBu_r"),
                )
            ):
                show_plane(
                    axes[row][column], plane, axis, (low, high), colours=colours,
                    spacing=verification.reference.voxel_spacing, mark=at,
                )  # fmt: skip
            for column, title in enumerate(("reference", "copy", "error")):
                axes[row][column].set_title(f"{title}, {axis} = {at[row]}", fontsize=8)

    return Section(
        "Slices through the largest error",
        f"Reference and copy share one grey scale, mean +- {SHOWN:g} sd of the reference; the "
        "error is shown from -3 to +3 of its root mean square, blue where the copy is too low. "
        f"{ORIENTATION}",
        draw,
        height=8.0,
    )


def _fsc(comparison: Comparison) -> Section:
    curve = comparison.correlation
    assert curve is not None
    spacing = comparison.reference_spacing

    def draw(figure: SubFigure) -> None:
        axes = figure.subplots()
        axes.plot(curve.frequency, curve.whole, color="0.7", label="all of each shell")
        axes.plot(curve.frequency, curve.measured, color="C0", label="where the reference measures")
        axes.axvspan(0, curve.band.frequency, color="C2", alpha=0.08, label="band of the reference")
        axes.axhline(LEVELS[0], color="C3", lw=0.8, ls="--", label=f"{LEVELS[0]:g}")
        axes.set_xlabel("cycles per voxel")
        axes.set_ylabel("FSC")
        axes.set_xlim(0, 0.5)
        axes.set_ylim(min(0.0, float(np.nanmin(curve.measured))), 1.02)
        axes.legend(fontsize=8, loc="lower left")
        if spacing is not None:
            above = axes.secondary_xaxis("top")
            ticks = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
            above.set_xticks(ticks, [f"{spacing[0] / f:.3g} A" for f in ticks])

    tilt = (
        "no missing wedge was found"
        if curve.band.tilt_axis is None
        else f"tilts up to {curve.band.tilt_limit:g} degrees about {curve.band.tilt_axis}"
    )
    tiles = "" if curve.tiles == 1 else f" Averaged over {curve.tiles} tiles of the volume."
    return Section(
        "Fourier shell correlation",
        f"Copy against reference, shell by shell; 1 is a perfect copy. The reference carries power "
        f"up to {curve.band.frequency:.3g} cycles per voxel, {tilt}.{tiles}",
        draw,
    )


def _error_spectrum(comparison: Comparison) -> Section:
    curve = comparison.correlation
    assert curve is not None

    def draw(figure: SubFigure) -> None:
        axes = figure.subplots()
        scale = float(curve.reference_power[1:].max(initial=0.0)) or 1.0
        for power, label, colour in (
            (curve.reference_power, "reference", "0.5"),
            (curve.error_power, "error", "C3"),
        ):
            shown = np.where(power[1:] > 0, power[1:] / scale, np.nan)
            axes.plot(curve.frequency[1:], shown, color=colour, label=label)
        axes.set_yscale("log")
        axes.set_xlabel("cycles per voxel")
        axes.set_ylabel("power")
        axes.legend(fontsize=8)

    flatness = curve.flatness
    kind = (
        "there is no error"
        if not np.isfinite(flatness)
        else f"the error is {'white' if flatness > WHITE else 'structured'} "
        f"(flatness {flatness:.2f}, 1 is white)"
    )
    return Section(
        "Spectrum of the error",
        f"Mean power of the reference and of the error in each shell: {kind}. Where the error "
        "reaches the reference, nothing of it is left.",
        draw,
    )


def _error_map(comparison: Comparison) -> Section:
    pixels = comparison.pixels
    assert pixels is not None
    sd = pixels.reference_sd or 1.0

    def draw(figure: SubFigure) -> None:
        axes = figure.subplots(1, 3)
        top = float(pixels.cell_rms.max(initial=0.0)) / sd or 1.0
        for axis, name in enumerate(AXES):
            image = show_plane(
                axes[axis], pixels.cell_rms.max(axis=axis) / sd, name, (0, top), colours="magma",
                cell=pixels.cell, spacing=comparison.reference_spacing,
            )  # fmt: skip
            axes[axis].set_title(f"seen along {name}", fontsize=9)
        figure.colorbar(image, ax=list(axes), label="error in sd", shrink=0.8)

    return Section(
        "Where the error is",
        f"Root-mean-square error in cells of {pixels.cell} voxels, the worst cell along each axis. "
        "A loss is spread evenly; damage stands out.",
        draw,
    )
