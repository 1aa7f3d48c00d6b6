"""The environment variables that the project understands: the one place that names them.

Standard library only: asv's own interpreter and every measured process import this.
"""

from __future__ import annotations

import os
from pathlib import Path

TOMOGRAM = "CRYOET_BENCH_TOMOGRAM"
"""Names the tomogram that is measured on."""

CACHE = "CRYOET_BENCH_CACHE"
"""The folder of the cache of tomograms."""

TIER = "CRYOET_BENCH_TIER"
"""The tier whose exact cases are measured together: ``core``, ``full``, or ``none``."""

LOCKS = "CRYOET_BENCH_LOCKS"
"""The folder of this machine's locks, where containers on it share another one than ``/tmp``."""

PREFIX = "CRYOET_BENCH_"
"""How all of them begin."""

DEFAULT_TOMOGRAM = "phantom-10A"


def tomogram_name() -> str:
    """Return the name of the tomogram that this process measures on."""
    return os.environ.get(TOMOGRAM) or DEFAULT_TOMOGRAM


def cache_folder() -> Path:
    """Return the cache of tomograms: ``CRYOET_BENCH_CACHE``, else the platform's own.

    Raises
    ------
    ImportError
        The variable is not set, and platformdirs is not installed.
    """
    chosen = os.environ.get(CACHE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path  # noqa: PLC0415  (measured processes do without)

    return user_cache_path("cryoet-bench", appauthor=False)
