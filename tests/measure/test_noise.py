"""Two runs of one release: what differs is noise, and is reported as such."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryoet_bench.cli import noise as command
from cryoet_bench.errors import InputError
from cryoet_bench.files import output
from cryoet_bench.measure.noise import Noise, Subject, as_json, compare_runs, keep
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.results import Journal, Measured, Round
from cryoet_bench.site.build import publish
from tests import toy
from tests.measured import LAST_TWO

TIME: dict[str, Any] = {"name": "read.time", "version": "1", "type": "time", "params": [["a", "b"]]}
SUBJECT = Subject("zarr-3.4.2", "phantom-10A", "core")
EXACT: dict[str, Any] = {
    "name": "cost.calls", "version": "1", "type": "track", "params": [["a"]], "tolerance": 0.01
}  # fmt: skip


def _journal(path: Path, times: dict[str, list[float]], calls: float) -> Journal:
    journal = Journal(path)
    for number in (1, 2):
        cases = tuple(
            Measured((case,), "passed", samples=tuple(samples), number=1)
            for case, samples in times.items()
        )
        journal.append(Round("read.time", "1", number, "2026-11-22T16:00:00+00:00", 1.0, cases))
    counted = (Measured(("a",), "passed", value=calls),)
    journal.append(Round("cost.calls", "1", 1, "2026-11-22T16:00:00+00:00", 1.0, counted))
    return journal


def _noise(folder: Path, first: list[float], second: list[float], calls: float = 1000) -> Noise:
    journals = [
        _journal(folder / "first", {"a": first, "b": [1.0]}, 1000),
        _journal(folder / "second", {"a": second, "b": [1.0]}, calls),
    ]
    return compare_runs(SUBJECT, [TIME, EXACT], *journals)


def test_the_spread_is_that_of_the_rounds_minima(tmp_path: Path) -> None:
    found = _noise(tmp_path, [1.1, 1.0, 5.0], [1.3, 1.1, 1.2])
    assert [spread.relative for spread in found.spreads] == [pytest.approx(0.1 / 1.05), 0]
    assert found.median == pytest.approx(0.05 / 1.05)
    assert found.restless() == []
    assert found.changed == ()


def test_a_restless_case_and_a_changed_count_are_named(tmp_path: Path) -> None:
    found = _noise(tmp_path, [1.0], [1.3], calls=1011)
    assert [spread.case for spread in found.restless()] == [("a",)]
    assert found.changed == ("cost.calls(a)",)
    (trust,) = found.trust()
    rms = math.sqrt(math.log(1.3) ** 2 / 2)
    assert trust.smallest_change == pytest.approx(math.exp(2.576 * rms) - 1)


def test_the_smallest_change_covers_99_percent_of_unchanged_pairs() -> None:
    random = np.random.default_rng(0)
    logs = random.normal(0, 0.05, 100_000)
    limit = math.exp(2.576 * math.sqrt(np.mean(logs**2))) - 1
    assert np.mean(np.abs(logs) <= math.log1p(limit)) == pytest.approx(0.99, abs=0.002)


def test_the_figures_are_kept(tmp_path: Path) -> None:
    found = _noise(tmp_path, [1.0], [1.1])
    kept = json.loads(as_json(found))
    assert (kept["release"], kept["tomogram"], kept["rounds"]) == ("zarr-3.4.2", "phantom-10A", 2)
    assert kept["median_relative_spread"] == found.median
    assert [case["relative"] for case in kept["cases"]] == [s.relative for s in found.spreads]


def test_a_machine_keeps_all_that_was_measured_of_it(tmp_path: Path) -> None:
    for second in (1.1, 1.2):
        kept = keep(_noise(tmp_path / str(second), [1.0], [second]), tmp_path / "machine")
    spreads = [json.loads(line)["cases"][0]["relative"] for line in kept.read_text().splitlines()]
    assert spreads == [pytest.approx(0.1 / 1.05), pytest.approx(0.2 / 1.1)]


def test_nothing_measured_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no time of zarr-3\.4\.2 could be measured twice"):
        compare_runs(SUBJECT, [TIME], Journal(tmp_path / "a"), Journal(tmp_path / "b"))


def test_the_command_measures_twice_and_leaves_the_record_alone(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def new() -> Campaign:
        return Campaign(fresh, toy.TIMELINE, "phantom-10A")

    target = fresh / "figures.json"
    command.run(new, LAST_TWO[0], output(target, command.FIGURES))
    said = capsys.readouterr().out
    assert "The second run of numcodecs-0.16.2:" in said
    assert "they differ by" in said
    (kept,) = new().results_dir.rglob("noise.jsonl")
    assert json.loads(kept.read_text())["cases"] == json.loads(target.read_text())["cases"]
    assert {case["benchmark"] for case in json.loads(target.read_text())["cases"]} == {
        "volume.Volume.time_read"
    }
    assert not list(new().results_dir.rglob("*.rounds.jsonl"))
    assert not (fresh / ".asv" / "noise").exists()


def test_what_is_kept_of_a_machine_is_not_taken_for_results(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = Campaign(measured, toy.TIMELINE, "phantom-10A")
    command.run(lambda: Campaign(measured, toy.TIMELINE, "phantom-10A"), LAST_TWO[0])
    kept = capsys.readouterr().out.split("The figures are in ")[1].strip(". \n")
    assert Path(kept).parent == campaign.results_dir / campaign.machine.machine
    assert list(campaign.measure(LAST_TWO)) == []
    assert (publish(campaign.configuration) / "index.html").exists()
