"""The examination of one volume, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cryoet_bench.quality.check import Check, Verdict, worst
from cryoet_bench.quality.qc.checks import volume_checks
from cryoet_bench.quality.qc.cryoet import cryoet_checks
from cryoet_bench.quality.qc.spectrum import EDGE, Spectrum, spectrum
from cryoet_bench.quality.qc.survey import ArrayLike, Survey, survey, within
from cryoet_bench.quality.qc.sweep import Progress
from cryoet_bench.quality.thresholds import LIMITS, Limits
from cryoet_bench.tomogram.sources import open_volume
from cryoet_bench.volume import Volume
from cryoet_bench.volume.boxes import read_box
from cryoet_bench.volume.reading import readable
from cryoet_bench.volume.spacing import Spacing


@dataclass(frozen=True)
class Inspection:
    """A volume, what was measured in it, and the verdicts; ``inspection["outliers"]`` is a check.

    Parameters
    ----------
    volume : Volume
        What was examined.
    survey : Survey
        All statistics.
    spectrum : Spectrum or None
        Of the central box; None where it is too small.
    checks : tuple of Check
        Those of any volume, then those of cryo-ET.
    """

    volume: Volume
    survey: Survey
    spectrum: Spectrum | None
    checks: tuple[Check, ...]

    def __getitem__(self, key: str) -> Check:
        """Return the check of a key.

        Raises
        ------
        KeyError
            There is no such check.
        """
        for check in self.checks:
            if check.key == key:
                return check
        raise KeyError(key)

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict."""
        return worst(check.verdict for check in self.checks)

    @property
    def findings(self) -> list[str]:
        """Names of the defects that were recognised."""
        return [check.finding for check in self.checks if check.finding]


def examine(
    array: ArrayLike,
    *,
    voxel_spacing: float | Spacing | None = None,
    name: str = "array",
    workers: int | None = None,
    limits: Limits = LIMITS,
) -> Inspection:
    """Examine an array.

    Parameters
    ----------
    array : array of axes z, y, x
        numpy, memory-mapped, Zarr or Dask; any real dtype; swept in bounded memory.
    voxel_spacing : float or tuple of float, optional
        In angstrom, of all axes or along z, y, x.
    name : str
        For reports.
    workers : int, optional
        Threads; as many as the machine has where left out.
    limits : mapping of str to Limit
        What verdicts rest on; `read_limits` reads a facility's own.

    Raises
    ------
    InputError
        The array is not a volume of real numbers.
    """
    if isinstance(voxel_spacing, int | float):
        voxel_spacing = (float(voxel_spacing),) * 3
    return inspect(Volume(name, array, voxel_spacing), workers=workers, limits=limits)


def inspect(
    volume: Volume | str,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    limits: Limits = LIMITS,
) -> Inspection:
    """Examine a volume, or whatever tomogram a name, path or URL stands for.

    Parameters
    ----------
    volume : Volume or str
        Opened, or as `open_volume` takes it.
    workers : int, optional
        Threads; as many as the machine has where left out.
    progress : callable, optional
        Called with the fraction of a sweep that is done.
    limits : mapping of str to Limit
        What verdicts rest on; `read_limits` reads a facility's own.

    Raises
    ------
    InputError
        There is no such volume, it cannot be read, or it is no volume of real numbers.
    """
    opened = open_volume(volume) if isinstance(volume, str) else volume
    return readable(lambda: _inspect(opened, workers, progress, limits), opened.name)


def _inspect(
    volume: Volume, workers: int | None, progress: Progress | None, limits: Limits
) -> Inspection:
    statistics = survey(volume.array, workers=workers, progress=progress)
    box = within(statistics.padding.box, EDGE)
    centre = read_box(volume.array, box).astype(np.result_type(volume.array.dtype, np.float32))
    statistics.padding.blank(centre, box)
    power = spectrum(centre)
    checks: list[Check] = [
        *volume_checks(statistics, volume.array, limits),
        *cryoet_checks(volume, statistics, power, limits),
    ]
    return Inspection(volume, statistics, power, tuple(checks))


def measures(inspection: Inspection) -> dict[str, Any]:
    """Return everything that was measured as plain values and lists, for machines."""
    found, power = inspection.survey, inspection.spectrum
    spread = found.sigma if found.sigma > 0 else 1.0
    return {
        "shape": found.shape,
        "dtype": str(found.dtype),
        "voxel_spacing": inspection.volume.voxel_spacing,
        "statistics": {
            name: getattr(found, name)
            for name in (
                "finite", "nan", "plus_infinity", "minus_infinity", "minimum", "maximum", "mean",
                "sd", "skewness", "kurtosis", "median", "mad",
            )
        },
        "quantiles": {str(q): found.histogram.quantile(q) for q in (0.001, 0.01, 0.5, 0.99, 0.999)}
        if found.finite
        else {},
        "profiles": {
            axis: {"mean": moments.mean, "sd": moments.sd}
            for axis, moments in zip("zyx", found.slices, strict=True)
        },
        "neighbour_correlation": found.neighbours,
        "robust_sd": spread,
        "spectrum": None
        if power is None
        else {"frequency": power.frequency, "power": power.power},
    }  # fmt: skip
