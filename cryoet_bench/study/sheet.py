"""The sheet of a tomogram: its configurations in a table, what is recommended, what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryoet_bench.errors import InputError
from cryoet_bench.quality.check import several
from cryoet_bench.quality.fidelity.profiles import PROFILES
from cryoet_bench.study import cost, figures
from cryoet_bench.study.advice import Advice, advise_on, bill_of
from cryoet_bench.study.comparison import Comparison, compared
from cryoet_bench.study.cost import Collection, Price
from cryoet_bench.study.pareto import front_shares
from cryoet_bench.study.recommendation import Demand
from cryoet_bench.study.subject import Subject
from cryoet_bench.study.uses import use_cases
from cryoet_bench.study.whole import STORES

if TYPE_CHECKING:
    import pandas as pd

    from cryoet_bench.study.results import Results

_BEFORE = {
    "configuration": "codec, level, shuffle and loss; chunks and shards; format of Zarr",
    "ratio": "bytes of voxels a stored byte",
    "error, sd": "largest error of a voxel, in standard deviations of the volume",
    "fit for": "strictest profile of verify that the copy passes",
    "TB": "of the collection",
    "files": "of the collection, metadata included",
}
_TIMES = {
    "xy_slices_s": ("xy, ms", "an xy slice of the box"),
    "yz_slices_s": ("yz, ms", "a yz slice of the box"),
    "read_s": ("read, ms", "the box"),
    "write_s": ("write, ms", "the box"),
    "whole_xy_slices_from_s3_s": (
        "xy from S3, ms",
        f"an xy slice of the whole volume, {1000 * STORES['s3'].latency:g} ms a round trip",
    ),
}
_AFTER = {
    "on the front, %": (
        "share of resamples in which no other configuration is better in read time, write time, "
        "size and error at once"
    ),
    "$ a year": "of the collection: storage, requests and downloads",
}


@dataclass(frozen=True)
class Row:
    """A configuration on a sheet.

    Parameters
    ----------
    name : str
        The configuration.
    cells : tuple of str
        As they are printed.
    chosen : bool
        Whether it is recommended for a use.
    note : str
        Why it is not to be used; empty where nothing speaks against it.
    """

    name: str
    cells: tuple[str, ...]
    chosen: bool
    note: str


@dataclass(frozen=True)
class Sheet:
    """What a study found on one tomogram.

    Parameters
    ----------
    subject : Subject
        Which.
    columns : mapping of str to str
        What each column holds, by its heading.
    rows : tuple of Row
        The smallest first; what is not to be used last.
    advice : tuple of Advice
        For each use.
    sentences : tuple of str
        The recommendations and findings, in words.
    caption : str
        What was measured and what is extrapolated.
    compared : tuple of Comparison
        What others published of the same configurations.
    """

    subject: Subject
    columns: Mapping[str, str]
    rows: tuple[Row, ...]
    advice: tuple[Advice, ...]
    sentences: tuple[str, ...]
    caption: str
    compared: tuple[Comparison, ...]

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings of the figures of the advice."""
        return tuple(self.advice[0].figures) if self.advice else ()

    @property
    def title(self) -> str:
        """The tomogram in words."""
        subject = self.subject
        words = [figures.lengths(subject.shape), subject.dtype]
        words += ["labels"] if subject.labels else []
        words += ["synthetic"] if subject.synthetic else []
        return f"{subject.name} ({', '.join(words)})"


def sheet(found: Results, subject: Subject, price: Price, volumes: int) -> Sheet:
    """Return what a study found on a tomogram, and what so many volumes like it cost."""
    rows = found.of(subject)
    collection = Collection(volumes=volumes)
    advice = []
    for case in use_cases().values():
        try:
            advice.append(advise_on(found, subject, Demand(use=case), price, collection))
        except InputError:
            continue  # a use whose measures the study did not take
    shared = rows.assign(pareto_share=front_shares(found, subject))
    table = _Table(found, subject, shared, advice, collection, price)
    sized = rows.sort_values("stored_bytes", na_position="last") if "stored_bytes" in rows else rows
    good = [name for name in sized.index if sized.loc[name, "status"] == "passed"]
    listed = (*good, *(name for name in sized.index if name not in good))
    sentences = [one.recommendation.sentence for one in advice]
    sentences += [one.saving for one in advice if one.saving][:1]
    sentences += _findings(rows)
    return Sheet(
        subject=subject,
        columns=table.columns,
        rows=tuple(table.row(name) for name in listed),
        advice=tuple(advice),
        sentences=tuple(sentences),
        caption=_caption(subject, collection, price, starred=cost.portal_layout(rows) is not None),
        compared=tuple(compared(found, subject)),
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """How the configurations of a sheet are printed.

    Parameters
    ----------
    found, subject
        The study, and a tomogram of it.
    rows : pandas.DataFrame
        Its configurations.
    advice : sequence of Advice
        For each use.
    collection, price
        What costs rest on.
    """

    found: Results
    subject: Subject
    rows: pd.DataFrame
    advice: Sequence[Advice]
    collection: Collection
    price: Price

    @property
    def _times(self) -> list[str]:
        return [measure for measure in _TIMES if measure in self.rows.columns]

    @property
    def columns(self) -> dict[str, str]:
        """What each column holds, by its heading."""
        return _BEFORE | dict(_TIMES[measure] for measure in self._times) | _AFTER

    def row(self, name: str) -> Row:
        """Return a configuration as it is printed."""
        row: Any = self.rows.loc[name]
        label = f"{name} *" if name == cost.portal_layout(self.rows) else name
        if row["status"] != "passed":
            verdict = {"n/a": "not installed"}.get(row["status"], "disqualified")
            blank = ("",) * (len(self.columns) - 4)
            return Row(name, (label, "", "", verdict, *blank), False, str(row["reason"]))
        bill = bill_of(self.found, self.subject, name, self.collection, self.price)
        fit = [profile for profile in PROFILES if row[f"verify_{profile}"] != "fail"]
        cells = (
            label,
            f"{row['ratio']:.3f}",
            "0" if row["bit_exact"] == 1 else figures.number(row["max_error_sd"]),
            fit[0] if fit else "nothing",
            figures.number(bill.stored_bytes.value / 1e12),
            f"{bill.objects.value:,.0f}",
            *(figures.number(1000 * row[key]) for key in self._times),
            figures.number(round(100 * row["pareto_share"], 1)),
            figures.dollars(bill.yearly.value),
        )
        chosen = any(name == one.recommendation.choice for one in self.advice)
        return Row(name, cells, chosen, "")


def _findings(rows: pd.DataFrame) -> list[str]:
    sentences = [
        f"Disqualified: {name}: {row['reason']}."
        for name, row in rows[rows["status"].isin(["broken", "failed"])].iterrows()
    ]
    absent = rows[rows["status"] == "n/a"]
    if len(absent):
        reasons = "; ".join(sorted(set(absent["reason"])))
        sentences.append(
            f"Not available here: {several(len(absent), 'configuration')} ({reasons})."
        )
    return sentences


def _caption(subject: Subject, collection: Collection, price: Price, *, starred: bool) -> str:
    box = figures.lengths(subject.box_shape)
    if subject.box_shape == subject.shape:
        measured = f"Measured: the whole volume, {box}."
    else:
        measured = f"Measured: a box of {box} voxels."
    return (
        f"{measured} Extrapolated: TB, files, slices from S3 and $ a year of "
        f"{several(collection.volumes, 'volume')} of {figures.lengths(subject.shape)} "
        f"({collection.terms(price)}).{' * What the CryoET Data Portal writes.' if starred else ''}"
    )
