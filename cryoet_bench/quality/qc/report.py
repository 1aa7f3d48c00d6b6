"""The report of an examined volume: what a microscopist wants to see of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cryoet_bench.quality.qc.inspection import Inspection, measures
from cryoet_bench.quality.qc.slices import read_slice
from cryoet_bench.quality.report import Report, Section

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

_BLUE, _ORANGE, _GREY = "#2b6cb0", "#c2570c", "#9aa5b1"


def build_report(inspection: Inspection) -> Report:
    """Return the report of an inspection, ready to be written in any form."""
    volume, found = inspection.volume, inspection.survey
    spacing = volume.voxel_spacing
    subject: dict[str, str | float | int | None] = {
        "voxels z, y, x": " x ".join(f"{n:,}" for n in found.shape),
        "type": str(found.dtype),
        "voxel spacing": "not recorded" if spacing is None else f"{spacing[2]:g} angstrom",
        "chunks": " x ".join(str(n) for n in volume.chunks) if volume.chunks else None,
        **volume.facts,
    }
    return Report(
        kind="qc",
        title=volume.name,
        subject={name: value for name, value in subject.items() if value is not None},
        checks=inspection.checks,
        sections=_sections(inspection),
        measures=measures(inspection),
    )


def _sections(inspection: Inspection) -> tuple[Section, ...]:
    if not inspection.survey.finite:
        return ()
    sections = [
        Section(
            "Orthoslices",
            "The three central slices, from median - 3 to median + 3 robust sd. Dense matter is "
            "dark in the field's convention.",
            lambda figure: _orthoslices(figure, inspection),
            3.6,
        ),
        Section(
            "Histogram",
            "All finite voxels. One broad peak is normal; spikes are values that were written in, "
            "and walls at the ends are clipped densities.",
            lambda figure: _histogram(figure, inspection),
            2.6,
        ),
        Section(
            "Slice profiles",
            "Mean (line) and one sd around it (band) of every slice along z, y and x, and the "
            "correlation of neighbouring slices along z. Steps and dips are damage, slopes drift.",
            lambda figure: _profiles(figure, inspection),
            4.4,
        ),
    ]
    if inspection.spectrum is not None:
        sections.append(
            Section(
                "Power spectrum",
                "Left: power by spatial frequency. Middle: by angle from the plane, after "
                "whitening; the missing wedge is where it breaks off. Right: kz against "
                "frequency across the tilt axis.",
                lambda figure: _spectrum(figure, inspection),
                3.0,
            )
        )
    return tuple(sections)


def _orthoslices(figure: SubFigure, inspection: Inspection) -> None:
    array, found = inspection.volume.array, inspection.survey
    planes = {
        name: read_slice(array, axis, found.shape[axis] // 2)
        for axis, name in enumerate(("xy", "xz", "yz"))
    }
    reach = 3 * found.sigma or 1.0
    shapes = [np.shape(plane) for plane in planes.values()]
    axes = figure.subplots(1, 3, width_ratios=[max(shape[1], 1) for shape in shapes])
    for axis, (name, plane) in zip(axes, planes.items(), strict=True):
        step = max(1, max(np.shape(plane)) // 512)
        axis.imshow(
            np.asarray(plane)[::step, ::step].astype(np.float64), cmap="gray", origin="lower",
            vmin=found.median - reach, vmax=found.median + reach, interpolation="nearest",
        )  # fmt: skip
        axis.set_title(name, fontsize=9)
        axis.set_axis_off()


def _histogram(figure: SubFigure, inspection: Inspection) -> None:
    found = inspection.survey
    held = np.flatnonzero(found.histogram.counts)
    low, high = held[0], held[-1] + 1
    step = 1 if found.histogram.discrete else max(1, (high - low) // 400)
    counts = np.add.reduceat(found.histogram.counts[low:high], np.arange(0, high - low, step))
    edges = found.histogram.start + found.histogram.width * (low + step * np.arange(counts.size))
    axis = figure.subplots()
    axis.stairs(
        counts, np.r_[edges, edges[-1] + step * found.histogram.width], fill=True, color=_BLUE
    )
    axis.axvline(found.median, color=_ORANGE, lw=1, label="median")
    for side in (-1, 1):
        axis.axvline(found.median + side * found.sigma, color=_ORANGE, lw=1, ls=":")
    axis.set_yscale("log")
    axis.set_ylim(bottom=0.5)
    axis.set(xlabel="density", ylabel="voxels")
    axis.legend(frameon=False, fontsize=8, title="dotted: 1 robust sd", title_fontsize=8)


def _profiles(figure: SubFigure, inspection: Inspection) -> None:
    found = inspection.survey
    axes = figure.subplots(2, 2).ravel()
    for axis, name, profile in zip(axes, "zyx", found.profiles, strict=False):
        at = np.arange(profile.mean.size)
        axis.fill_between(
            at, profile.mean - profile.sd, profile.mean + profile.sd, color=_BLUE, alpha=0.25, lw=0
        )
        axis.plot(at, profile.mean, color=_BLUE, lw=1)
        axis.axhline(found.mean, color=_GREY, lw=0.8)
        axis.set(xlabel=f"slice along {name}", ylabel="density")
    axes[3].plot(np.arange(found.neighbours.size), found.neighbours, color=_ORANGE, lw=1)
    axes[3].set(xlabel="slice along z", ylabel="correlation with next")


def _spectrum(figure: SubFigure, inspection: Inspection) -> None:
    power = inspection.spectrum
    assert power is not None
    radial, angular, plane = figure.subplots(1, 3)
    radial.semilogy(power.frequency, power.power, color=_BLUE, lw=1.2)
    radial.axvline(power.band_limit, color=_ORANGE, lw=1, ls="--", label="99.9 % of variance")
    radial.set(xlabel="cycles/voxel", ylabel="relative power")
    radial.legend(frameon=False, fontsize=8)
    positive = np.where(power.angular_power > 0, power.angular_power, np.nan)
    angular.semilogy(power.angle, positive, color=_BLUE, lw=1.2)
    if power.wedge is not None:
        edge = power.wedge.tilt_range
        angular.axvline(edge, color=_ORANGE, lw=1, ls="--", label=f"+-{edge:.0f} degrees")
        angular.legend(frameon=False, fontsize=8)
    angular.set(xlabel="degrees from the plane", ylabel="relative power")
    shown: Any = power.plane
    plane.imshow(
        shown, cmap="magma", origin="lower", extent=(-0.5, 0.5, -0.5, 0.5), aspect="equal",
        vmin=np.quantile(shown, 0.02), vmax=shown.max(),
    )  # fmt: skip
    plane.set(xlabel="across the tilt axis", ylabel="kz")
