"""Two arms of one release: what differs is noise, and is reported as such."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryoet_bench.cli import noise as command
from cryoet_bench.errors import InputError
from cryoet_bench.files import output
from cryoet_bench.measure import machine
from cryoet_bench.measure.noise import MachineNoise, Subject, arm, as_json, compare_arms, keep
from cryoet_bench.measure.plan import Selection
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import Benchmark
from cryoet_bench.record.journal import Journal, Measured, Round
from cryoet_bench.record.record import Record
from tests.measured import campaign, last_two

DESCRIPTION: dict[str, Any] = {"version": "1", "type": "time", "params": [["a", "b"]]}
TIME = Benchmark({**DESCRIPTION, "name": "read.time"})
EXACT = Benchmark({**DESCRIPTION, "name": "cost.calls", "type": "track", "tolerance": 0.01})
SUBJECT = Subject("zarr-3.4.2", "phantom-10A", "core")


def _noise(
    path: Path, first: list[float], second: list[float], calls: float = 1000
) -> MachineNoise:
    """Return the noise of case a with these levels in each arm; case b is the same in all."""
    arms = [iter(first), iter(second)]
    journal = Journal(path)
    for number in range(1, 2 * len(first) + 1):
        levels = {"a": next(arms[arm(number)]), "b": 1.0}
        cases = tuple(
            Measured((case,), "passed", samples=(5 * level, level), number=1)
            for case, level in levels.items()
        )
        _add(journal, TIME, number, cases)
    for number, count in ((1, 1000.0), (2, calls)):
        _add(journal, EXACT, number, (Measured(("a",), "passed", value=count),))
    return compare_arms(SUBJECT, [TIME, EXACT], journal)


def _add(journal: Journal, benchmark: Benchmark, number: int, cases: tuple[Measured, ...]) -> None:
    moment = f"2026-11-22T16:00:{number:02d}+00:00"
    journal.append(Round(benchmark.name, "1", number, moment, 1.0, cases))


def test_the_arms_are_interleaved_as_a_b_b_a() -> None:
    assert "".join("AB"[arm(number)] for number in range(1, 9)) == "ABBAABBA"


def test_the_spread_is_that_of_the_estimates(tmp_path: Path) -> None:
    found = _noise(tmp_path / "j", [1.0, 1.0], [1.21, 1.1])
    assert [spread.relative for spread in found.spreads] == [pytest.approx(0.1 / 1.05), 0]
    assert found.median == pytest.approx(0.05 / 1.05)
    assert found.quantile(0.9) == pytest.approx(0.1 / 1.05)
    assert found.noisy() == []
    assert (found.exact, found.changed) == (1, ())
    assert found.rounds == 2


def test_a_noisy_case_and_a_changed_count_are_named(tmp_path: Path) -> None:
    found = _noise(tmp_path / "j", [1.0], [1.3], calls=1011)
    assert [spread.case for spread in found.noisy()] == [("a",)]
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
    found = _noise(tmp_path / "j", [1.0], [1.1])
    kept = json.loads(as_json(found))
    assert (kept["release"], kept["tomogram"], kept["rounds"]) == ("zarr-3.4.2", "phantom-10A", 1)
    assert kept["median_relative_spread"] == found.median
    assert [case["relative"] for case in kept["cases"]] == [s.relative for s in found.spreads]


def test_a_machine_keeps_all_that_was_measured_of_it(tmp_path: Path) -> None:
    for second in (1.1, 1.2):
        kept = keep(_noise(tmp_path / str(second), [1.0], [second]), tmp_path / "machine")
    spreads = [json.loads(line)["cases"][0]["relative"] for line in kept.read_text().splitlines()]
    assert spreads == [pytest.approx(0.1 / 1.05), pytest.approx(0.2 / 1.1)]


@pytest.mark.parametrize(("second", "changed"), [(1000.0, ()), (1100.0, ("cost.calls(a)",))])
def test_exact_values_alone_are_compared(
    tmp_path: Path, second: float, changed: tuple[str, ...]
) -> None:
    journal = Journal(tmp_path / "j")
    for number, count in ((1, 1000.0), (2, second)):
        _add(journal, EXACT, number, (Measured(("a",), "passed", value=count),))
    found = compare_arms(SUBJECT, [TIME, EXACT], journal)
    assert (found.spreads, found.exact, found.changed) == ((), 1, changed)
    kept = json.loads(as_json(found))
    assert (kept["median_relative_spread"], kept["exact_cases"]) == (None, 1)


def test_nothing_measured_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing of zarr-3\.4\.2 could be measured twice"):
        compare_arms(SUBJECT, [TIME], Journal(tmp_path / "a"))


def test_both_rounds_of_a_pair_have_one_hash_seed(fresh: Path) -> None:
    before, _ = last_two(fresh)
    mine = campaign(fresh, rounds=4, arms=2)
    list(mine.measure([before]))
    journal = mine.journal(before)
    seeds = {one.round: journal.visits[one.visit].conditions["hash_seed"] for one in journal.rounds}
    assert seeds == {1: "1", 2: "1", 3: "2", 4: "2"}


def test_the_command_measures_twice_and_leaves_the_record_alone(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, _ = last_two(fresh)
    mine = campaign(fresh, rounds=4, exact_rounds=2, origin="cryoet-bench noise")
    mine.record = Record(fresh / ".asv" / "noise")
    target = fresh / "figures.json"
    command.run(mine, before, "core", output(target, command.FIGURES))
    said = capsys.readouterr().out
    assert "measured twice in 2 rounds each: they differ by" in said
    (kept,) = (fresh / "results").rglob("noise.jsonl")
    assert json.loads(kept.read_text())["cases"] == json.loads(target.read_text())["cases"]
    assert {case["benchmark"] for case in json.loads(target.read_text())["cases"]} == {
        "volume.Control.time_sleep",
        "volume.Volume.time_read",
    }
    assert not Record.of(fresh).series()
    assert not mine.record.series(), "the next run begins anew"


def noise_of(root: Path, **options: Any) -> Campaign:
    """Return a campaign as the command makes it: with a record of its own."""
    mine = campaign(root, rounds=2, exact_rounds=2, arms=2, retry=True, **options)
    mine.record = Record(root / ".asv" / "noise")
    return mine


def test_one_exact_question_is_answered(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, newest = last_two(fresh)
    chosen = Selection("core", "track_bytes")
    found = command.run(noise_of(fresh, selection=chosen), before, "core")
    assert (found.exact, found.changed) == (2, ())
    said = capsys.readouterr().out
    assert "Exact values of numcodecs-0.16.2, measured twice: 2, all the same." in said
    assert "measured twice in 1 round each" in said, "of the control, which is always measured"
    command.run(noise_of(fresh, selection=chosen), newest, "core")
    assert "zarr-3.1.1: 1 failed: RuntimeError: the codec is gone" in capsys.readouterr().out


def test_what_failed_is_printed_and_tried_again(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, newest = last_two(fresh)
    (fresh / "broken").write_text("yes")
    for _ in range(2):
        with pytest.raises(InputError, match="see what failed above"):
            command.run(noise_of(fresh), newest, "full")
        assert "zarr-3.1.1: 8 failed: cannot be imported: Module" in capsys.readouterr().out
    (fresh / "broken").write_text("")
    shutil.rmtree(fresh / ".asv" / "env")
    assert command.run(noise_of(fresh), newest, "full").exact
    (fresh / "uninstallable").touch()
    shutil.rmtree(fresh / ".asv" / "env")
    with pytest.raises(InputError, match="see what failed above"):
        command.run(noise_of(fresh), newest, "full")
    assert "zarr-3.1.1: not measured: no such package" in capsys.readouterr().out


def test_the_figures_are_of_the_machine_that_the_record_knows(fresh: Path) -> None:
    """Once they were filed under the name of another machine, which the record of noise forgot."""
    name = machine.asv_name()
    for record in (Record(fresh / "record"), Record(fresh / ".asv" / "noise")):
        record.describe_machine(name, {**machine.facts(), "cpu": "another"})
    before, _ = last_two(fresh)
    command.run(noise_of(fresh, selection=Selection("core", "track_bytes")), before, "core")
    (kept,) = (fresh / "results").rglob("noise.jsonl")
    assert kept.parent.name == machine.name_in(Record.of(fresh)) == f"{name}-2"
    assert Record(kept.parent.parent).machine(kept.parent.name) == machine.facts()
