"""A study from its sources to its ledger; a rerun measures only what the ledger lacks."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import random
import shutil
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cryoet_bench import extras
from cryoet_bench.conclusion import sentence
from cryoet_bench.errors import InputError
from cryoet_bench.harness import machine, turn
from cryoet_bench.measure.controls import LIMIT, quiet_level
from cryoet_bench.quality.workers import results
from cryoet_bench.study import matrix as matrices
from cryoet_bench.study.examination import Task, examine
from cryoet_bench.study.ledger import (
    NAME,
    Entry,
    Ledger,
    another_study,
    is_ledger,
    opened,
    read,
)
from cryoet_bench.study.matrix import Choice, Matrix
from cryoet_bench.study.process import ask_once
from cryoet_bench.study.subject import Subject, named, take

BOXES = "boxes"
"""The folder of a study that holds the measured boxes."""

ATTEMPTS = 3
"""How often a disturbed trial is measured at most."""

_SOFTWARE = ("cryoet-bench", "zarr", "numcodecs", "numpy", "imagecodecs", "pcodec", "zfpy")
"""Distributions whose versions a study states."""

Progress = Callable[[str, int, int], None]
"""Receives what is being done, how many of its steps are done, and how many there are."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a study measures.

    Parameters
    ----------
    matrix : Matrix
        The configurations.
    subjects : tuple of Subject
        The boxes that they are measured on.
    folder : pathlib.Path
        Where all results are kept.
    store : str
        ``local``, or ``s3:20ms`` for a server at that distance.
    unreadable : mapping of str to str
        Sources that cannot be measured, and why.
    """

    matrix: Matrix
    subjects: tuple[Subject, ...]
    folder: Path
    store: str = "local"
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def choice(self, subject: Subject) -> Choice:
        """Return the configurations that are measured on a subject."""
        return matrices.choose(
            self.matrix, subject.box_shape, np.dtype(subject.dtype), subject.name
        )

    def tasks(self) -> Iterator[Task]:
        """Yield every configuration of every subject."""
        for subject in self.subjects:
            for configuration in self.choice(subject).configurations:
                yield Task(
                    subject=subject,
                    box=str(subject.file(self.folder / BOXES)),
                    configuration=configuration,
                    foreign=self.matrix.foreign.get(configuration.codec),
                    access=tuple(self.matrix.access),
                    python=self.matrix.python,
                )

    def excluded(self) -> dict[str, int]:
        """Return how many combinations each rule left out, over all tomograms."""
        total: Counter[str] = Counter()
        for subject in self.subjects:
            if not subject.part_of:
                total.update(self.choice(subject).excluded)
        return dict(total)

    def facts(self) -> dict[str, Any]:
        """Return what makes it this study and no other, for the ledger."""
        present = machine.facts()
        return {
            "matrix": self.matrix.model_dump(mode="json", exclude={"repeats"}),
            "repeats": self.matrix.repeats,
            "tomograms": [subject.facts() for subject in self.subjects],
            "store": self.store,
            "software": installed(self.matrix.python),
            "machine": {key: present[key] for key in ("cpu", "cpus", "architecture")},
        }


def installed(python: str = "") -> dict[str, str]:
    """Return the versions of what is measured, here or in an environment of its own."""
    if python:
        listed = (
            "import importlib.metadata as m, json; "
            "print(json.dumps({d.name: d.version for d in m.distributions()}))"
        )
        try:
            answer = subprocess.run(
                [python, "-c", listed], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise InputError(
                f"the matrix names the interpreter {python}, which does not run"
            ) from error
        found = json.loads(answer.stdout)
        return {name: found[name] for name in _SOFTWARE if name in found}
    versions = {}
    for name in _SOFTWARE:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def prepare(sources: Sequence[str], matrix: Matrix, folder: Path, *, store: str = "local") -> Plan:
    """Make a study's folder, read the boxes into it, and return the plan.

    Raises
    ------
    InputError
        No source can be read, or the folder holds something else or a study of other tomograms.
    """
    require_folder(folder)
    _require_its_tomograms(folder, sources)
    is_new, boxes = not folder.exists(), folder / BOXES
    try:
        boxes.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    plan = Plan(matrix=matrix, subjects=(), folder=folder, store=store)
    tomograms, unreadable = [], {}
    for source in dict.fromkeys(sources):
        try:
            largest, *smaller = take(source, matrix.edge, boxes)
            plan.choice(largest)
        except InputError as error:
            unreadable[source] = sentence(error)
            continue
        tomograms.append([largest, *(box for box in smaller if _has_room(plan, box))])
    if not tomograms:
        if is_new:
            shutil.rmtree(folder)
        raise InputError("; ".join(unreadable.values()) or "name at least one tomogram")
    return replace(plan, subjects=tuple(named(tomograms)), unreadable=unreadable)


def _has_room(plan: Plan, box: Subject) -> bool:
    """Tell whether a smaller box holds the chunks of any configuration."""
    try:
        plan.choice(box)
    except InputError:
        return False
    return True


def require_folder(folder: Path) -> None:
    """Raise InputError unless a folder is new, empty or that of a study."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is no folder: choose another name with --out")
    if folder.is_dir() and not is_ledger(folder / NAME):
        others = sorted(path.name for path in folder.iterdir() if path.name != BOXES)
        if others:
            raise InputError(
                f"{folder} holds other files ({', '.join(others[:3])}): nothing is written there; "
                "choose another folder with --out"
            )


