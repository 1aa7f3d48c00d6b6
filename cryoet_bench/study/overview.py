"""What a study says: a sheet for each tomogram, the recommendations, and the files they go to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryoet_bench.errors import InputError
from cryoet_bench.files import Kind, output
from cryoet_bench.study import cost, snippets, tables
from cryoet_bench.study.comparison import Beside, beside
from cryoet_bench.study.cost import Amount, Bill, Collection, Price
from cryoet_bench.study.recommendation import (
    Demand,
    Recommendation,
    recommend,
    use_cases,
)
from cryoet_bench.study.tables import Results
from cryoet_bench.study.transfer import Transfer, transfer

if TYPE_CHECKING:
    from cryoet_bench.study.subject import Subject

PAGE = Kind("page of a study", b"<title>cryoet-bench study")
REPORT = Kind("report of a study", b"<!-- cryoet-bench study -->")
ADVICE = Kind("recommendations of a study", b'"format": "cryoet-bench-recommendations"')

_TIMES = {
    "xy_slices_s": "xy, ms",
    "yz_slices_s": "yz, ms",
    "read_s": "read, ms",
    "write_s": "write, ms",
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
    columns : tuple of str
        Headings.
    rows : tuple of Row
        The smallest first; what is not to be used last.
    advice : tuple of Advice
        For each use.
    sentences : tuple of str
        The recommendations and findings, in words.
    caption : str
        What was measured and what is extrapolated.
    beside : tuple of Beside
        What others published of the same configurations.
    """

    subject: Subject
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    advice: tuple[Advice, ...]
    sentences: tuple[str, ...]
    caption: str
    beside: tuple[Beside, ...]

    @property
    def title(self) -> str:
        """The tomogram in words."""
        subject = self.subject
        words = [_times(subject.shape), subject.dtype]
        words += ["labels"] if subject.labels else []
        words += ["synthetic"] if subject.synthetic else []
        return f"{subject.name} ({', '.join(words)})"


@dataclass(frozen=True)
class Overview:
    """What a study says.

    Parameters
    ----------
    results : Results
        What was measured.
    sheets : tuple of Sheet
        One a tomogram.
    transfer : Transfer or None
        Whether the choice holds on all tomograms, where there are several.
    notes : tuple of str
        About the study as a whole.
    price : Price
        What the costs rest on.
    """

    results: Results
    sheets: tuple[Sheet, ...]
    transfer: Transfer | None
    notes: tuple[str, ...]
    price: Price


