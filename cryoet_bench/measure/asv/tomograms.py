"""The tomograms that a command of asv measures on: in the cache, under their names there."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from cryoet_bench import variables
from cryoet_bench.measure.asv.environment import ReleaseEnvironment, provide_tomogram
from cryoet_bench.record.record import Record
from cryoet_bench.timeline.installers import PYTHON


def resolve(conf: Any) -> None:
    """Take the user's own choice over into a configuration of asv; it may be a file.

    Raises
    ------
    asv.util.UserError
        There is no such tomogram.
    """
    if not conf.matrix.keys() <= {"req", "env", "env_nobuild"}:  # asv's older way to write it
        conf.matrix = {"req": conf.matrix}
    record = Record.of(Path.cwd())
    found = []
    for name in named(conf) or [variables.DEFAULT_TOMOGRAM]:
        facts = provide_tomogram(name, _python_with_numpy(conf, name))
        record.describe_tomogram(facts)
        found.append(facts["name"])
    if os.environ.get(variables.TOMOGRAM):
        os.environ[variables.TOMOGRAM] = found[0]
    matrix = conf.matrix.setdefault("env_nobuild", {})
    matrix[variables.TOMOGRAM] = list(dict.fromkeys(found))


def named(conf: Any) -> list[str]:
    """Return the tomograms that the user names: the variable's, else those of asv.conf.json."""
    chosen = os.environ.get(variables.TOMOGRAM) or conf.matrix.get("env_nobuild", {}).get(
        variables.TOMOGRAM
    )
    return [chosen] if isinstance(chosen, str) else list(chosen or [])


def _python_with_numpy(conf: Any, tomogram: str) -> Path | None:
    """Return what can prepare a tomogram where asv's own interpreter has no numpy."""
    if importlib.util.find_spec("numpy"):
        return None
    tagged = {("nobuild", variables.TOMOGRAM): tomogram}
    measured = ReleaseEnvironment(conf, PYTHON, {}, tagged)
    measured.create()
    return measured.python_path
