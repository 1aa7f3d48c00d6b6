"""Many volumes in one call: one table, which an interrupted run continues."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryoet_bench import __version__, extras
from cryoet_bench.errors import InputError
from cryoet_bench.files import write_text
from cryoet_bench.quality.qc.inspection import Inspection, inspect
from cryoet_bench.quality.qc.slices import read_slice
from cryoet_bench.quality.report.table import HISTOGRAM_BINS, THUMBNAIL_EDGE, write_parquet

Rows = list[dict[str, Any]]
_GRAVITY = ("pass", "warn", "fail")


def examine_all(
    sources: Sequence[str],
    table: Path,
    *,
    scheduler: str | None = None,
    done: Callable[[str, str], None] = lambda _source, _verdict: None,
) -> Rows:
    """Examine many volumes into one Parquet table; what an earlier run finished is kept.

    Parameters
    ----------
    sources : sequence of str
        As `open_volume` takes them.
    table : pathlib.Path
        The Parquet file. Finished volumes wait in a folder beside it until the table is complete.
    scheduler : str, optional
        Address of a Dask scheduler whose workers see the same files; this process otherwise.
    done : callable
        Told each source and its verdict, or "error", as it is finished.

    Returns
    -------
    list of dict
        The table's rows.

    Raises
    ------
    InputError
        Nothing to examine, the scheduler cannot be reached, the table cannot be written, or
        pyarrow is not installed.
    """
    if not sources:
        raise InputError("there is nothing to examine: name at least one tomogram")
    extras.require("pyarrow")
    parts = table.with_name(f"{table.name}.parts")
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {parts}: {error.strerror}") from error
    finished: dict[str, Rows] = {}
    waiting = []
    for source in dict.fromkeys(sources):
        rows = _resumed(parts, source)
        if rows is None:
            waiting.append(source)
        else:
            finished[source] = rows
            done(source, rows[0]["verdict"])
    for source, rows in _examined(waiting, scheduler):
        text = json.dumps({"mark": _mark(source), "rows": rows}, default=_encoded)
        write_text(_part(parts, source), text)
        finished[source] = json.loads(text, object_hook=_decoded)["rows"]
        done(source, rows[0]["verdict"])
    table_rows = [row for source in dict.fromkeys(sources) for row in finished[source]]
    write_parquet(table_rows, table)
    return table_rows


def examine_one(source: str) -> Rows:
    """Return the rows of one volume; one that cannot be examined gives a row that says why."""
    try:
        return rows_of(inspect(source), source)
    except InputError as error:
        return [
            {
                "obs_level": 0,
                "dim_z": None,
                "path": source,
                "name": Path(source).name or source,
                "verdict": "error",
                "findings": "",
                "message": str(error),
            }
        ]


def rows_of(inspection: Inspection, source: str) -> Rows:
    """Return the table's rows for an examined volume: itself, then its slices along z."""
    found, volume = inspection.survey, inspection.volume
    worst = max(inspection.checks, key=lambda check: _GRAVITY.index(check.verdict))
    common = {"path": source, "name": volume.name, "dtype": str(found.dtype), "dim_order": "ZYX"}
    depth, height, width = found.shape
    counts, low, high = _histogram(inspection)
    whole: dict[str, Any] = {
        "obs_level": 0,
        "dim_z": None,
        **common,
        "verdict": inspection.verdict,
        "findings": ", ".join(inspection.findings),
        "message": worst.sentence if worst.verdict != "pass" else "",
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
        **{
            f"pixel_size_{axis}": length
            for axis, length in zip("ZYX", volume.voxel_spacing or (None,) * 3, strict=True)
        },
    }
    for check in inspection.checks:
        key = check.key.replace("-", "_")
        whole[f"verdict_{key}"] = check.verdict
        if isinstance(check.value, int | float):
            whole[f"value_{key}"] = _number(float(check.value))
    whole |= {
        "histogram_min": low,
        "histogram_max": high,
        "histogram_counts": counts,
        "thumbnail": _thumbnail(inspection),
    }
    profile = found.profiles[0]
    slices = [
        {
            "obs_level": 1,
            "dim_z": z,
            **common,
            "verdict": inspection.verdict,
            "size_Z": 1,
            "size_Y": height,
            "size_X": width,
            "num_pixels": height * width,
            "finite_pixel_count": int(profile.count[z]),
            "mean_intensity": _number(profile.mean[z]),
            "std_intensity": _number(profile.sd[z]),
            "min_intensity": _number(found.slice_low[z]),
            "max_intensity": _number(found.slice_high[z]),
        }
        for z in range(depth)
    ]
    return [whole, *slices]


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
    """Return the central xy slice as 64 x 64 RGBA, transparent where it is not square."""
    found = inspection.survey
    plane = read_slice(inspection.volume.array, 0, found.shape[0] // 2)
    step = max(1, -(-max(plane.shape) // THUMBNAIL_EDGE))
    with np.errstate(invalid="ignore", over="ignore"):
        small = plane[::step, ::step].astype(np.float64)
        reach = 3 * found.sigma or 1.0
        grey = np.nan_to_num((small - found.median) / (2 * reach) + 0.5)
    sprite = np.zeros((THUMBNAIL_EDGE, THUMBNAIL_EDGE, 4), np.uint8)
    top, left = ((THUMBNAIL_EDGE - n) // 2 for n in grey.shape)
    inside = sprite[top : top + grey.shape[0], left : left + grey.shape[1]]
    inside[..., :3] = (np.clip(grey, 0, 1) * 255).astype(np.uint8)[..., None]
    inside[..., 3] = 255
    return sprite.tobytes()


def _examined(sources: Sequence[str], scheduler: str | None) -> Iterator[tuple[str, Rows]]:
    if scheduler is None:
        for source in sources:
            yield source, examine_one(source)
        return
    from distributed import Client, as_completed  # noqa: PLC0415

    try:
        client = Client(  # type: ignore[no-untyped-call]
            scheduler, timeout="5s", set_as_default=False
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"the Dask scheduler {scheduler} cannot be reached: {error}") from error
    with client, client.as_current():
        futures = {client.submit(examine_one, source, pure=False): source for source in sources}
        for future in as_completed(futures):  # type: ignore[no-untyped-call]
            yield futures[future], future.result()


def _part(parts: Path, source: str) -> Path:
    return parts / f"{hashlib.sha256(source.encode()).hexdigest()[:24]}.json"


def _resumed(parts: Path, source: str) -> Rows | None:
    """Return what an earlier run found, unless the source or this software changed since."""
    try:
        record = json.loads(_part(parts, source).read_bytes(), object_hook=_decoded)
        rows: Rows = record["rows"]
        good = record["mark"] == _mark(source) and rows[0]["verdict"] != "error"
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return rows if good else None


def _mark(source: str) -> str:
    """Return what changes when a local source does: names, sizes and times of its files."""
    path = Path(source).expanduser()
    files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.is_file() else []
    digest = hashlib.sha256(__version__.encode())
    for file in files:
        state = file.stat()
        digest.update(f"{file}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _encoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    raise TypeError(type(value))


def _decoded(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["hex"]) if set(value) == {"hex"} else value
