"""Advice: a recommendation with what it costs and the code that follows it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cryoet_bench.errors import InputError
from cryoet_bench.study import cost, figures, snippets, whole
from cryoet_bench.study.cost import Bill, Collection, Price
from cryoet_bench.study.recommendation import Demand, Recommendation, recommend

if TYPE_CHECKING:
    from cryoet_bench.study.results import Results
    from cryoet_bench.study.subject import Subject


_CENT = 0.01  # dollars: of less nothing is saved


@dataclass(frozen=True, kw_only=True)
class Advice:
    """A recommendation with its costs and code.

    Parameters
    ----------
    recommendation : Recommendation
        What to write.
    figures : mapping of str to str
        What the choice gives, as it is printed, by heading.
    collection : Collection
        What is stored.
    price : Price
        What the bills rest on.
    bill : Bill
        What the choice costs.
    portal : Bill or None
        What the CryoET Data Portal's present layout costs, where a configuration stands for it.
    stand_in : str or None
        That configuration.
    code : mapping of str to str
        By library.
    """

    recommendation: Recommendation
    figures: Mapping[str, str]
    collection: Collection
    price: Price
    bill: Bill
    portal: Bill | None
    stand_in: str | None
    code: Mapping[str, str]

    @property
    def saving(self) -> str:
        """What the choice saves against the portal's layout, in words."""
        if self.portal is None or self.portal.yearly.value < _CENT:
            return ""
        if self.stand_in == self.recommendation.choice:
            return "The CryoET Data Portal writes the same codec."
        less = self.portal.yearly.value - self.bill.yearly.value
        off = figures.dollars(self.portal.yearly.value * self.portal.yearly.share)
        choice = self.recommendation.choice
        against = f"Against the CryoET Data Portal's layout ({self.portal.configuration})"
        text = (
            f"{against} {choice} saves {figures.dollars(less)} a year"
            if less >= 0
            else f"{against} {choice} costs {figures.dollars(-less)} a year more"
        ) + f" (either sum may be off by {off}, mostly in the same direction)"
        once = self.bill.rewriting.value
        if once:
            text += (
                f"; rewriting costs {figures.dollars(once)} once "
                f"({self.bill.core_hours:,.0f} core-hours, and the requests)"
            )
            if less > 0:
                text += f", paid back in {once / less * 12:,.1f} months"
        return f"{text}."

    @property
    def reasons(self) -> list[str]:
        """Why, and at what cost, a sentence each."""
        advice, bill = self.recommendation, self.bill
        sentences = []
        if advice.runner_up:
            ratios = ", ".join(
                f"{figures.measure(name)} {100 * (ratio - 1):+.0f} %"
                for name, ratio in advice.against.items()
            )
            sentences.append(f"Against it the runner-up, {advice.runner_up}, has {ratios}.")
        weights = ", ".join(
            f"{figures.measure(name)} {100 * share:.0f} %" for name, share in advice.weights.items()
        )
        sentences.append(f"Weighed: {weights}. {advice.setting}")
        left_out = [f"{count} {reason}" for reason, count in advice.rejected.items() if count]
        if left_out:
            sentences.append(f"Left out: {', '.join(left_out)}.")
        sentences.append(
            f"The collection takes {figures.span(bill.stored_bytes, 1e12)} TB in "
            f"{bill.objects.value:,.0f} files and costs {figures.yearly(bill.yearly)} a year: "
            f"storage {figures.dollars(bill.storage.value)}, requests "
            f"{figures.dollars(bill.requests.value)}, downloads "
            f"{figures.dollars(bill.egress.value)} ({self.collection.terms(self.price)})."
        )
        return [*sentences, self.saving] if self.saving else sentences

    def text(self, *, with_code: bool) -> str:
        """Return everything in words."""
        lines = [f"{self.recommendation.subject}: {self.recommendation.sentence}", *self.reasons]
        if with_code:
            for library, code in self.code.items():
                lines += ["", f"# {library}", code.rstrip()]
        return "\n".join(lines) + "\n"

    def facts(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        certainty = self.recommendation.certainty
        return {
            "recommendation": {
                **asdict(self.recommendation),
                "certainty": None if math.isnan(certainty) else certainty,  # JSON has no NaN
                "clear": self.recommendation.is_clear,
                "sentence": self.recommendation.sentence,
            },
            "collection": asdict(self.collection),
            "bill": _with_total(self.bill),
            "portal": self.portal and _with_total(self.portal),
            "saving": self.saving,
            "price": self.price.model_dump(mode="json"),
            "code": dict(self.code),
        }


def _with_total(bill: Bill) -> dict[str, Any]:
    return asdict(bill) | {"yearly": asdict(bill.yearly)}


def advise(found: Results, demand: Demand, price: Price, collection: Collection) -> list[Advice]:
    """Return the advice for each tomogram of a study; labels and densities are judged apart.

    Parameters
    ----------
    found : Results
        The study.
    demand : Demand
        What is asked for.
    price : Price
        What costs rest on.
    collection : Collection
        What is stored.

    Raises
    ------
    InputError
        No configuration of any tomogram keeps to what is asked for.
    """
    advice, refused = [], []
    for subject in found.subjects:
        try:
            advice.append(advise_on(found, subject, demand, price, collection))
        except InputError as error:
            refused.append(f"{subject.name}: {error}")
    if not advice:
        raise InputError("; ".join(refused))
    return advice


def advise_on(
    found: Results, subject: Subject, demand: Demand, price: Price, collection: Collection
) -> Advice:
    """Return the advice for a tomogram of a study.

    Raises
    ------
    InputError
        No configuration keeps to what is asked for.
    """
    recommendation = recommend(found, subject, demand)
    choice = found.configuration(subject, recommendation.choice)
    bill = bill_of(found, subject, recommendation.choice, collection, price)
    row: Any = found.of(subject).loc[recommendation.choice]
    stand_in = cost.portal_layout(found.of(subject))
    portal = None
    if stand_in is not None:
        portal = _portal_bill(found, subject, stand_in, collection, price)
    return Advice(
        recommendation=recommendation,
        figures=_figures(row, bill),
        collection=collection,
        price=price,
        bill=bill,
        portal=portal,
        stand_in=stand_in,
        code=snippets.snippets(choice, subject.shape, subject.dtype, subject.voxel_spacing),
    )


def bill_of(
    found: Results, subject: Subject, name: str, collection: Collection, price: Price
) -> Bill:
    """Return what a collection costs in a configuration of a study."""
    rows = found.of(subject)
    portal = cost.portal_layout(rows)
    row: Any = rows.loc[name].to_dict()
    old: Any = {} if portal is None else rows.loc[portal].to_dict()
    return cost.bill(
        row,
        found.configuration(subject, name),
        subject,
        collection,
        price,
        cost.ratio_uncertainty(found.summary, name, labels=subject.labels),
        decoding=old.get("read_s"),
    )


def _portal_bill(
    found: Results, subject: Subject, stand_in: str, collection: Collection, price: Price
) -> Bill:
    """Return what the portal's layout costs: the bytes of a stand-in, the objects of its own."""
    layout = dataclasses.replace(found.configuration(subject, stand_in), chunks=cost.PORTAL_CHUNKS)
    row: Any = found.of(subject).loc[stand_in].to_dict()
    row["read_requests"] = whole.objects(layout, subject.box_shape)  # one a chunk
    uncertainty = cost.ratio_uncertainty(found.summary, stand_in, labels=subject.labels)
    return cost.bill(row, layout, subject, collection, price, uncertainty)


def _figures(row: Mapping[str, Any], bill: Bill) -> dict[str, str]:
    found = {
        "ratio": f"{row['ratio']:.3f}",
        "TB": figures.number(bill.stored_bytes.value / 1e12),
        "files": f"{bill.objects.value:,.0f}",
        "a year": figures.yearly(bill.yearly),
    }
    error = row["max_error_sd"]
    lost = "none" if row["bit_exact"] == 1 else f"at most {figures.number(error)} sd"
    return found | {"loss": lost}
