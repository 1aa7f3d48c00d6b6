"""The edge lengths of a voxel, in the units that files give them in."""

from __future__ import annotations

import math
from collections.abc import Sequence

Spacing = tuple[float, float, float]

# In angstrom: the names of ImageJ, of UDUNITS as OME-Zarr uses them, of the OME schema, the signs.
_UNITS = {
    1.0: ("angstrom", "angstroms", "angstroem", "ångström", "a", "å", "\N{ANGSTROM SIGN}"),
    1e-5: ("femtometer", "femtometre", "fm"),
    0.01: ("picometer", "picometre", "pm"),
    10.0: ("nanometer", "nanometre", "nanometers", "nm"),
    1e4: (
        "micrometer", "micrometre", "micrometers", "micron", "microns", "um", "µm", "μm",
        r"\u00b5m",
    ),
    1e7: ("millimeter", "millimetre", "mm"),
    1e8: ("centimeter", "centimetre", "cm"),
    2.54e8: ("inch", "in", '"'),
    1e10: ("meter", "metre", "m"),
}  # fmt: skip
_ANGSTROM = {name.lower(): factor for factor, names in _UNITS.items() for name in names}


def in_angstrom(unit: str | None) -> float | None:
    """Return the length of a unit in angstrom; None where it is no unit of length."""
    return _ANGSTROM.get((unit or "").strip().lower())


def angstrom(lengths: Sequence[float], units: Sequence[str | None]) -> Spacing | None:
    """Return edge lengths of a voxel in angstrom, None unless every unit and length is usable."""
    factors = [in_angstrom(unit) for unit in units]
    if None in factors:
        return None
    return positive([a * (b or 0) for a, b in zip(lengths, factors, strict=True)])


def positive(lengths: Sequence[float]) -> Spacing | None:
    """Return edge lengths that are lengths; None for the zeros of a header that does not say."""
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        return None
    # Headers keep float32 or ratios of integers: six digits are what was meant.
    z, y, x = (float(f"{length:.6g}") for length in lengths)
    return z, y, x
