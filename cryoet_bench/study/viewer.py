"""Look at a volume and at what a configuration makes of it, in napari."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cryoet_bench.errors import InputError
from cryoet_bench.study.campaign import BOXES
from cryoet_bench.study.examination import Task
from cryoet_bench.study.process import ask_once
from cryoet_bench.study.results import Results
from cryoet_bench.study.subject import Subject


def show(found: Results, pairs: Sequence[tuple[str, str]]) -> None:
    """Show configurations alongside their originals, each pair in a window, until all are closed.

    Parameters
    ----------
    found : Results
        A study.
    pairs : sequence of (str, str)
        Names of tomograms and configurations.

    Raises
    ------
    InputError
        As `view`.
    """
    subjects = {subject.name: subject for subject in found.subjects}
    for name, configuration in pairs:
        view(found, subjects[name], configuration)
    import napari  # noqa: PLC0415

    napari.run()


def view(found: Results, subject: Subject, configuration: str) -> Any:
    """Open napari with a volume, its stored copy and the error, and return the viewer.

    Parameters
    ----------
    found : Results
        A study.
    subject : Subject
        One of its tomograms.
    configuration : str
        Name of one of its configurations; the copy is written and read again.

    Raises
    ------
    InputError
        napari is not installed, or the configuration cannot be stored here.
    """
    try:
        import napari  # noqa: PLC0415
    except ImportError:
        raise InputError("napari is not installed: pip install 'napari[all]'") from None
    original, copy = pair(found, subject, configuration)
    error = copy.astype(np.float64) - original.astype(np.float64)
    scale = subject.voxel_spacing or (1.0, 1.0, 1.0)
    mean, sd = float(original.mean(dtype=float)), float(original.std(dtype=float))
    limits = (mean - 3 * sd, mean + 3 * sd) if sd > 0 else None
    reach = float(np.nanmax(np.abs(error), initial=0.0)) or 1.0
    viewer = napari.Viewer(title=f"{subject.name}: {configuration}")
    viewer.add_image(original, name=subject.name, scale=scale, contrast_limits=limits)
    viewer.add_image(copy, name=configuration, scale=scale, contrast_limits=limits)
    viewer.add_image(
        error,
        name="error",
        scale=scale,
        contrast_limits=(-reach, reach),
        colormap="twilight_shifted",
    )
    viewer.grid.enabled = True  # side by side, not on top of each other
    return viewer


def pair(found: Results, subject: Subject, configuration: str) -> tuple[Any, Any]:
    """Return the measured box of a volume, and what a configuration gives back of it.

    Raises
    ------
    InputError
        The configuration cannot be stored here.
    """
    box = subject.file(found.ledger.path.parent / BOXES)
    chosen = found.configuration(subject, configuration)
    foreign = found.matrix.foreign.get(chosen.codec)
    task = Task(subject=subject, box=str(box), configuration=chosen, foreign=foreign, access=())
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy.npy")
        answer = ask_once(task.request("exact", copy=str(copy)), found.matrix.python or None)
        if answer["status"] != "passed":
            raise InputError(f"{configuration} cannot be stored here: {answer['reason']}")
        return np.load(box), np.load(copy)
