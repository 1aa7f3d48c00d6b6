"""Everything exact about a configuration on a subject: sizes, requests, fidelity, the promise.

It runs here or on a worker of Dask, which sees the same files.
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import math
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cryoet_bench.errors import InputError
from cryoet_bench.quality.check import worst
from cryoet_bench.quality.fidelity import Comparison, compare
from cryoet_bench.quality.fidelity.profiles import PROFILES
from cryoet_bench.quality.fidelity.verification import judged
from cryoet_bench.study.configuration import Configuration
from cryoet_bench.study.families import FAMILIES, Foreign
from cryoet_bench.study.ledger import Entry
from cryoet_bench.study.process import Process
from cryoet_bench.study.promise import Promise
from cryoet_bench.study.subject import Subject
from cryoet_bench.volume import Volume

Array = npt.NDArray[Any]

_PLACES = {"first_differing", "max_error_at"}
"""Measures of verify that are no numbers, though they are None where nothing differs."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A configuration to examine on a subject.

    Parameters
    ----------
    subject : Subject
        What is stored.
    box : str
        The file that holds its voxels.
    configuration : Configuration
        How.
    foreign : Foreign or None
        The user's own codec, where it is one.
    access : tuple of str
        Patterns whose requests are counted.
    python : str
        Interpreter of the codecs' own environment; empty for this one.
    """

    subject: Subject
    box: str
    configuration: Configuration
    foreign: Foreign | None
    access: tuple[str, ...]
    python: str = ""

    @property
    def effort(self) -> tuple[bool, int]:
        """What its examination is ordered by: a lossy copy is compared in every measure."""
        family = self.foreign.family if self.foreign else FAMILIES[self.configuration.codec]
        lossy = family.lossy or self.configuration.is_reduced
        return lossy, self.subject.box_bytes

    def request(self, kind: str, **more: Any) -> dict[str, Any]:
        """Return what the process of the trial is asked."""
        return {
            "kind": kind,
            "volume": self.box,
            "configuration": self.configuration.facts(),
            "foreign": dataclasses.asdict(self.foreign) if self.foreign else None,
            "access": self.access,
            **more,
        }

    def entry(self, kind: Any, **found: Any) -> Entry:
        """Return an entry of the ledger about it."""
        return Entry(
            kind=kind, subject=self.subject.name, configuration=self.configuration.name, **found
        )


@functools.cache
def _process(python: str, _thread: int) -> Process:
    """Return the process of this thread that answers for exact values, one request at a time."""
    process = Process(python or None)
    atexit.register(process.end)
    return process


def examine(task: Task) -> Entry:
    """Return what is exact about a configuration; whatever its codec does is an entry.

    Raises
    ------
    InputError
        This machine is to blame, not the codec.
    """
    try:
        return _examined(task)
    except OSError as error:
        raise InputError(f"a study cannot go on here ({error}): rerun to resume") from error


def _examined(task: Task) -> Entry:
    with tempfile.TemporaryDirectory(prefix="cryoet-bench-") as folder:
        copy = Path(folder, "copy.npy")
        process = _process(task.python, threading.get_ident())
        answer = process.ask(task.request("exact", copy=str(copy)))
        if answer["status"] != "passed":
            return task.entry("exact", status=answer["status"], reason=answer["reason"])
        original, stored = np.load(task.box), np.load(copy)
    promise = Promise(**answer["promise"])
    with np.errstate(all="ignore"):  # a liar's values may be anything
        broken = promise.broken_by(original, stored)
    values, words = dict(answer["values"]), {"promise": str(promise)}
    curves: dict[str, Any] = {}
    if not broken:
        values, words, curves = _fidelity(task, original, stored, values, words)
    return task.entry(
        "exact",
        status="broken" if broken else "passed",
        reason=broken,
        values=values,
        words=words,
        curves=curves,
    )


def _fidelity(
    task: Task,
    original: Array,
    stored: Array,
    values: dict[str, Any],
    words: dict[str, str],
) -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
    spacing = task.subject.voxel_spacing
    comparison = compare(original, stored, reference_spacing=spacing, copy_spacing=spacing)
    measures = comparison.measures()
    values = values | _numbers(measures)
    words = words | {
        f"verify_{name}": worst(check.verdict for check in judged(comparison, profile))
        for name, profile in PROFILES.items()
    }
    words["recognised"] = ", ".join(measures["defects"])
    words["qc"] = _qc(task.box, task.subject) if comparison.exact else _inspected(stored, task)
    if comparison.exact:
        return values, words, {}
    values |= _autocorrelation(original, stored)
    return values, words, _curves(comparison)


def _numbers(measures: Mapping[str, Any]) -> dict[str, float | None]:
    """Return every measure of verify that is one number; what could not be measured is None."""
    found = {
        name: _finite(value)
        for name, value in measures.items()
        if name not in _PLACES
        and (value is None or (not isinstance(value, bool) and isinstance(value, Real)))
    }
    return found | {"bit_exact": float(measures["bit_exact"])}


@functools.lru_cache(maxsize=8)
def _qc(box: str, subject: Subject) -> str:
    """Return qc's verdict on the original, which is that on every exact copy."""
    return _verdict(np.load(box), subject)


def _inspected(stored: Array, task: Task) -> str:
    return _verdict(stored, task.subject)


def _verdict(voxels: Array, subject: Subject) -> str:
    from cryoet_bench.quality.qc import inspect  # noqa: PLC0415  (compiles; only when needed)

    found = inspect(Volume(subject.name, voxels, subject.voxel_spacing))
    names = ", ".join(found.findings)
    return f"{found.verdict} ({names})" if names else str(found.verdict)


def _autocorrelation(original: Array, stored: Array) -> dict[str, float]:
    """Return how much the error of a voxel says about its neighbour's, along each axis.

    Zero is white: an error that later averaging removes. As Z-checker reports it (Tao et al. 2019).
    """
    with np.errstate(invalid="ignore"):  # infinity that is kept
        error = stored.astype(np.float64) - original.astype(np.float64)
    error = np.where(np.isfinite(error), error, 0)
    error -= error.mean()
    power = float(np.mean(error**2))
    found = {}
    for axis, name in enumerate("zyx"):
        ahead = np.moveaxis(error, axis, 0)
        pairs = float(np.mean(ahead[1:] * ahead[:-1])) if len(ahead) > 1 else 0.0
        found[f"error_autocorrelation_{name}"] = pairs / power if power else 0.0
    return found


def _curves(comparison: Comparison) -> dict[str, Any]:
    curve = comparison.correlation
    if curve is None:
        return {}
    columns = {
        "frequency": curve.frequency,
        "fsc": curve.measured,
        "error_power": curve.error_power,
        "reference_power": curve.reference_power,
    }
    return {name: [_finite(float(value)) for value in column] for name, column in columns.items()}


def _finite(value: Any) -> float | None:
    """Return a number as JSON holds it; what is infinite or unknown as None."""
    return None if value is None or not math.isfinite(value) else float(value)
