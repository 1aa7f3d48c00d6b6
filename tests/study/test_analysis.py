"""Fronts, recommendations and costs against brute force, an oracle, and sums done by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cryoet_bench.errors import InputError
from cryoet_bench.study import charts, cost, overview
from cryoet_bench.study.advice import advise
from cryoet_bench.study.ledger import Ledger
from cryoet_bench.study.matrix import Block, Matrix
from cryoet_bench.study.pareto import front, shares
from cryoet_bench.study.recommendation import Demand, decide, recommend
from cryoet_bench.study.results import results
from cryoet_bench.study.transfer import transfer
from cryoet_bench.study.uses import UseCase, read_use_cases, use_cases
from tests.study import synthetic

POINTS = arrays.arrays(
    float,
    st.tuples(st.integers(1, 30), st.integers(2, 4)),
    elements=st.integers(0, 6).map(float),  # few values, so that many are equal
)
USE = UseCase("use", "for the test", "analysis", {"read_s": 0.5, "stored_bytes": 0.5})


@given(POINTS)
def test_the_front_is_that_of_brute_force_and_of_moocore(points: np.ndarray) -> None:
    brute = [
        not any((other <= one).all() and (other < one).any() for other in points) for one in points
    ]
    assert front(points).tolist() == brute
    assert front(points).tolist() == moocore.is_nondominated(points, keep_weakly=True).tolist()


def test_a_point_dominated_within_the_noise_stays_half_on_the_front() -> None:
    draw = np.random.default_rng(0)
    repeated = np.ones((400, 2, 2))
    repeated[:, :, 1] = [1.0, 1.0]
    repeated[:, :, 0] = draw.lognormal(0, 0.05, (400, 2))
    assert shares(repeated) == pytest.approx([0.5, 0.5], abs=0.08)


@given(st.integers(0, 10_000), st.integers(2, 12))
def test_the_choice_has_the_least_weighted_product(seed: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    measured = draw.lognormal(size=(count, 3))
    repeated = measured * draw.lognormal(0, 0.1, (50, count, 3))
    names = [f"c{number}" for number in range(count)]
    weights = {"a_s": 0.5, "b_s": 0.3, "c": 0.2}
    found = decide(Demand(use=USE), "v", names, measured, repeated, weights, {})
    products = [a**0.5 * b**0.3 * c**0.2 for a, b, c in measured]
    order = sorted(range(count), key=lambda one: products[one])
    assert (found.choice, found.runner_up) == (names[order[0]], names[order[1]])
    wins = losses = 0.0
    for table in repeated:
        again = [a**0.5 * b**0.3 * c**0.2 for a, b, c in table]
        wins += min(range(count), key=again.__getitem__) == order[0]
        losses += again[order[0]] / min(again) - 1
    assert found.certainty == pytest.approx(wins / 50)
    assert found.regret == pytest.approx(losses / 50)
    assert set(found.tied) >= {found.choice}


def test_the_stated_certainty_is_about_right() -> None:
    """As often as studies of one truth claim, they name what is truly best."""
    claimed, right = [], []
    for truth in (3, 4):
        true = results(synthetic.measured(truth, noise=1e-6, truth=truth))
        best = recommend(true, synthetic.SUBJECT, Demand(use=USE)).choice
        for seed in range(5):
            run = synthetic.measured(100 + seed, truth=truth)
            found = recommend(results(run), synthetic.SUBJECT, Demand(use=USE))
            claimed.append(found.certainty)
            right.append(found.choice == best)
    assert np.mean(right) == pytest.approx(np.mean(claimed), abs=0.25)


@pytest.fixture(scope="module")
def study():
    return results(synthetic.measured(5))


def test_demands_leave_configurations_out(study) -> None:
    free = recommend(study, synthetic.SUBJECT, Demand(use=USE))
    assert "7bits" in free.choice, "half the size wins where nothing forbids it"
    for demand in (
        Demand(use=USE, lossless=True),
        Demand(use=USE, profile="archival"),
        Demand(use=USE, min_fsc=0.9999),
    ):
        strict = recommend(study, synthetic.SUBJECT, demand)
        assert "7bits" not in strict.choice
        assert sum(strict.rejected.values()) == 1
    with pytest.raises(InputError, match="keeps to what was asked for"):
        recommend(study, synthetic.SUBJECT, Demand(use=USE, min_fsc=1.1))


def test_from_far_away_small_chunks_are_not_chosen() -> None:
    """In the box a slice of 16-cubes is the fastest; the whole volume makes 1024 requests of it."""
    book = synthetic.measured(5)
    entries = dict(book.entries)
    for key, entry in book.entries.items():
        small = " 16 " in entry.configuration
        changed = {"xy_slices_requests": 16.0 if small else 4.0}
        samples = {"xy_slices_s": [0.005 if small else 0.01]} if entry.samples else {}
        entries[key] = dataclasses.replace(
            entry, values={**entry.values, **changed}, samples={**entry.samples, **samples}
        )
    found = results(Ledger(Path(), book.plan, entries))
    use = UseCase("slices", "for the test", "archival", {"xy_slices_s": 1.0})
    near, far = (
        recommend(found, synthetic.SUBJECT, Demand(use=use, store=store)).choice
        for store in ("local", "s3")
    )
    assert " 16 " in near
    assert " 16 " not in far


def test_a_use_that_was_hardly_measured_says_so(study) -> None:
    found = recommend(study, synthetic.SUBJECT, Demand(use=use_cases()["training"]))
    assert found.unmeasured == {"patches_s": 0.40, "subtomograms_s": 0.35}
    assert not found.is_clear
    assert "--access patches,subtomograms" in found.sentence


def test_the_portal_costs_what_its_own_chunks_cost(study) -> None:
    price = cost.Price(
        title="p", storage_per_GB_month=0, read_per_1000=1, dated="2026-01-01", source="s"
    )
    demand = Demand(use=USE, lossless=True)
    (found,) = advise(study, demand, price, cost.Collection(volumes=3))
    assert found.portal.configuration == "blosc-lz4-5-byteshuffle 256 v2"
    # The volume of 256 x 512 x 512 has four chunks of 256, and a document.
    assert found.portal.objects.value == 3 * (4 + 1)
    assert found.portal.requests.value == pytest.approx(3 * 4 / 1000)


def test_codecs_without_levels_have_numbers_and_charts() -> None:
    layouts = Matrix(title="layouts", block=[Block(codec=["none"], chunks=[16, 32, 64])])
    found = results(synthetic.measured(5, matrix=layouts))
    assert found.summary.dtypes[["level", "kept_bits"]].tolist() == [float, float]
    drawn = charts.charts(overview.overview(found, cost.flat(23)))
    assert {chart.name for chart in drawn} >= {"pareto-v", "ladder-v"}


@pytest.mark.filterwarnings("error")
def test_two_rounds_give_numbers_however_far_they_are_apart() -> None:
    book = synthetic.measured(5, rounds=2)
    apart = {
        key: dataclasses.replace(
            entry,
            samples={name: [30.0**entry.round] for name in entry.samples},
        )
        for key, entry in book.entries.items()
    }
    found = results(Ledger(Path(), book.plan, apart))
    advice = recommend(found, synthetic.SUBJECT, Demand(use=USE))
    assert 0 <= advice.certainty <= 1
    assert math.isfinite(advice.regret)


def test_one_round_does_not_say_how_sure() -> None:
    found = results(synthetic.measured(5, rounds=1))
    advice = recommend(found, synthetic.SUBJECT, Demand(use=USE))
    assert math.isnan(advice.certainty)
    assert not advice.is_clear
    assert "--repeats 4" in advice.sentence


def test_a_bill_is_the_sum_done_by_hand(study) -> None:
    rows = study.of(synthetic.SUBJECT)
    name = "blosc-zstd-3-byteshuffle 32 v3"
    price = cost.Price(
        title="p", storage_per_GB_month=0.02, read_per_1000=0.4, write_per_1000=5,
        egress_per_GB=0.1, core_hour=1, uncertainty=0.03, dated="2026-01-01", source="s",
    )  # fmt: skip
    size = 256 * 512 * 512 * 4
    collection = cost.Collection(volumes=10, reads=2, downloaded=0.25)
    configuration = study.configuration(synthetic.SUBJECT, name)
    bill = cost.bill(
        rows.loc[name].to_dict(), configuration, synthetic.SUBJECT, collection, price, 0.04
    )
    gigabytes = 10 * size / rows.loc[name, "ratio"] / 1e9
    objects = 10 * (8 * 16 * 16 + 1)
    assert bill.objects.value == objects
    assert bill.storage.value == pytest.approx(gigabytes * 0.02 * 12)
    # Of the 8 objects of the box 64 requests are made; of the whole, as many for each.
    assert bill.requests.value == pytest.approx(2 * 10 * 8 * 16 * 16 * 8 * 0.4 / 1000)
    assert bill.egress.value == pytest.approx(2 * 0.25 * gigabytes * 0.1)
    hours = (rows.loc[name, "read_s"] + rows.loc[name, "write_s"]) * 10 * size / 2**20 / 3600
    assert bill.rewriting.value == pytest.approx(hours + objects * 5 / 1000)
    assert bill.yearly.share == pytest.approx(0.05)
    assert bill.yearly.high == pytest.approx(bill.yearly.value * 1.05)


@pytest.mark.parametrize("text", ["", "2.3", "-1GB", "0GB", "nanGB", "2.3.4GB", "1e9GB", "big"])
def test_a_bad_size_is_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match="is no size"):
        cost.parse_size(text)


def test_sizes_are_read() -> None:
    assert cost.parse_size("2.3GB") == 2.3e9
    assert cost.parse_size("512 MiB") == 512 * 2**20
    assert cost.parse_size("2TiB") == 2 * 2**40


@pytest.mark.parametrize(
    "change",
    [
        "storage_per_GB_month = -1",
        "storage_per_GB_month = nan",
        "storage_per_GB_month = 1e9",
        'dated = "soon"',
        'currency = "EUR"',
    ],
)
def test_a_nonsense_price_is_one_sentence(tmp_path: Path, change: str) -> None:
    lines = {"title": '"t"', "storage_per_GB_month": "0.02", "dated": "2026-01-01", "source": '"s"'}
    key, _, value = change.partition(" = ")
    path = tmp_path / "p.toml"
    path.write_text("\n".join(f"{k} = {v}" for k, v in (lines | {key: value}).items()))
    with pytest.raises(InputError, match=f"p.toml: {key}"):
        cost.read_price(str(path))
    with pytest.raises(InputError):
        cost.flat(-3)
    with pytest.raises(InputError):
        cost.flat(math.nan)


def test_named_prices_are_dated_and_sourced() -> None:
    import tomllib

    for name in tomllib.loads(cost.NAMED.read_text()):
        price = cost.read_price(name)
        assert price.source.startswith("https://")
        assert price.dated.year >= 2026


def test_use_cases_weigh_what_a_study_can_measure(tmp_path: Path) -> None:
    for case in use_cases().values():
        assert sum(case.weights.values()) == pytest.approx(1)
    path = tmp_path / "uses.toml"
    head = '[mine]\npurpose = "p"\nprofile = "archival"\n'
    for text, sentence in (
        ("", "there are no use cases"),
        ("[mine", "is no TOML"),
        ("mine = 3", "needs a purpose"),
        (head, "needs a purpose"),
        (head + "weights = {}", "needs a purpose"),
        (head + "weights = { read_s = inf }", "needs a purpose"),
        (head + "weights = { read_s = -1, write_s = 3 }", "needs a purpose"),
        (head + "weights = { reads_s = 1 }", "weighs by reads_s: choose from"),
        (head + 'store = "tape"\nweights = { read_s = 1 }', "choose local or s3"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=sentence):
            read_use_cases(path)


def test_a_certainty_that_is_not_known_is_null_in_json() -> None:
    found = results(synthetic.measured(5, rounds=1))
    (advice,) = advise(found, Demand(use=USE), cost.flat(23), cost.Collection(volumes=1))
    facts = json.loads(json.dumps(advice.facts(), allow_nan=False))
    assert facts["recommendation"]["certainty"] is None


def test_one_choice_for_all_is_never_better_than_each(study) -> None:
    shared = transfer(study, [USE])
    assert shared.shared == (), "one tomogram has nothing to share"
