"""Many volumes in one call: the rows of one table, which an interrupted run resumes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cryoet_bench import __version__
from cryoet_bench.conclusion import sentence
from cryoet_bench.errors import InputError
from cryoet_bench.files import write_text
from cryoet_bench.quality.consequence import advice, by_consequence
from cryoet_bench.quality.qc.inspection import Inspection, inspect
from cryoet_bench.quality.qc.report import build_report
from cryoet_bench.quality.qc.slices import read_slice
from cryoet_bench.quality.report import write_html
from cryoet_bench.quality.report.table import HISTOGRAM_BINS, THUMBNAIL_EDGE, Row
from cryoet_bench.quality.thresholds import LIMITS, Limits, in_words
from cryoet_bench.quality.workers import results

Rows = list[dict[str, Any]]
_SUFFIXES = (".mrc", ".rec", ".map", ".ccp4", ".mrc.gz", ".mrc.bz2", ".tif", ".tiff")


@dataclass(frozen=True)
class Places:
    """Where a batch keeps what it makes beside its table.

    Parameters
    ----------
    finished : pathlib.Path or None
        Folder of the volumes that are done, from which an interrupted run resumes.
    reports : pathlib.Path or None
        Folder of one page for each volume.
    """

    finished: Path | None = None
    reports: Path | None = None

    @classmethod
    def beside(cls, outputs: Sequence[Path], page: Path | None) -> Places:
        """Return the folders beside the first of some outputs, and beside the page of all.

        Raises
        ------
        InputError
            One of them exists and is no folder, or cannot be made.
        """
        first = next(iter(outputs), None)
        places = cls(
            first and first.with_name(f"{first.name}.parts"),
            page and page.with_name(f"{page.name}.reports"),
        )
        for folder in (places.finished, places.reports):
            if folder is not None:
                _make(folder)
        return places

    def tidy(self) -> None:
        """Remove the folders into which nothing was put."""
        for folder in (self.finished, self.reports):
            if folder is not None:
                # One that holds something stays.
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _make(folder: Path) -> None:
    if folder.is_symlink():
        raise InputError(f"cannot write into {folder}: it is a link")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error


def volumes_in(
    folder: Path, *, searching: Callable[[Path], None] = lambda _folder: None
) -> list[str]:
    """Return the volumes below a folder, sorted by path: MRC, TIFF, and Zarr, each Zarr once.

    Links to folders are not followed, and the system's own trees (/proc, /sys) are left out.

    Parameters
    ----------
    folder : pathlib.Path
        Where to search.
    searching : callable
        Told each folder that is searched.

    Raises
    ------
    InputError
        There is none.
    """
    if _of_the_system(folder):
        raise InputError(f"{folder} shows the state of the system and stores no tomogram")
    found = []
    for path, folders, names in folder.walk():
        searching(path)
        inside = sorted(name for name in folders if not name.startswith("."))
        stores = [name for name in inside if is_zarr(path / name)]
        folders[:] = [
            name for name in inside if name not in stores and not _of_the_system(path / name)
        ]
        # A link to a store is listed among the files.
        stores += [name for name in names if name.endswith(".zarr") and is_zarr(path / name)]
        found += [path / name for name in stores]
        found += [
            path / name
            for name in names
            if not name.startswith(".") and name.lower().endswith(_SUFFIXES)
        ]
    if not found:
        raise InputError(
            f"there is no tomogram in {folder}: looked for Zarr folders and {', '.join(_SUFFIXES)}"
        )
    return [str(path) for path in sorted(found)]


def _of_the_system(folder: Path) -> bool:
    """Tell whether a folder shows the state of the system (/proc, /sys) and stores nothing."""
    try:
        return folder.is_mount() and os.statvfs(folder).f_blocks == 0
    except OSError:
        return True


def is_zarr(folder: Path) -> bool:
    """Tell whether a folder is a Zarr array or group."""
    # Unlike Path.is_file, false where the folder may not be read.
    return any(
        os.path.isfile(folder / name)  # noqa: PTH113
        for name in ("zarr.json", ".zarray", ".zgroup")
    )


def examine_all(
    sources: Sequence[str],
    places: Places | None = None,
    *,
    limits: Limits = LIMITS,
    scheduler: str | None = None,
    done: Callable[[str, Row], None] = lambda _source, _row: None,
) -> Rows:
    """Examine many volumes and return the rows of one table; a bad one among them is a row, too.

    Parameters
    ----------
    sources : sequence of str
        As `open_volume` takes them.
    places : Places, optional
        What an earlier run finished there is kept, where neither the file, the limits nor this
        software has changed since.
    limits : mapping of str to Limit
        What verdicts rest on.
    scheduler : str, optional
        Address of a Dask scheduler whose workers see the same files; this process otherwise.
    done : callable
        Told each source and the row of its volume, as it is finished.

    Raises
    ------
    InputError
        Nothing to examine, the scheduler cannot be reached, or a folder cannot be written.
    """
    if not sources:
        raise InputError("there is nothing to examine: name at least one tomogram")
    places = places or Places()
    finished: dict[str, Rows] = {}
    waiting = []
    for source in dict.fromkeys(sources):
        rows = _resumed(places, source, limits)
        if rows is None:
            waiting.append(source)
        else:
            finished[source] = rows
            done(source, rows[0])
    examine = partial(examine_one, reports=places.reports, limits=limits)
    try:
        for source, rows in results(examine, waiting, scheduler, _failed):
            _keep(places, source, rows, limits)
            finished[source] = rows
            done(source, rows[0])
    finally:
        places.tidy()
    return [row for source in dict.fromkeys(sources) for row in finished[source]]


def _keep(places: Places, source: str, rows: Rows, limits: Limits) -> None:
    """Put the rows of a volume where `_resumed` finds them."""
    if places.finished is None:
        return
    text = json.dumps({"mark": _mark(source, limits), "rows": rows}, default=_encoded)
    try:
        write_text(_part(places.finished, source), text)
    except OSError as error:
        raise InputError(f"cannot write {places.finished}: {error.strerror}") from error


def examine_one(source: str, reports: Path | None = None, limits: Limits = LIMITS) -> Rows:
    """Return the rows of one volume; one that cannot be examined gives a row that says why.

    Parameters
    ----------
    source : str
        As `open_volume` takes it.
    reports : pathlib.Path, optional
        Folder where its report is written.
    limits : mapping of str to Limit
        What verdicts rest on.
    """
    try:
        inspection = inspect(source, limits=limits)
        page = reports and _report(reports, source)
        if page:
            write_html(build_report(inspection), page)
        return rows_of(inspection, source, page)
    except Exception as error:  # noqa: BLE001  (one bad file must not end the examination of many)
        return _failed(source, sentence(error))


def _failed(source: str, why: str) -> Rows:
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
    """Return the table's rows for an examined volume: itself, then its slices along z."""
    found, volume = inspection.survey, inspection.volume
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
    names = {"path": _printable(source), "name": _printable(volume.name)}
    common = {**names, "dtype": str(found.dtype), "dim_order": "ZYX"}
    depth, height, width = found.shape
    counts, low, high = _histogram(inspection)
    whole: dict[str, Any] = {
        "obs_level": 0,
        "dim_z": None,
        **common,
        "use": use.answer,
        "to_do": "; ".join(use.fixes),
        "verdict": inspection.verdict,
        "findings": ", ".join(inspection.findings),
        "message": problems[0]["sentence"] if problems else "",
        "rule": problems[0]["rule"] if problems else "",
        "report": f"{report.parent.name}/{report.name}" if report else "",
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
        "problems": problems,
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


def _name(source: str) -> str:
    return hashlib.sha256(os.fsencode(source)).hexdigest()[:24]


def _part(finished: Path, source: str) -> Path:
    return finished / f"{_name(source)}.json"


def _report(reports: Path, source: str) -> Path:
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(source).name).strip("._")[:80]
    return reports / f"{readable or 'tomogram'}-{_name(source)[:8]}.html"


def _resumed(places: Places, source: str, limits: Limits) -> Rows | None:
    """Return what an earlier run found, unless the source or this software changed since."""
    if places.finished is None or (places.reports and not _report(places.reports, source).exists()):
        return None
    try:
        part = _part(places.finished, source).read_bytes()
        record = json.loads(part, object_hook=_decoded)
        rows: Rows = record["rows"]
        good = record["mark"] == _mark(source, limits) and rows[0]["verdict"] != "error"
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return rows if good else None


def _mark(source: str, limits: Limits) -> str:
    """Return what changes when a local source or a limit does: names, sizes, times of files."""
    path = Path(source).expanduser()
    files = sorted(path.rglob("*")) if path.is_dir() else [path] if path.is_file() else []
    digest = hashlib.sha256(f"{__version__}\0{in_words(limits)}".encode())
    for file in files:
        state = file.stat()
        digest.update(os.fsencode(f"{file}\0{state.st_size}\0{state.st_mtime_ns}\0"))
    return digest.hexdigest()


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _encoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    raise TypeError(type(value))


def _decoded(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["hex"]) if set(value) == {"hex"} else value
