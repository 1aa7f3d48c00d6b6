"""The history of a case, from real result files of asv on a real timeline repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryoet_bench.errors import InputError
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.history import History, Step, Value, largest_step
from cryoet_bench.record.results import Measured, Round, enter, save
from tests import toy

RELEASES = toy.TIMELINE.releases
SIZE = {
    "name": "size.track_bytes",
    "version": "1",
    "type": "track",
    "unit": "bytes",
    "param_names": ["codec", "format"],
    "params": [["'a'", "'b'"], ["'v2'"]],
}


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Three releases, of which case b lacks the second."""
    root = toy.make(tmp_path / "project")
    monkeypatch.delenv("CRYOET_BENCH_TOMOGRAM", raising=False)
    monkeypatch.chdir(root)
    campaign = Campaign(root, toy.TIMELINE, "phantom-10A")
    for release, values in zip(RELEASES, [(4.0, 3.0), (4.0, None), (2.0, 3.3)], strict=True):
        cases = tuple(
            Measured((f"'{name}'", "'v2'"), "n/a" if value is None else "passed", value)
            for name, value in zip("ab", values, strict=True)
        )
        journal = campaign.journal(release)
        journal.path.parent.mkdir(parents=True, exist_ok=True)
        journal.append(Round("size.track_bytes", "1", 1, "2026-01-01T00:00:00+00:00", 1.0, cases))
        results = campaign._results(release, journal)
        enter(results, SIZE, journal)
        save(results, campaign.results_dir, root / ".asv")
    folder = campaign.results_dir / campaign.machine.machine
    return History(folder, root / ".asv" / "timeline", toy.TIMELINE, "phantom-10A")


def test_values_come_in_the_order_of_the_timeline(recorded: History) -> None:
    assert recorded.of("size.track_bytes", "a, v2") == [
        Value(release, value) for release, value in zip(RELEASES, (4.0, 4.0, 2.0), strict=True)
    ]


def test_a_release_without_the_case_is_left_out(recorded: History) -> None:
    values = recorded.of("size.track_bytes", "b, v2")
    assert [value.release for value in values] == [RELEASES[0], RELEASES[2]]


def test_the_largest_step_names_its_suspect(recorded: History) -> None:
    step = largest_step(recorded.of("size.track_bytes", "a, v2"))
    assert (step.suspect.tag, step.ratio) == ("zarr-3.1.1", 0.5)


def test_a_step_from_nothing_is_the_largest() -> None:
    values = [Value(RELEASES[i], value) for i, value in enumerate([5.0, 0.0, 1.0])]
    assert largest_step(values) == Step(values[0], values[1])
    assert largest_step(values[1:]).ratio == float("inf")


@pytest.mark.parametrize(
    ("benchmark", "case", "tomogram"),
    [
        ("size.track_bytes", "c, v2", "phantom-10A"),
        ("size.track_objects", "a, v2", "phantom-10A"),
        ("size.track_bytes", "a, v2", "another"),
    ],
)
def test_what_was_never_measured_is_said(
    benchmark: str, case: str, tomogram: str, recorded: History
) -> None:
    other = History(recorded.folder, recorded.repository, recorded.timeline, tomogram)
    with pytest.raises(InputError, match="no release has a value of size"):
        other.of(benchmark, case)
