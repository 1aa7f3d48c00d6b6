"""Which series and which exact metric the page of a question shows first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from cryoet_bench.record.record import REFERENCE, Record
from cryoet_bench.site.series import (
    AT_ONCE,
    Place,
    dashed_format,
    explaining,
    group_of,
    history,
    name_of,
    shown_first,
)
from cryoet_bench.site.sheet import sheets
from tests import synthetic

SUITE = Record(Path(__file__).parents[2] / REFERENCE).suite()


@pytest.mark.parametrize(
    ("time", "metric", "fixed"),
    [
        ("read.Patterns.time_read", "cost.Reads.track_python_calls", {}),
        ("read.Codecs.time_volume", "size.Codecs.track_bytes_per_voxel", {}),
        ("read.Layouts.time_volume", "cost.Reads.track_python_calls", {"pattern": "whole"}),
        ("read.Opening.time_open", "cost.Pyramid.track_python_calls", {}),  # of arrays and groups
        ("write.Pyramid.time_write", "cost.Pyramid.track_python_calls", {"action": "rewrite"}),
        ("defaults.Write.time_volume", "defaults.Cost.track_python_calls", {"action": "write"}),
        ("engine.Write.time_write", "cost.Writes.track_python_calls", {"pattern": "whole"}),
        ("control.Machine.time_work", "", {}),
        ("size.Layouts.track_objects", "", {}),
    ],
)
def test_the_metric_that_explains_most_is_shown(time: str, metric: str, fixed: Place) -> None:
    assert explaining(SUITE[time], SUITE) == (metric, fixed)


ARRAYS = ("cube-64 v2", "cube-64 v3", "shard-32-in-128 v3")
ENGINES = ("zarr-python", "zarr-fused", "zarr-obstore", "zarrs", "tensorstore")


@pytest.mark.parametrize(
    ("axes", "chosen"),
    [
        (
            {"engine": ENGINES, "pattern": ("whole", "slice-xy"), "array": ARRAYS},
            {"engine": list(ENGINES), "pattern": ["whole"], "layout": ["cube-64"],
             "format": ["v2", "v3"]},
        ),
        (
            {"pattern": ("slice-xy", "slice-xz", "slice-yz", "boxes-64"), "array": ARRAYS},
            {"pattern": ["slice-xy", "slice-xz", "slice-yz", "boxes-64"],
             "layout": ["cube-64", "shard-32-in-128"], "format": ["v2", "v3"]},
        ),
        (
            {"codec": tuple(f"codec-{k}" for k in range(12)), "format": ("v2", "v3")},
            {"codec": [f"codec-{k}" for k in range(6)], "format": ["v2", "v3"]},
        ),
        (
            {"codec": tuple(f"codec-{k}" for k in range(12))},
            {"codec": [f"codec-{k}" for k in range(8)]},
        ),
    ],
)  # fmt: skip
def test_what_a_question_compares_is_shown_first_in_both_formats(
    tmp_path: Path, axes: Mapping[str, Sequence[str]], chosen: Mapping[str, Sequence[str]]
) -> None:
    revisions = synthetic.timeline(tmp_path / "timeline")
    every = revisions.releases()
    record = Record(tmp_path / "results")
    suite = [synthetic.describe("module.Q.time_it", "Question", "seconds", axes)]
    synthetic.make(record, every[-2:], suite, steps=())
    (sheet,) = sheets(record, revisions)
    (benchmark,) = record.suite().values()
    found = history(benchmark, sheet, every)
    assert found["chosen"] == chosen
    names = [name_of(one["place"]) for one in shown_first(found)]
    assert len(names) == len(set(names)) <= AT_ONCE


def test_all_engines_are_compared_where_the_core_has_one(tmp_path: Path) -> None:
    revisions = synthetic.timeline(tmp_path / "timeline")
    every = revisions.releases()
    record = Record(tmp_path / "results")
    axes = {"engine": ENGINES, "pattern": ("whole", "slice-xy"), "array": ARRAYS}
    core = {"engine": ["zarr-fused"], "pattern": ["whole"]}
    suite = [synthetic.describe("engine.Cost.track_calls", "Calls", "calls", axes, core=core)]
    synthetic.make(record, every[-2:], suite, steps=())
    (sheet,) = sheets(record, revisions)
    (benchmark,) = record.suite().values()
    chosen = history(benchmark, sheet, every)["chosen"]
    assert chosen["engine"] == list(ENGINES)
    assert chosen["pattern"] == ["whole"]


def test_a_metric_that_the_suite_lacks_is_not_shown() -> None:
    time = SUITE["read.Patterns.time_read"]
    assert explaining(time, {time.name: time}) == ("", {})


def test_series_that_differ_by_their_format_share_a_colour() -> None:
    both: list[Place] = [{"codec": "gzip-5", "format": form} for form in ("v3", "v2")]
    assert {group_of(one) for one in both} == {"gzip-5"}
    assert dashed_format(both) == "v2"
    assert dashed_format(both[:1]) == dashed_format([{"codec": "gzip-5"}]) == ""
