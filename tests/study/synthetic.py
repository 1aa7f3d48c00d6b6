"""Studies whose results are known beforehand: ledgers written from seeded numbers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from cryoet_bench.study import ledger
from cryoet_bench.study.ledger import Entry, Ledger
from cryoet_bench.study.matrix import Matrix, choose
from cryoet_bench.study.subject import Subject

SUBJECT = Subject(
    name="v", source="v.npy", shape=(256, 512, 512), box="0:64,0:64,0:64",
    box_shape=(64, 64, 64), dtype="float32", voxel_spacing=(10.0, 10.0, 10.0), labels=False,
    synthetic=True, sha256="0" * 64,
)  # fmt: skip
TIMES = ("read_s", "write_s", "xy_slices_s")
MATRIX = Matrix.model_validate(
    {
        "title": "seeded",
        "edge": 64,
        "access": ["xy-slices"],
        "block": [
            {"codec": "blosc-lz4", "level": 5, "shuffle": "byte", "chunks": 64, "format": 2},
            {"codec": "blosc-zstd", "level": [1, 3, 5], "shuffle": "byte", "chunks": [16, 32]},
            {"codec": "zstd", "level": 3, "chunks": 64, "kept_bits": 7},
        ],
    }
)


def measured(
    seed: int,
    *,
    noise: float = 0.03,
    rounds: int = 3,
    truth: int | None = None,
    matrix: Matrix = MATRIX,
) -> Ledger:
    """Return a ledger whose times scatter about a truth.

    The truth is drawn from `truth`, so that several studies can measure the same.
    """
    matrix = matrix.model_copy(update={"repeats": rounds})
    configurations = choose(matrix, SUBJECT.box_shape, np.dtype("f4"), "v").configurations
    true = np.random.default_rng(seed if truth is None else truth)
    draw = np.random.default_rng([seed, 1])
    plan = {
        "matrix": matrix.model_dump(mode="json", exclude={"repeats"}),
        "repeats": rounds,
        "tomograms": [SUBJECT.facts()],
        "store": "local",
        "software": {"zarr": "3.4.2"},
        "machine": {"cpu": "a processor", "cpus": 2, "architecture": "x86_64"},
    }
    entries = []
    for name in (one.name for one in configurations):
        lossy = "bits" in name
        size = 1_048_576 / true.uniform(1.0, 1.3) / (2 if lossy else 1)
        values = {
            "stored_bytes": size, "objects": 9.0, "ratio": 1_048_576 / size,
            "object_spread": 0.01, "bit_exact": float(not lossy), "max_error_sd": 0.01 * lossy,
            "nrmse": 0.001 * lossy, "fsc_minimum": 0.9995 if lossy else 1.0,
            "psnr": 80.0 if lossy else None, "xy_slices_requests": 16.0,
            "xy_slices_fetched_bytes": size / 4, "read_requests": 64.0,
            "read_fetched_bytes": size,
        }  # fmt: skip
        words = {"promise": "", "recognised": "", "qc": "pass"}
        words |= {f"verify_{profile}": "pass" for profile in ("analysis", "visualisation")}
        words["verify_archival"] = "fail" if lossy else "pass"
        common = {"subject": "v", "configuration": name}
        entries.append(Entry(kind="exact", values=values, words=words, **common))
        levels = {time: 0.01 * true.lognormal(0, 0.08) for time in TIMES}
        for number in range(1, rounds + 1):
            samples = {time: [level * draw.lognormal(0, noise)] for time, level in levels.items()}
            slower = {"slower_controls": 1.0}
            entries.append(
                Entry(kind="timed", round=number, samples=samples, values=slower, **common)
            )
    return Ledger(Path(), plan, {entry.key: entry for entry in entries})


def written(folder: Path, seed: int) -> None:
    """Write such a ledger into a new folder."""
    folder.mkdir()
    book = measured(seed)
    lines = [{"format": ledger.FORMAT, "plan": book.plan}, *map(asdict, book.entries.values())]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / ledger.NAME).write_text(text, "utf-8")
