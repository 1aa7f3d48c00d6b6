"""Which exact metric stands under the history of a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryoet_bench.record.record import REFERENCE, Record
from cryoet_bench.site.series import Place, explaining

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


def test_a_metric_that_the_suite_lacks_is_not_shown() -> None:
    time = SUITE["read.Patterns.time_read"]
    assert explaining(time, {time.name: time}) == ("", {})
