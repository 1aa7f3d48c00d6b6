"""Where a tomogram comes from: one name for phantoms, cached tomograms, files and the portal."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram import cache, files
from cryoet_bench.tomogram.part import Part
from cryoet_bench.tomogram.phantom import PHANTOMS, make
from cryoet_bench.tomogram.volume import Tomogram
from cryoet_bench.volume import Volume, opening
from cryoet_bench.volume.region import parse_region

PORTAL_PREFIX = "portal:"
# All of a small file, and a box of a large one.
DEFAULT_PART = Part()
_log = logging.getLogger(__name__)


def obtain(source: str, *, level: int = 0, part: Part = DEFAULT_PART) -> Tomogram:
    """Return a tomogram, cached and verified.

    Parameters
    ----------
    source : str
        A phantom's name, the name of a cached tomogram, a path to a file or Zarr folder, or
        ``portal:DATASET/RUN``.
    level : int
        Level of a multiscale file, 0 the finest.
    part : Part
        What of a file is taken; what has a name is taken as it is.

    Raises
    ------
    InputError
        There is no such tomogram, it cannot be read, or the cache cannot be written.
    """
    if source.startswith(PORTAL_PREFIX):
        _require_unchanged(source, level, part)
        # Needs the portal's client, which phantoms and files do without.
        from cryoet_bench.tomogram import portal  # noqa: PLC0415

        return portal.obtain(source)
    if _is_known(source):
        _require_unchanged(source, level, part)
        return recall(source)
    path = Path(source).expanduser()
    if not path.exists():
        raise _unknown(source)
    return add(path, level=level, part=part)


def open_volume(source: str) -> Volume:
    """Return a volume that is read in boxes, from anything that has a name.

    Parameters
    ----------
    source : str
        A path or URL, whose voxels stay where they are, or any name that `obtain` knows.

    Raises
    ------
    InputError
        There is no such volume, or it cannot be read.
    """
    if source.startswith(opening.REMOTE) or Path(source).expanduser().exists():
        return opening.open_volume(source)
    tomogram = obtain(source)
    facts = {"source": tomogram.source, "sha256": tomogram.sha256}
    return Volume(tomogram.name, tomogram.data, tomogram.voxel_spacing, facts)


def recall(name: str) -> Tomogram:
    """Return a phantom or a cached tomogram by its name, verified.

    What is damaged is named and obtained again where its source still exists.

    Raises
    ------
    InputError
        There is no such tomogram, or it is damaged and its source is gone.
    """
    if name in PHANTOMS:
        return _obtain_phantom(name)
    if _is_known(name):
        return _obtain_cached(name)
    raise _unknown(name)


def _obtain_phantom(name: str) -> Tomogram:
    """Return a phantom from the cache; make it when it is not there or not the expected one.

    Raises
    ------
    InputError
        The cache cannot be written.
    """
    phantom = PHANTOMS[name]
    try:
        tomogram = cache.load(name)
        if tomogram.sha256 == phantom.sha256:
            return tomogram
        _log.warning("the cached tomogram %r is not the phantom of record; making it again", name)
    except cache.MissingEntryError:
        pass
    except cache.DamagedEntryError as error:
        _log.warning("%s; making it again", error.finding)
    tomogram = make(phantom)
    if tomogram.name != name:
        _log.warning(
            "this machine makes %s with other bytes than the phantom of record: "
            "it is named %s, and its results stay apart",
            name,
            tomogram.name,
        )
    cache.store(tomogram)
    return tomogram


def add(
    path: Path,
    *,
    level: int = 0,
    part: Part = DEFAULT_PART,
    stem: str | None = None,
    voxel_spacing: float | None = None,
) -> Tomogram:
    """Read a file or Zarr folder into the cache, under its stem and the start of its checksum.

    Parameters
    ----------
    path : pathlib.Path
        MRC, TIFF stack, Zarr array or OME-Zarr group.
    level, part
        As for `obtain`.
    stem : str, optional
        Takes the place of the file's stem in the name.
    voxel_spacing : float, optional
        In angstrom, for a file that does not say.

    Raises
    ------
    InputError
        The file cannot be read, or the cache cannot be written.
    """
    tomogram = files.read(path, level=level, part=part, stem=stem, voxel_spacing=voxel_spacing)
    if not _is_stored(tomogram):
        cache.store(tomogram)
    return tomogram


def _is_stored(tomogram: Tomogram) -> bool:
    """Return whether the cache holds just this, so that no one who reads it is disturbed."""
    try:
        cached = cache.load(tomogram.name, in_memory=False)
    except (cache.MissingEntryError, cache.DamagedEntryError):
        return False
    facts = (tomogram.voxel_spacing, dict(tomogram.provenance))
    return (cached.voxel_spacing, dict(cached.provenance)) == facts


def _is_known(name: str) -> bool:
    if not cache.NAME_PATTERN.fullmatch(name):
        return False
    return name in PHANTOMS or cache.tomogram_dir(name).exists()


def _obtain_cached(name: str) -> Tomogram:
    try:
        return cache.load(name)
    except cache.DamagedEntryError as error:
        try:
            entry = cache.read_entry(name)
        except cache.DamagedEntryError:
            raise error from None
        _log.warning("%s; obtaining it again", error.finding)
        rebuilt = _rebuild(entry)
        if rebuilt is None or rebuilt.sha256 != entry.sha256:
            raise InputError(
                f"{error.finding}, and its source is gone or has changed since: "
                f"remove that folder and obtain the tomogram again"
            ) from None
        return rebuilt


def _rebuild(entry: cache.Entry) -> Tomogram | None:
    facts = entry.provenance
    if entry.source == "synthetic":
        tomogram = make(PHANTOMS[facts["phantom"]], seed=facts["seed"])
        cache.store(tomogram)
        return tomogram
    if entry.source == "file" and Path(facts["path"]).exists():
        return add(
            Path(facts["path"]),
            level=facts["level"],
            part=Part(region=parse_region(facts["region"])),
            stem=facts["stem"],
            voxel_spacing=facts.get("given_voxel_spacing"),
        )
    if entry.source == "portal" and "spec" in facts:
        cache.remove(entry.name)
        return obtain(facts["spec"])
    return None


def _require_unchanged(source: str, level: int, part: Part) -> None:
    if level or part.is_chosen:
        raise InputError(
            f"{source!r} is taken as it is: a level, a subset and a region can be chosen for "
            "files only"
        )


def _unknown(source: str) -> InputError:
    known = sorted({*PHANTOMS, *(entry.name for entry in cache.entries())})
    if Path(source).expanduser().exists():
        return InputError(
            f"{source!r} is a file and no name: "
            f"'cryoet-bench tomogram add {source}' puts it into the cache and names it"
        )
    close = difflib.get_close_matches(source, known, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "see 'cryoet-bench tomogram list'"
    return InputError(f"there is no tomogram or file {source!r}: {hint}")
