"""A submission without a fault, to be broken or proposed."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

Lines = list[dict[str, Any]]
DIGEST, PAST = "0123456789abcdef", "fedcba9876543210"
"""The suite as it is, and another one that is accepted."""
VISIT, OTHER = "0" * 12, "1" * 12
TIME: dict[str, Any] = {
    "name": "read.Codecs.time_volume",
    "version": "1",
    "type": "time",
    "unit": "seconds",
    "params": [["'none'", "'zstd'"]],
}
CALLS = {**TIME, "name": "cost.Reads.track_python_calls", "type": "track", "unit": "calls"}
INSTRUCTIONS = {**CALLS, "name": "instructions.Chunk.track_decode", "unit": "instructions"}
MOVED = {**CALLS, "name": "cost.Writes.track_bytes_moved", "unit": "bytes"}
FEATURES = ["avx2", "avx512f"]
MACHINE: dict[str, Any] = {
    "os": "Linux", "arch": "x86_64", "cpu": "AMD EPYC", "num_cpu": "2", "ram": "24 GiB",
    "cpu_features": FEATURES,
}  # fmt: skip


def installed(name: str, version: str) -> dict[str, str]:
    return {"name": name, "version": version, "origin": "index", "digest": DIGEST}


def case_of(case: str, *samples: float, value: float | None = None) -> dict[str, Any]:
    return {
        "case": [f"'{case}'"],
        "status": "passed",
        "value": value,
        "samples": list(samples),
        "number": 1 if samples else None,
        "reason": "",
    }


def good() -> Lines:
    """Return the lines of a journal without a fault: one visit, a time and a count."""
    visit = {
        "kind": "visit",
        "id": VISIT,
        "started_at": "2025-08-01T00:00:00+00:00",
        "origin": "cryoet-bench record",
        "quick": False,
        "installed": [installed("zarr", "3.1.1"), installed("numcodecs", "0.16.2")],
        "project": {"commit": "a" * 40, "clean": True, "suite": DIGEST},
        "conditions": {
            "cpu": "AMD EPYC", "cpu_features": FEATURES, "cpus": 2, "architecture": "x86_64",
            "system": "Linux", "load": 0.1,
        },
    }  # fmt: skip
    time = {
        "kind": "round",
        "benchmark": TIME["name"],
        "version": "1",
        "round": 1,
        "started_at": "2025-08-01T00:00:01+00:00",
        "duration": 1.5,
        "cases": [case_of("none", 0.25, 0.5, 0.75), case_of("zstd", 0.3, 0.4, 0.5)],
        "visit": VISIT,
    }
    calls = {**time, "benchmark": CALLS["name"], "cases": [case_of("none", value=395.0)]}
    return [visit, time, calls, {"kind": "disturbed", "visit": VISIT, "controls": {"copy": 1.5}}]


def submit(root: Path, lines: Lines, machine: Any = MACHINE) -> Path:
    """Write a submission and return its folder."""
    folder = root / "a-machine"
    journal = folder / "phantom-10A" / "zarr-3.1.1.jsonl.xz"
    journal.parent.mkdir(parents=True)
    (folder / "machine.json").write_text(json.dumps(machine))
    pack(journal, lines)
    return folder


def pack(path: Path, lines: Lines) -> None:
    path.write_bytes(lzma.compress("".join(f"{json.dumps(it)}\n" for it in lines).encode()))
