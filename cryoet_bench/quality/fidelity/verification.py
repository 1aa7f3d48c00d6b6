"""The verdict on a copy: what was measured, held against what the copy is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryoet_bench.quality.check import Check, Verdict, worst
from cryoet_bench.quality.consequence import by_consequence
from cryoet_bench.quality.fidelity.comparison import Comparison, Progress, compare
from cryoet_bench.quality.fidelity.profiles import Profile, Requirement
from cryoet_bench.tomogram.phantom import PHANTOMS, Particle, particles
from cryoet_bench.tomogram.sources import open_volume
from cryoet_bench.volume import Note, Volume
from cryoet_bench.volume.reading import readable


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