def _require_its_tomograms(folder: Path, sources: Sequence[str]) -> None:
    """Raise InputError where a study has others: before any is read, and its box is kept there."""
    try:
        known = read(folder).plan["tomograms"]
    except InputError:
        return  # there is none yet
    if not {tomogram["source"] for tomogram in known} <= set(sources):
        raise another_study(folder, "tomograms")


def run(
    plan: Plan,
    *,
    scheduler: str | None = None,
    progress: Progress = lambda _what, _done, _total: None,
) -> Ledger:
    """Measure what is not in the ledger yet, and return the ledger.

    Parameters
    ----------
    plan : Plan
        What.
    scheduler : str, optional
        Address of the Dask scheduler on whose workers exact values are measured; this process
        otherwise. Times are always measured here, one at a time, after that.
    progress : callable
        Told how far the work is.

    Raises
    ------
    InputError
        The scheduler cannot be reached, this machine is measuring something else, or the ledger
        cannot be written.
    """
    with opened(plan.folder, plan.facts()) as ledger:
        tasks = list(plan.tasks())
        _examine_all(tasks, ledger, scheduler, progress)
        with turn.measuring(f"a study in {plan.folder}"):
            _time_all(plan, tasks, ledger, progress)
        return ledger


def _examine_all(
    tasks: Sequence[Task], ledger: Ledger, scheduler: str | None, progress: Progress
) -> None:
    known = set(ledger.entries)
    waiting = [task for task in tasks if task.entry("exact").key not in known]
    done = len(tasks) - len(waiting)
    progress("Sizes and fidelity", done, len(tasks))
    for number, entry in enumerate(examined(waiting, scheduler), done + 1):
        ledger.add(entry)
        progress("Sizes and fidelity", number, len(tasks))


def examined(tasks: Sequence[Task], scheduler: str | None) -> Iterator[Entry]:
    """Yield what is exact about configurations, as it is known.

    Parameters
    ----------
    tasks : sequence of Task
        Which.
    scheduler : str or None
        Address of a Dask scheduler whose workers see the same files; ``local`` starts a worker a
        core here; None is this process.

    Raises
    ------
    InputError
        The scheduler cannot be reached, or the disk is full.
    """
    if not tasks:
        return
    # The longest first: what is left at the end, when some workers have nothing to do, is short.
    ordered = sorted(tasks, key=lambda task: task.effort, reverse=True)
    with _scheduler(scheduler) as address:
        for _, entry in results(examine, ordered, address, _lost):
            yield entry


@contextlib.contextmanager
def _scheduler(wanted: str | None) -> Iterator[str | None]:
    """Yield the address of a Dask scheduler; ``local`` is a new one, for as long as the block."""
    if wanted != "local":
        yield wanted
        return
    extras.require("distributed")
    from distributed import LocalCluster  # noqa: PLC0415

    with LocalCluster(  # type: ignore[no-untyped-call]
        threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def _lost(task: Task, why: str) -> Entry:
    """Return the entry of a task whose worker died: what a codec raises is an entry of its own."""
    return task.entry("exact", status="failed", reason=why)


def _time_all(plan: Plan, tasks: Sequence[Task], ledger: Ledger, progress: Progress) -> None:
    """Measure rounds of all configurations, each round in an order of its own."""
    good = [task for task in tasks if ledger.entries[task.entry("exact").key].status == "passed"]
    total = len(good) * plan.matrix.repeats
    done = 0
    for number in range(1, plan.matrix.repeats + 1):
        order = random.Random(number).sample(good, len(good))
        for task in order:
            done += 1
            if task.entry("timed", round=number).key not in ledger.entries:
                ledger.add(_timed(plan, task, number, ledger))
            progress("Times", done, total)


def _timed(plan: Plan, task: Task, number: int, ledger: Ledger) -> Entry:
    """Return the times of a configuration; a trial that was disturbed is measured again."""
    quiet = _quiet(ledger)
    best: Entry | None = None
    for _ in range(ATTEMPTS):
        answer = ask_once(
            task.request("timed", store=plan.store), task.python or None, hash_seed=number
        )
        if answer["status"] != "passed":
            return task.entry(
                "timed", round=number, status=answer["status"], reason=answer["reason"]
            )
        samples = answer["samples"]
        slower = control_level(samples) / quiet if quiet else 1.0
        entry = task.entry(
            "timed", round=number, samples=samples, values={"slower_controls": slower}
        )
        if best is None or slower < (best.values["slower_controls"] or 1.0):
            best = entry
        if slower <= LIMIT:
            break
    assert best is not None
    return best


def _quiet(ledger: Ledger) -> float:
    levels = [control_level(entry.samples) for entry in ledger.entries.values() if entry.samples]
    return quiet_level(levels) if levels else 0.0


def control_level(samples: Mapping[str, list[float]]) -> float:
    """Return what the controls of a trial took at least, in seconds: their geometric mean."""
    return statistics.geometric_mean(
        min(values) for name, values in samples.items() if name.startswith("control_")
    )
