"""Plant every defect in three strengths in clean phantoms and print which the checks find.

    python evaluations/quality_defects.py [--seeds 2] [--clean 20] [--spacing 10A]

A defect is found when a check that is not clean on the untouched phantom fails or warns, and
rightly named when its finding is the defect's own. Exits with 1 unless every defect of the two
strongest strengths is found and named and no clean phantom fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import mrcfile
import numpy as np
import tifffile
import zarr

from cryoet_bench.errors import InputError
from cryoet_bench.quality.defects import PLANTS
from cryoet_bench.quality.qc import examine, inspect
from cryoet_bench.tomogram.phantom import PHANTOMS, make

SPACINGS = {"10A": "phantom-10A", "4.99A": "phantom-4.99A"}
REAL = Path(__file__).resolve().parents[2] / "shared" / "tomograms" / "13pf_MT.tif"


def main() -> int:
    """Print the tables; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=2, help="phantoms that each defect goes into")
    options.add_argument("--clean", type=int, default=20, help="untouched phantoms a spacing")
    options.add_argument("--spacing", choices=SPACINGS, default="10A", help="of the defects' ones")
    chosen = options.parse_args()
    good = planted(SPACINGS[chosen.spacing], chosen.seeds)
    good &= truncated(SPACINGS[chosen.spacing])
    return 0 if clean(chosen.clean) and good else 1


def planted(name: str, seeds: int) -> bool:
    """Print found / named per defect and strength."""
    phantom = PHANTOMS[name]
    volumes = [make(phantom, seed=seed).data for seed in range(100, 100 + seeds)]
    print(f"## Planted in {name}, seeds 100 to {99 + seeds}: found, named / planted\n")
    print("| defect | strong | middle | weak |\n|---|---|---|---|")
    good = True
    for defect in PLANTS:
        cells = []
        for grade, (label, plant) in enumerate(defect.strengths):
            found = named = 0
            for seed, volume in enumerate(volumes):
                damaged = plant(volume, np.random.default_rng(seed))
                inspection = examine(damaged, voxel_spacing=phantom.voxel_spacing)
                found += inspection.verdict != "pass"
                named += bool(set(inspection.findings) & set(defect.findings))
            good &= named == seeds or grade == 2
            cells.append(f"{label}: {found}, {named} / {seeds}")
        print(f"| {defect.name} | {' | '.join(cells)} |", flush=True)
    return good


def truncated(name: str) -> bool:
    """Print what is said about files that end too early."""
    volume = make(PHANTOMS[name], seed=100).data
    print("\n## Truncated files\n\n| file | cut | what is said |\n|---|---|---|")
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("mrc", "tif", "zarr"):
            for label, keep in (("half", 0.5), ("a tenth", 0.9), ("a hundredth", 0.99)):
                path = Path(folder) / f"{suffix}-{label.replace(' ', '-')}.{suffix}"
                part = _write(path, volume)
                content = part.read_bytes()
                part.write_bytes(content[: int(len(content) * keep)])
                try:
                    said = ", ".join(inspect(str(path)).findings) or "nothing"
                    good = False
                except InputError as error:
                    said = str(error).replace(folder, "")
                print(f"| {suffix} | {label} | {said} |", flush=True)
    return good


def _write(path: Path, volume: np.ndarray) -> Path:
    """Write a volume and return the file that will be cut."""
    if path.suffix == ".mrc":
        with mrcfile.new(path) as mrc:
            mrc.set_data(volume)
        return path
    if path.suffix == ".tif":
        tifffile.imwrite(path, volume)
        return path
    zarr.create_array(path, data=volume, chunks=(64, 64, 64), zarr_format=2)
    return path / "0.0.0" if (path / "0.0.0").exists() else path / "0/0/0"


def clean(seeds: int) -> bool:
    """Print the verdicts on what was not touched."""
    print("\n## Untouched\n\n| volume | pass | warn | fail |\n|---|---|---|---|")
    good = True
    for name in SPACINGS.values():
        phantom = PHANTOMS[name]
        verdicts = [
            examine(make(phantom, seed=seed).data, voxel_spacing=phantom.voxel_spacing).verdict
            for seed in range(seeds)
        ]
        counts = [verdicts.count(grade) for grade in ("pass", "warn", "fail")]
        good &= counts[2] == 0
        print(f"| {name}, {seeds} seeds | {' | '.join(str(count) for count in counts)} |")
    if REAL.exists():
        inspection = inspect(str(REAL))
        good &= inspection.verdict != "fail"
        row = [str(int(inspection.verdict == grade)) for grade in ("pass", "warn", "fail")]
        found = ", ".join(inspection.findings) or "nothing"
        print(f"| {REAL.name} ({found}) | {' | '.join(row)} |")
    return good


if __name__ == "__main__":
    sys.exit(main())
