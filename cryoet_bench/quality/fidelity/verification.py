"""The verdict on a copy, and the report that shows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.quality.check import Check, Verdict, worst
from cryoet_bench.quality.consequence import by_consequence
from cryoet_bench.quality.fidelity.comparison import Comparison, Progress, compare
from cryoet_bench.quality.fidelity.profiles import Profile, Requirement
from cryoet_bench.quality.report import Report, Section, Table
from cryoet_bench.quality.report.plane import AXES, ORIENTATION, show_plane
from cryoet_bench.tomogram.phantom import PHANTOMS, Particle, particles
from cryoet_bench.tomogram.sources import open_volume
from cryoet_bench.volume import Note, Volume
from cryoet_bench.volume.reading import readable

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Verification:
    """A copy held against a profile.

    Parameters
    ----------
    reference, copy : Volume
        What was compared.
    profile : Profile
        What the copy is for.
    comparison : Comparison
        What was measured.
    voxels, metadata : tuple of Check
        What was asked of the voxels, and of what the files say of them.
    """

    reference: Volume
    copy: Volume
    profile: Profile
    comparison: Comparison
    voxels: tuple[Check, ...]
    metadata: tuple[Check, ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks."""
        return self.voxels + self.metadata

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of all checks."""
        return worst(check.verdict for check in self.checks)

    @property
    def voxels_verdict(self) -> Verdict:
        """The gravest verdict on the voxels."""
        return worst(check.verdict for check in self.voxels)

    @property
    def metadata_verdict(self) -> Verdict:
        """The gravest verdict on what the files say of them."""
        return worst(check.verdict for check in self.metadata)

    @property
    def consequential(self) -> list[Check]:
        """What is not a pass, the gravest first."""
        return [one for one in by_consequence(self.checks) if one.verdict in {"fail", "warn"}]

    @property
    def headline(self) -> str:
        """The verdicts on voxels and metadata, in one sentence."""
        fit = "is not" if self.verdict == "fail" else "is"
        kept = "every voxel is the same" if self.comparison.exact else f"{self.voxels_verdict}"
        return (
            f"{self.copy.name} {fit} fit as a copy of {self.reference.name} for "
            f"{self.profile.name} ({self.profile.purpose}); "
            f"voxels: {kept}, metadata: {self.metadata_verdict}"
        )


def verify(
    reference: Volume, copy: Volume, profile: Profile, *, progress: Progress | None = None
) -> Verification:
    """Measure a copy against its reference and hold it against a profile.

    Raises
    ------
    InputError
        One of the volumes cannot be read, or is none.
    """
    comparison = readable(
        lambda: compare(
            reference.array,
            copy.array,
            reference_spacing=reference.voxel_spacing,
            copy_spacing=copy.voxel_spacing,
            particles=known_particles(reference),
            progress=progress,
        ),
        f"{reference.name} and {copy.name}",
    )
    return held_against(profile, reference, copy, comparison)


def held_against(
    profile: Profile, reference: Volume, copy: Volume, comparison: Comparison
) -> Verification:
    """Return the verification of a copy that was compared already."""
    checks = judged(comparison, profile)
    about = {requirement.measure for requirement in profile.requirements if requirement.metadata}
    voxels = tuple(check for check in checks if check.key not in about)
    metadata = tuple(
        _who_is_silent(check, reference, copy) if check.value is None else check
        for check in checks
        if check.key in about
    )
    told = [
        (note, _told(note, volume, what))
        for volume, what in ((reference, "reference"), (copy, "copy"))
        for note in volume.notes
    ]
    return Verification(
        reference,
        copy,
        profile,
        comparison,
        voxels + tuple(check for note, check in told if note.about in {"chunks", "content"}),
        metadata + tuple(check for note, check in told if note.about in {"spacing", "header"}),
    )


def verify_sources(
    reference: str,
    copy: str,
    profile: Profile,
    *,
    voxel_spacing: float | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Open two volumes by name, path or URL and verify the second; see `verify`.

    Parameters
    ----------
    voxel_spacing : float, optional
        In angstrom, of a volume that does not state one.
    """
    volumes = [open_volume(source) for source in (reference, copy)]
    if voxel_spacing is not None:
        given = (voxel_spacing,) * 3
        volumes = [
            dataclasses.replace(volume, voxel_spacing=volume.voxel_spacing or given)
            for volume in volumes
        ]
    return verify(volumes[0], volumes[1], profile, progress=progress)


