"""Two releases side by side: verdicts, kept blocks, what cannot be measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryoet_bench.changes.confirmation import Block, CasePair, confirmations
from cryoet_bench.changes.pairing import Budget, PairedCase, Pairing, timed
from cryoet_bench.errors import InputError
from cryoet_bench.measure.plan import Selection
from cryoet_bench.measure.run import Campaign
from cryoet_bench.record.benchmark import Benchmark
from tests.measured import campaign, last_two

READ = "volume.Volume.time_read"


def pairing(of: Campaign, root: Path) -> Pairing:
    before, after = last_two(root)
    return Pairing(of, (before, after))


def test_a_slower_release_is_confirmed_and_every_block_kept(measured: Path) -> None:
    of = campaign(measured, selection=Selection("core", r"time_read\('(none|late)"))
    chosen = timed(of)
    assert [case for _, case in chosen] == [("'none'",), ("'late'",)], "no controls"
    with pairing(of, measured) as pair:
        cases = pair.cases(chosen)
        steps = list(pair.decide(cases, Budget(3)))
        found = pair.conclude(cases)
    (none,) = found
    assert (none.verdict, none.benchmark, none.case) == ("changed", READ, ("'none'",))
    assert none.ratio == pytest.approx(2, rel=0.3)
    assert none.low is not None
    assert 1 < none.low < none.ratio
    assert len(none.before_samples) == len(none.after_samples) == 2 * none.blocks
    assert steps[0].cases == 2
    assert cases[1].reason == "not available on numcodecs-0.16.2: came later"
    assert confirmations(of.record, of.machine, of.tomogram) == found
    with pairing(of, measured) as pair:  # nothing is left to do
        again = pair.cases(chosen[:1])
        assert again[0].level == 2 * cases[0].level, "one case has the level for itself"
        assert not list(pair.decide(again, Budget(3)))
        assert len(pair.ledger.visits) == 4


def test_the_time_is_kept(measured: Path) -> None:
    of = campaign(measured, selection=Selection("core", "time_read"))
    with pairing(of, measured) as pair:
        cases = pair.cases(timed(of))
        assert not list(pair.decide(cases, Budget(0.001)))
        assert not pair.conclude(cases)


def test_a_release_that_cannot_be_imported_is_named(measured: Path) -> None:
    of = campaign(measured)
    (measured / "broken").write_text("yes")
    with pytest.raises(InputError, match=r"zarr 3\.1\.1 cannot be measured: cannot be imported"):
        pairing(of, measured).__enter__()


def test_exact_values_alone_need_no_confirmation(measured: Path) -> None:
    of = campaign(measured, selection=Selection("core", "track_bytes"))
    with pytest.raises(InputError, match="exact values need no confirmation"):
        timed(of)


def test_the_next_block_goes_where_a_verdict_is_nearest() -> None:
    def paired(name: str, *log_ratios: float) -> PairedCase:
        benchmark = Benchmark({"name": name, "version": "1", "type": "time", "params": []})
        pair = CasePair("a", "b", name, "1", ())
        blocks = [
            Block(pair, "", 2.0, "ABBA", 1, ((1.0,),), ((2.718281828**x,),)) for x in log_ratios
        ]
        return PairedCase(benchmark, (), pair, 0.001, 0.03, blocks)

    clear, unclear, new = paired("c", 0.3, 0.31), paired("u", 0.02, -0.03), paired("n")
    order = sorted([unclear, new, clear], key=lambda one: one.seconds_to_verdict)
    assert [one.benchmark.name for one in order] == ["c", "n", "u"]
    drifting = paired("r", *[0.3 + 0.01 * n for n in range(12)])
    assert drifting.estimate.is_correlated
    assert drifting.seconds_to_verdict >= 24.0
