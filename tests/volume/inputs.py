"""Small volumes, and the bytes of a header changed by hand."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np

from cryoet_bench.volume import Volume


def noise(shape: tuple[int, ...] = (6, 7, 8), dtype: str = "f4") -> np.ndarray:
    """Normal noise, for integers of sd 20."""
    values = np.random.default_rng(1).standard_normal(shape)
    return values.astype(dtype) if np.dtype(dtype).kind == "f" else (20 * values).astype(dtype)


def write_mrc(path: Path, data: np.ndarray, spacing: Any = 10.0) -> Path:
    with warnings.catch_warnings(action="ignore"), mrcfile.new(path, data, overwrite=True) as mrc:
        mrc.voxel_size = spacing
    return path


def patch(path: Path, *changes: tuple[int, Any]) -> Path:
    """Overwrite bytes of a file: (offset, bytes or a numpy value)."""
    content = bytearray(path.read_bytes())
    for offset, value in changes:
        raw = value if isinstance(value, bytes) else value.tobytes()
        content[offset : offset + len(raw)] = raw
    path.write_bytes(bytes(content))
    return path


def names(volume: Volume) -> list[str]:
    """Return the names of a volume's notes."""
    return [note.name for note in volume.notes]