@dataclass(frozen=True)
class Advice:
    """A recommendation with its costs and code.

    Parameters
    ----------
    recommendation : Recommendation
        What to write.
    bill : Bill
        What it costs.
    portal : Bill or None
        What the CryoET Data Portal's present layout costs, where it was measured.
    code : mapping of str to str
        By library.
    price : Price
        What the bills rest on.
    """

    recommendation: Recommendation
    bill: Bill
    portal: Bill | None
    code: Mapping[str, str]
    price: Price

    @property
    def saving(self) -> str:
        """What the choice saves against the portal's layout, in words."""
        if self.portal is None:
            return ""
        less = self.portal.yearly.value - self.bill.yearly.value
        if self.portal.configuration == self.bill.configuration:
            return "That is the layout that the portal writes."
        verb = "saves" if less >= 0 else "costs"
        more = "" if less >= 0 else " more"
        off = self.portal.yearly.value * self.portal.yearly.share
        text = (
            f"Against the portal's layout ({self.portal.configuration}) it {verb} "
            f"{dollars(abs(less))}{more} a year (both may be off by {dollars(off)}, "
            "mostly in common)"
        )
        once = self.bill.rewriting
        if once.value:
            text += (
                f"; rewriting costs {dollars(once.value)} once "
                f"({self.bill.core_hours:,.0f} core-hours and the requests)"
            )
            if less > 0:
                text += f", paid back in {once.value / less * 12:,.1f} months"
        return f"{text}."

    def text(self, *, with_code: bool) -> str:
        """Return everything in words."""
        advice = self.recommendation
        lines = [f"{advice.subject}: {advice.sentence}"]
        if advice.runner_up:
            ratios = ", ".join(
                f"{_measure(name)} {100 * (ratio - 1):+.0f} %"
                for name, ratio in advice.against.items()
            )
            lines.append(f"The runner-up, {advice.runner_up}, against it: {ratios}.")
        weights = ", ".join(
            f"{_measure(name)} {share:.0%}" for name, share in advice.weights.items()
        )
        lines.append(f"Weighed: {weights}. {self.recommendation.demand.setting}")
        left_out = [f"{count} {reason}" for reason, count in advice.rejected.items() if count]
        if left_out:
            lines.append(f"Left out: {', '.join(left_out)}.")
        bill = self.bill
        lines.append(
            f"The collection takes {_span(bill.stored_bytes, 1e12)} TB in "
            f"{bill.objects.value:,.0f} files and costs {_money(bill.yearly)} a year: storage "
            f"{dollars(bill.storage.value)}, requests {dollars(bill.requests.value)}, downloads "
            f"{dollars(bill.egress.value)}, by the price of {self.price.label}."
        )
        lines += [self.saving] if self.saving else []
        if with_code:
            for library, code in self.code.items():
                lines += ["", f"# {library}", code.rstrip()]
        return "\n".join(lines) + "\n"

    def facts(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        return {
            "recommendation": {
                **asdict(self.recommendation),
                "clear": self.recommendation.is_clear,
                "sentence": self.recommendation.sentence,
            },
            "bill": _with_total(self.bill),
            "portal": self.portal and _with_total(self.portal),
            "saving": self.saving,
            "price": self.price.model_dump(mode="json"),
            "code": dict(self.code),
        }


def _with_total(bill: Bill) -> dict[str, Any]:
    return asdict(bill) | {"yearly": asdict(bill.yearly)}


def advise(
    found: Results,
    demand: Demand,
    price: Price,
    *,
    volumes: int = 1,
    mean_bytes: float | None = None,
    reads: float = 1.0,
) -> list[Advice]:
    """Return the advice for each tomogram of a study; labels and densities are judged apart.

    Raises
    ------
    InputError
        No configuration of any tomogram keeps to what is asked for.
    """
    advice, refused = [], []
    for subject in found.subjects:
        collection = Collection(
            volumes=volumes, mean_bytes=mean_bytes or _bytes(subject), reads=reads
        )
        try:
            advice.append(_advice(found, subject, demand, collection, price))
        except InputError as error:
            refused.append(f"{subject.name}: {error}")
    if not advice:
        raise InputError("; ".join(refused))
    return advice


def _bytes(subject: Subject) -> float:
    import numpy as np  # noqa: PLC0415

    return float(math.prod(subject.shape) * np.dtype(subject.dtype).itemsize)


def _advice(
    found: Results, subject: Subject, demand: Demand, collection: Collection, price: Price
) -> Advice:
    recommendation = recommend(found, subject, demand)
    portal = cost.portal_layout(found.of(subject))
    choice = found.configuration(subject, recommendation.choice)
    return Advice(
        recommendation,
        _bill(found, subject, recommendation.choice, collection, price),
        None if portal is None else _bill(found, subject, portal, collection, price),
        snippets.snippets(choice, subject.shape, subject.dtype, subject.voxel_spacing),
        price,
    )


def _bill(
    found: Results, subject: Subject, name: str, collection: Collection, price: Price
) -> Bill:
    row: Any = found.of(subject).loc[name].to_dict()
    uncertainty = cost.ratio_uncertainty(found.summary, name)
    return cost.bill(
        row, found.configuration(subject, name), subject, collection, price, uncertainty
    )


def overview(
    found: Results, price: Price, *, count: int = 1, excluded: Mapping[str, int] | None = None
) -> Overview:
    """Return what a study says.

    Parameters
    ----------
    found : Results
        What was measured.
    price : Price
        What costs rest on.
    count : int
        Volumes in the collection.
    excluded : mapping of str to int
        How many combinations of the matrix each rule left out.
    """
    sheets = tuple(_sheet(found, subject, price, count) for subject in found.subjects)
    notes = []
    if excluded:
        total = sum(excluded.values())
        reasons = "; ".join(f"{reason}: {number}" for reason, number in excluded.items())
        notes.append(f"{total} combinations of the matrix make no sense ({reasons}).")
    notes.append(_controls(found))
    software = ", ".join(
        f"{name} {version}" for name, version in found.ledger.plan["software"].items()
    )
    notes.append(f"Measured with {software}; store: {found.store}.")
    shared = transfer(found, list(use_cases().values())) if len(found.subjects) > 1 else None
    if shared is not None:
        notes += shared.sentences
    return Overview(found, sheets, shared, tuple(notes), price)


def _controls(found: Results) -> str:
    slower = [
        entry.values["slower_controls"] or 1.0
        for entry in found.ledger.entries.values()
        if "slower_controls" in entry.values
    ]
    if not slower:
        return "No times were measured."
    disturbed = sum(one > 1.15 for one in slower)
    noise = found.noise.get("read_s")
    told = ""
    if noise is not None and noise.degrees:
        told = f"a read differs by {100 * noise.deviation:.1f} % from process to process; "
    return (
        f"{len(slower)} trials in processes of their own: {told}{disturbed} stayed disturbed after "
        "three attempts, as their controls tell."
    )


def _sheet(found: Results, subject: Subject, price: Price, count: int) -> Sheet:
    rows = found.of(subject)
    collection = Collection(volumes=count, mean_bytes=_bytes(subject))
    advice = []
    for case in use_cases().values():
        try:
            advice.append(_advice(found, subject, Demand(use=case), collection, price))
        except InputError:
            continue  # a use whose measures the study did not take
    chosen = {one.recommendation.choice for one in advice}
    portal = cost.portal_layout(rows)
    times = {key: title for key, title in _TIMES.items() if key in rows.columns}
    sized = rows.sort_values("stored_bytes", na_position="last") if "stored_bytes" in rows else rows
    good = [name for name in sized.index if sized.loc[name, "status"] == "passed"]
    listed = [
        _row(found, subject, name, times, collection, price, name in chosen, name == portal)
        for name in (*good, *(name for name in sized.index if name not in good))
    ]
    sentences = [one.recommendation.sentence for one in advice]
    if portal and advice:
        sentences.append(next((one.saving for one in advice if one.saving), ""))
    sentences += _findings(rows)
    return Sheet(
        subject,
        (
            "configuration", "ratio", "error, sd", "fit for", "TB", "files", *times.values(),
            "$ a year",
        ),
        tuple(listed),
        tuple(advice),
        tuple(sentence for sentence in sentences if sentence),
        _caption(subject, count, price),
        tuple(beside(found, subject)),
    )  # fmt: skip


def _row(  # noqa: PLR0913, PLR0917  (all of it stands in the row)
    found: Results,
    subject: Subject,
    name: str,
    times: Mapping[str, str],
    collection: Collection,
    price: Price,
    chosen: bool,
    portal: bool,
) -> Row:
    row: Any = found.of(subject).loc[name]
    label = f"{name} (the portal's)" if portal else name
    if row["status"] != "passed":
        blank = ("",) * (len(times) + 3)
        return Row(
            name,
            (label, "", "", {"n/a": "not installed"}.get(row["status"], "disqualified"), *blank),
            False,
            str(row["reason"]),
        )
    bill = _bill(found, subject, name, collection, price)
    lost = "0" if row["bit_exact"] == 1 else _number(row["max_error_sd"])
    fit = [
        use
        for use in ("archival", "analysis", "visualisation")
        if row.get(f"verify_{use}") != "fail"
    ]
    cells = (
        label,
        f"{row['ratio']:.3f}",
        lost,
        fit[0] if fit else "nothing",
        _number(bill.stored_bytes.value / 1e12),
        f"{bill.objects.value:,.0f}",
        *(_number(1000 * row[key]) for key in times),
        dollars(bill.yearly.value),
    )
    return Row(name, cells, chosen, "")


def _findings(rows: Any) -> list[str]:
    told = [
        f"Disqualified: {name}: {row['reason']}."
        for name, row in rows[rows["status"].isin(["broken", "failed"])].iterrows()
    ]
    absent = rows[rows["status"] == "n/a"]
    if len(absent):
        reasons = "; ".join(sorted(set(absent["reason"])))
        told.append(f"{len(absent)} configurations are not available here ({reasons}).")
    return told


def _caption(subject: Subject, count: int, price: Price) -> str:
    box = _times(subject.box_shape)
    if subject.box_shape == subject.shape:
        measured = f"Measured: the whole volume, {box}."
    else:
        measured = f"Measured: a box of {box} voxels."
    return (
        f"{measured} Extrapolated: TB, files and $ a year of {count:,} volumes of "
        f"{_times(subject.shape)}, by {price.label}."
    )


def write(seen: Overview, folder: Path) -> list[Path]:
    """Write tables, page, report, plots and recommendations into a study's folder.

    Raises
    ------
    InputError
        A file of that name is none of a study's; it stays as it is.
    """
    from cryoet_bench.study import charts, page, report  # noqa: PLC0415

    written = tables.write(seen.results, folder)
    drawn = charts.charts(seen)
    facts = [advice.facts() for sheet in seen.sheets for advice in sheet.advice]
    content = {"format": "cryoet-bench-recommendations", "recommendations": facts}
    texts = {
        "study.html": (PAGE, page.page(seen, drawn)),
        "study.md": (REPORT, report.report(seen, drawn)),
        "recommendations.json": (ADVICE, json.dumps(content, indent=1) + "\n"),
    }
    for name, (kind, text) in texts.items():
        target = output(folder / name, kind)
        target.write(text)
        written.append(target.path)
    written += charts.write(drawn, folder / "plots")
    return written


def dollars(amount: float) -> str:
    """Return an amount of money with three digits that count."""
    if amount >= 1000:
        return f"${float(f'{amount:.3g}'):,.0f}"
    return f"${amount:.3g}" if amount >= 100 or amount == 0 else f"${amount:.2f}"


def _money(amount: Amount) -> str:
    return (
        f"{dollars(amount.value)} ± {100 * amount.share:.0f} %"
        if amount.share
        else dollars(amount.value)
    )


def _span(amount: Amount, unit: float) -> str:
    return f"{_number(amount.low / unit)} to {_number(amount.high / unit)}"


def _number(value: Any) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{float(f'{value:.3g}'):,g}"


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _measure(name: str) -> str:
    words = {"stored_bytes": "bytes", "objects": "files"}
    return words.get(name, name.removesuffix("_s").replace("_", " "))
