"""What every codec of the suite saves and costs: size and fidelity on one tomogram, as a table.

Usage: python -m evaluations.fidelity_table [TOMOGRAM] [--only PATTERN] [--output FILE]

The volume (default phantom-10A) is stored in 64-cubes with each lossless and lossy case, read back,
and compared with `cryoet_bench.quality.fidelity`. The page is Markdown: `docs/codecs.md` is one.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from cryoet_bench.files import write_text
from cryoet_bench.quality.fidelity import Comparison, compare
from cryoet_bench.quality.fidelity.profiles import PROFILES
from cryoet_bench.quality.fidelity.verification import judged, known_particles
from cryoet_bench.storage.arrays import Storage, create, open_array
from cryoet_bench.storage.codecs import CODECS
from cryoet_bench.storage.installed import UnavailableError
from cryoet_bench.storage.layouts import LAYOUTS
from cryoet_bench.storage.lossy import LOSSY, Lossy
from cryoet_bench.storage.stores import METADATA, local, stored_files
from cryoet_bench.tomogram.sources import open_volume
from cryoet_bench.volume import Volume

LAYOUT = LAYOUTS["cube-64"]
COLUMNS = {
    "codec": "name in `cryoet_bench/storage/codecs.py` (lossless) or `lossy.py`",
    "ratio": "bytes of the volume divided by bytes of its stored chunks",
    "PSNR, dB": "with the reference's range as the peak; *exact*: every bit is kept",
    "max error, sd": "largest error of a voxel, in standard deviations of the reference",
    "SSIM": "3-D structural similarity, windows of 7 voxels",
    "min FSC in band": "least Fourier shell correlation with the reference where that has signal",
    "picking F4": "F-beta (beta 4) of particles found in a changed copy against those known",
    "same picks F4": "the same, against those found in the reference",
    "recognised": "what `cryoet-bench verify` calls the change",
    "fit for": "profiles of `verify` that the copy passes",
}
PACKAGES = ("zarr", "numcodecs", "imagecodecs", "numpy")


def cases(volume: Any) -> Iterator[tuple[str, Lossy]]:
    """Yield every case of the suite, the lossless ones first."""
    for name, codec in CODECS.items():
        yield name, Lossy(codec, dtype=volume.dtype.str)
    if volume.dtype == np.float32:
        for name, fit in LOSSY.items():
            yield name, fit(volume, LAYOUT.chunks)


def round_trip(volume: Any, case: Lossy, folder: Path, *, lossless: bool) -> tuple[Any, int]:
    """Store a volume and return what a reader sees, and the bytes that its chunks occupy."""
    # Format 2 takes every codec but the classes of zarr itself.
    storage = Storage(
        codec=case.codec, layout=LAYOUT, zarr_format=3 if case.codec.zarr_class else 2
    )
    encoded = volume if lossless else case.encode(volume)
    create(local(folder), volume.shape, encoded.dtype, storage)[...] = encoded
    stored = open_array(local(folder))[...]
    size = sum(file.stat().st_size for file in stored_files(folder) if file.name not in METADATA)
    return (stored if lossless else case.decode(stored).astype(volume.dtype)), size


def row(name: str, ratio: float, comparison: Comparison) -> list[str]:
    """Return a case's cells."""
    values, picking = comparison.measures(), comparison.picking
    fit = [
        profile.name
        for profile in PROFILES.values()
        if all(check.verdict != "fail" for check in judged(comparison, profile))
    ]
    return [
        name,
        f"{ratio:.3f}",
        "exact" if comparison.exact else f"{values['psnr']:.1f}",
        f"{values['max_error_sd']:.3g}",
        f"{values['ssim']:.5f}",
        f"{values['fsc_minimum']:.5f}",
        "" if picking is None or picking.copy is None else f"{picking.copy:.3f}",
        f"{values['picking_agreement']:.3f}",
        ", ".join(defect.name for defect in comparison.defects),
        ", ".join(fit) or "none",
    ]


def table(reference: Volume, pattern: str) -> Iterator[list[str]]:
    """Measure all cases of some names."""
    volume = np.asarray(reference.array)
    chosen = [(name, case) for name, case in cases(volume) if re.search(pattern, name)]
    for name, case in track(chosen, "Storing and comparing", transient=True):
        with tempfile.TemporaryDirectory() as folder:
            try:
                copy, size = round_trip(volume, case, Path(folder), lossless=name in CODECS)
            except UnavailableError as missing:
                yield [name, f"not available: {missing}", *[""] * (len(COLUMNS) - 2)]
                continue
            except Exception as error:  # noqa: BLE001 - whatever a codec raises is its row's finding
                yield [name, f"failed: {error!r}", *[""] * (len(COLUMNS) - 2)]
                continue
        comparison = compare(
            volume,
            copy,
            reference_spacing=reference.voxel_spacing,
            copy_spacing=reference.voxel_spacing,
            particles=known_particles(reference),
        )
        yield row(name, volume.nbytes / size, comparison)


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tomogram", nargs="?", default="phantom-10A")
    parser.add_argument("--only", default="", help="Regular expression: the cases to measure.")
    parser.add_argument("--output", type=Path, help="File to write instead of printing.")
    arguments = parser.parse_args()
    reference = open_volume(arguments.tomogram)
    kind = "synthetic" if reference.facts.get("source") == "synthetic" else "measured"
    shape = " x ".join(map(str, reference.array.shape))
    voxels = f"{shape} {reference.array.dtype}"
    releases = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    lines = [
        "# What every codec saves, and what it costs",
        "",
        f"{reference.name} ({voxels}), a {kind} tomogram, stored in 64-cubes with {releases}.",
        "Ratios and errors of other tomograms differ. Made by",
        "",
        "```text",
        " ".join(["python -m evaluations.fidelity_table", *sys.argv[1:]]),
        "```",
        "",
        *(f"- **{name}**: {meaning}" for name, meaning in COLUMNS.items()),
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
        *(f"| {' | '.join(cells)} |" for cells in table(reference, arguments.only)),
    ]
    text = "\n".join(lines) + "\n"
    if arguments.output:
        write_text(arguments.output, text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
