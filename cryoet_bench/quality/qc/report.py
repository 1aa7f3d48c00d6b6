"""The report of an examined volume: what a microscopist wants to see of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cryoet_bench.quality.catalogue import CATALOGUE
from cryoet_bench.quality.check import Check
from cryoet_bench.quality.consequence import advice, by_consequence
from cryoet_bench.quality.qc.inspection import Inspection, measures
from cryoet_bench.quality.qc.slices import read_slice
from cryoet_bench.quality.qc.survey import Survey
from cryoet_bench.quality.report import Report, Section, Table
from cryoet_bench.quality.report.plane import AXES, ORIENTATION, show_plane

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
        "specimen z, y, x": _specimen(found),
        **volume.facts,
    }
    return Report(
        kind="qc",
        title=volume.name,
        subject={name: value for name, value in subject.items() if value is not None},
        checks=inspection.checks,
        sections=(*_sections(inspection), _questions(inspection.checks)),
        measures=measures(inspection),
        answer=f"Use it? {advice(inspection.checks)}",
    )


def _questions(checks: Sequence[Check]) -> Section:
    """Return what each check looks for, for a reader who meets them for the first time."""
    asked = [CATALOGUE[check.key] for check in checks]
    rows = [(question.title, question.finds) for question in asked]
    return Section("What each check looks for", table=Table(("check", "looks for"), rows))


def _specimen(found: Survey) -> str | None:
    """Return the box that holds the specimen and the share of padding; None without padding."""
    if not found.padded:
        return None
    box = ", ".join(f"{part.start}:{part.stop}" for part in found.padding.box)
    share = found.padded / found.size
    return f"{box} ({100 * share:.1f} % of the voxels are padding, left out of all figures)"


def _sections(inspection: Inspection) -> tuple[Section, ...]:
    if not inspection.survey.finite:
        return ()
    place = worst_place(inspection)
    middle = tuple((part.start + part.stop) // 2 for part in inspection.survey.padding.box)
    z, y, x = place or middle
    depth, height, width = _extents(inspection.survey.shape)
    where = "through the centre" if place is None else "through the worst place, which is marked"
    sections = [
        Section(
            "Orthoslices",
            f"Slices {where} (z, y, x = {z}, {y}, {x}), from median - 3 to median + 3 robust sd. "
            f"Dense matter is dark in the field's convention. {ORIENTATION}",
            lambda figure: _orthoslices(figure, inspection, (z, y, x), marked=place is not None),
            min(6.5, max(2.5, 8 * (height + depth) / (width + depth))) + 0.6,
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


def _orthoslices(
    figure: SubFigure, inspection: Inspection, place: tuple[int, int, int], *, marked: bool
) -> None:
    """Draw three slices as IMOD's XYZ window lays them out, so that they share their axes."""
    array, found = inspection.volume.array, inspection.survey
    reach = 3 * found.sigma or 1.0
    limits = (found.median - reach, found.median + reach)
    depth, height, width = _extents(found.shape)
    axes = figure.subplots(2, 2, width_ratios=(width, depth), height_ratios=(depth, height))
    axes[0, 1].set_axis_off()
    views = (axes[1, 0], axes[0, 0], axes[1, 1])
    for number, (view, across) in enumerate(zip(views, AXES, strict=True)):
        plane = read_slice(array, number, place[number])
        spacing, mark = inspection.volume.voxel_spacing, place if marked else None
        show_plane(view, plane, across, limits, spacing=spacing, mark=mark)
        view.set_title(f"{across} = {place[number]}", fontsize=8)


def _extents(shape: tuple[int, int, int]) -> tuple[float, float, float]:
    """Return the lengths that slices are drawn with; a thin volume still shows its side."""
    depth, height, width = shape
    return max(depth, 0.15 * max(height, width)), height, width


def worst_place(inspection: Inspection) -> tuple[int, int, int] | None:
    """Return the voxel (z, y, x) where the gravest finding that has a place lies."""
    for check in by_consequence(inspection.checks):
        if check.verdict not in ("fail", "warn"):
            break
        place = _place(check, inspection)
        if place is not None:
            return place
    return None


def _place(check: Check, inspection: Inspection) -> tuple[int, int, int] | None:
    """Return where a check found something, from whichever of its details say so."""
    found, details = inspection.survey, check.details
    at = [n // 2 for n in found.shape]
    if details.get("place") is not None:
        at = list(details["place"])
    elif check.finding == "missing-chunk" and inspection.volume.chunks:
        chunks = inspection.volume.chunks
        at = [
            int(index) * step + step // 2
            for index, step in zip(details["missing"][0], chunks, strict=True)
        ]
    elif check.finding == "hot-voxels" and len(details["hot_places"]):
        at = list(details["hot_places"][0])
    elif check.finding == "empty-block":
        at = [int(start) + details["block_edge"] // 2 for start in details["blocks"][0]]
    elif check.finding == "constant-slab":
        for axis, indices in details["slices"].items():
            at[AXES.index(axis)] = indices[len(indices) // 2]
    elif check.finding == "non-finite" and found.finite:
        at = [int(np.argmin(moments.count)) for moments in found.slices]
    else:
        return None
    z, y, x = (min(max(int(i), 0), n - 1) for i, n in zip(at, found.shape, strict=True))
    return z, y, x


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
    for axis, name, profile in zip(axes, "zyx", found.slices, strict=False):
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
