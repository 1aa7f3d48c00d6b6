from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryoet_bench.changes.aspect_changes import AspectChanges, _Levels, _table
from cryoet_bench.changes.aspects import ASPECTS, facets, format_of
from cryoet_bench.record.estimate import estimate, interval, pooled
from cryoet_bench.record.record import Record, Series
from cryoet_bench.timeline.revisions import Revision
from tests import synthetic


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, releases: list[Revision]) -> AspectChanges:
    record = Record(tmp_path_factory.mktemp("record"))
    synthetic.make(record, releases)
    journals = {
        one.name: record.journal(Series("epyc-2-cores", "phantom-10A", one.name))
        for one in releases
    }
    return AspectChanges(list(record.suite().values()), journals, facets())


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Revision]:
    return synthetic.releases(tmp_path_factory.mktemp("timeline"))


def _facet(key: str):  # type: ignore[no-untyped-def]
    return next(one for one in facets() if one.key == key)


def test_a_case_has_the_format_that_it_names() -> None:
    assert format_of("blosc-lz4-5, v2") == 2
    assert format_of("slice-xy, shard-32-in-128 v3") == 3
    assert format_of("gzip-5") is None
    assert format_of("default-v2-like") is None


def test_aspects_have_one_key_each() -> None:
    keys = [one.key for one in ASPECTS]
    assert len(set(keys)) == len(keys)


def test_planted_changes_are_told_with_their_amount(pairs: AspectChanges) -> None:
    calls = pairs.compare(_facet("slice-calls-v2"), "zarr-2.18.7", "zarr-3.4.2")
    assert calls is not None
    assert calls.verdict == "worse"
    assert calls.ratio == pytest.approx(5.5, rel=1e-3)
    read = pairs.compare(_facet("read-v2"), "zarr-2.18.7", "zarr-3.0.8")
    assert read is not None
    assert read.interval is not None
    assert read.verdict == "worse"
    assert read.interval[0] < 2.0 < read.interval[1]


def test_noise_is_the_same(pairs: AspectChanges) -> None:
    pair = pairs.compare(_facet("read-v2"), "zarr-2.18.6", "zarr-2.18.7")
    assert pair is not None
    assert pair.verdict == "same"


def test_a_wait_that_was_over_early_is_no_change_of_calls() -> None:
    calls = np.log([[479.0], [486.0], [472.0], [487.0]])
    suites = np.zeros((4, 1), int)
    own = _Levels(calls, [1] * 4, pooled([]), False, np.array([0.01]), np.array([7.0]), suites)
    found = [one.verdict for one in _table(own)[0] if one]
    assert found == ["same", "same", "same", "worse"]


def test_what_one_release_lacks_is_not_compared(pairs: AspectChanges) -> None:
    assert pairs.compare(_facet("read-v3"), "zarr-2.18.7", "zarr-3.4.2") is None


def test_what_two_suites_measured_is_not_compared(tmp_path: Path, releases: list[Revision]) -> None:
    record, names = Record(tmp_path), [one.name for one in releases[-3:]]
    synthetic.make(record, releases[-3:], steps=())
    journals = {name: record.journal(Series("epyc-2-cores", "phantom-10A", name)) for name in names}
    for name in names[1:]:
        known = journals[name].visits
        known |= {it: replace(visit, project={"suite": "new"}) for it, visit in known.items()}
    pairs = AspectChanges(list(record.suite().values()), journals, facets())
    found = [pairs.compare(_facet("read-v3"), before, names[2]) for before in names[:2]]
    assert [one is not None for one in found] == [False, True]


def test_the_best_release_is_the_one_with_least(pairs: AspectChanges) -> None:
    best = pairs.best(_facet("slice-calls-v2"))
    assert best is not None
    assert best.startswith(("zarr-2", "numcodecs-0.1"))


def test_the_interval_is_that_of_the_one_estimator(
    tmp_path: Path, releases: list[Revision]
) -> None:
    """One case alone: what the estimator says of it, and no more."""
    record = Record(tmp_path)
    suite = [synthetic.describe("write.Codecs.time_volume", "Write", "seconds", {"format": ["v2"]})]
    synthetic.make(record, releases[-2:], suite, rounds=6, steps=())
    names = [one.name for one in releases[-2:]]
    journals = {name: record.journal(Series("epyc-2-cores", "phantom-10A", name)) for name in names}
    benchmark = record.suite()["write.Codecs.time_volume"]
    levels = [one.outcomes(benchmark)[benchmark.cases[0]].levels for one in journals.values()]
    pair = AspectChanges([benchmark], journals, facets()).compare(_facet("write-v2"), *names)
    assert pair is not None
    assert pair.ratio == pytest.approx(estimate(levels[1]) / estimate(levels[0]))
    assert pair.interval == pytest.approx(interval(*levels, pooled(levels), 0.99))


def test_a_time_is_that_of_the_core_where_there_is_one(
    tmp_path: Path, releases: list[Revision]
) -> None:
    """Once the other cases, of fewer rounds, made every interval as wide as theirs."""
    record = Record(tmp_path)
    axes = {"codec": ["zstd-3", "gzip-5"], "format": ["v2"]}
    name = "write.Codecs.time_volume"
    suite = [synthetic.describe(name, "Write", "seconds", axes, core=["zstd-3, v2"])]
    slower = synthetic.Step(releases[-1].name, name, 3.0, "gzip")
    synthetic.make(record, releases[-2:], suite, rounds=6, steps=(slower,))
    names = [one.name for one in releases[-2:]]
    journals = {name: record.journal(Series("epyc-2-cores", "phantom-10A", name)) for name in names}
    pairs = AspectChanges(list(record.suite().values()), journals, facets())
    pair = pairs.compare(_facet("write-v2"), *names)
    assert pair is not None
    assert pair.ratio == pytest.approx(1, rel=0.05)
