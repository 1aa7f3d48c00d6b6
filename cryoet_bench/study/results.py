"""The results of a study, read back from its ledger: a row a configuration, and its times.

Units are in the names of the columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from cryoet_bench.errors import InputError
from cryoet_bench.record.estimate import Noise, estimate, noise_of, pooled, variance
from cryoet_bench.study import whole
from cryoet_bench.study.configuration import Configuration, edges
from cryoet_bench.study.ledger import Entry, Ledger
from cryoet_bench.study.matrix import Matrix, choose
from cryoet_bench.study.subject import Subject

if TYPE_CHECKING:
    import pandas as pd

AXES = ("codec", "level", "shuffle", "chunks", "shards", "zarr_format", "voxel", "kept_bits")
"""Columns that say what a configuration is."""


@dataclass(frozen=True)
class Level:
    """What the rounds of one time say.

    Parameters
    ----------
    value : float
        The estimate, in seconds.
    error : float
        Standard error of its natural logarithm.
    rounds : int
        How many there were.
    degrees : float
        Degrees of freedom of the error; 0 where one round tells nothing of it.
    """

    value: float
    error: float
    rounds: int
    degrees: float


@dataclass(frozen=True, eq=False)
class Results:
    """A study that was read back: what it measured, on what, and how noisy the times were.

    Parameters
    ----------
    ledger : Ledger
        Everything that is known.
    matrix : Matrix
        What it measured.
    subjects : tuple of Subject
        The tomograms, each by the largest of its boxes.
    parts : tuple of Subject
        Their smaller boxes.
    configurations : mapping
        Of each subject and part, by name.
    summary : pandas.DataFrame
        A row a configuration of a subject or part.
    levels : mapping
        The times of a subject's configuration by measure.
    noise : mapping of str to Noise
        Of one round, by measure.
    """

    ledger: Ledger
    matrix: Matrix
    subjects: tuple[Subject, ...]
    parts: tuple[Subject, ...]
    configurations: Mapping[str, Mapping[str, Configuration]]
    summary: pd.DataFrame
    levels: Mapping[tuple[str, str], Mapping[str, Level]]
    noise: Mapping[str, Noise]

    @property
    def store(self) -> str:
        """Where the volumes were stored."""
        return str(self.ledger.plan["store"])

    def of(self, subject: Subject) -> pd.DataFrame:
        """Return the rows of a subject by configuration."""
        rows = self.summary[self.summary["tomogram"] == subject.name]
        return rows.set_index("configuration")

    def configuration(self, subject: Subject, name: str) -> Configuration:
        """Return the configuration of a name."""
        return self.configurations[subject.name][name]

    @property
    def missing(self) -> int:
        """How many trials a study that was not finished has still to measure."""
        count = 0
        for box, configurations in self.configurations.items():
            for name in configurations:
                exact = self.ledger.entries.get(("exact", box, name, 0))
                if exact is None:
                    count += 1 + self.matrix.repeats
                elif exact.status == "passed":
                    count += sum(
                        ("timed", box, name, number) not in self.ledger.entries
                        for number in range(1, self.matrix.repeats + 1)
                    )
        return count

    def boxes_of(self, subject: Subject) -> list[Subject]:
        """Return the boxes of a tomogram, the smallest first."""
        boxes = [part for part in self.parts if part.part_of == subject.name]
        return sorted([subject, *boxes], key=lambda box: box.box_bytes)


def results(ledger: Ledger) -> Results:
    """Return what a ledger holds as tables; an unfinished study gives what it has so far.

    Raises
    ------
    InputError
        It holds nothing, or was written by another version.
    """
    import pandas as pd  # noqa: PLC0415

    plan = ledger.plan
    try:
        matrix = Matrix.model_validate(plan["matrix"] | {"repeats": plan["repeats"]})
        boxes = tuple(Subject.of(facts) for facts in plan["tomograms"])
        configurations = {box.name: _configurations(matrix, box) for box in boxes}
    except (ValidationError, KeyError, TypeError) as error:
        raise InputError(
            f"the study in {ledger.path.parent} was made by another version of cryoet-bench: "
            "measure it again in another folder"
        ) from error
    rounds = _rounds(ledger)
    noise = _noise(rounds)
    levels = {
        key: {
            measure: _level(values, noise[measure])
            for measure, values in found.items()
            if not measure.startswith("control_")
        }
        for key, found in rounds.items()
    }
    rows = []
    for box in boxes:
        for name, configuration in configurations[box.name].items():
            entry = ledger.entries.get(("exact", box.name, name, 0))
            if entry is not None:
                found = levels.get((box.name, name), {})
                rows.append(_row(box, configuration, entry, found, str(plan["store"])))
    if not rows:
        raise InputError(f"the study in {ledger.path.parent} has measured nothing yet: rerun it")
    return Results(
        ledger=ledger,
        matrix=matrix,
        subjects=tuple(box for box in boxes if not box.part_of),
        parts=tuple(box for box in boxes if box.part_of),
        configurations=configurations,
        summary=pd.DataFrame(rows),
        levels=levels,
        noise=noise,
    )


def _configurations(matrix: Matrix, subject: Subject) -> dict[str, Configuration]:
    choice = choose(matrix, subject.box_shape, np.dtype(subject.dtype), subject.name)
    return {one.name: one for one in choice.configurations}


def _rounds(ledger: Ledger) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Return the least sample of each round by subject, configuration and measure."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for entry in sorted(ledger.entries.values(), key=lambda entry: entry.round):
        if entry.kind == "timed" and entry.status == "passed":
            own = found.setdefault((entry.subject, entry.configuration), {})
            for measure, samples in entry.samples.items():
                own.setdefault(measure, []).append(min(samples))
    return found


def _noise(rounds: Mapping[tuple[str, str], Mapping[str, list[float]]]) -> dict[str, Noise]:
    measures = {measure for found in rounds.values() for measure in found}
    return {
        measure: pooled([found[measure] for found in rounds.values() if measure in found])
        for measure in measures
    }


def _level(values: Sequence[float], shared: Noise) -> Level:
    own = noise_of([values], shared)
    error = own.deviation * math.sqrt(variance(len(values)))
    return Level(estimate(values), error, len(values), own.degrees)


def _row(
    subject: Subject,
    configuration: Configuration,
    entry: Entry,
    levels: Mapping[str, Level],
    store: str,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "tomogram": subject.name,
        "part_of": subject.part_of,
        "box": edges(subject.box_shape),
        "labels": subject.labels,
        "configuration": configuration.name,
        **_axes(configuration),
        "status": entry.status,
        "reason": entry.reason,
        **dict(entry.values),
        "whole_objects": whole.objects(configuration, subject.shape) + 1,  # and its metadata
    }
    for measure, level in levels.items():
        access = measure.removesuffix("_s")
        more = whole.times_more(access, configuration, subject)
        row[measure] = level.value
        row[f"{access}_spread_percent"] = 100 * level.error
        row[f"whole_{measure}"] = more * level.value
        if store == "local":  # elsewhere the distance is in the times already
            waiting = whole.waiting(row, access, more, "s3")
            row[f"whole_{access}_from_s3_s"] = more * level.value + waiting
    row["rounds"] = max((level.rounds for level in levels.values()), default=0)
    return row | dict(entry.words)


def _axes(configuration: Configuration) -> dict[str, Any]:
    facts = {axis: getattr(configuration, axis) for axis in AXES}
    facts["chunks"] = edges(configuration.chunks)
    facts["shards"] = edges(configuration.shards) if configuration.shards else None
    for number in ("level", "kept_bits"):  # a column of None alone would not hold numbers
        facts[number] = math.nan if facts[number] is None else float(facts[number])
    return facts | {"encoding": configuration.encoding, "layout": configuration.cut}
