"""Boxes of several edges: how times grow, and that the largest alone is judged."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cryoet_bench.study import advice, campaign, cost, scaling
from cryoet_bench.study.ledger import Ledger
from cryoet_bench.study.matrix import read
from cryoet_bench.study.recommendation import Demand
from cryoet_bench.study.results import Results, results
from cryoet_bench.study.subject import Subject
from cryoet_bench.study.tables import configurations
from cryoet_bench.study.uses import use_cases
from tests.study import synthetic
from tests.study.studies import TINY, place


def test_a_tomogram_has_the_boxes_that_it_has_room_for(tmp_path: Path) -> None:
    source, matrix = place(tmp_path, matrix=TINY.replace("edge = 24", "edge = [8, 12, 24, 48]"))
    plan = campaign.prepare([str(source)], read(str(matrix)), tmp_path / "out")
    # Of 24 and 48 the volume has one; in a box of 8 no chunk of 12 has room.
    found = [(box.name, box.box_shape, box.part_of) for box in plan.subjects]
    assert found == [("v.npy", (24, 24, 24), ""), ("v.npy 12", (12, 12, 12), "v.npy")]
    assert len(list(plan.tasks())) == 6


@pytest.fixture(scope="module")
def study() -> Results:
    """A study in two boxes; what takes a time in the smaller one takes seven in the larger."""
    book = synthetic.measured(5)
    small: Subject = dataclasses.replace(
        synthetic.SUBJECT, name="v 32", box_shape=(32, 32, 32), part_of="v"
    )
    entries = dict(book.entries)
    for entry in book.entries.values():
        part = dataclasses.replace(
            entry,
            subject="v 32",
            samples={name: [one / 7 for one in times] for name, times in entry.samples.items()},
            values={**entry.values, "stored_bytes": (entry.values.get("stored_bytes") or 0) / 8},
        )
        if "32" in entry.configuration or " 16 " in entry.configuration:
            entries[part.key] = part
    plan = {**book.plan, "tomograms": [synthetic.SUBJECT.facts(), small.facts()]}
    return results(Ledger(Path(), plan, entries))


def test_growth_is_stated(study: Results) -> None:
    (sentence,) = scaling.sentences(study, synthetic.SUBJECT)
    assert "box of 64" in sentence
    assert "0.88 to 0.88 times as much to write" in sentence
    assert "1.00 to 1.00 times as much to store" in sentence


def test_smaller_boxes_are_no_tomograms(study: Results) -> None:
    assert [subject.name for subject in study.subjects] == ["v"]
    price = cost.read_price("s3-standard")
    demand = Demand(use=use_cases()["archive"])
    advised = advice.advise(study, demand, price, cost.Collection(volumes=1))
    assert [one.recommendation.subject for one in advised] == ["v"]
    table = configurations(study).set_index("tomogram")
    assert table.loc["v", "pareto_share"].notna().all()
    assert table.loc["v 32", "pareto_share"].isna().all()
