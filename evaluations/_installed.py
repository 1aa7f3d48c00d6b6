"""What the evaluations of several releases share: an environment for each."""

from __future__ import annotations

import os
from pathlib import Path

from cryoet_bench import variables
from cryoet_bench.timeline import environment, installers, releases
from cryoet_bench.tomogram.sources import obtain
from evaluations import ROOT

RELEASES = ("zarr-2.18.7", "zarr-3.1.5", "zarr-3.4.2")
"""The last of zarr 2, and an older and a newer one of zarr 3."""


def python(folder: Path, tag: str) -> Path:
    """Return the interpreter of a release, installed below a folder the first time."""
    home = environment.Environment(folder / tag, installers.find_uv())
    if not home.python.exists():
        timeline = releases.load()
        pins = next(one for one in timeline.releases if one.tag == tag)
        home.create(installers.find_python(home.uv))
        home.include(ROOT)
        home.install([*pins.requirements.splitlines(), *timeline.beside(tag)])
    return home.python


def provide_tomogram() -> None:
    """Put the tomogram that is measured into the cache, and say where that is."""
    obtain(variables.tomogram_name())
    os.environ[variables.CACHE] = str(variables.cache_folder())
