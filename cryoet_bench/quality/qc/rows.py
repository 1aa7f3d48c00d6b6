"""The rows of the table of many volumes: one for each, and one for each of its slices along z."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cryoet_bench.quality.consequence import advice, by_consequence
from cryoet_bench.quality.qc.inspection import Inspection
from cryoet_bench.quality.qc.slices import read_slice
from cryoet_bench.quality.report.table import HISTOGRAM_BINS, THUMBNAIL_EDGE

Rows = list[dict[str, Any]]


def failed(source: str, why: str) -> Rows:
    """Return the row of a volume that could not be examined."""
    row = {
        "obs_level": 0,
        "dim_z": None,
        "path": _printable(source),
        "name": _printable(Path(source).name or source),
        "use": "no",
        "to_do": "",
        "verdict": "error",
        "findings": "",
        "message": _printable(why),
        "rule": "",
        "problems": [{"verdict": "error", "sentence": _printable(why)}],
    }
    return [row]


def _printable(text: str) -> str:
    """Return a text that every format can hold: names of files may be no valid text."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def rows_of(inspection: Inspection, source: str, report: Path | None = None) -> Rows:
    """Return the table's rows for an examined volume: itself, then its slices along z.

    Parameters
    ----------
    inspection : Inspection
        Of the volume.
    source : str
        As it was named.
    report : pathlib.Path, optional
        Its page.
    """
    common = {
        "path": _printable(source),
        "name": _printable(inspection.volume.name),
        "dtype": str(inspection.survey.dtype),
        "dim_order": "ZYX",
        "verdict": inspection.verdict,
    }
    whole = {
        "obs_level": 0,
        "dim_z": None,
        **common,
        **_judged(inspection),
        **_measured(inspection),
    }
    whole["report"] = f"{report.parent.name}/{report.name}" if report else ""
    slices = [{"obs_level": 1, **common, **row} for row in _slices(inspection)]
    return [whole, *slices]


def _judged(inspection: Inspection) -> dict[str, Any]:
    """Return the columns that say what a volume is good for, and why."""
    use = advice(inspection.checks)
    problems = [
        {
            "verdict": check.verdict,
            "sentence": _printable(check.sentence),
            "rule": check.threshold,
        }
        for check in by_consequence(inspection.checks)
        if check.verdict in ("fail", "warn")
    ]
    columns: dict[str, Any] = {
        "use": use.answer,
        "to_do": "; ".join(use.fixes),
        "findings": ", ".join(inspection.findings),
        "message": problems[0]["sentence"] if problems else "",
        "rule": problems[0]["rule"] if problems else "",
        "problems": problems,
    }
    for check in inspection.checks:
        key = check.key.replace("-", "_")
        columns[f"verdict_{key}"] = check.verdict
        if isinstance(check.value, int | float):
            columns[f"value_{key}"] = _number(float(check.value))
    return columns


def _measured(inspection: Inspection) -> dict[str, Any]:
    """Return the columns of numbers and pictures, by the names that PixelPatrol gives them."""
    found = inspection.survey
    depth, height, width = found.shape
    counts, low, high = _histogram(inspection)
    spacing = inspection.volume.voxel_spacing or (None,) * 3
    return {
        "size_Z": depth,
        "size_Y": height,
        "size_X": width,
        "ndim": 3,
        "num_pixels": found.size,
        "finite_pixel_count": found.finite,
        "mean_intensity": _number(found.mean),
        "std_intensity": _number(found.sd),
        "min_intensity": _number(found.minimum),
        "max_intensity": _number(found.maximum),
        "median_intensity": _number(found.median),
        "mad_intensity": _number(found.mad),
        "skewness": _number(found.skewness),
        "excess_kurtosis": _number(found.kurtosis),
        **{f"pixel_size_{axis}": edge for axis, edge in zip("ZYX", spacing, strict=True)},
        "histogram_min": low,
        "histogram_max": high,
        "histogram_counts": counts,
        "thumbnail": _thumbnail(inspection),
    }


def _slices(inspection: Inspection) -> Rows:
    """Return the columns of numbers of each slice along z."""
    found = inspection.survey
    depth, height, width = found.shape
    moments = found.slices[0]
    return [
        {
            "dim_z": z,
            "size_Z": 1,
            "size_Y": height,
            "size_X": width,
            "num_pixels": height * width,
            "finite_pixel_count": int(moments.count[z]),
            "mean_intensity": _number(moments.mean[z]),
            "std_intensity": _number(moments.sd[z]),
            "min_intensity": _number(found.slice_low[z]),
            "max_intensity": _number(found.slice_high[z]),
        }
        for z in range(depth)
    ]


def _histogram(inspection: Inspection) -> tuple[list[int] | None, float | None, float | None]:
    found = inspection.survey
    if not found.finite or found.minimum == found.maximum:
        return None, None, None
    held = np.flatnonzero(found.histogram.counts)
    centre = found.histogram.start + found.histogram.width * (
        held + (0.0 if found.histogram.discrete else 0.5)
    )
    limits = (found.minimum, found.maximum)
    counts, _ = np.histogram(
        np.clip(centre, *limits), HISTOGRAM_BINS, limits, weights=found.histogram.counts[held]
    )
    return counts.astype(np.int64).tolist(), found.minimum, found.maximum


def _thumbnail(inspection: Inspection) -> bytes:
    """Return the central xy slice as 64 x 64 RGBA, y upwards, transparent beyond its edges."""
    found = inspection.survey
    plane = read_slice(inspection.volume.array, 0, found.shape[0] // 2)
    step = max(1, -(-max(plane.shape) // THUMBNAIL_EDGE))
    with np.errstate(invalid="ignore", over="ignore"):
        small = plane[::step, ::step][::-1].astype(np.float64)
        reach = 3 * found.sigma or 1.0
        grey = np.nan_to_num((small - found.median) / (2 * reach) + 0.5)
    sprite = np.zeros((THUMBNAIL_EDGE, THUMBNAIL_EDGE, 4), np.uint8)
    top, left = ((THUMBNAIL_EDGE - n) // 2 for n in grey.shape)
    inside = sprite[top : top + grey.shape[0], left : left + grey.shape[1]]
    inside[..., :3] = (np.clip(grey, 0, 1) * 255).astype(np.uint8)[..., None]
    inside[..., 3] = 255
    return sprite.tobytes()


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