def _who_is_silent(check: Check, reference: Volume, copy: Volume) -> Check:
    """Say which of two volumes states no voxel spacing, and what to do about it."""
    silent, other = (copy, reference) if copy.voxel_spacing is None else (reference, copy)
    stated = other.voxel_spacing
    assert stated is not None
    words = " x ".join(f"{length:g}" for length in stated)
    kind = str(silent.facts.get("format"))
    lengths = ", ".join(f"{length:g}" for length in stated)
    if "Zarr" in kind:
        way = f'the "scale" [{lengths}] of an OME-Zarr group, with axes in "angstrom"'
    elif "TIFF" in kind:
        way = "OME-TIFF's PhysicalSizeX, PhysicalSizeY and PhysicalSizeZ"
    elif "MRC" in kind:
        way = "the voxel size of the MRC header"
    else:
        way = "an MRC or OME-Zarr, which have a place for it"
    sentence = (
        f"{silent.name} states no voxel spacing, {other.name} states {words} angstrom along "
        f"z, y, x. If that holds for both, write it as {way}, or give it with "
        f"--voxel-spacing {stated[0]:g}."
    )
    return dataclasses.replace(check, value=f"only {other.name} states it", sentence=sentence)


def _told(note: Note, volume: Volume, what: str) -> Check:
    """Return what is unusual about a file: it is the same file for every purpose, so a warning."""
    return Check(
        key=f"{what}:{note.name}",
        title=f"File of the {what}",
        value=note.name,
        unit="",
        threshold="nothing unusual",
        verdict="warn",
        sentence=f"{volume.name}: {note.clause}.",
        finding=note.name,
    )


def known_particles(volume: Volume) -> list[Particle]:
    """Return the particles of a phantom, known by its checksum; of anything else, none."""
    sha256 = volume.facts.get("sha256")
    for phantom in PHANTOMS.values():
        if phantom.sha256 == sha256:
            return particles(phantom)
    return []


def judged(comparison: Comparison, profile: Profile) -> tuple[Check, ...]:
    """Hold a comparison against a profile: the requirements, then what was recognised."""
    values = comparison.measures()
    checks = [_check(requirement, values) for requirement in profile.requirements]
    if not values["same_shape"]:
        checks = checks[:1]
    checks += [
        Check(
            key=f"defect:{defect.name}",
            title="Damage recognised" if defect.damage else "Loss recognised",
            value=defect.name,
            unit="",
            threshold="none",
            verdict=profile.verdict_on(defect),
            sentence=f"{defect.sentence[0].upper()}{defect.sentence[1:]}.",
            finding=defect.name,
        )
        for defect in comparison.defects
    ]
    return tuple(checks)


def _check(requirement: Requirement, values: Mapping[str, Any]) -> Check:
    value = values.get(requirement.measure)
    sentence = requirement.reason
    if requirement.measure == "bit_exact" and value is False:
        sentence = f"{_difference(values)} {sentence}"
    if value is None:
        sentence = f"Could not be measured on these volumes. {sentence}"
    shown = ("no", "yes")[value] if isinstance(value, bool) else value
    return Check(
        key=requirement.measure,
        title=requirement.title,
        value=shown,
        unit=requirement.unit,
        threshold=requirement.rule,
        verdict=requirement.verdict(value),
        sentence=sentence,
    )


def _difference(values: Mapping[str, Any]) -> str:
    count, first = values["n_differing"], values["first_differing"]
    if count is None:
        return "Grey values are rescaled."
    if not count:
        return "No value differs, but the type of a voxel."
    one = "1 voxel differs" if count == 1 else f"{count:,} voxels differ"
    return f"{one}, the first at (z, y, x) = {first}."


def report(verification: Verification) -> Report:
    """Return the report on a verification."""
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
        [_plane(volume, axis, at[axis]) for volume in (verification.reference, verification.copy)]
        for axis in range(3)
    ]

    def draw(figure: SubFigure) -> None:
        axes = figure.subplots(3, 3, squeeze=False)
        mean, sd = pixels.reference_mean, pixels.reference_sd or 1.0
        scale = pixels.rmse * 3 or 1.0
        for row, (axis, (original, stored)) in enumerate(zip(AXES, planes, strict=True)):
            for column, (plane, low, high, colours) in enumerate(
                (
                    (original, mean - 3 * sd, mean + 3 * sd, "gray"),
                    (stored, mean - 3 * sd, mean + 3 * sd, "gray"),
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
        "Reference and copy share one grey scale, mean +- 3 sd of the reference; the error is "
        "shown from -3 to +3 of its root mean square, blue where the copy is too low. "
        f"{ORIENTATION}",
        draw,
        height=8.0,
    )


def _plane(volume: Volume, axis: int, index: int) -> Array:
    place: list[Any] = [slice(None)] * 3
    place[axis] = index
    return np.asarray(volume.array[tuple(place)]).astype(np.float64)


def _fsc(comparison: Comparison) -> Section:
    curve = comparison.correlation
    assert curve is not None
    spacing = comparison.reference_spacing

    def draw(figure: SubFigure) -> None:
        axes = figure.subplots()
        axes.plot(curve.frequency, curve.whole, color="0.7", label="all of each shell")
        axes.plot(curve.frequency, curve.measured, color="C0", label="where the reference measures")
        axes.axvspan(0, curve.band.frequency, color="C2", alpha=0.08, label="band of the reference")
        axes.axhline(0.999, color="C3", lw=0.8, ls="--", label="0.999")
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
        else f"the error is {'white' if flatness > 0.9 else 'structured'} "
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
