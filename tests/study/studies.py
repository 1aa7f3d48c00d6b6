"""Studies that take a moment: a small volume, and matrices of a few configurations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TINY = """
title = "tiny"
edge = 24
repeats = 2
access = ["xy-slices"]

[[block]]
codec = ["none", "blosc-lz4"]
level = 5
shuffle = "none"
chunks = [12]

[[block]]
codec = "blosc-zstd"
level = 5
shuffle = "byte"
chunks = 12
kept_bits = 7
"""

LIARS = """
title = "liars"
edge = 24
repeats = 1
access = ["xy-slices"]

[[block]]
codec = ["honest", "bit flipper", "byte swapper", "wrong type", "crash"]
chunks = 24
format = 2

[[block]]
codec = ["bound", "unbound"]
level = 0.01
chunks = 24
format = 2
""" + "".join(
    f"""
[[codec]]
name = "{name}"
module = "tests.study.liars"
format2 = "test_{name.replace(" ", "_")}"
level = "bound"
level_of = "{level_of}"
"""
    for name, level_of in {
        "honest": "nothing",
        "bit flipper": "nothing",
        "byte swapper": "nothing",
        "wrong type": "nothing",
        "crash": "nothing",
        "bound": "error",
        "unbound": "error",
    }.items()
)


def volume(seed: int = 0, edge: int = 24) -> np.ndarray:
    """Smooth noise near 1e-6, as tomograms are."""
    noise = np.random.default_rng(seed).standard_normal((edge,) * 3)
    for axis in range(3):
        noise = noise + np.roll(noise, 1, axis)
    return (noise * 1e-6).astype("f4")


def place(folder: Path, *, matrix: str = TINY, edge: int = 24) -> tuple[Path, Path]:
    """Write a volume and a matrix into a folder, and return their paths."""
    np.save(folder / "v.npy", volume(edge=edge))
    (folder / "matrix.toml").write_text(matrix, "utf-8")
    return folder / "v.npy", folder / "matrix.toml"
