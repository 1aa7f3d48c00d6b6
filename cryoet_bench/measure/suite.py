"""The suite that measures: which version of it, and how it describes itself."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from cryoet_bench.errors import InputError
from cryoet_bench.record.record import REFERENCE
from cryoet_bench.timeline import repository

_MEASURING = (
    "benchmarks", "cryoet_bench/harness", "cryoet_bench/storage", "cryoet_bench/tomogram",
    "cryoet_bench/variables.py",
)  # fmt: skip
"""What a measured process imports."""


def digest(root: Path) -> str:
    """Return a checksum of the code that a measured process imports."""
    found = hashlib.sha256()
    for name in _MEASURING:
        path = root / name
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            found.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return found.hexdigest()[:16]


def state(root: Path) -> dict[str, Any]:
    """Return what a visit records of the project: its commit, whether it was clean, its digest.

    A change of the suite must never look like a change of zarr. A record that was packed and is not
    committed yet is no change of it. Nor is a file that git does not know, such as a tomogram that
    lies in the checkout; one that a measured process could import is a part of the digest.
    """
    try:
        commit = repository.git(root, "rev-parse", "HEAD").strip()
        changed = repository.git(
            root, "status", "--porcelain", "--untracked-files=no", "--", ".", f":!{REFERENCE}"
        )
        clean: bool | None = not changed.strip()
    except InputError:  # no checkout, as in an unpacked archive
        commit, clean = "", None
    return {"commit": commit, "clean": clean, "suite": digest(root)}
