"""The limits that verdicts rest on, each with its reason, in one place.

All are free of scale and dtype: they count voxels, compare with the volume's own spread, or are
in the field's units.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.quality.check import Verdict, judge

# A voxel this many robust sd from the median is an outlier: a normal distribution puts two in a
# thousand million there, so in any tomogram they have a cause (gold, ice, dust, a damaged read).
OUTLIER_SIGMA = 6.0


@dataclass(frozen=True)
class Limit:
    """A rule for one measure: up to `warn` is good, up to `fail` a warning, beyond a failure.

    With `falling`, small values are the bad ones: down to `warn` is good, down to `fail` a warning.
    With `own`, a facility has set it.
    """

    warn: float
    fail: float
    unit: str
    reason: str
    falling: bool = False
    own: bool = False

    def verdict(self, value: float) -> Verdict:
        """Hold a value against the rule."""
        if self.falling:
            return judge(-value, -self.warn, -self.fail)
        return judge(value, self.warn, self.fail)

    def __str__(self) -> str:
        """Say the rule in words."""
        sign = ">=" if self.falling else "<="
        text = f"{sign} {self.warn:g} {self.unit}".rstrip()
        if self.warn != self.fail and abs(self.fail) != float("inf"):
            text += f", tolerable {sign} {self.fail:g}"
        return f"{text} (your limit)" if self.own else text


Limits = Mapping[str, Limit]
LIMITS: Limits = {
    "non-finite voxels": Limit(
        0, 0, "voxels",
        "One NaN spreads over the whole volume in the first Fourier transform.",
    ),
    "repeated value": Limit(
        0, float("inf"), "of the voxels",
        "Noise gives neighbouring values about equally often; a value that stands out by more than "
        "its counting error and threefold was written, not measured. Masks do that on purpose.",
    ),
    "modes": Limit(
        1, float("inf"), "modes",
        "Ice and particles overlap in one broad peak at the noise of a tomogram; a second peak "
        "means masking, padding, vacuum, or two volumes glued together.",
    ),
    "hot voxels": Limit(
        3e-7, 3e-5, "of the voxels",
        "The microscope's optics cannot make a single voxel stand out; a few per ten million can "
        "come from cosmic rays in unfiltered data.",
    ),
    "outliers": Limit(
        0.15, float("inf"), "of the voxels",
        "Crowded particles put 0.6 % of a portal-like tomogram beyond six robust sd, and 12 % once "
        "noise is filtered away; more means gold, ice, or a bulk of vacuum.",
    ),
    "signal-to-noise": Limit(
        0.05, 0.01, "",
        "Below 0.05 neighbouring slices share less than 5 % of their variance; the noisiest "
        "published unfiltered tomograms have about 0.1.",
        falling=True,
    ),
    "slice likeness": Limit(
        1 - 1e-9, 1, "correlation",
        "Even in heavily filtered volumes neighbouring slices differ; ones that do not are copies.",
    ),
    "hidden steps": Limit(
        0.005, 0.5, "sd",
        "Steps above 0.005 sd leave at most 11 bits over +-5 sd, in a float file that "
        "costs 32: it was 8-bit or badly scaled 16-bit before. Above half an sd detail is lost.",
    ),
    "integer steps": Limit(
        0.1, 1.5, "sd",
        "Six bits over +-3 sd keep the quantisation error below 0.1 % of the noise's variance; "
        "5 bits are published to suffice for raw data, 8 to 12 for maps (PMC9645247).",
    ),
    "clipped voxels": Limit(
        1e-6, 0.05, "of the voxels",
        "In measured data the extreme value occurs once; a pile-up there is density cut off. "
        "Conversion to 8 bits at 3 sd cuts off 0.3 %, percentiles 2 %.",
    ),
    "empty blocks": Limit(
        0, 0, "blocks",
        "No 16-voxel cube of a measured volume is of one single value.",
    ),
    "empty slices": Limit(0, 0, "slices", "No measured slice is of one single value."),
    "duplicated slices": Limit(0, 0, "slices", "Noise never repeats, so equal slices are copies."),
    "slice order": Limit(
        1, 1, "of what is natural",
        "How alike neighbouring slices are changes slowly; each volume's own variation, times 6.5, "
        "is what is natural in it.",
    ),
    "blocks": Limit(
        0, 0, "blocks",
        "Densities do not stop at planes: a cuboid that does not continue its surroundings, or "
        "occurs twice to the last bit, was put there.",
    ),
    "lines": Limit(
        0, 0, "lines",
        "The optics cannot make one line of voxels, or a few rows of one slice, stand out.",
    ),
    "wrapped voxels": Limit(
        0, 0, "voxels",
        "Next to the largest values of an integer type lie large ones, not the smallest.",
    ),
    "padding": Limit(
        0.25, float("inf"), "of the voxels",
        "A border is normal. Where a quarter is filled in, programs that take statistics of the "
        "whole volume are misled.",
    ),
    "density drift": Limit(
        0.8, float("inf"), "sd",
        "Clean phantoms, crowded at random, reach 0.4 sd from end to end along y and x; a steady "
        "gradient beyond 0.8 is uneven illumination, ice thickness or bad normalisation.",
    ),
    "spread drift": Limit(
        0.7, float("inf"), "",
        "Natural logarithm of the sd's ratio from end to end. Clean phantoms reach 0.3.",
    ),
    "tilt range": Limit(
        50, 35, "degrees",
        "Stages reach 60 to 70 degrees; below 50 more than 44 % of Fourier space is empty.",
        falling=True,
    ),
    "band limit": Limit(
        0.1, 0, "cycles/voxel",
        "Below 0.1 the same detail fits into an eighth of the voxels with room to spare.",
        falling=True,
    ),
    "spacing": Limit(
        50, 200, "angstrom",
        "Tomograms of cells are reconstructed at 2 to 20 angstrom; above 50 no protein is seen.",
    ),
    "finest spacing": Limit(
        1, 0.1, "angstrom",
        "Detectors sample cryo-ET at 1 angstrom or coarser; less is a wrong unit.",
        falling=True,
    ),
    "skewness": Limit(
        0.1, float("inf"), "",
        "Protein scatters more than ice: in the portal's convention it is dark and gives the "
        "distribution a tail to the left. Bright protein is legitimate, but pickers must know.",
    ),
    "byte order": Limit(
        0.1, 0.1, "",
        "How much more alike neighbours become when their bytes are reversed, where values are "
        "spread over the type's range or lie at an end of it; 0.03 is chance in a small block.",
    ),
    "missing chunks": Limit(
        0, 0, "chunks",
        "A chunk that is not in the store reads as fill value without any error.",
    ),
    "header": Limit(0, 1, "disagreements", "Programs that trust a header misread the volume."),
}  # fmt: skip


def in_words(limits: Limits) -> str:
    """Return the limits that a facility has set, each with its rule; empty where it set none."""
    return "; ".join(f"{name} {limit}" for name, limit in limits.items() if limit.own)


def read_limits(path: Path) -> dict[str, Limit]:
    """Return the limits with those of a facility's own file in place of ours.

    Parameters
    ----------
    path : pathlib.Path
        TOML, or JSON where its name ends so: for each limit by name, ``warn``, ``fail`` or both.

    Raises
    ------
    InputError
        It cannot be read, names a limit or a key that does not exist, or a value is no number or
        on the wrong side of the other.
    """
    limits = dict(LIMITS)
    for name, (own_warn, own_fail) in _own_limits(path).items():
        if name not in limits:
            raise InputError(
                f"the limits {path} name {name!r}, which is no limit: there are "
                f"{', '.join(sorted(limits))}"
            )
        ours = limits[name]
        warn = ours.warn if own_warn is None else own_warn
        fail = ours.fail if own_fail is None else own_fail
        if math.isnan(warn + fail):
            raise InputError(f"the limits {path} give {name!r} the limit nan: give a number")
        if fail > warn if ours.falling else fail < warn:
            side = "above" if ours.falling else "below"
            raise InputError(
                f"the limits {path} let {name!r} fail at {fail:g}, {side} the {warn:g} at which it "
                "warns: give both"
            )
        limits[name] = replace(ours, warn=warn, fail=fail, own=True)
    return limits


def _own_limits(path: Path) -> dict[str, tuple[float | None, float | None]]:
    """Return what a facility's file gives as ``warn`` and ``fail``, by the name of the limit."""
    import tomllib  # noqa: PLC0415

    from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError  # noqa: PLC0415

    class Own(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        warn: float | None = None
        fail: float | None = None

    try:
        text = path.read_text(encoding="utf-8-sig")
        held = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        own = TypeAdapter(dict[str, Own]).validate_python(held)
    except OSError as error:
        raise InputError(f"the limits {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        # Every other message of pydantic's names a type that is known here alone.
        what = first["msg"]
        if first["type"] in {"dict_type", "model_type"}:
            what = "each limit's name stands above its warn, its fail or both"
        raise InputError(f"the limits {path} are wrong at {where}: {what}") from error
    except ValueError as error:
        raise InputError(f"the limits {path} are no TOML or JSON: {error}") from error
    return {name: (one.warn, one.fail) for name, one in own.items()}
