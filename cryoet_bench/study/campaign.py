"""A study from its sources to its ledger; a rerun measures only what the ledger lacks."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import random
import shutil
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
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
    begun,
    is_ledger,
    opened,
    require_same,
)
from cryoet_bench.study.matrix import Choice, Matrix
from cryoet_bench.study.process import ask_once, sheltered
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
        boxes = self.folder.absolute() / BOXES  # workers run in folders of their own
        for subject in self.subjects:
            for configuration in self.choice(subject).configurations:
                yield Task(
                    subject=subject,
                    box=str(subject.file(boxes)),
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
        return self.conditions() | {"tomograms": [subject.facts() for subject in self.subjects]}

    def conditions(self) -> dict[str, Any]:
        """Return those of the facts that are known before a tomogram is read."""
        present = machine.facts()
        return {
            "matrix": self.matrix.model_dump(mode="json", exclude={"repeats"}),
            "repeats": self.matrix.repeats,
            "store": self.store,
            "software": installed(self.matrix.python),
            "machine": {key: present[key] for key in ("cpu", "cpus", "architecture")},
        }


def installed(python: str = "") -> dict[str, str]:
    """Return the versions of what is measured, here or in an environment of its own."""
    if python:
        what = f"the interpreter that the matrix names, {python},"
        listed = (
            "import importlib.metadata as m, json; "
            "print(json.dumps({d.name: d.version for d in m.distributions()}))"
        )
        try:
            answer = subprocess.run(
                [python, "-c", listed], capture_output=True, text=True, check=True
            )
            found = json.loads(answer.stdout)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise InputError(
                f"{what} does not run: name one of an environment that has the codecs"
            ) from error
        if "cryoet-bench" not in found:
            raise InputError(
                f"{what} has no cryoet-bench: {python} -m pip install --no-deps cryoet-bench"
            )
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
        No source can be read, or the folder holds something else or another study.
    """
    require_folder(folder)
    plan = Plan(matrix=matrix, subjects=(), folder=folder, store=store)
    kept = _kept(plan, sources)
    is_new, boxes = not folder.exists(), folder / BOXES
    try:
        boxes.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from error
    tomograms, unreadable = [], {}
    for source in dict.fromkeys(sources):
        try:
            largest, *smaller = take(source, matrix.edge, boxes)
            plan.choice(largest)
        except InputError as error:
            if source not in kept:
                unreadable[source] = sentence(error)
                continue
            largest, *smaller = kept[source]
        if source in kept and largest.sha256 != kept[source][0].sha256:
            raise another_study(folder, f"voxels of {source}")
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
    if not folder.is_dir() and (folder.is_symlink() or folder.exists()):
        raise InputError(f"{folder} is no folder: choose another name with --out")
    if folder.is_dir() and not is_ledger(folder / NAME):
        others = sorted(path.name for path in folder.iterdir() if path.name != BOXES)
        if others:
            raise InputError(
                f"{folder} holds other files ({', '.join(others[:3])}): nothing is written there; "
                "choose another folder with --out"
            )


def _kept(plan: Plan, sources: Sequence[str]) -> dict[str, list[Subject]]:
    """Return the boxes of a study that is resumed, by source: they serve where the source is gone.

    Raises
    ------
    InputError
        The folder holds another study: before a tomogram is read, and its box is kept there.
    """
    known, conditions = begun(plan.folder), plan.conditions()
    if known is None:
        return {}
    require_same(plan.folder, known, conditions)
    kept: dict[str, list[Subject]] = {}
    for facts in known["tomograms"]:
        subject = Subject.of(facts)
        kept.setdefault(subject.source, []).append(subject)
    if not kept.keys() <= set(sources):
        raise another_study(plan.folder, "tomograms")
    return {
        source: boxes
        for source, boxes in kept.items()
        if all(box.file(plan.folder / BOXES).exists() for box in boxes)
    }


def run(
    plan: Plan,
    *,
    scheduler: str | None = None,
    progress: Progress = lambda _what, _done, _total: None,
    warn: Callable[[str], None] = lambda _sentence: None,
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
        Receives how far the work is.
    warn : callable
        Receives a sentence, before the work begins, on what may keep it from being finished.

    Raises
    ------
    InputError
        The scheduler cannot be reached, this machine is measuring something else when times are to
        be measured, or the ledger cannot be written.
    """
    with opened(plan.folder, plan.facts()) as ledger:
        tasks = list(plan.tasks())
        if _untimed(plan, tasks, ledger) and (refusal := _refusal()):
            warn(f"{refusal}; sizes and fidelity do not wait, times cannot be measured meanwhile")
        _examine_all(tasks, ledger, scheduler, progress)
        if untimed := _untimed(plan, tasks, ledger):
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(turn.measuring(f"a study in {plan.folder}"))
                except InputError as error:
                    raise InputError(
                        f"{error}; sizes and fidelity are kept, rerun to measure times"
                    ) from error
                _time_all(plan, untimed, ledger, progress)
        return ledger


def _refusal() -> str:
    """Return why nothing could be timed on this machine now; empty where it could."""
    try:
        with turn.measuring("nothing yet"):
            return ""
    except InputError as error:
        return str(error)


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

    # It lets signals through when it starts (until Python 3.13), and would do so in the block.
    resource_tracker.ensure_running()
    with contextlib.ExitStack() as stack:
        with sheltered():
            local = LocalCluster(  # type: ignore[no-untyped-call]
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,  # what matters to the user is raised
            )
            stack.enter_context(local)
        yield local.scheduler_address


def _lost(task: Task, why: str) -> Entry:
    """Return the entry of a task whose worker died: what a codec raises is an entry of its own."""
    return task.entry("exact", status="failed", reason=why)


def _untimed(plan: Plan, tasks: Sequence[Task], ledger: Ledger) -> list[tuple[Task, int]]:
    """Return the trials that times lack, round by round, each round in an order of its own.

    Those of configurations that are known to be unusable are none of them.
    """

    def is_usable(task: Task) -> bool:
        exact = ledger.entries.get(task.entry("exact").key)
        return exact is None or exact.status == "passed"

    usable = list(filter(is_usable, tasks))
    return [
        (task, number)
        for number in range(1, plan.matrix.repeats + 1)
        for task in random.Random(number).sample(usable, len(usable))
        if task.entry("timed", round=number).key not in ledger.entries
    ]


def _time_all(
    plan: Plan, trials: Sequence[tuple[Task, int]], ledger: Ledger, progress: Progress
) -> None:
    for done, (task, number) in enumerate(trials, 1):
        ledger.add(_timed(plan, task, number, ledger))
        progress("Times", done, len(trials))


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
